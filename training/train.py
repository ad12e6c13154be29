"""Fine-tune an encoder on pairs: Matryoshka loss (Kusupati et al. 2022) over in-batch negatives, best state kept."""

import copy
import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.losses import MatryoshkaLoss, MultipleNegativesRankingLoss

from core.errors import TrainingError
from indexer.encoder import Encoder
from training.batches import make_batches
from training.pairs import TrainingPair
from training.settings import TrainingSettings

# The gradient's norm is cut here, as sentence-transformers' own trainer does by default.
_LARGEST_GRADIENT = 1.0
# The curve has at least so many points in an epoch, where there are steps enough.
_SCORES_AN_EPOCH = 2
# A curve of more points shows no more, and is written and drawn again and again.
_MOST_POINTS = 500

Weights = dict[str, torch.Tensor]


@dataclass(frozen=True, slots=True)
class CurvePoint:
    step: int
    loss: float | None
    ndcg: float | None

    def as_dict(self) -> dict[str, float | int | None]:
        return {"step": self.step, "loss": self.loss, "ndcg@10": self.ndcg}


@dataclass(slots=True)
class TrainingRun:
    """What a fine-tuning did: the curve, the step whose weights were kept, and how many steps there were."""

    curve: list[CurvePoint] = field(default_factory=list)
    best_step: int = 0
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
) -> TrainingRun:
    """Train the encoder's model in place; at the end it has the best weights seen, averaged with those at the start.

    `score` tells how good the present weights are, higher is better; without it the last weights are the best.
    `on_step` sees the run after every step; what it raises ends the training, the weights then being anything.
    Raises TrainingError where no batch can be made, or the loss is no number any more.
    """
    torch.manual_seed(settings.seed)
    # A model may come in half precision, in which steps as small as these are mostly rounded away.
    model = encoder.model.float()
    epochs = _plan_epochs(pairs, settings)
    run = TrainingRun(steps=sum(len(epoch) for epoch in epochs))
    start = _copy_weights(model)
    best = start
    best_score = -math.inf

    def take_score(step: int, loss: float | None) -> None:
        nonlocal best, best_score
        value = score(encoder) if score is not None else None
        run.curve.append(CurvePoint(step, loss, value))
        # The start itself is no candidate: the averaging below brings it in, and the verdict comes after that.
        if step and (value is None or value > best_score):
            best, best_score, run.best_step = _copy_weights(model), value if value is not None else -math.inf, step
        on_step(run)

    take_score(0, None)
    for step, loss, is_epoch_end in _train(model, epochs, settings):
        if not math.isfinite(loss):
            raise TrainingError(
                f"After step {step} the loss is no number any more: a learning rate of {settings.learning_rate:g} "
                "is too high for this model. Use a smaller one."
            )
        if is_epoch_end or step % max(len(epochs[0]) // _SCORES_AN_EPOCH, 1) == 0:
            take_score(step, loss)
        else:
            run.curve.append(CurvePoint(step, loss, None))
            on_step(run)
    model.load_state_dict(average_weights(best, start, settings.start_weight))
    model.eval()
    return run


def average_weights(trained: Weights, start: Weights, start_weight: float) -> Weights:
    """The weighted mean of two states of one model; what is no floating-point weight is taken from the trained one."""
    return {
        name: torch.lerp(value, start[name], start_weight) if value.is_floating_point() else value
        for name, value in trained.items()
    }


def _plan_epochs(pairs: Sequence[TrainingPair], settings: TrainingSettings) -> list[list[list[TrainingPair]]]:
    rng = random.Random(settings.seed)
    epochs = [list(make_batches(pairs, settings.batch_size, rng)) for _ in range(settings.epochs)]
    if not all(epochs):
        raise TrainingError(
            "The approved pairs can't be trained on: in-batch negatives need at least two questions with different "
            "passages. Approve passages for more questions."
        )
    return epochs


def _train(
    model: SentenceTransformer, epochs: Sequence[Sequence[Sequence[TrainingPair]]], settings: TrainingSettings
) -> Iterator[tuple[int, float, bool]]:
    """Take the steps; after each its number from 1, its loss, and whether it ends an epoch."""
    dimension = model.get_embedding_dimension()
    assert dimension is not None
    loss_function = MatryoshkaLoss(model, MultipleNegativesRankingLoss(model), list(settings.dimensions(dimension)))
    steps = sum(len(epoch) for epoch in epochs)
    optimizer = torch.optim.AdamW(model.parameters(), lr=settings.learning_rate, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, _warm_up_then_fall(steps, settings.warmup_share))
    step = 0
    for epoch in epochs:
        for number, batch in enumerate(epoch, start=1):
            model.train()
            with _autocast(model.device):
                loss = loss_function(_columns(model, batch), torch.arange(len(batch), device=model.device))
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), _LARGEST_GRADIENT)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad(set_to_none=True)
            model.eval()
            step += 1
            yield step, loss.item(), number == len(epoch)


def _columns(model: SentenceTransformer, batch: Sequence[TrainingPair]) -> list[dict[str, torch.Tensor]]:
    """Queries, positives and whatever hard negatives there are, tokenised with the prompts that searching uses."""
    negatives = [pair.negative for pair in batch if pair.negative is not None]
    columns = [
        (_prompted(model, [pair.query for pair in batch], "query")),
        (_prompted(model, [pair.positive for pair in batch], "document")),
    ]
    if negatives:
        columns.append(_prompted(model, negatives, "document"))
    return [
        {key: value.to(model.device) if isinstance(value, torch.Tensor) else value for key, value in column.items()}
        for column in columns
    ]


def _prompted(model: SentenceTransformer, texts: list[str], task: str) -> dict[str, torch.Tensor]:
    return model.preprocess(texts, prompt=model.prompts.get(task), task=task)


def _warm_up_then_fall(steps: int, warmup_share: float) -> Callable[[int], float]:
    warm_up = math.ceil(steps * warmup_share)

    def factor(step: int) -> float:
        if step < warm_up:
            return (step + 1) / warm_up
        return (steps - step) / max(steps - warm_up, 1)

    return factor


def _autocast(device: torch.device) -> torch.autocast:
    """bfloat16 where it is fast; on a CPU it was measured to be slower."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=device.type == "cuda")


def _copy_weights(model: SentenceTransformer) -> Weights:
    return copy.deepcopy({name: value.detach().cpu() for name, value in model.state_dict().items()})
