"""Several processes that train together give what one alone gives; on the CPU here, as no test may need GPUs."""

import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import torch

from core.errors import TrainingError
from indexer.encoder import Encoder
from tests.models import make_word_model
from tests.warm import start_warm
from training.data.pairs import JudgedQuery, make_pairs
from training.recipe import ranks
from training.recipe.settings import PRESETS, TrainingSettings
from training.recipe.train import Weights, copy_weights, fine_tune

WORDS = [f"w{chr(97 + number)}" for number in range(20)]
RECIPE = replace(PRESETS["default"], epochs=2, batch_size=6, matryoshka_dims=(16,), group_size=2, learning_rate=1e-3)


def trained(recipe: TrainingSettings, count: int) -> tuple[Weights, list[float | None]]:
    vectors = torch.randn(len(WORDS), 32, generator=torch.Generator().manual_seed(0))
    encoder = Encoder(make_word_model(WORDS, vectors), "tiny")
    pairs = make_pairs(
        JudgedQuery(f"{WORDS[n]} {WORDS[n + 1]}", ((n, f"{WORDS[n]} {WORDS[n + 2]} {WORDS[n + 3]}"),), (), ())
        for n in range(13)
    )
    run = fine_tune(encoder, pairs, recipe, None, lambda run: None, ranks=count)
    return copy_weights(encoder.model), [point.loss for point in run.curve]


class WarmRank:
    """Another rank as the product starts it, forked from a process that has imported PyTorch already."""

    def __init__(self, folder: Path, *numbers: int) -> None:
        command = ["-m", "training.recipe.rank", str(folder), *map(str, numbers)]
        self._process = start_warm(command, os.environ, Path(os.devnull), Path(os.devnull))
        self.kill, self.wait = self._process.kill, self._process.join


@pytest.fixture
def warm_ranks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranks, "_start_rank", WarmRank)


@pytest.mark.slow
def test_two_ranks_take_the_steps_of_one() -> None:
    require_the_same_steps(RECIPE)


@pytest.mark.slow
@pytest.mark.usefixtures("warm_ranks")
def test_two_ranks_that_cache_gradients_take_the_steps_of_one() -> None:
    require_the_same_steps(replace(RECIPE, gradient_cache=True))


def require_the_same_steps(recipe: TrainingSettings) -> None:
    alone, losses = trained(recipe, 1)
    together, their_losses = trained(recipe, 2)
    assert their_losses[1:] == pytest.approx(losses[1:], abs=1e-4)
    assert all(torch.allclose(alone[name], together[name], atol=1e-4) for name in alone)
    assert not torch.distributed.is_initialized()


@pytest.mark.slow
@pytest.mark.usefixtures("warm_ranks")
def test_a_training_that_is_stopped_ends_its_other_ranks() -> None:
    class Stopped(Exception):
        pass

    def stop(run: object) -> None:
        raise Stopped

    vectors = torch.randn(len(WORDS), 32, generator=torch.Generator().manual_seed(0))
    encoder = Encoder(make_word_model(WORDS, vectors), "tiny")
    pairs = make_pairs(JudgedQuery(f"{WORDS[n]}", ((n, WORDS[n + 1]),), (), ()) for n in range(8))
    steps = iter([None, None, stop])
    with pytest.raises(Stopped):
        fine_tune(encoder, pairs, RECIPE, None, lambda run: (next(steps) or (lambda _: None))(run), ranks=2)
    assert not torch.distributed.is_initialized()


@pytest.mark.slow
def test_a_rank_that_does_not_start_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranks, "_LONGEST_SILENCE", timedelta(seconds=3))
    monkeypatch.setattr(ranks.sys, "executable", "false")
    with pytest.raises(TrainingError, match="The processes on the 2 GPUs lost each other"):
        trained(RECIPE, 2)
    assert not torch.distributed.is_initialized()
