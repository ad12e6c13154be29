"""Retrains that meet what a long job meets: a second round, a removed paper, changed files, odd weights."""

import shutil
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sqlite_utils import Database

from core.errors import PromotionError, TrainingError
from core.settings import SEED_BASE_MODEL, Settings
from core.types import Job, JobKind, JobState, ModelVersion
from indexer.encoder import load_encoder
from indexer.ingest import remove_documents
from indexer.start import ensure_active_model
from jobs.worker import run_or_wait
from storage import jobs, library, models
from storage.judgements import list_judgements, store_judgement
from storage.progress import JobProgress
from tests.makers import store_paper
from tests.models import DIMENSION, QUERY_PROMPT, make_seed_like_model
from training.data.connected import Learnt
from training.data.pairs import JudgedQuery, collect_queries, fold_query, make_pairs
from training.data.split import split_queries
from training.model_card import make_model_card
from training.promotion import switch_now_or_later
from training.recipe import warm_start
from training.recipe.rotation import apply_matrix
from training.recipe.settings import PRESETS, TrainingSettings
from training.recipe.train import CurvePoint, TrainingRun, fine_tune
from training.retrain import run_retrain

RECIPE = replace(PRESETS["default"], epochs=1, batch_size=4, matryoshka_dims=(64,))
SUBJECTS = ["gravity", "bread", "whales", "glass", "music", "iron", "maps", "tides"]


def judge_subjects(db: Database, subjects: list[str]) -> None:
    """A paper of its own for each subject, approved for a question on it."""
    for subject in subjects:
        paper = store_paper(db, f"sha-{subject}", [f"{subject} is explained here in some words."])
        (chunk,) = library.chunks_of_document(db, paper.id)
        store_judgement(db, f"what is {subject}?", chunk.id, 1)


@pytest.fixture
def base(settings: Settings, db: Database, tmp_path: Path) -> ModelVersion:
    make_seed_like_model(tmp_path / "base")
    version = ensure_active_model(replace(settings, model=str(tmp_path / "base"))).version
    judge_subjects(db, SUBJECTS)
    return version


def retrain(settings: Settings, db: Database, recipe: TrainingSettings = RECIPE) -> Job:
    return run_or_wait(settings, jobs.add_job(db, JobKind.RETRAIN, asdict(recipe)))


class Watching(JobProgress):
    """Keeps every result that is told, and does something once when the versions are about to be compared."""

    def __init__(self, settings: Settings, job: Job, before_comparing: Any = lambda: None) -> None:
        super().__init__(settings.database, job.id)
        self.results: list[dict[str, Any]] = []
        self._before_comparing = before_comparing

    def report(self, step: str, **amount: Any) -> None:
        super().report(step, **amount)
        if amount.get("result"):
            self.results.append(dict(amount["result"]))
        if step == "comparing":
            self._before_comparing()


@pytest.mark.slow
def test_what_the_base_was_trained_on_is_never_held_out_later(
    settings: Settings, db: Database, base: ModelVersion
) -> None:
    first = models.get_model(db, retrain(settings, db).result["model_id"])
    assert len(first.report["trained_on"]) == 6
    assert switch_now_or_later(settings, {"model_id": first.id}) is None
    learnt = set(first.report["trained_on"])
    judge_subjects(db, ["rain", "chess", "moss", "salt"])
    queries = collect_queries(list_judgements(db)).queries
    recipe = next(
        recipe
        for recipe in (replace(RECIPE, seed=seed) for seed in range(20))
        if learnt & {fold_query(query.text) for query in split_queries(queries, recipe.seed).held_out}
    )
    job = retrain(settings, db, recipe)
    assert (job.state, job.reason) == (JobState.DONE, None)
    second = models.get_model(db, job.result["model_id"])
    assert second.parent_id == first.id
    # A quarter of the six new ones.
    assert second.report["split"]["held_out_queries"] == 2
    assert learnt < set(second.report["trained_on"])


