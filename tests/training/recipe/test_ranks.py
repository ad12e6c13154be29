"""Several processes that train together give what one alone gives; on the CPU here, as no test may need GPUs."""

from dataclasses import replace
from datetime import timedelta

import pytest
import torch

from core.errors import TrainingError
from indexer.encoder import Encoder
from tests.models import make_word_model
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


@pytest.mark.slow
@pytest.mark.parametrize("cached", [False, True])
def test_two_ranks_take_the_steps_of_one(cached: bool) -> None:
    recipe = replace(RECIPE, gradient_cache=cached)
    alone, losses = trained(recipe, 1)
    together, their_losses = trained(recipe, 2)
    assert their_losses[1:] == pytest.approx(losses[1:], abs=1e-4)
    assert all(torch.allclose(alone[name], together[name], atol=1e-4) for name in alone)
    assert not torch.distributed.is_initialized()


@pytest.mark.slow
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
