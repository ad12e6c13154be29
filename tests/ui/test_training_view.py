import re
from typing import Any

import pytest
from sqlite_utils import Database

from api.services import Services
from core.people import Role, viewing
from core.settings import Settings
from core.types import JobKind, JobState
from indexer.start import ensure_active_model
from search.gpu import Device
from search.searcher import Searcher
from storage import jobs, judgements, library, models
from storage.judgements import store_judgement
from storage.people import add_user
from tests.makers import store_paper
from ui.job_line import render_job
from ui.library_view import render_library
from ui.training_view import render_models, render_pairs, render_training

SPLIT = {
    "train_pairs": 60, "train_queries": 60, "held_out_queries": 2, "held_out_pairs": 2, "choose_queries": 8,
    "chosen_on_held_out": False, "contradictions": 0, "first_ranked_share": 0.25,
}  # fmt: skip


@pytest.fixture
def services(settings: Settings) -> Services:
    ensure_active_model(settings)
    return Services(settings, Searcher(settings), Device("CPU", "a test"), "a test")


def test_a_queued_job_tells_what_it_waits_for(db: Database) -> None:
    waiting = jobs.add_job(db, JobKind.RETRAIN)
    assert "waiting" in render_job(db, waiting)
    running = jobs.add_job(db, JobKind.INGEST)
    jobs.start_job(db, running.id)
    assert "waits until “Adding papers” is done" in render_job(db, waiting)
    assert "waits until" not in render_job(db, jobs.get_job(db, running.id))


def test_papers_tell_what_they_wait_for(services: Services, db: Database) -> None:
    library.add_document(db, "aa", "a.pdf")
    assert "1 still being read" in render_library(services)
    jobs.start_job(db, jobs.add_job(db, JobKind.RETRAIN).id)
    assert "1 waits until “Retraining” is done" in render_library(services)


def test_the_queries_that_moved_are_shown_with_both_rankings(services: Services, db: Database) -> None:
    store_paper(db, "aa", ["<b>first</b> passage", "second passage"])
    first, second = library.chunks_of_document(db, 1)
    moved = {
        "query": "what <moved>?",
        "relevant": [first.id],
        "before": {"ndcg@10": 0.6309, "top": [second.id, first.id]},
        "after": {"ndcg@10": 1.0, "top": [first.id, 99]},
    }
    alike = {"ndcg@10": 1.0, "top": [second.id]}
    still = {"query": "what stood still?", "relevant": [second.id], "before": alike, "after": alike}
    scores = {"384": dict.fromkeys(("ndcg@10", "mrr@10", "recall@1", "recall@5", "recall@10", "queries"), 1.0)}
    base = models.active_model(db)
    assert base is not None
    report = {
        "before": scores, "after": scores, "queries": [moved, still], "split": SPLIT, "dimensions": [384], "curve": [],
        "seconds": 3, "recommended": False, "decision": "No sure difference.", "base_model_id": base.id,
    }  # fmt: skip
    version = models.add_model(
        db, name="v1", source="models/v1", dimension=384, window=256, fingerprint="v1", parent_id=base.id
    )
    models.set_model_ready(db, version.id, report)

    mark = "learnt from a paper since removed"
    assert mark not in render_models(services)
    models.mark_of_removed(db, version.id)
    assert render_models(services).count(mark) == 1

    shown = render_training(services)
    assert "1 question moved" in shown
    assert "+0.369" in shown
    # What is alike is told once, not in each cell of the table.
    alike_text = "The same with both at each dimension: MRR@10 1.000, Recall@1 1.000, Recall@5 1.000, Recall@10 1.000."
    assert alike_text in shown
    assert "1.000 →" not in shown
    assert shown.count('<th class="n">') == 1
    assert "what &lt;moved&gt;?" in shown
    assert "stood still" not in shown
    assert shown.count("&lt;b&gt;first&lt;/b&gt; passage") == 2
    assert shown.count('<span class="pill ready">approved</span>') == 2
    # Passage 99 is gone: its place says so.
    assert shown.count("removed since") == 1
    assert "25% of these questions" in shown
    assert "data-against" in shown


def test_judgements_that_contradict_each_other_can_be_listed_alone(services: Services, db: Database) -> None:
    store_paper(db, "aa", ["first passage", "second passage"])
    first, second = library.chunks_of_document(db, 1)
    store_judgement(db, "How is it done?", first.id, 1)
    store_judgement(db, "how it is done", first.id, 0)
    store_judgement(db, "why?", second.id, 1)
    everything, alone = (render_pairs(services, "", order) for order in ("newest first", "contradictions only"))
    assert everything.count(">contradiction<") == alone.count(">contradiction<") == 2
    assert "2 judgements contradict each other" in everything
    assert "second passage" in everything
    assert "second passage" not in alone


