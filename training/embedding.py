"""Vectors with gradients, in small groups of texts of like length, so that memory and padding stay small."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from sentence_transformers import SentenceTransformer

from core.errors import TrainingError


@dataclass(frozen=True, slots=True)
class Texts:
    """Texts of one task, "query" or "document", whose prompt and window the model knows.

    `window` cuts them to so many tokens while training; None leaves the model's own.
    """

    texts: Sequence[str]
    task: str
    window: int | None = None


Loss = Callable[[list[torch.Tensor]], torch.Tensor]


def backward(model: SentenceTransformer, columns: Sequence[Texts], loss: Loss, group: int, cached: bool) -> float:
    """Add the gradients of the loss over the columns' vectors to the model's, and return the loss.

    `group` is how many texts pass the model at once, 0 for all. With `cached` only one group's activations are kept
    at a time, for a second pass through the model (Gao et al. 2021, gradient caching): the same gradients.
    """
    groups = [_group(model, column, group) for column in columns]
    if not cached:
        vectors = [_in_order([(part, _embed(model, part)) for part in column]) for column in groups]
        value = loss(vectors)
        value.backward()
        return value.item()
    states = [[_random_state(model.device) for _ in column] for column in groups]
    embedded: list[torch.Tensor] = []
    with torch.no_grad():
        for number, column in enumerate(groups):
            parts = []
            for index, part in enumerate(column):
                states[number][index] = _random_state(model.device)
                parts.append((part, _embed(model, part)))
            embedded.append(_in_order(parts))
    leaves = [vectors.detach().requires_grad_() for vectors in embedded]
    value = loss(leaves)
    value.backward()
    for number, column in enumerate(groups):
        gradient = leaves[number].grad
        assert gradient is not None
        for index, part in enumerate(column):
            # Dropout must fall on the same units as in the first pass.
            _set_random_state(model.device, states[number][index])
            (_embed(model, part) * gradient[part.rows]).sum().backward()
    return value.item()


class Backward:
    """`backward` in groups that fit into memory, which is measured by trying: without room a group is halved.

    `group` 0 stands for the whole batch. The gradients are the same whatever the groups.
    """

    def __init__(self, model: SentenceTransformer, group: int, cached: bool) -> None:
        self._model, self._group, self._cached = model, group, cached

    def __call__(self, columns: Sequence[Texts], loss: Loss) -> float:
        """As `backward`, on a model without gradients. Raises TrainingError where not even a single text fits."""
        while True:
            try:
                return backward(self._model, columns, loss, self._group, self._cached)
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


def _in_order(parts: Sequence[tuple[_Group, torch.Tensor]]) -> torch.Tensor:
    rows = torch.cat([group.rows for group, _ in parts])
    return torch.cat([vectors for _, vectors in parts])[torch.argsort(rows)]


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
