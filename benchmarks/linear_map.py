"""A linear map of the vector space, learnt on the start model's vectors: seconds, for no text passes the model.

Each judged query ranks all passages at once (a softmax over the whole library, not over a batch), and how far to go is
cross-validated over the judged queries. Mapped are both sides, or the query's alone, which leaves every passage's
vector as it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from core.types import EmbeddingMatrix
from search.evaluation import ndcg_at_k
from search.vector_index import cut_vectors
from training.embedded_model import EmbeddedModel
from training.losses import SCALE
from training.pairs import JudgedQuery
from training.split import fold_queries

_STEPS = 50
_WARM_UP = 10
_RATES = (3e-4, 1e-3, 3e-3)
_SHARES = (0.5, 1.0)
_FOLDS = 5
# More negatives than these tell little more, and take time.
_MOST_NEGATIVES = 3000
# Passages of the same text, up to rounding.
_SAME = 0.9999

Matrix = NDArray[np.float32]


class Side(StrEnum):
    BOTH = "both"
    QUERY = "query"


@dataclass(frozen=True, slots=True)
class LinearMap:
    """The matrix M (d, d), for vectors as `vectors @ M.T`, and the cross-validated nDCG@10 without and with it.

    `rate` 0 means that no map did better than none: then M is the identity.
    """

    matrix: Matrix
    rate: float
    share: float
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class _Task:
    """Queries, passages and their answers: `row` and `column` name the approved pairs, `answers` (n, m) all of them."""

    queries: torch.Tensor
    passages: torch.Tensor
    row: torch.Tensor
    column: torch.Tensor
    answers: torch.Tensor


def fit_linear_map(
    queries: Sequence[JudgedQuery],
    start: EmbeddedModel,
    rotation: Matrix,
    dimensions: Sequence[int],
    side: Side = Side.BOTH,
    seed: int = 0,
) -> LinearMap:
    """The map that ranks best by cross-validation, after the rotation, which is part of the matrix given back."""
    rotated = torch.from_numpy(start.vectors @ rotation.T)
    asked = torch.from_numpy(start.encoder.encode_queries([query.text for query in queries]) @ rotation.T)
    row_of = {int(id_): row for row, id_ in enumerate(start.ids)}
    answers = [[row_of[id_] for id_, _ in query.relevant if id_ in row_of] for query in queries]
    folds = fold_queries(queries, _FOLDS, seed)
    scores: dict[tuple[float, float], list[float]] = {}
    for fold in folds if len(folds) > 1 else ():
        learnt = [number for number in range(len(queries)) if number not in fold]
        task = _make_task(asked, rotated, answers, learnt, seed)
        for rate in _RATES:
            fitted = _fit(task, rate, dimensions, side)
            for share in _SHARES:
                found = _score(_blend(fitted, share), asked, rotated, answers, sorted(fold), side)
                scores.setdefault((rate, share), []).extend(found)
    everyone = list(range(len(queries)))
    before = _mean(_score(torch.eye(rotated.shape[1]), asked, rotated, answers, everyone, side))
    best = max(scores, key=lambda choice: _mean(scores[choice]), default=None)
    if best is None or _mean(scores[best]) <= before:
        return LinearMap(rotation, 0.0, 0.0, before, before)
    fitted = _blend(_fit(_make_task(asked, rotated, answers, everyone, seed), best[0], dimensions, side), best[1])
    return LinearMap((fitted.numpy() @ rotation).astype(np.float32), best[0], best[1], before, _mean(scores[best]))


def apply_map(vectors: EmbeddingMatrix, matrix: Matrix) -> EmbeddingMatrix:
    """Unit vectors of the mapped ones."""
    return cut_vectors(vectors @ matrix.T, len(matrix))


def _make_task(
    asked: torch.Tensor, passages: torch.Tensor, answers: Sequence[Sequence[int]], learnt: Sequence[int], seed: int
) -> _Task:
    chosen = _choose_passages(len(passages), [row for number in learnt for row in answers[number]], seed)
    place = {row: position for position, row in enumerate(chosen)}
    pairs = [(index, place[row]) for index, number in enumerate(learnt) for row in answers[number]]
    row, column = (torch.tensor(side, dtype=torch.long) for side in zip(*pairs, strict=True))
    used = passages[torch.tensor(chosen)]
    marked = torch.zeros(len(learnt), len(chosen), dtype=torch.bool)
    # A twin of an answer is one too.
    twins = used[column] @ used.T > _SAME
    for number, same in zip(row.tolist(), twins, strict=True):
        marked[number] |= same
    return _Task(asked[torch.tensor(learnt)], used, row, column, marked)


def _choose_passages(count: int, wanted: Sequence[int], seed: int) -> list[int]:
    others = np.random.default_rng(seed).permutation(count)[:_MOST_NEGATIVES].tolist()
    return sorted({*wanted, *others})


def _fit(task: _Task, rate: float, dimensions: Sequence[int], side: Side) -> torch.Tensor:
    matrix = torch.eye(task.passages.shape[1], requires_grad=True)
    optimizer = torch.optim.Adam([matrix], lr=rate)
    for step in range(_STEPS):
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1, (step + 1) / _WARM_UP) * (1 - step / _STEPS)
        optimizer.zero_grad()
        _loss(task, matrix, dimensions, side).backward()
        optimizer.step()
    return matrix.detach()


def _loss(task: _Task, matrix: torch.Tensor, dimensions: Sequence[int], side: Side) -> torch.Tensor:
    """Each approved pair against all passages that do not answer its query, at each dimension."""
    queries = task.queries @ matrix.T
    passages = task.passages @ matrix.T if side is Side.BOTH else task.passages
    total = matrix.new_zeros(())
    for dimension in dimensions:
        cut = (functional.normalize(vectors[:, :dimension], dim=1) for vectors in (queries, passages))
        scores = SCALE * (next(cut) @ next(cut).T)
        wrong = scores.masked_fill(task.answers, -1e4).logsumexp(dim=1)
        total = total + functional.softplus(wrong[task.row] - scores[task.row, task.column]).mean()
    return total


def _score(
    matrix: torch.Tensor,
    asked: torch.Tensor,
    passages: torch.Tensor,
    answers: Sequence[Sequence[int]],
    numbers: Sequence[int],
    side: Side,
) -> list[float]:
    mapped = functional.normalize(passages @ matrix.T, dim=1) if side is Side.BOTH else passages
    scores = (asked[torch.tensor(numbers)] @ matrix.T) @ mapped.T
    ranked = scores.topk(min(10, scores.shape[1]), dim=1).indices.tolist()
    return [ndcg_at_k(row, dict.fromkeys(answers[n], 1), 10) for row, n in zip(ranked, numbers, strict=True)]


def _blend(matrix: torch.Tensor, share: float) -> torch.Tensor:
    return share * matrix + (1 - share) * torch.eye(len(matrix))


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else 0.0
