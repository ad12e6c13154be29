"""What is learnt has to prove itself: from labels that mean nothing nothing is recommended, from true ones it is."""

import random
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from sqlite_utils import Database

from core.settings import Settings
from core.types import JobKind, JobState
from indexer.encoder import Encoder
from indexer.start import ensure_active_model
from jobs.worker import run_or_wait
from storage import jobs, library, models
from storage.judgements import store_judgement
from tests.makers import store_paper
from tests.models import make_word_model
from training.data.pairs import JudgedQuery, make_pairs
from training.data.split import split_queries
from training.proof import guard
from training.proof.comparison import VersionScores, judge_versions, score_vectors
from training.proof.verdict import Outcome, Shortage
from training.recipe import warm_start
from training.recipe.settings import PRESETS
from training.recipe.train import fine_tune

_CONCEPTS, _PASSAGES, _DIMENSION = 40, 200, 32
# A whole batch at once: on a model so small, groups are nearly all of the time.
_RECIPE = replace(PRESETS["default"], learning_rate=1e-2, epochs=4, batch_size=32, group_size=0, matryoshka_dims=(16,))


def outcome_of_learning(seed: int, *, shuffled: bool) -> Outcome:
    """Fine-tune a tiny model on judged queries, by the product's own split, loss and comparison; the verdict.

    A passage is four concepts in the papers' words, its query three of them in the reader's words, whose vectors begin
    near those of the papers' words, but not very: there is something to be learnt. `shuffled` gives the queries that
    are trained on each other's answers.
    """
    rng = random.Random(seed)
    generator = torch.Generator().manual_seed(seed)
    names = [f"{chr(97 + number // 26)}{chr(97 + number % 26)}" for number in range(_CONCEPTS)]
    papers_words, readers_words = [f"p{name}" for name in names], [f"q{name}" for name in names]
    vectors = torch.randn(_CONCEPTS, _DIMENSION, generator=generator)
    heard = vectors + 1.5 * torch.randn(_CONCEPTS, _DIMENSION, generator=generator)
    encoder = Encoder(make_word_model([*papers_words, *readers_words], torch.cat([vectors, heard])), "tiny")
    concepts = [rng.sample(range(_CONCEPTS), 4) for _ in range(_PASSAGES)]
    texts = [" ".join(papers_words[one] for one in four) for four in concepts]
    queries = [
        JudgedQuery(" ".join(readers_words[one] for one in rng.sample(four, 3)), ((number, text),), (), ())
        for number, (four, text) in enumerate(zip(concepts, texts, strict=True))
    ]
    split = split_queries(queries, seed, choose=False)
    answers = [query.relevant for query in split.train]
    if shuffled:
        rng.shuffle(answers)
    learnt = [replace(query, relevant=answer) for query, answer in zip(split.train, answers, strict=True)]

    def scores() -> VersionScores:
        asked = encoder.encode_queries([query.text for query in split.held_out])
        ids = np.arange(_PASSAGES)
        found = encoder.encode_truncated_passages(texts)
        return score_vectors(split.held_out, asked, ids, found, dict(enumerate(ids.tolist())), (_DIMENSION, 16))

    before = scores()
    fine_tune(encoder, make_pairs(learnt), _RECIPE, None, lambda run: None)
    return Outcome(judge_versions(split.held_out, before, scores(), Shortage(), None)["outcome"])


@pytest.mark.slow
def test_what_is_learnt_from_shuffled_labels_is_refused_in_twenty_of_twenty_seeds() -> None:
    outcomes = [outcome_of_learning(seed, shuffled=True) for seed in range(20)]
    assert Outcome.PROMOTE not in outcomes


@pytest.mark.slow
def test_what_is_learnt_from_true_labels_is_recommended() -> None:
    outcomes = [outcome_of_learning(seed, shuffled=False) for seed in range(20)]
    assert outcomes.count(Outcome.PROMOTE) >= 18


