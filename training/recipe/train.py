"""Fine-tune an encoder on pairs: ranking loss over in-batch negatives, the best state kept, averaged with the start."""

import copy
import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from sentence_transformers import SentenceTransformer

from core.errors import TrainingError
from core.types import Vector
from indexer.encoder import Encoder
from training.data.pairs import TrainingPair
from training.recipe.batches import make_batches, make_plain_batches
from training.recipe.embedding import Backward, Texts
from training.recipe.losses import Candidates, guard_against_false_negatives, ranking_loss
from training.recipe.ranks import Ranks, count_ranks, joined_ranks
from training.recipe.settings import TrainingSettings

# The gradient's norm is cut here, as sentence-transformers' own trainer does by default.
_LARGEST_GRADIENT = 1.0
# Adam's first steps are as large as the rate allows, whatever the gradient: two of them spoil a handful of pairs.
_LEAST_WARM_UP = 4
# A curve of more points shows no more, and is written and drawn again and again.
_MOST_POINTS = 500

Weights = dict[str, torch.Tensor]
StartVectors = Mapping[str, Vector]
"""The start model's unit vectors of queries and passages, by text."""

Batch = Sequence[TrainingPair]


@dataclass(frozen=True, slots=True)
class CurvePoint:
    step: int
    loss: float | None
    ndcg: float | None

    def as_dict(self) -> dict[str, float | int | None]:
        return {"step": self.step, "loss": self.loss, "ndcg@10": self.ndcg}


@dataclass(slots=True)
class TrainingRun:
    """What a fine-tuning did: the curve, how many steps it had, and the kept weights' step and share of the start."""

    curve: list[CurvePoint] = field(default_factory=list)
    best_step: int = 0
    start_weight: float = 0.0
    steps: int = 0

    def thin_curve(self) -> list[dict[str, float | int | None]]:
        """The curve for showing: the last point, every scored one, and of the others a few hundred."""
        stride = len(self.curve) // _MOST_POINTS + 1
        last = len(self.curve) - 1
        return [
            point.as_dict()
            for number, point in enumerate(self.curve)
            if number % stride == 0 or number == last or point.ndcg is not None
        ]


def fine_tune(
    encoder: Encoder,
    pairs: Sequence[TrainingPair],
    settings: TrainingSettings,
    score: Callable[[Encoder], float] | None,
    on_step: Callable[[TrainingRun], None],
    anchor: Weights | None = None,
    ranks: int | None = None,
) -> TrainingRun:
    """Train the encoder's model in place; at the end it has the best weights seen, averaged with those at the start.

    `score` tells how good the present weights are, higher is better. The best are those of the highest score where the
    settings choose by it, else the last, with the first share of the start model's. `on_step` sees the run after every
    step; what it raises ends the training, the weights then being anything. Raises TrainingError where no batch can be
    made, or the loss is no number any more. `anchor` are the start model's weights where the present ones are no
    longer those; `ranks` is how many processes train together, None for one on each GPU.
    """
    torch.manual_seed(settings.seed)
    # A model may come in half precision, in which steps as small as these are mostly rounded away.
    model = encoder.model.float()
    epochs = plan_epochs(pairs, settings)
    run = TrainingRun(steps=sum(len(epoch) for epoch in epochs))
    start_vectors = _start_vectors(encoder, pairs, settings)
    keeper = _Keeper(encoder, settings, score, run, anchor or copy_weights(encoder.model))
    run.curve.append(CurvePoint(0, None, score(encoder) if score else None))
    on_step(run)
    with joined_ranks(model, pairs, settings, ranks or count_ranks()) as team:
        for step, loss, is_epoch_end in _train(model, epochs, settings, start_vectors, team):
            if not math.isfinite(loss):
                raise TrainingError(
                    f"After step {step} the loss is no number any more: a learning rate of {settings.learning_rate:g} "
                    "is too high for this model. Use a smaller one."
                )
            run.curve.append(CurvePoint(step, loss, keeper.look(step) if is_epoch_end else None))
            on_step(run)
            if settings.patience and keeper.without_gain >= settings.patience:
                break
    keeper.finish()
    return run


def train_beside(encoder: Encoder, pairs: Sequence[TrainingPair], settings: TrainingSettings, ranks: Ranks) -> None:
    """Take the steps of another process' `fine_tune` with it, as one of its ranks."""
    torch.manual_seed(settings.seed)
    model = encoder.model.float()
    epochs = plan_epochs(pairs, settings)
    for _ in _train(model, epochs, settings, _start_vectors(encoder, pairs, settings), ranks):
        pass


class _Keeper:
    """Keeps the best weights seen, each averaged with the start's before it is scored."""

    def __init__(
        self,
        encoder: Encoder,
        settings: TrainingSettings,
        score: Callable[[Encoder], float] | None,
        run: TrainingRun,
        anchor: Weights,
    ) -> None:
        self.without_gain = 0
        self._encoder, self._settings, self._score, self._run = encoder, settings, score, run
        self._start = anchor
        self._best: Weights | None = None
        self._best_score = -math.inf

    def look(self, step: int) -> float | None:
        """The best score of the present weights over the start model's shares; the model keeps its weights."""
        model, score = self._encoder.model, self._score
        if score is None:
            self._run.best_step = step
            return None
        present = copy_weights(model)
        scores = []
        self.without_gain += 1
        shares = self._settings.start_weights
        for share in shares if self._settings.choose else shares[:1]:
            averaged = average_weights(present, self._start, share)
            model.load_state_dict(averaged)
            scores.append(score(self._encoder))
            # The start itself is no candidate: the verdict comes after all this.
            if scores[-1] > self._best_score or not self._settings.choose:
                self._best, self._best_score, self.without_gain = averaged, scores[-1], 0
                self._run.best_step, self._run.start_weight = step, share
        model.load_state_dict(present)
        return max(scores)

    def finish(self) -> None:
        """Give the model the best weights."""
        model = self._encoder.model
        if self._best is None:
            self._run.start_weight = self._settings.start_weights[0]
            self._best = average_weights(copy_weights(model), self._start, self._run.start_weight)
        model.load_state_dict(self._best)
        model.eval()


