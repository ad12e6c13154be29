from dataclasses import asdict

import pytest

from core.errors import TrainingError
from training.recipe.settings import PRESETS, make_settings


def test_the_seeds_recipe_is_the_one_on_its_card() -> None:
    seed = PRESETS["seed"]
    assert (seed.batch_size, seed.epochs, seed.learning_rate, seed.warmup_share) == (5, 10, 5e-5, 0)
    assert seed.matryoshka_dims == (768, 512, 256, 128, 64)
    assert seed.start_weights == (0.0,)
    assert not seed.no_duplicates
    assert not seed.rotate


def test_dimensions_begin_with_the_models_own_and_leave_larger_ones_out() -> None:
    assert PRESETS["default"].dimensions(384) == (384, 256, 128, 64)
    assert PRESETS["seed"].dimensions(1024) == (1024, 768, 512, 256, 128, 64)


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
def test_settings_survive_the_way_through_a_job(preset: object) -> None:
    assert make_settings(asdict(preset)) == preset  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("batch_size", 1, "The batch size is 1; it must be 2 to 512"),
        ("epochs", 0, "The number of epochs is 0; it must be 1 to 50"),
        ("learning_rate", 1.0, "The learning rate is 1.0; it must be above 0"),
        ("matryoshka_dims", (64, 4), "A Matryoshka dimension is 4; it must be 8 to 8192"),
        ("preset", "mine", "The preset is mine; it must be default or seed"),
        ("start_weights", (), "The list of the start model's shares is empty"),
        ("mined_negatives", 99, "The number of mined negatives is 99; it must be 0 to 16"),
        ("start_weights", (0.5, 1.0), "The start model's share is 1.0"),
    ],
)
def test_a_value_out_of_bounds_is_named(name: str, value: object, message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        make_settings(asdict(PRESETS["default"]) | {name: value})


def test_a_setting_that_does_not_exist_is_named() -> None:
    with pytest.raises(TrainingError, match="no training setting 'optimiser'"):
        make_settings({"optimiser": "sgd"})
