"""The recipes by name: the start model itself, the seed's card, ours, and each ingredient alone on a plain recipe."""

from dataclasses import dataclass, replace

from training.recipe.linear_map import Side
from training.recipe.settings import PRESETS, TrainingSettings


@dataclass(frozen=True, slots=True)
class Recipe:
    """What to train, if anything.

    `side` trains nothing but a linear map of the start model's vectors, of queries alone or of passages too; `lora`
    low-rank updates of the linear layers (Hu et al. 2022) in place of the weights.
    """

    settings: TrainingSettings | None
    rejected: bool = False
    side: Side | None = None
    lora: bool = False


# What an ingredient is added to: batches as they come, no warm-up, last checkpoint, no averaging; as quick as ours.
_PLAIN = replace(
    PRESETS["seed"],
    preset="default",
    batch_size=16,
    epochs=2,
    learning_rate=2e-5,
    group_size=8,
    window=128,
    start_weights=(0.0,),
    share_by_score=0.0,
)
_CLEAN = replace(_PLAIN, no_duplicates=True)

RECIPES: dict[str, Recipe] = {
    "base": Recipe(None),
    "seed": Recipe(PRESETS["seed"]),
    "ours": Recipe(PRESETS["default"]),
    "plain": Recipe(_PLAIN),
    "no-duplicates": Recipe(_CLEAN),
    "cached-large-batches": Recipe(replace(_CLEAN, batch_size=64, gradient_cache=True)),
    "learning-rate": Recipe(replace(_PLAIN, learning_rate=1e-4, warmup_share=0.2)),
    "mined": Recipe(replace(_CLEAN, mined_negatives=1)),
    "rejected": Recipe(replace(_CLEAN, rejected_negatives=True), rejected=True),
    "early-stopping": Recipe(replace(_PLAIN, epochs=6, learning_rate=5e-5, choose=True, patience=2)),
    "guard": Recipe(replace(_CLEAN, false_negative_guard=True)),
    "interpolation": Recipe(replace(_PLAIN, start_weights=(0.5,))),
    "distillation": Recipe(replace(_CLEAN, distillation=0.5)),
    "lora": Recipe(replace(_CLEAN, learning_rate=5e-4, warmup_share=0.2), lora=True),
    "rotation": Recipe(replace(_PLAIN, rotate=True)),
    "begun-with-a-map": Recipe(replace(_CLEAN, rotate=True, linear_map=True)),
    "linear-map": Recipe(_CLEAN, side=Side.BOTH),
    "query-adapter": Recipe(_CLEAN, side=Side.QUERY),
}