def average_weights(trained: Weights, start: Weights, start_weight: float) -> Weights:
    """The weighted mean of two states of one model; what is no floating-point weight is taken from the trained one."""
    return {
        name: torch.lerp(value, start[name], start_weight) if value.is_floating_point() else value
        for name, value in trained.items()
    }


def plan_epochs(pairs: Sequence[TrainingPair], settings: TrainingSettings) -> list[list[Batch]]:
    rng = random.Random(settings.seed)
    batching = make_batches if settings.no_duplicates else make_plain_batches
    epochs: list[list[Batch]] = [list(batching(pairs, settings.batch_size, rng)) for _ in range(settings.epochs)]
    if not all(epochs):
        raise TrainingError(
            "The approved pairs can't be trained on: in-batch negatives need at least two questions with different "
            "passages. Approve passages for more questions."
        )
    return epochs


def _train(
    model: SentenceTransformer,
    epochs: Sequence[Sequence[Batch]],
    settings: TrainingSettings,
    start_vectors: StartVectors | None,
    ranks: Ranks,
) -> Iterator[tuple[int, float, bool]]:
    """Take the steps; after each its number from 1, its loss, and whether it ends an epoch."""
    steps = sum(len(epoch) for epoch in epochs)
    weights = list(model.parameters())
    optimizer = torch.optim.AdamW(weights, lr=settings.learning_rate, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, _warm_up_then_fall(steps, settings.warmup_share))
    # A GPU is quickest with the whole batch at once, a processor with groups that stay in its cache.
    group = 0 if model.device.type == "cuda" else settings.group_size
    backward = Backward(model, group, settings.gradient_cache, ranks)
    step = 0
    for epoch in epochs:
        for number, batch in enumerate(epoch, start=1):
            model.train()
            loss = _add_gradients(backward, model, batch, settings, start_vectors)
            torch.nn.utils.clip_grad_norm_(weights, _LARGEST_GRADIENT)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad(set_to_none=True)
            model.eval()
            step += 1
            yield step, loss, number == len(epoch)


def _add_gradients(
    backward: Backward,
    model: SentenceTransformer,
    batch: Batch,
    settings: TrainingSettings,
    start_vectors: StartVectors | None,
) -> float:
    """The gradients of one batch, added to the weights'; the loss."""
    dimension = model.get_embedding_dimension()
    assert dimension is not None
    queries, passages = [pair.query for pair in batch], passages_of(batch, settings.no_duplicates)
    candidates = make_candidates(batch, passages, settings, start_vectors, model.device)
    dimensions = settings.dimensions(dimension)

    def loss(vectors: list[torch.Tensor]) -> torch.Tensor:
        return ranking_loss(vectors[0], vectors[1], candidates, dimensions, settings.distillation)

    columns = [Texts(queries, "query"), Texts(passages, "document", settings.window or None)]
    return backward(columns, loss)


def passages_of(batch: Batch, once: bool) -> list[str]:
    """Positives, then hard negatives; with `once`, no text twice."""
    passages = [pair.positive for pair in batch] + [text for pair in batch for text in pair.negatives]
    return list(dict.fromkeys(passages)) if once else passages


def make_candidates(
    batch: Batch,
    passages: Sequence[str],
    settings: TrainingSettings,
    start_vectors: StartVectors | None,
    device: torch.device,
) -> Candidates:
    if settings.no_duplicates:
        column = {text: number for number, text in enumerate(passages)}
        positive = [column[pair.positive] for pair in batch]
        allowed = [[text == pair.positive or text not in pair.relevant for text in passages] for pair in batch]
    else:
        positive, allowed = list(range(len(batch))), [[True] * len(passages) for _ in batch]
    candidates = Candidates(torch.tensor(positive, device=device), torch.tensor(allowed, device=device))
    if start_vectors is None:
        return candidates
    scores = np.stack([start_vectors[pair.query] for pair in batch]) @ np.stack([start_vectors[p] for p in passages]).T
    candidates = Candidates(candidates.positive, candidates.allowed, torch.from_numpy(scores).to(device))
    return guard_against_false_negatives(candidates) if settings.false_negative_guard else candidates


def _start_vectors(encoder: Encoder, pairs: Batch, settings: TrainingSettings) -> StartVectors | None:
    """The start model's vectors of all queries and passages of the pairs; None where the settings need none."""
    if not (settings.false_negative_guard or settings.distillation):
        return None
    queries = list(dict.fromkeys(pair.query for pair in pairs))
    texts = list(dict.fromkeys(text for pair in pairs for text in (pair.positive, *pair.negatives)))
    vectors = dict(zip(texts, encoder.encode_truncated_passages(texts), strict=True))
    # Last, because a text that is both is scored as a query's.
    vectors.update(zip(queries, encoder.encode_queries(queries), strict=True))
    return vectors


def _warm_up_then_fall(steps: int, warmup_share: float) -> Callable[[int], float]:
    warm_up = max(math.ceil(steps * warmup_share), _LEAST_WARM_UP) if warmup_share else 0

    def factor(step: int) -> float:
        if step < warm_up:
            return (step + 1) / warm_up
        return (steps - step) / max(steps - warm_up, 1)

    return factor


def copy_weights(model: SentenceTransformer) -> Weights:
    return copy.deepcopy({name: value.detach().cpu() for name, value in model.state_dict().items()})
