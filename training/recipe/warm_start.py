"""How a training begins: the space turned to its principal axes, and a linear map learnt in seconds."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from indexer.encoder import Encoder
from training.data.pairs import JudgedQuery
from training.recipe.embedded_model import EmbeddedModel
from training.recipe.linear_map import MapLearner, Tell, tell_nobody
from training.recipe.rotation import MINIMUM_PASSAGES, apply_matrix, principal_rotation
from training.recipe.settings import TrainingSettings
from training.recipe.train import Weights, copy_weights


@dataclass(frozen=True, slots=True)
class WarmStart:
    """`weights` are those of the start model, turned where there was enough to tell how; `recipe` has its share."""

    recipe: TrainingSettings
    weights: Weights
    rotated: bool
    learner: MapLearner | None

    def begin(self, encoder: Encoder, without: Collection[str] = (), tell: Tell = tell_nobody) -> bool:
        """Give the encoder these weights, with a map learnt from all queries but some; whether there is one."""
        encoder.model.load_state_dict(self.weights)
        learnt = self.learner.learn(without, tell) if self.learner is not None else None
        if learnt is None or not learnt.rate:
            return False
        apply_matrix(encoder.model, learnt.matrix)
        return True


def prepare_warm_start(start: EmbeddedModel, queries: Sequence[JudgedQuery], recipe: TrainingSettings) -> WarmStart:
    """Turn the start model's space in place; where there are too few passages to tell how, it stays as it is.

    The queries are those trained on; how well the start model answers them decides how much of it is kept.
    """
    recipe = recipe.settle_share(start.score(queries))
    # A model may come in half precision, in which neither steps nor a rotation are exact.
    model = start.encoder.model.float()
    if not recipe.rotate or len(start.ids) < MINIMUM_PASSAGES:
        return WarmStart(recipe, copy_weights(model), False, None)
    rotation = principal_rotation(start.vectors)
    learner = None
    if recipe.linear_map:
        learner = MapLearner(start, queries, rotation, recipe.dimensions(len(rotation)), seed=recipe.seed)
    apply_matrix(model, rotation)
    return WarmStart(recipe, copy_weights(model), True, learner)
