"""How a model is fine-tuned, and the ready recipes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from core.errors import TrainingError
from core.types import ModelVersion


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """A recipe.

    `base_model_id` None stands for the active model. `start_weights` are the shares of the start model's weights in the
    result that are tried (Wortsman et al. 2022, robust fine-tuning): 0 keeps what training made of them, 0.5 is the
    mean of both. With `choose`, checkpoint and share are the best on the choosing queries; without it, and where there
    are no such queries, they are the last checkpoint and the first share. `share_by_score` above 0 takes the share in
    their place that is so many times the square of the start model's nDCG@10 on the training queries: the less it has
    to learn, the more of it is kept. `promote` makes the version active by itself
    if its comparison recommends it. The defaults are measured: see benchmarks/recipes.md.
    """

    preset: str = "default"
    base_model_id: int | None = None
    batch_size: int = 32
    epochs: int = 3
    learning_rate: float = 1e-4
    warmup_share: float = 0.1
    matryoshka_dims: tuple[int, ...] = (768, 512, 256, 128, 64)
    start_weights: tuple[float, ...] = (0.35,)
    share_by_score: float = 0.5
    seed: int = 0
    promote: bool = False
    choose: bool = False
    # False: pairs are batched as they come, and a passage may be a negative of a query it answers.
    no_duplicates: bool = True
    # Texts that pass the model at once, 0 for the whole batch.
    group_size: int = 8
    # Gradient caching: memory for one group only, at the price of a second forward pass.
    gradient_cache: bool = False
    # Tokens a passage is cut to while training; 0 for the model's own window.
    window: int = 128
    # Negatives mined for a pair from the start model's best hits.
    mined_negatives: int = 0
    rejected_negatives: bool = True
    # The start model tells which negatives are false ones.
    false_negative_guard: bool = False
    # The share of the start model's scores in the loss.
    distillation: float = 0.5
    # Turn the space first, so that the leading dimensions carry most.
    rotate: bool = True
    # Then begin with a linear map learnt from the start model's vectors, where cross-validation finds it better.
    linear_map: bool = True
    # Stop after so many scores without a better one; 0 for never.
    patience: int = 0

    def dimensions(self, model_dimension: int) -> tuple[int, ...]:
        """The model's own dimension, then the Matryoshka dimensions below it, largest first."""
        smaller = {dimension for dimension in self.matryoshka_dims if dimension < model_dimension}
        return (model_dimension, *sorted(smaller, reverse=True))

    def settle_share(self, start_score: float) -> "TrainingSettings":
        """With the start model's share that this nDCG@10 of its own asks for."""
        if not self.share_by_score or self.choose:
            return self
        return replace(self, start_weights=(round(self.share_by_score * start_score**2, 3),))


PRESETS: dict[str, TrainingSettings] = {
    "default": TrainingSettings(),
    "seed": TrainingSettings(
        preset="seed",
        batch_size=5,
        epochs=10,
        learning_rate=5e-5,
        warmup_share=0.0,
        start_weights=(0.0,),
        share_by_score=0.0,
        no_duplicates=False,
        group_size=0,
        window=0,
        rejected_negatives=False,
        distillation=0.0,
        rotate=False,
        linear_map=False,
    ),
}

_BOUNDS: dict[str, tuple[str, float, float]] = {
    "batch_size": ("the batch size", 2, 512),
    "epochs": ("the number of epochs", 1, 50),
    "warmup_share": ("the share of warm-up", 0, 0.9),
    "group_size": ("the number of texts that pass the model at once", 0, 512),
    "window": ("the window in training", 0, 8192),
    "share_by_score": ("the start model's share by its score", 0, 0.99),
    "mined_negatives": ("the number of mined negatives", 0, 16),
    "distillation": ("the share of distillation", 0, 1),
    "patience": ("the patience", 0, 100),
}


def make_settings(values: Mapping[str, Any]) -> TrainingSettings:
    """The settings of these values, as a job keeps them. Raises TrainingError that names the value out of bounds."""
    known = {field.name for field in fields(TrainingSettings)}
    unknown = sorted(set(values) - known)
    if unknown:
        raise TrainingError(f"There is no training setting '{unknown[0]}'. Known are {', '.join(sorted(known))}.")
    lists = {name: tuple(values[name]) for name in ("matryoshka_dims", "start_weights") if name in values}
    settings = TrainingSettings(**dict(values) | lists)
    _require(settings.preset in PRESETS, "the preset", settings.preset, " or ".join(PRESETS))
    for name, (what, least, most) in _BOUNDS.items():
        value = getattr(settings, name)
        _require(least <= value <= most, what, value, f"{least:g} to {most:g}")
    _require(0 < settings.learning_rate <= 0.01, "the learning rate", settings.learning_rate, "above 0, up to 0.01")
    _require(bool(settings.start_weights), "the list of the start model's shares", "empty", "one number at least")
    for share in settings.start_weights:
        _require(0 <= share < 1, "the start model's share", share, "0 to below 1")
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
