"""A linear map of the vector space, learnt on the start model's vectors: seconds, for no text passes the model.

Each judged query ranks all passages at once (a softmax over the whole library, not over a batch), and how far to go is
cross-validated over the judged queries. Mapped are both sides, or the query's alone, which leaves every passage's
vector as it is.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from core.types import EmbeddingMatrix
from search.evaluation import ndcg_at_k
from search.vector_index import cut_vectors
from training.data.pairs import JudgedQuery
from training.data.split import fold_queries
from training.recipe.embedded_model import EmbeddedModel
from training.recipe.losses import SCALE

_STEPS = 50
_WARM_UP = 10
_RATES = (3e-4, 1e-3, 3e-3)
_SHARES = (0.5, 1.0)
_FOLDS = 5
# Below this, cross-validation tells nothing of the map.
FEWEST_QUERIES = 20
# So many passages are ranked at most, to choose by.
_MOST_RANKED = 20_000
# More negatives than these tell little more, and take time.
_MOST_NEGATIVES = 3000
# Passages of the same text, up to rounding.
_SAME = 0.9999

Matrix = NDArray[np.float32]
Tell = Callable[[int, int], None]


def tell_nobody(_done: int, _total: int) -> None: ...


class Side(StrEnum):
    BOTH = "both"
    QUERY = "query"


@dataclass(frozen=True, slots=True)
class LinearMap:
    """The matrix M (d, d), for rotated vectors as `vectors @ M.T`, and the cross-validated nDCG@10 without and with it.

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


class MapLearner:
    """Learns maps from what the start model makes of the queries and passages, which is asked of it once."""

    def __init__(
        self,
        start: EmbeddedModel,
        queries: Sequence[JudgedQuery],
        rotation: Matrix,
        dimensions: Sequence[int],
        side: Side = Side.BOTH,
        seed: int = 0,
    ) -> None:
        """The start model must still be itself: neither trained nor rotated."""
        rows = _choose_rows(start, queries, seed)
        self._passages = torch.from_numpy(start.vectors[rows] @ rotation.T)
        place = {int(id_): number for number, id_ in enumerate(start.ids[rows])}
        # Where no answer is left, there is nothing to learn.
        self._queries = [query for query in queries if any(id_ in place for id_, _ in query.relevant)]
        self._answers = [[place[id_] for id_, _ in query.relevant if id_ in place] for query in self._queries]
        asked = start.encoder.encode_queries([query.text for query in self._queries])
        self._asked = torch.from_numpy(asked @ rotation.T)
        self._dimensions, self._side, self._seed = dimensions, side, seed

    def learn(self, without: Collection[str] = (), tell: Tell = tell_nobody) -> LinearMap:
        """The map that ranks best by cross-validation, for rotated vectors; `without` are queries not to learn from.

        `tell` is given how many of how many maps are learnt.
        """
        numbers = [number for number, query in enumerate(self._queries) if query.text not in without]
        size = self._passages.shape[1]
        before = _mean(self._score(torch.eye(size), numbers))
        scores = self._cross_validate(numbers, tell) if len(numbers) >= FEWEST_QUERIES else {}
        best = max(scores, key=lambda choice: _mean(scores[choice]), default=None)
        if best is None or _mean(scores[best]) <= before:
            return LinearMap(np.eye(size, dtype=np.float32), 0.0, 0.0, before, before)
        fitted = _blend(_fit(self._task(numbers), best[0], self._dimensions, self._side), best[1])
        return LinearMap(fitted.numpy(), best[0], best[1], before, _mean(scores[best]))

    def _cross_validate(self, numbers: Sequence[int], tell: Tell) -> dict[tuple[float, float], list[float]]:
        """nDCG@10 of each query, by a map that has not learnt from it, for each rate and share."""
        scores: dict[tuple[float, float], list[float]] = {}
        folds = fold_queries([self._queries[number] for number in numbers], _FOLDS, self._seed)
        for turn, fold in enumerate(folds if len(folds) > 1 else ()):
            asked = [numbers[position] for position in sorted(fold)]
            task = self._task([number for position, number in enumerate(numbers) if position not in fold])
            for number, rate in enumerate(_RATES):
                tell(turn * len(_RATES) + number, len(folds) * len(_RATES))
                fitted = _fit(task, rate, self._dimensions, self._side)
                for share in _SHARES:
                    scores.setdefault((rate, share), []).extend(self._score(_blend(fitted, share), asked))
        return scores

    def _task(self, numbers: Sequence[int]) -> "_Task":
        chosen = _choose_passages(len(self._passages), [row for n in numbers for row in self._answers[n]], self._seed)
        place = {row: position for position, row in enumerate(chosen)}
        pairs = [(index, place[row]) for index, number in enumerate(numbers) for row in self._answers[number]]
        row, column = (torch.tensor(side, dtype=torch.long) for side in zip(*pairs, strict=True))
        used = self._passages[torch.tensor(chosen)]
        marked = torch.zeros(len(numbers), len(chosen), dtype=torch.bool)
        # A twin of an answer is one too.
        twins = used[column] @ used.T > _SAME
        for number, same in zip(row.tolist(), twins, strict=True):
            marked[number] |= same
        return _Task(self._asked[torch.tensor(numbers)], used, row, column, marked)

    def _score(self, matrix: torch.Tensor, numbers: Sequence[int]) -> list[float]:
        """nDCG@10 of these queries over all of the learner's passages."""
        both = self._side is Side.BOTH
        mapped = functional.normalize(self._passages @ matrix.T, dim=1) if both else self._passages
        scores = (self._asked[torch.tensor(numbers, dtype=torch.long)] @ matrix.T) @ mapped.T
        ranked = scores.topk(min(10, scores.shape[1]), dim=1).indices.tolist()
        return [ndcg_at_k(row, dict.fromkeys(self._answers[n], 1), 10) for row, n in zip(ranked, numbers, strict=True)]


def apply_map(vectors: EmbeddingMatrix, matrix: Matrix) -> EmbeddingMatrix:
    """Unit vectors of the mapped ones."""
    return cut_vectors(vectors @ matrix.T, len(matrix))


def _choose_rows(start: EmbeddedModel, queries: Sequence[JudgedQuery], seed: int) -> list[int]:
    """Rows of the answers, and of others by chance: of a large library a part."""
    answers = np.flatnonzero(np.isin(start.ids, [id_ for query in queries for id_, _ in query.relevant]))
    others = np.random.default_rng(seed).permutation(len(start.ids))[:_MOST_RANKED]
    return sorted({*answers.tolist(), *others.tolist()})


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


def _blend(matrix: torch.Tensor, share: float) -> torch.Tensor:
    return share * matrix + (1 - share) * torch.eye(len(matrix))


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else 0.0
