"""Vectors by position, and the nearest of them: as they are, or as small codes, for candidates to score exactly."""

from dataclasses import dataclass
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from core.types import EmbeddingMatrix, Vector

Positions = NDArray[np.int64]
Mask = NDArray[np.bool_]

# What FAISS learns from: the mean and the ranges of so many vectors.
_MOST_TRAINED = 65_536
_BLOCK = 10_000
_RANGE_MARGIN = 0.25
# Candidates of the one-bit codes for each search: one in so many of all, and this many at least. The byte codes rank
# these. Chosen by measured overlap with exact search: benchmarks/sizes.py.
_CANDIDATE_SHARE, _FEWEST_CANDIDATES = 125, 2000
# More than are asked for, because byte codes may change the order of neighbours.
_MORE = 50


@dataclass(frozen=True, slots=True)
class Nearest:
    """Positions and their scores, best first."""

    positions: Positions
    scores: NDArray[np.float32]


class ExactStage:
    """Every vector as it is; a search looks at all of them."""

    def __init__(self, dimension: int) -> None:
        self.flat = faiss.IndexFlatIP(dimension)

    def __len__(self) -> int:
        return self.flat.ntotal

    def add(self, vectors: EmbeddingMatrix) -> None:
        self.flat.add(vectors)

    def remove(self, positions: Positions) -> None:
        self.flat.remove_ids(faiss.IDSelectorBatch(positions))

    def search(self, vector: Vector, k: int, mask: Mask | None = None) -> Nearest:
        return _search(self.flat, vector, min(k, len(self)), mask)

    def best_scores(self, vectors: EmbeddingMatrix) -> NDArray[np.float32]:
        return self.flat.search(vectors, 1)[0][:, 0]

    def matrix(self) -> EmbeddingMatrix:
        """A view of all vectors, valid until the next change."""
        return faiss.rev_swig_ptr(self.flat.get_xb(), len(self) * self.flat.d).reshape(len(self), self.flat.d)


class CodedStage:
    """One bit and one byte for each number of a vector: the bits find candidates, the bytes rank them.

    The bits are RaBitQ (Gao and Long 2024), which wants the vectors turned at random first. 450 MB for a million
    vectors of 384 numbers, where the vectors themselves take 1.5 GB.
    """

    def __init__(self, coarse: faiss.IndexPreTransform, fine: faiss.IndexScalarQuantizer, owner: object = None) -> None:
        self._coarse, self._fine = coarse, fine
        # Of an index read from a file FAISS frees the parts with the whole.
        self._owner = owner

    def __len__(self) -> int:
        return self._fine.ntotal

    @property
    def dimension(self) -> int:
        return self._fine.d

    def add(self, vectors: EmbeddingMatrix) -> None:
        for first in range(0, len(vectors), _BLOCK):
            self._coarse.add(vectors[first : first + _BLOCK])
            self._fine.add(vectors[first : first + _BLOCK])

    def remove(self, positions: Positions) -> None:
        gone = faiss.IDSelectorBatch(positions)
        self._coarse.remove_ids(gone)
        self._fine.remove_ids(gone)

    def search(self, vector: Vector, k: int, mask: Mask | None = None) -> Nearest:
        """More than k candidates, with scores that are a little wrong."""
        if not len(self):
            return _nothing()
        wanted = k + _MORE
        if mask is None:
            mask = np.zeros(len(self), bool)
            depth = max(_FEWEST_CANDIDATES, 2 * wanted, len(self) // _CANDIDATE_SHARE)
            candidates = self._coarse.search(vector.reshape(1, -1), min(depth, len(self)))[1][0]
            mask[candidates[candidates >= 0]] = True
        return _search(self._fine, vector, min(wanted, len(self)), mask)

    def best_scores(self, vectors: EmbeddingMatrix) -> NDArray[np.float32]:
        return np.array([self.search(vector, 1).scores[0] for vector in vectors], np.float32)

    def with_ids(self, ids: Positions) -> faiss.Index:
        """The codes and these ids as one index of FAISS, to be written to a file while this object lives."""
        refine = faiss.IndexRefine(self._coarse, self._fine)
        # FAISS wants to number an empty index only.
        refine.ntotal = 0
        whole = faiss.IndexIDMap(refine)
        refine.ntotal = len(self)
        faiss.copy_array_to_vector(ids, whole.id_map)
        whole.ntotal = len(self)
        # FAISS does not keep the parts of what it is given.
        whole.referenced_objects = [refine]  # type: ignore[attr-defined]
        return whole


def encode_stage(exact: ExactStage) -> CodedStage:
    """The same vectors, as codes. What the codes learn is deterministic."""
    dimension = exact.flat.d
    turned = faiss.RandomRotationMatrix(dimension, dimension)
    turned.init(1)
    bits = faiss.IndexRaBitQFastScan(dimension, faiss.METRIC_INNER_PRODUCT)
    coarse = faiss.IndexPreTransform(turned, bits)
    fine = faiss.IndexScalarQuantizer(dimension, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT)
    # What comes later may lie a little beyond the ranges of what there is.
    fine.sq.rangestat_arg = _RANGE_MARGIN
    vectors = exact.matrix()
    # Evenly spread, for the papers of one time may be of one topic.
    sample = np.ascontiguousarray(vectors[:: max(1, len(vectors) // _MOST_TRAINED)][:_MOST_TRAINED])
    coarse.train(sample)
    fine.train(sample)
    stage = CodedStage(coarse, fine)
    stage.add(vectors)
    return stage


def decode_stage(whole: faiss.Index) -> tuple[Positions, CodedStage]:
    """The ids and the codes of an index that `with_ids` has made. Raises ValueError for any other."""
    # The object given frees the index when it goes; what FAISS hands out for its parts does not.
    owner, whole = whole, faiss.downcast_index(whole)
    refine = faiss.downcast_index(whole.index) if isinstance(whole, faiss.IndexIDMap) else None
    if not isinstance(refine, faiss.IndexRefine):
        raise ValueError(f"an index of the kind {type(whole).__name__}")
    coarse, fine = faiss.downcast_index(refine.base_index), faiss.downcast_index(refine.refine_index)
    ids = faiss.vector_to_array(whole.id_map)  # type: ignore[attr-defined]
    if not (isinstance(coarse, faiss.IndexPreTransform) and isinstance(fine, faiss.IndexScalarQuantizer)):
        raise ValueError(f"codes of the kinds {type(coarse).__name__} and {type(fine).__name__}")
    if not len(ids) == coarse.ntotal == fine.ntotal:
        raise ValueError(f"{len(ids)} ids for {coarse.ntotal} and {fine.ntotal} codes")
    return ids, CodedStage(coarse, fine, owner=owner)


def _nothing() -> Nearest:
    return Nearest(np.zeros(0, np.int64), np.zeros(0, np.float32))


def _search(index: faiss.Index, vector: Vector, k: int, mask: Mask | None) -> Nearest:
    if not k:
        return _nothing()
    parameters = None
    if mask is not None:
        bits: Any = np.packbits(mask, bitorder="little")
        parameters = faiss.SearchParameters(sel=faiss.IDSelectorBitmap(bits))  # type: ignore[call-arg]
    scores, positions = index.search(vector.reshape(1, -1), k, params=parameters)
    found = positions[0] >= 0
    return Nearest(positions[0][found], scores[0][found])