def test_queries_learnt_before_are_trained_on_again_with_all_that_hang_on_them() -> None:
    queries = [JudgedQuery(f"q{n}", ((n // 2, f"p{n // 2}"),), (), ()) for n in range(60)]
    learnt = Learnt(frozenset({"q0", "q11", "q34"}))
    for seed in range(10):
        split = split_queries(queries, seed, learnt)
        trained = {query.text for query in split.train}
        assert {"q0", "q1", "q10", "q11", "q34", "q35"} <= trained
        assert split.held_out
        assert len(split.train) + len(split.choose) + len(split.held_out) == 60


@pytest.mark.slow
def test_a_paper_removed_meanwhile_costs_its_questions_and_not_the_retrain(
    settings: Settings, db: Database, base: ModelVersion
) -> None:
    held_out = split_queries(collect_queries(list_judgements(db)).queries, RECIPE.seed).held_out
    gone = library.get_chunk(db, held_out[0].relevant[0][0]).document_id
    job = jobs.add_job(db, JobKind.RETRAIN, asdict(RECIPE))
    progress = Watching(settings, job, lambda: remove_documents(settings, [gone]))
    report = models.get_model(db, run_retrain(settings, job, progress)["model_id"]).report
    assert report["before"]["64"]["queries"] == report["after"]["64"]["queries"] == len(held_out) - 1
    assert "on 1 held-out question" in report["decision"]


@pytest.mark.slow
def test_a_base_whose_files_changed_is_not_compared_by_its_old_vectors(
    settings: Settings, db: Database, base: ModelVersion, tmp_path: Path
) -> None:
    make_seed_like_model(tmp_path / "other", seed=1)
    shutil.rmtree(base.source)
    (tmp_path / "other").rename(base.source)
    job = retrain(settings, db)
    assert job.state is JobState.FAILED
    assert "are not those its vectors were made with" in (job.reason or "")


@pytest.mark.slow
def test_a_base_in_half_precision_is_trained_in_full(
    settings: Settings, db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warm_start, "MINIMUM_PASSAGES", len(SUBJECTS))
    make_seed_like_model(tmp_path / "full")
    model = load_encoder(str(tmp_path / "full"), tmp_path).model
    # Its linear head takes the rotation in.
    apply_matrix(model, np.eye(DIMENSION, dtype=np.float32))
    model.to(torch.bfloat16)
    model.save_pretrained(str(tmp_path / "half"))
    ensure_active_model(replace(settings, model=str(tmp_path / "half")))
    judge_subjects(db, SUBJECTS)
    job = retrain(settings, db)
    assert (job.state, job.reason) == (JobState.DONE, None)
    version = models.get_model(db, job.result["model_id"])
    assert version.report["rotated"]
    trained = load_encoder(version.source, settings.home).model
    assert len(trained) == len(model)
    assert trained.dtype == torch.float32
    name = next(name for name in trained.state_dict() if name.endswith("attention.output.dense.weight"))
    changed = trained.state_dict()[name] != model.state_dict()[name].float()
    assert changed.float().mean() > 0.95


@pytest.mark.slow
def test_a_running_retrain_tells_its_split_with_its_curve(settings: Settings, db: Database, base: ModelVersion) -> None:
    job = jobs.add_job(db, JobKind.RETRAIN, asdict(RECIPE))
    progress = Watching(settings, job)
    run_retrain(settings, job, progress)
    (first,) = progress.results[0]["curve"]
    assert (first["step"], first["loss"]) == (0, None)
    assert 0 < first["ndcg@10"] < 1
    for result in progress.results:
        assert result["split"]["train_queries"] + result["split"]["held_out_queries"] == len(SUBJECTS)


def test_a_long_curve_is_shown_thinned_with_every_score_and_its_end() -> None:
    points = [CurvePoint(step, 1.0, 0.5 if step == 777 else None) for step in range(10_000)]
    shown = [point["step"] for point in TrainingRun(curve=points).thin_curve()]
    assert 400 < len(shown) < 600
    assert 777 in shown
    assert shown[-1] == 9999
    assert len(TrainingRun(curve=points[:300]).thin_curve()) == 300


def test_four_pairs_are_enough_for_steps_and_the_best_ones_weights_are_kept(tmp_path: Path) -> None:
    make_seed_like_model(tmp_path / "base")
    encoder = load_encoder(str(tmp_path / "base"), tmp_path)
    pairs = make_pairs(JudgedQuery(f"what is {s}?", ((n, f"{s} is this"),), (), ()) for n, s in enumerate(SUBJECTS[:4]))
    told: list[int] = []
    scores, weights = iter([0.9, 0.2, 0.6, 0.4]), []

    def score(encoder: Any) -> float:
        weights.append({name: value.clone() for name, value in encoder.model.state_dict().items()})
        return next(scores)

    recipe = replace(RECIPE, epochs=3, start_weights=(0.0,), choose=True)
    run = fine_tune(encoder, pairs, recipe, score, lambda run: told.append(run.curve[-1].step))
    assert told == [0, 1, 2, 3]
    assert run.best_step == 2
    assert all(torch.equal(value, weights[2][name]) for name, value in encoder.model.state_dict().items())
    assert not all(torch.equal(value, weights[0][name]) for name, value in encoder.model.state_dict().items())


def test_a_loss_that_is_no_number_ends_training_in_one_sentence(tmp_path: Path) -> None:
    make_seed_like_model(tmp_path / "base")
    encoder = load_encoder(str(tmp_path / "base"), tmp_path)
    with torch.no_grad():
        next(encoder.model.parameters()).fill_(float("nan"))
    pairs = make_pairs(JudgedQuery(f"q{n}", ((n, f"p{n}"),), (), ()) for n in range(4))
    with pytest.raises(TrainingError, match=r"After step 1 the loss is no number any more: a learning rate of 0.0001"):
        fine_tune(encoder, pairs, RECIPE, None, lambda run: None)


def test_a_switch_is_not_lost_behind_another(settings: Settings, db: Database, base: ModelVersion) -> None:
    first = switch_now_or_later(settings, {"source": "packaged-minilm"})
    assert first is not None
    assert switch_now_or_later(settings, {"source": "packaged-minilm"}) == first
    with pytest.raises(PromotionError, match="Another switch of models is under way"):
        switch_now_or_later(settings, {"source": "some/other"})


def test_the_card_names_base_and_prompts(settings: Settings, db: Database, base: ModelVersion) -> None:
    scores = {"ndcg@10": 0.5, "mrr@10": 0.5, "recall@1": 0.5, "recall@5": 0.5, "recall@10": 0.5}
    report = {
        "settings": asdict(RECIPE),
        "split": {"train_pairs": 6, "train_queries": 6, "held_out_queries": 2, "chosen_on_held_out": True},
        "dimensions": [1024],
        "start_weight": 0.5,
        "before": {"1024": scores},
        "after": {"1024": scores},
        "decision": "Not better.",
    }
    origin = replace(base, source=SEED_BASE_MODEL, name="snowflake-arctic-embed-l")
    card = make_model_card(base, origin, report, {"query": QUERY_PROMPT, "document": ""})
    head, body = card.removeprefix("---\n").split("\n---\n", 1)
    assert f"base_model: {SEED_BASE_MODEL}" in head.splitlines()
    assert f"| Prompts | query `{QUERY_PROMPT}` |" in body
    assert "Fine-tuned by Whetstone from snowflake-arctic-embed-l" in body
    assert "base_model" not in make_model_card(base, base, report, {})


def test_c_and_c_plus_plus_are_two_questions_of_one_side_and_never_in_one_batch() -> None:
    queries = [
        JudgedQuery("What is C?", ((1, "C is a language"),), (), ()),
        JudgedQuery("What is C++?", ((2, "C++ adds classes"),), (), ()),
        *(JudgedQuery(f"q{n}", ((10 + n, f"p{n}"),), (), ()) for n in range(10)),
    ]
    assert fold_query(queries[0].text) == fold_query(queries[1].text)
    for seed in range(10):
        split = split_queries(queries, seed)
        assert len({query.text for query in split.train} & {"What is C?", "What is C++?"}) in (0, 2)
