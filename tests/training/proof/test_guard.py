"""The forgetting guard, on the packaged model and on models that forget by design."""

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from core.settings import PACKAGED_MODEL
from indexer.encoder import Encoder, load_encoder
from search.floor import general_questions
from training.proof.guard import GuardResult, GuardSet, build_guard_set, hold_guard
from training.recipe.train import copy_weights

PASSAGE = (
    "Gravity bends the path of light near a heavy star. The first measurement of this was made at an eclipse in 1919. "
    "Two expeditions photographed the stars beside the darkened sun and compared their places with those at night. "
    "Both plates agreed with the prediction within their errors."
)


@dataclass
class Forgetting:
    """One weight w: at 0 every question is nearest to its answer, at 1 to another passage."""

    model: Any
    questions: int

    def encode_truncated_passages(self, texts: Any) -> np.ndarray:
        return np.eye(len(texts), dtype=np.float32)

    def encode_queries(self, texts: Any) -> np.ndarray:
        right, wrong = np.eye(len(texts)), np.roll(np.eye(len(texts)), 1, axis=1)
        w = float(self.model.weight)
        return ((1 - w) * right + w * wrong).astype(np.float32)


def make_forgetting(weight: float, forgets_for_good: bool = False) -> Any:
    state = {"w": torch.tensor([weight])}
    model = SimpleNamespace(weight=weight)
    model.state_dict = lambda: dict(state)

    def load(new: dict[str, torch.Tensor]) -> None:
        state.update(new)
        model.weight = 1.0 if forgets_for_good else new["w"].item()

    model.load_state_dict = load
    return Forgetting(model, 4)


GUARD = GuardSet(tuple("abcd"), (0, 1, 2, 3), tuple("ABCD"), 4)
START = {"w": torch.tensor([0.0])}


def test_a_model_that_does_not_forget_is_left_as_it_is() -> None:
    result = hold_guard(make_forgetting(0.2), START, 0.5, GUARD, before=(1.0,))
    assert (result.holds, result.after, result.start_weight) == (True, (1.0,), 0.5)
    assert result.sentence == (
        "General questions lose no more than the 0.01 nDCG@10 allowed: 1.000 before, 1.000 after on 4 that ship."
    )


def test_a_model_that_forgets_is_brought_nearer_to_the_start() -> None:
    encoder = make_forgetting(0.9)
    result = hold_guard(encoder, START, 0.5, GUARD, before=(1.0,))
    assert (result.holds, result.start_weight) == (True, 0.75)
    assert encoder.model.weight == pytest.approx(0.45)


def test_what_forgets_whatever_is_done_is_told() -> None:
    result = hold_guard(make_forgetting(1.0, forgets_for_good=True), START, 0.0, GUARD, before=(1.0,))
    assert not result.holds
    assert result.start_weight == 0.875
    assert "The model forgets general questions" in result.sentence
    assert "1.000 before, 0.498 after on 4 that ship" in result.sentence


def test_a_fall_of_a_hundredth_is_allowed_and_more_is_not() -> None:
    assert GuardResult((0.9,), (0.891,), (48,), 0.5).holds
    assert not GuardResult((0.9,), (0.889,), (48,), 0.5).holds


def test_a_fall_on_one_kind_of_questions_is_not_hidden_by_a_gain_on_the_other() -> None:
    result = GuardResult((0.9, 0.8), (0.95, 0.78), (48, 60), 0.5)
    assert not result.holds
    assert "0.800 before, 0.780 after on 60 from the library's own sentences" in result.sentence
    assert result.as_dict()["questions"] == [48, 60]


def test_a_sentence_taken_out_of_its_passage_asks_for_the_rest() -> None:
    guard = build_guard_set([PASSAGE, "Too short. To ask anything."])
    assert len(guard.questions) == len(general_questions()) + 1
    question, left = guard.questions[-1], guard.passages[guard.answers[-1]]
    assert question in PASSAGE
    assert question not in left
    assert len(left) + len(question) + 1 == len(PASSAGE)


def test_a_neighbour_that_holds_the_question_is_left_out() -> None:
    guard = build_guard_set([PASSAGE, PASSAGE])
    assert len(guard.questions) == len(general_questions()) + 1


def test_the_same_library_gives_the_same_guard_set() -> None:
    passages = [PASSAGE.replace("star", f"star{n}") for n in range(5)]
    assert build_guard_set(passages) == build_guard_set(passages)


def test_the_shipped_questions_tell_a_model_from_a_spoilt_one(minilm: Encoder, tmp_path: Path) -> None:
    guard = build_guard_set([])
    before = guard.score(minilm)
    assert before[0] > 0.9
    spoilt = load_encoder(PACKAGED_MODEL, tmp_path)
    torch.manual_seed(0)
    start = copy_weights(spoilt.model)
    with torch.no_grad():
        for weight in spoilt.model.parameters():
            weight.add_(torch.randn_like(weight) * 0.04)
    assert guard.score(spoilt)[0] < before[0] - 0.05
    result = hold_guard(spoilt, start, 0.0, guard, before)
    assert result.start_weight >= 0.5
    assert result.after[0] > before[0] - 0.05
