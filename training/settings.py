"""How a model is fine-tuned, and the two ready recipes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from core.errors import TrainingError
from core.types import ModelVersion


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """A recipe.

    `base_model_id` None stands for the active model. `start_weight` is the share of the start model's weights in the
    result: 0 keeps what training made of them, 0.5 is the mean of both (Wortsman et al. 2022, robust fine-tuning).
    `promote` makes the version active by itself if its comparison recommends it.
    """

    preset: str = "default"
    base_model_id: int | None = None
    batch_size: int = 16
    epochs: int = 2
    learning_rate: float = 2e-5
    warmup_share: float = 0.1
    matryoshka_dims: tuple[int, ...] = (768, 512, 256, 128, 64)
    start_weight: float = 0.5
    seed: int = 0
    promote: bool = False

    def dimensions(self, model_dimension: int) -> tuple[int, ...]:
        """The model's own dimension, then the Matryoshka dimensions below it, largest first."""
        smaller = {dimension for dimension in self.matryoshka_dims if dimension < model_dimension}
        return (model_dimension, *sorted(smaller, reverse=True))


PRESETS: dict[str, TrainingSettings] = {
    "default": TrainingSettings(),
    "seed": TrainingSettings(
        preset="seed", batch_size=5, epochs=10, learning_rate=5e-5, warmup_share=0.0, start_weight=0.0
    ),
}


def make_settings(values: Mapping[str, Any]) -> TrainingSettings:
    """The settings of these values, as a job keeps them. Raises TrainingError that names the value out of bounds."""
    known = {field.name for field in fields(TrainingSettings)}
    unknown = sorted(set(values) - known)
    if unknown:
        raise TrainingError(f"There is no training setting '{unknown[0]}'. Known are {', '.join(sorted(known))}.")
    settings = TrainingSettings(**dict(values) | {"matryoshka_dims": tuple(values.get("matryoshka_dims", ()))})
    _require(settings.preset in PRESETS, "the preset", settings.preset, " or ".join(PRESETS))
    _require(2 <= settings.batch_size <= 512, "the batch size", settings.batch_size, "2 to 512")
    _require(1 <= settings.epochs <= 50, "the number of epochs", settings.epochs, "1 to 50")
    _require(0 < settings.learning_rate <= 0.01, "the learning rate", settings.learning_rate, "above 0, up to 0.01")
    _require(0 <= settings.warmup_share <= 0.9, "the share of warm-up", settings.warmup_share, "0 to 0.9")
    _require(0 <= settings.start_weight < 1, "the start model's share", settings.start_weight, "0 to below 1")
    for dimension in settings.matryoshka_dims:
        _require(8 <= dimension <= 8192, "a Matryoshka dimension", dimension, "8 to 8192")
    return settings


def require_fitting(dimensions: Iterable[int], model: ModelVersion) -> None:
    """Raise TrainingError where a Matryoshka dimension is above what the model has."""
    for dimension in dimensions:
        bounds = f"at most {model.dimension}, the dimensions of '{model.name}'"
        _require(dimension <= model.dimension, "a Matryoshka dimension", dimension, bounds)


def _require(holds: bool, what: str, value: object, bounds: str) -> None:
    if not holds:
        raise TrainingError(f"{what[0].upper()}{what[1:]} is {value}; it must be {bounds}.")
