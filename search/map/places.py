"""Places on the map: of what is new among what is there, and of one map upon another. Pure, and quick."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.types import EmbeddingMatrix

Places = NDArray[np.float32]
"""One row a point: x and y. The points of a whole map lie around 0, at a mean square distance of 1 from it."""

_NEIGHBOURS = 6
# How fast a neighbour's say falls with its cosine: one that is so much farther has 1/e of the nearest one's.
_DECAY = 0.03
_ROUNDS_OF_MEDIAN = 12


def centred(places: Places) -> Places:
    """The same picture around 0, at the usual size."""
    if not len(places):
        return places.astype(np.float32)
    moved = places - places.mean(axis=0)
    size = np.sqrt((moved**2).sum(axis=1).mean())
    return (moved / (size or 1.0)).astype(np.float32)


def place_near(vectors: EmbeddingMatrix, known: EmbeddingMatrix, places: Places) -> Places:
    """Where these vectors stand among the known ones: at the weighted mean of the nearest ones' places."""
    if not len(known):
        return np.zeros((len(vectors), 2), np.float32)
    scores = vectors @ known.T
    nearest = np.argsort(-scores, axis=1, kind="stable")[:, :_NEIGHBOURS]
    best = np.take_along_axis(scores, nearest, axis=1)
    weights = np.exp((best - best[:, :1]) / _DECAY)
    weights /= weights.sum(axis=1, keepdims=True)
    return np.einsum("nk,nkd->nd", weights, places[nearest]).astype(np.float32)


def middle(places: Places) -> Places:
    """The geometric median: of points in two crowds it lies in the larger one, and not in the empty space between."""
    point = places.mean(axis=0)
    for _ in range(_ROUNDS_OF_MEDIAN):
        weights = 1 / np.maximum(np.linalg.norm(places - point, axis=1), 1e-4)
        point = (places * weights[:, None]).sum(axis=0) / weights.sum()
    return point.astype(np.float32)


@dataclass(frozen=True, slots=True)
class Motion:
    """A turn or mirroring, a change of size, and a shift."""

    turn: NDArray[np.float64]
    shift: NDArray[np.float64]

    def __call__(self, places: Places) -> Places:
        return (places @ self.turn + self.shift).astype(np.float32)


def fit_upon(moving: Places, fixed: Places) -> Motion:
    """The motion that brings the moving points nearest to the fixed ones, row by row (Procrustes)."""
    if len(moving) < 2 or not np.ptp(moving, axis=0).any() or not np.ptp(fixed, axis=0).any():
        return Motion(np.eye(2), np.zeros(2))
    from_middle, to_middle = moving.mean(axis=0), fixed.mean(axis=0)
    left, stretch, right = np.linalg.svd((moving - from_middle).T @ (fixed - to_middle))
    size = stretch.sum() / ((moving - from_middle) ** 2).sum()
    turn = size * (left @ right)
    return Motion(turn.astype(np.float64), (to_middle - from_middle @ turn).astype(np.float64))


def neighbours_kept(before: EmbeddingMatrix, after: EmbeddingMatrix, many: int = 5) -> list[float]:
    """For each row the share of its nearest rows that stay its nearest in the other vectors."""
    many = min(many, len(before) - 1)
    if many < 1:
        return [1.0] * len(before)
    one, other = (_nearest_rows(vectors, many) for vectors in (before, after))
    return [len(set(a) & set(b)) / many for a, b in zip(one, other, strict=True)]


def _nearest_rows(vectors: EmbeddingMatrix, many: int) -> Sequence[Sequence[int]]:
    scores = vectors @ vectors.T
    np.fill_diagonal(scores, -np.inf)
    return np.argsort(-scores, axis=1, kind="stable")[:, :many].tolist()
