"""Vectors with gradients, in small groups of texts of like length, so that memory and padding stay small."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from sentence_transformers import SentenceTransformer

from core.errors import TrainingError
from training.recipe.ranks import ALONE, Ranks


@dataclass(frozen=True, slots=True)
class Texts:
    """Texts of one task, "query" or "document", whose prompt and window the model knows.

    `window` cuts them to so many tokens while training; None leaves the model's own.
    """

    texts: Sequence[str]
    task: str
    window: int | None = None


Loss = Callable[[list[torch.Tensor]], torch.Tensor]


def backward(
    model: SentenceTransformer, columns: Sequence[Texts], loss: Loss, group: int, cached: bool, ranks: Ranks = ALONE
) -> float:
    """Add the gradients of the loss over the columns' vectors to the model's, and return the loss.

    `group` is how many texts pass the model at once, 0 for all. With `cached` only one group's activations are kept
    at a time, for a second pass through the model (Gao et al. 2021, gradient caching): the same gradients. Of several
    `ranks` each embeds its share of the groups, and all get the gradients of the whole.
    """
    shares = [ranks.share_of(_group(model, column, group)) for column in columns]
    passes = ranks.do_together(lambda: [[_Pass(model, part, cached) for part in share] for share in shares])
    leaves = []
    for column, share in zip(columns, passes, strict=True):
        vectors = torch.zeros(len(column.texts), model.get_embedding_dimension() or 0, device=model.device)
        for one in share:
            vectors[one.rows] = one.vectors
        leaves.append(ranks.sum(vectors).requires_grad_())

    def lose() -> torch.Tensor:
        value = loss(leaves)
        value.backward()
        return value

    value = ranks.do_together(lose)

    def give_gradients() -> None:
        for leaf, share in zip(leaves, passes, strict=True):
            for one in share:
                one.add_gradients(leaf)

    ranks.do_together(give_gradients)
    ranks.sum_gradients(model)
    return value.item()


class _Pass:
    """A group's vectors, and the way back from their gradients to the model's."""

    def __init__(self, model: SentenceTransformer, group: "_Group", cached: bool) -> None:
        self._model, self._group, self._cached = model, group, cached
        self._state = _random_state(model.device) if cached else None
        with torch.set_grad_enabled(not cached):
            self._embedded = _embed(model, group)

    @property
    def rows(self) -> torch.Tensor:
        return self._group.rows

    @property
    def vectors(self) -> torch.Tensor:
        return self._embedded.detach()

    def add_gradients(self, leaf: torch.Tensor) -> None:
        assert leaf.grad is not None
        embedded = self._embedded
        if self._state is not None:
            # Dropout must fall on the same units as in the first pass.
            _set_random_state(self._model.device, self._state)
            embedded = _embed(self._model, self._group)
        embedded.backward(leaf.grad[self.rows])


class Backward:
    """`backward` in groups that fit into memory, which is measured by trying: without room a group is halved.

    `group` 0 stands for the whole batch. The gradients are the same whatever the groups.
    """

    def __init__(self, model: SentenceTransformer, group: int, cached: bool, ranks: Ranks = ALONE) -> None:
        self._model, self._group, self._cached, self._ranks = model, group, cached, ranks

    def __call__(self, columns: Sequence[Texts], loss: Loss) -> float:
        """As `backward`, on a model without gradients. Raises TrainingError where not even a single text fits."""
        while True:
            try:
                return backward(self._model, columns, loss, self._group, self._cached, self._ranks)
            except torch.OutOfMemoryError as error:
                largest = max(len(column.texts) for column in columns)
                size = min(self._group or largest, largest)
                if size == 1 and self._cached:
                    raise TrainingError(
                        "The memory of the GPU is too small to train this model even with a single passage at a time. "
                        "Choose a smaller model, or close what else uses the GPU."
                    ) from error
                # Only with the cache do smaller groups need less memory.
                self._group, self._cached = max(size // 2, 1), True
            self._model.zero_grad(set_to_none=True)
            torch.cuda.empty_cache()


@dataclass(frozen=True, slots=True)
class _Group:
    rows: torch.Tensor
    features: dict[str, torch.Tensor]


def _group(model: SentenceTransformer, column: Texts, size: int) -> list[_Group]:
    by_length = sorted(range(len(column.texts)), key=lambda row: len(column.texts[row])) if size else []
    size = size or max(len(column.texts), 1)
    rows = by_length or list(range(len(column.texts)))
    return [
        _Group(torch.tensor(part, device=model.device), _preprocess(model, column, [column.texts[r] for r in part]))
        for part in (rows[first : first + size] for first in range(0, len(rows), size))
    ]


def _preprocess(model: SentenceTransformer, column: Texts, texts: list[str]) -> dict[str, torch.Tensor]:
    """Tokens with the prompts that searching uses, cut to the window."""
    own = model.max_seq_length
    model.max_seq_length = min(own, column.window) if own and column.window else own
    try:
        features = model.preprocess(texts, prompt=model.prompts.get(column.task), task=column.task)
    finally:
        model.max_seq_length = own
    return {
        key: value.to(model.device) if isinstance(value, torch.Tensor) else value for key, value in features.items()
    }


def _embed(model: SentenceTransformer, group: _Group) -> torch.Tensor:
    with autocast(model.device):
        return model(dict(group.features))["sentence_embedding"].float()


def autocast(device: torch.device) -> torch.autocast:
    """bfloat16 where it is fast; on a CPU it was measured to be slower."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=device.type == "cuda")


def _random_state(device: torch.device) -> torch.Tensor:
    return torch.cuda.get_rng_state(device) if device.type == "cuda" else torch.get_rng_state()


def _set_random_state(device: torch.device, state: torch.Tensor) -> None:
    if device.type == "cuda":
        torch.cuda.set_rng_state(state, device)
    else:
        torch.set_rng_state(state)