def test_what_people_disagree_about_is_told_and_listed(services: Services, db: Database) -> None:
    store_paper(db, "aa", ["first passage", "second passage"])
    first, second = library.chunks_of_document(db, 1)
    anna, bert = add_user(db, "anna", Role.ADMIN), add_user(db, "bert", Role.TRAIN)
    for user, relevance in ((anna, 1), (bert, 0)):
        with viewing(user):
            store_judgement(db, "why?", first.id, relevance)
            store_judgement(db, "why?", second.id, 1)
    everything, alone = (render_pairs(services, "", order) for order in ("newest first", "contradictions only"))
    assert everything.count(">people disagree<") == alone.count(">people disagree<") == 2
    assert "People disagree about 1 passage" in everything
    assert "second passage" not in alone


def test_the_curves_of_a_retrain_stand_by_their_steps_above_what_was_trained_before(
    services: Services, db: Database
) -> None:
    base = models.active_model(db)
    assert base is not None
    version = models.add_model(
        db, name="v1", source="models/v1", dimension=384, window=256, fingerprint="v1", parent_id=base.id
    )
    models.set_model_ready(db, version.id, report_of_few(base.id))
    job = jobs.add_job(db, JobKind.RETRAIN)
    jobs.start_job(db, job.id)
    waiting = render_training(services)
    assert waiting.count("comes with the first step of training") == 2
    assert "A new version learns from what you have judged" in waiting
    curve = [{"step": 0, "loss": None, "ndcg@10": 0.5}, {"step": 1, "loss": 2.0, "ndcg@10": None}]
    jobs.update_job(
        db, job.id, step="embedding", item="v2", done=64, total=2621, seconds_left=None,
        result={"curve": curve, "steps": 6},
    )  # fmt: skip
    shown = render_training(services)
    charts = re.findall(r'<svg viewBox.*?aria-label="(?:Loss|nDCG@10 while).*?</svg>', shown, re.DOTALL)
    assert [re.findall(r'text-anchor="end">(\d+)</text>$', chart.removesuffix("</svg>")) for chart in charts] == [
        ["6"],
        ["6"],
    ]
    assert shown.index("nDCG@10 while training") < shown.index("v1 beside")


def test_a_version_judged_on_too_few_questions_no_longer_asks_for_those_that_came_since(
    services: Services, db: Database
) -> None:
    store_paper(db, "aa", [f"passage {number}" for number in range(21)])
    chunks = library.chunks_of_document(db, 1)
    store_judgement(db, "what is it?", chunks[0].id, 1)
    base = models.active_model(db)
    assert base is not None
    version = models.add_model(
        db, name="v1", source="models/v1", dimension=384, window=256, fingerprint="v1", parent_id=base.id
    )
    (known,) = judgements.list_judgements(db)
    models.set_model_ready(db, version.id, report_of_few(base.id) | {"judgement_ids": [known.id]})
    assert "v1 is ready. Too little evidence. Approve passages for 9 more questions." in render_training(services)
    store_judgement(db, "why is it?", chunks[0].id, 1)
    assert "Approve passages for 18 more questions. 1 question is judged since.<" in render_training(services)
    for number, chunk in enumerate(chunks[2:]):
        store_judgement(db, f"what is number {number}?", chunk.id, 1)
    shown = render_training(services)
    assert "v1 is ready. Too little evidence. 20 questions are judged since: retrain to learn from them." in shown
    assert "9 more" not in shown


def report_of_few(base_id: int) -> dict[str, Any]:
    """Of a version that 11 judged questions were too few for."""
    scores = {"384": dict.fromkeys(("ndcg@10", "mrr@10", "recall@1", "recall@5", "recall@10", "queries"), 1.0)}
    return {
        "before": scores, "after": scores, "queries": [], "dimensions": [384], "seconds": 3, "recommended": False,
        "split": SPLIT | {"train_queries": 9, "held_out_queries": 2, "choose_queries": 0}, "base_model_id": base_id,
        "curve": [{"step": 0, "loss": None, "ndcg@10": 0.5}, {"step": 3, "loss": 1.0, "ndcg@10": 0.6}],
        "decision": "Too little evidence. Approve passages for 9 more questions.",
    }  # fmt: skip


def test_a_verdict_of_no_difference_tells_what_more_judging_would_bring(services: Services, db: Database) -> None:
    base = models.active_model(db)
    assert base is not None
    version = models.add_model(
        db, name="v1", source="models/v1", dimension=384, window=256, fingerprint="v1", parent_id=base.id
    )
    told = "On 2 questions, only a change of about 0.07 or more could be told from chance."
    report = report_of_few(base.id) | {"outcome": "no difference", "interval": [-0.056, 0.079]}
    models.set_model_ready(db, version.id, report)
    assert told in render_training(services)
    # It is of no use while the next version is made, nor where the verdict was another.
    jobs.add_job(db, JobKind.RETRAIN)
    assert told not in render_training(services)
    models.set_model_ready(db, version.id, report | {"outcome": "worse"})
    for job in jobs.open_jobs(db):
        jobs.finish_job(db, job.id, JobState.CANCELLED)
    assert told not in render_training(services)