def judge_two_dozen(db: Database, others: int = 0) -> list[str]:
    """A paper with a passage for each of 24 subjects, approved for a question on it, and so many other passages."""
    subjects = [
        f"{adjective} {noun}"
        for adjective in ("red", "old", "wet", "loud")
        for noun in ("bread", "whales", "glass", "music", "iron", "maps")
    ]
    rest = [f"Number {number} is no answer to anything." for number in range(others)]
    paper = store_paper(db, "aa", [f"Of {subject} much is said here." for subject in subjects] + rest)
    for subject, chunk in zip(subjects, library.chunks_of_document(db, paper.id), strict=False):
        store_judgement(db, f"what about {subject}?", chunk.id, 1)
    return subjects


@pytest.mark.slow
def test_two_dozen_questions_are_proved_by_cross_validation(settings: Settings, db: Database) -> None:
    base = ensure_active_model(settings).version
    subjects = judge_two_dozen(db)
    recipe = replace(PRESETS["default"], epochs=1, batch_size=8, matryoshka_dims=(64,))
    job = run_or_wait(settings, jobs.add_job(db, JobKind.RETRAIN, asdict(recipe)))
    assert (job.state, job.reason) == (JobState.DONE, None)
    report = models.get_model(db, job.result["model_id"]).report
    assert (report["split"]["folds"], report["split"]["held_out_queries"]) == (4, len(subjects))
    assert report["before"][str(base.dimension)]["queries"] == report["after"]["64"]["queries"] == len(subjects)
    assert len(report["queries"]) == len(subjects)
    assert len(report["trained_on"]) == len(subjects)
    assert report["outcome"] in ("no difference", "worse", "promote")
    assert report["ranked_passages"] == len(subjects)
    assert not report["rotated"]
    assert len(report["intervals"]["64"]) == 2
    card = (settings.home / models.get_model(db, job.result["model_id"]).source / "README.md").read_text()
    assert "cross-validated in 4 parts, ranked among 24 passages" in card
    assert "principal axes" not in card
    assert f"torch {torch.__version__.split('+')[0]}" in card
    assert report["guard"]["holds"]
    compare_on_a_new_question(settings, db, job.result["model_id"])


def compare_on_a_new_question(settings: Settings, db: Database, model_id: int) -> None:
    """One question more does not take the place of two dozen, and is told beside them, on the card too."""
    proved = models.get_model(db, model_id).report
    paper = store_paper(db, "bb", ["Volcanoes are loud."])
    (chunk,) = library.chunks_of_document(db, paper.id)
    store_judgement(db, "how loud is a volcano?", chunk.id, 1)
    job = run_or_wait(settings, jobs.add_job(db, JobKind.COMPARE, {"model_id": model_id}))
    assert (job.state, job.reason) == (JobState.DONE, None)
    version = models.get_model(db, model_id)
    for name in ("split", "decision", "outcome", "queries", "ranked_passages"):
        assert version.report[name] == proved[name]
    assert version.report["since"]["queries"] == 1
    assert "on 1 held-out question" in version.report["since"]["decision"]
    assert "On 1 question judged since: Too little" in (settings.home / version.source / "README.md").read_text()


@pytest.mark.slow
def test_a_version_that_the_guard_brought_back_is_cross_validated_as_it_is(
    settings: Settings, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    ensure_active_model(settings)
    judge_two_dozen(db, others=40)
    # So few passages turn the space here.
    monkeypatch.setattr(warm_start, "MINIMUM_PASSAGES", 60)
    # No model can lose less than that: so every remedy is tried, and the version is nearly its start.
    monkeypatch.setattr(guard, "ALLOWED_FALL", -2.0)
    recipe = replace(PRESETS["default"], batch_size=8, matryoshka_dims=(64,), learning_rate=1e-3, share_by_score=0.0)
    job = run_or_wait(settings, jobs.add_job(db, JobKind.RETRAIN, asdict(recipe)))
    assert (job.state, job.reason) == (JobState.DONE, None)
    report = models.get_model(db, job.result["model_id"]).report
    assert report["start_weight"] == pytest.approx(1 - 0.65 / 8)
    assert report["rotated"]
    assert not report["guard"]["holds"]
    assert report["outcome"] != "promote"
    # Trained so fast and not brought back, the folds' models answer next to nothing.
    for row in report["queries"]:
        assert row["after"]["ndcg@10"] > row["before"]["ndcg@10"] - 0.5
