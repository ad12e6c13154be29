"""FAISS by chunk id. The only owner of a FAISS index: callers see ids and scores, never row positions."""

import logging
import threading
from collections.abc import Callable, Sequence

import faiss
import numpy as np
from numpy.typing import NDArray

from core.types import ChunkIds, EmbeddingMatrix, FoundVectors, ScoredChunks, Vector
from search.gpu import CopiedStage, CopyIndex, Device, copy_to_gpus, find_device
from search.stages import CodedStage, ExactStage, Mask, Positions, decode_stage, encode_stage

logger = logging.getLogger(__name__)

# Above it a live index holds codes in place of vectors.
MOST_EXACT = 100_000
# Among so few a search scores each by itself.
_FEW = 1000

StoredVectors = Callable[[Sequence[int]], FoundVectors]
"""The vectors of these chunks, of those that are still there."""


def cut_vectors(vectors: EmbeddingMatrix, dimension: int) -> EmbeddingMatrix:
    """The vectors cut to their leading dimensions, unit vectors again."""
    cut = vectors[:, :dimension]
    return np.ascontiguousarray(cut / np.maximum(np.linalg.norm(cut, axis=1, keepdims=True), 1e-12))


class VectorIndex:
    """Inner-product search over unit vectors. One lock: searches and changes never meet.

    With more than `most_exact` vectors it holds codes of them, and a search is as exact as before only where it is
    given the stored vectors to score the candidates with. On a GPU, and where `most_exact` is None, it stays exact.
    """

    def __init__(
        self,
        dimension: int,
        device: Device | None = None,
        most_exact: int | None = None,
        copy_index: CopyIndex = copy_to_gpus,
    ) -> None:
        self.dimension = dimension
        self.device = device or find_device()
        self._most_exact = None if self.device.gpu else most_exact
        self._lock = threading.Lock()
        self._changing = threading.Lock()
        self._ids: ChunkIds = np.zeros(0, np.int64)
        # The order of the ids; None while they ascend.
        self._order: Positions | None = None
        self._stage: ExactStage | CodedStage = ExactStage(dimension)
        self._copied = CopiedStage(copy_index) if self.device.gpu else None

    def __len__(self) -> int:
        return len(self._ids)

    @property
    def exact(self) -> bool:
        """Whether the vectors are held as they are."""
        return isinstance(self._stage, ExactStage)

    @property
    def ids(self) -> ChunkIds:
        """The ids of all chunks, in no order."""
        return self._ids.copy()

    def update(self, removed: ChunkIds, added: ChunkIds, vectors: EmbeddingMatrix) -> None:
        """Forget and take in, in this order. An id that is held already gets the new vector."""
        if not len(removed) and not len(added):
            return
        vectors = np.ascontiguousarray(vectors, dtype=np.float32)
        with self._changing:
            with self._lock:
                self._remove(np.concatenate([removed, added]))
                if len(added):
                    self._stage.add(vectors)
                    self._take_in(added)
                if self._copied is not None and isinstance(self._stage, ExactStage):
                    self._copied.follow(removed, added, vectors, self._ids, self._stage)
            if self._most_exact is not None and len(self) > self._most_exact and isinstance(self._stage, ExactStage):
                # While the old one goes on answering; only this lock's holder changes it.
                coded = encode_stage(self._stage)
                with self._lock:
                    self._stage = coded

    def best_scores(self, vectors: EmbeddingMatrix) -> NDArray[np.float32]:
        """The score of each vector's nearest chunk; none where there is no chunk."""
        with self._lock:
            # Looked at under the lock: the last ones may be removed just now.
            if not len(self):
                return np.zeros(0, np.float32)
            return self._stage.best_scores(np.ascontiguousarray(vectors, dtype=np.float32))

    def search(
        self, vector: Vector, k: int, among: Sequence[int] | ChunkIds | None = None, stored: StoredVectors | None = None
    ) -> ScoredChunks:
        """The k nearest chunks, or fewer where there are no more, best first; only those `among` the ids if given."""
        query = np.ascontiguousarray(vector, dtype=np.float32).reshape(self.dimension)
        with self._lock:
            found = self._search(query, k, among, rescored=stored is not None)
        if not self.exact and stored is not None:
            found = _score(query, stored(found.ids.tolist()))
        return ScoredChunks(found.ids[:k], found.scores[:k])

    def _search(self, query: Vector, k: int, among: Sequence[int] | ChunkIds | None, rescored: bool) -> ScoredChunks:
        """The k nearest; where the stage is coded some more than k, and where all are few all of them."""
        if among is None and self._copied is not None and self._copied.can_find(k):
            try:
                return self._copied.search(query, k)
            except RuntimeError as error:
                self._copied.give_up(error)
        mask: Mask | None = None
        if among is not None:
            places = self._places(np.unique(np.asarray(among, dtype=np.int64)))
            if len(places) <= _FEW and isinstance(self._stage, ExactStage):
                return _score(query, FoundVectors(self._ids[places], self._stage.matrix()[places]))
            if len(places) <= _FEW and rescored:
                return ScoredChunks(self._ids[places], np.zeros(len(places), np.float32))
            mask = np.zeros(len(self), bool)
            mask[places] = True
        nearest = self._stage.search(query, k, mask)
        return ScoredChunks(self._ids[nearest.positions], nearest.scores)

    def _places(self, ids: ChunkIds) -> Positions:
        """Where those of the ids are that are held."""
        if not len(self):
            return np.zeros(0, np.int64)
        places = np.minimum(np.searchsorted(self._ids, ids, sorter=self._order), len(self) - 1)
        places = places if self._order is None else self._order[places]
        return places[self._ids[places] == ids]

    def _remove(self, ids: ChunkIds) -> None:
        # Most changes are of new chunks only.
        if len(self) and len(places := self._places(np.unique(ids))):
            self._stage.remove(places)
            self._set_ids(np.delete(self._ids, places))

    def _take_in(self, ids: ChunkIds) -> None:
        self._set_ids(np.concatenate([self._ids, ids]))

    def _set_ids(self, ids: ChunkIds) -> None:
        self._ids = ids
        self._order = None if (np.diff(ids) > 0).all() else np.argsort(ids)

    # --- as a file: of a coded index only, since an exact one is read from the rows about as fast ---

    def write(self, path: str) -> None:
        """Write the codes and ids to a file."""
        with self._lock:
            if isinstance(self._stage, ExactStage):
                raise ValueError("an exact index is not written")
            faiss.write_index(self._stage.with_ids(self._ids), path)


def read_vector_index(path: str, dimension: int, device: Device, most_exact: int) -> VectorIndex:
    """The index that `write` has written. Raises ValueError or RuntimeError where the file holds another thing."""
    ids, stage = decode_stage(faiss.read_index(path))
    index = VectorIndex(dimension, device, most_exact)
    if stage.dimension != dimension:
        raise ValueError(f"vectors of {stage.dimension} numbers")
    index._stage = stage
    index._set_ids(ids)
    return index


def _score(query: Vector, found: FoundVectors) -> ScoredChunks:
    scores = found.vectors @ query
    order = np.argsort(-scores, kind="stable")
    return ScoredChunks(found.ids[order], scores[order])
