"""How a training begins: a map where cross-validation finds one better, and the share the start model keeps."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from core.errors import Cancelled
from core.types import EmbeddingMatrix
from indexer.encoder import Encoder
from tests.models import make_word_model
from training.data.pairs import JudgedQuery
from training.recipe.embedded_model import EmbeddedModel
from training.recipe.linear_map import FEWEST_QUERIES, MapLearner
from training.recipe.settings import PRESETS
from training.recipe.warm_start import prepare_warm_start

_DIMENSION, _PASSAGES = 32, 240
_DIMENSIONS = (_DIMENSION, 16)


class Turned:
    """Encodes query number n as passage n's vector, turned and with some noise: a map can undo the turn."""

    def __init__(self, vectors: EmbeddingMatrix, turn: float, seed: int) -> None:
        rng = np.random.default_rng(seed)
        skew = rng.normal(size=(_DIMENSION, _DIMENSION))
        asked = vectors @ (np.eye(_DIMENSION) + turn * (skew - skew.T)) + 0.18 * rng.normal(size=vectors.shape)
        self._asked = (asked / np.linalg.norm(asked, axis=1, keepdims=True)).astype(np.float32)

    def encode_queries(self, texts: Sequence[str]) -> EmbeddingMatrix:
        return self._asked[[int(text.split()[-1]) for text in texts]]


def make_start(turn: float, seed: int = 0) -> EmbeddedModel:
    vectors = np.random.default_rng(seed).normal(size=(_PASSAGES, _DIMENSION))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    encoder: Any = Turned(vectors, turn, seed)
    return EmbeddedModel(encoder, np.arange(_PASSAGES) + 1000, vectors, lambda ids: {i: f"passage {i}" for i in ids})


def queries(numbers: Sequence[int]) -> list[JudgedQuery]:
    return [JudgedQuery(f"number {n}", ((1000 + n, f"passage {1000 + n}"),), (), ()) for n in numbers]


@pytest.mark.slow
def test_a_map_is_learnt_where_there_is_one_and_helps_queries_it_has_not_seen() -> None:
    start = make_start(turn=0.3)
    learner = MapLearner(start, queries(range(80)), np.eye(_DIMENSION, dtype=np.float32), _DIMENSIONS)
    learnt = learner.learn()
    assert learnt.rate > 0
    assert learnt.after > learnt.before + 0.02

    def found(matrix: np.ndarray) -> float:
        asked = start.encoder.encode_queries([f"number {n}" for n in range(120, 240)]) @ matrix.T
        return float(np.mean((asked @ (start.vectors @ matrix.T).T).argmax(axis=1) == np.arange(120, 240)))

    assert found(learnt.matrix) > found(np.eye(_DIMENSION)) + 0.02


@pytest.mark.slow
def test_answers_that_mean_nothing_give_no_map() -> None:
    start, asked = make_start(turn=0.0), queries(range(60))
    others = [asked[n].relevant for n in np.random.default_rng(1).permutation(len(asked))]
    shuffled = [replace(one, relevant=answer) for one, answer in zip(asked, others, strict=True)]
    learnt = MapLearner(start, shuffled, np.eye(_DIMENSION, dtype=np.float32), _DIMENSIONS).learn()
    assert learnt.rate == 0
    np.testing.assert_array_equal(learnt.matrix, np.eye(_DIMENSION))


def test_queries_to_be_decided_on_are_not_learnt_from() -> None:
    start = make_start(turn=0.3)
    learner = MapLearner(start, queries(range(FEWEST_QUERIES + 3)), np.eye(_DIMENSION, dtype=np.float32), _DIMENSIONS)
    assert learner.learn({f"number {n}" for n in range(4)}).rate == 0  # too few are left
    left, right = (learner.learn({f"number {n}" for n in numbers}) for numbers in ((0, 1, 2), (3, 4, 5)))
    assert left.before != right.before


def test_what_chooses_a_map_tells_how_far_it_is_and_hears_a_stop() -> None:
    start = make_start(turn=0.3)
    learner = MapLearner(start, queries(range(FEWEST_QUERIES)), np.eye(_DIMENSION, dtype=np.float32), _DIMENSIONS)
    told: list[tuple[int, int]] = []
    learner.learn(tell=lambda done, total: told.append((done, total)))
    assert told == [(done, 15) for done in range(15)]

    def stop(done: int, total: int) -> None:
        told.append((done, total))
        raise Cancelled

    told.clear()
    with pytest.raises(Cancelled):
        learner.learn(tell=stop)
    assert told == [(0, 15)]


def test_queries_whose_answers_are_gone_teach_nothing() -> None:
    start = make_start(turn=0.3)
    gone = [replace(one, relevant=((5, "gone"),)) for one in queries(range(30))]
    learner = MapLearner(start, gone, np.eye(_DIMENSION, dtype=np.float32), _DIMENSIONS)
    assert learner.learn().rate == 0


def test_the_better_the_start_model_answers_the_more_of_it_is_kept() -> None:
    recipe = PRESETS["default"]
    assert [recipe.settle_share(score).start_weights[0] for score in (0.0, 0.4, 1.0)] == [0.0, 0.08, 0.5]
    assert replace(recipe, share_by_score=0.0).settle_share(0.4).start_weights == recipe.start_weights
    assert replace(recipe, choose=True).settle_share(0.4) == replace(recipe, choose=True)
    assert PRESETS["seed"].settle_share(1.0).start_weights == (0.0,)
    start = make_start(turn=0.0)
    assert 0.5 < start.score(queries(range(50))) < 1
    assert start.score([replace(one, relevant=((5, "gone"),)) for one in queries(range(50))]) == 0
    assert start.score([]) == 0.0


def test_the_weights_are_given_anew_each_time_and_turned_only_where_there_is_enough() -> None:
    words = [f"w{chr(97 + number)}" for number in range(20)]
    encoder = Encoder(make_word_model(words, torch.randn(20, 32, generator=torch.Generator().manual_seed(0))), "tiny")
    texts = [f"{one} {two}" for one in words for two in words][:_PASSAGES]
    vectors = encoder.encode_truncated_passages(texts)
    for count, rotated in ((100, False), (_PASSAGES, True)):
        start = EmbeddedModel(encoder, np.arange(count), vectors[:count], lambda ids: {i: texts[i] for i in ids})
        asked = [JudgedQuery(texts[n], ((n, texts[n]),), (), ()) for n in range(5)]
        warm = prepare_warm_start(start, asked, PRESETS["default"])
        assert warm.rotated is rotated
        assert warm.recipe.start_weights == (0.5,)
        with torch.no_grad():
            next(encoder.model.parameters()).zero_()
        assert not warm.begin(encoder)
        again = encoder.encode_truncated_passages(texts[:count])
        np.testing.assert_allclose(again @ again.T, vectors[:count] @ vectors[:count].T, atol=1e-4)
