"""What is learnt has to prove itself: from labels that mean nothing nothing is recommended, from true ones it is."""

from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from sqlite_utils import Database
from torch.nn import functional

from core.settings import Settings
from core.types import JobKind, JobState
from indexer.start import ensure_active_model
from jobs.worker import run_or_wait
from search.evaluation import ndcg_at_k
from storage import jobs, library, models
from storage.judgements import store_judgement
from tests.makers import store_paper
from training.losses import Candidates, ranking_loss
from training.settings import PRESETS
from training.verdict import Outcome, judge_scores

_DIMENSION, _PASSAGES, _LEARNT, _HELD_OUT = 16, 200, 60, 40


def outcome_of_learning(seed: int, *, shuffled: bool) -> Outcome:
    """Learn a linear map from judged queries by the product's own loss; the verdict on queries held out.

    The queries lie where their passages do but for a turn and some noise: there is something to be learnt.
    """
    rng = np.random.default_rng(seed)
    passages = torch.tensor(rng.normal(size=(_PASSAGES, _DIMENSION)), dtype=torch.float32)
    turn = torch.linalg.qr(torch.eye(_DIMENSION) + 0.25 * torch.tensor(rng.normal(size=(_DIMENSION,) * 2))).Q.float()
    queries = passages @ turn.T + 0.4 * torch.tensor(rng.normal(size=passages.shape), dtype=torch.float32)
    learnt, held_out = np.split(rng.permutation(_PASSAGES)[: _LEARNT + _HELD_OUT], [_LEARNT])
    answers = rng.permutation(learnt) if shuffled else learnt
    matrix = torch.eye(_DIMENSION, requires_grad=True)
    optimizer = torch.optim.Adam([matrix], lr=0.01)
    everyone = Candidates(torch.arange(_LEARNT), torch.ones(_LEARNT, _LEARNT, dtype=torch.bool))
    for _ in range(60):
        optimizer.zero_grad()
        ranking_loss(queries[learnt] @ matrix.T, passages[answers], everyone, (_DIMENSION,)).backward()
        optimizer.step()

    def scores(mapped: torch.Tensor) -> list[float]:
        found = functional.normalize(mapped[held_out], dim=1) @ functional.normalize(passages, dim=1).T
        ranked = found.argsort(dim=1, descending=True)[:, :10].tolist()
        return [ndcg_at_k(row, {int(answer): 1}, 10) for row, answer in zip(ranked, held_out, strict=True)]

    return judge_scores(scores(queries), scores((queries @ matrix.T).detach()), 0).outcome


def test_what_is_learnt_from_shuffled_labels_is_refused_in_twenty_of_twenty_seeds() -> None:
    outcomes = [outcome_of_learning(seed, shuffled=True) for seed in range(20)]
    assert Outcome.PROMOTE not in outcomes


def test_what_is_learnt_from_true_labels_is_recommended() -> None:
    outcomes = [outcome_of_learning(seed, shuffled=False) for seed in range(20)]
    assert outcomes.count(Outcome.PROMOTE) >= 18


@pytest.mark.slow
def test_two_dozen_questions_are_proved_by_cross_validation(settings: Settings, db: Database) -> None:
    base = ensure_active_model(settings).version
    subjects = [
        f"{adjective} {noun}"
        for adjective in ("red", "old", "wet", "loud")
        for noun in ("bread", "whales", "glass", "music", "iron", "maps")
    ]
    paper = store_paper(db, "aa", [f"Of {subject} much is said here." for subject in subjects])
    for subject, chunk in zip(subjects, library.chunks_of_document(db, paper.id), strict=True):
        store_judgement(db, f"what about {subject}?", chunk.id, 1)
    recipe = replace(PRESETS["default"], epochs=1, batch_size=8, matryoshka_dims=(64,))
    job = run_or_wait(settings, jobs.add_job(db, JobKind.RETRAIN, asdict(recipe)))
    assert (job.state, job.reason) == (JobState.DONE, None)
    report = models.get_model(db, job.result["model_id"]).report
    assert (report["split"]["folds"], report["split"]["held_out_queries"]) == (4, len(subjects))
    assert report["before"][str(base.dimension)]["queries"] == report["after"]["64"]["queries"] == len(subjects)
    assert len(report["queries"]) == len(subjects)
    assert len(report["trained_on"]) == len(subjects)
    assert report["outcome"] in ("no difference", "worse", "promote")
    card = (settings.home / models.get_model(db, job.result["model_id"]).source / "README.md").read_text()
    assert "cross-validated in 4 parts" in card
    assert f"torch {torch.__version__.split('+')[0]}" in card
    assert report["guard"]["holds"]
