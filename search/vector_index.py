"""FAISS by chunk id. The only owner of a FAISS index: callers see ids and scores, never row positions."""

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import faiss
import numpy as np
from numpy.typing import NDArray

from core.types import ChunkIds, EmbeddingMatrix, ScoredChunks, Vector

logger = logging.getLogger(__name__)

# The largest k a GPU index of FAISS returns.
_GPU_MOST = 2048


def cut_vectors(vectors: EmbeddingMatrix, dimension: int) -> EmbeddingMatrix:
    """The vectors cut to their leading dimensions, unit vectors again."""
    cut = vectors[:, :dimension]
    return np.ascontiguousarray(cut / np.maximum(np.linalg.norm(cut, axis=1, keepdims=True), 1e-12))


@dataclass(frozen=True, slots=True)
class Device:
    """Where the index lies, and why there, in words."""

    name: str
    why: str
    gpu: bool = False


@cache
def find_device() -> Device:
    """The GPU if FAISS has just added and found vectors on it, else the CPU."""
    if not hasattr(faiss, "StandardGpuResources"):
        return Device("CPU", "this FAISS is built without GPU support")
    count = faiss.get_num_gpus()
    if not count:
        return Device("CPU", "FAISS finds no GPU on this machine")
    try:
        _probe_gpu()
    except (RuntimeError, AssertionError) as error:
        # FAISS raises RuntimeError for every CUDA trouble: driver, memory, unsupported card.
        reason = (str(error).strip().splitlines() or ["no message"])[-1][:160]
        return Device("CPU", f"the GPU failed an add-and-search test: {reason}")
    return Device("GPU", f"an add-and-search test on it succeeded ({count} found)", gpu=True)


def _probe_gpu() -> None:
    vectors = np.eye(8, dtype=np.float32)
    index = faiss.GpuIndexFlatIP(faiss.StandardGpuResources(), 8)
    index.add(vectors)
    _, found = index.search(vectors, 1)
    if found[:, 0].tolist() != list(range(8)):
        raise AssertionError("it returned wrong neighbours")


class VectorIndex:
    """Exact inner-product search over unit vectors. One lock: searches and changes never meet."""

    def __init__(self, dimension: int, device: Device | None = None) -> None:
        self.dimension = dimension
        self.device = device or find_device()
        self._lock = threading.Lock()
        self._cpu = faiss.IndexIDMap2(faiss.IndexFlatIP(dimension))
        self._gpu: faiss.Index | None = None
        if self.device.gpu:
            self._resources = faiss.StandardGpuResources()

    def __len__(self) -> int:
        return self._cpu.ntotal

    def update(self, removed: ChunkIds, added: ChunkIds, vectors: EmbeddingMatrix) -> None:
        """Forget and take in, in this order. An id that is held already gets the new vector."""
        if not len(removed) and not len(added):
            return
        gone = np.concatenate([removed, added]) if len(self) else removed
        with self._lock:
            if len(gone) and len(self):
                self._cpu.remove_ids(faiss.IDSelectorBatch(gone))
            if len(added):
                self._cpu.add_with_ids(np.ascontiguousarray(vectors), added)
            if self.device.gpu:
                # A GPU index can't remove: it is a copy of the CPU's, made anew.
                self._gpu = faiss.index_cpu_to_gpu(self._resources, 0, self._cpu)

    def best_scores(self, vectors: EmbeddingMatrix) -> NDArray[np.float32]:
        """The score of each vector's nearest chunk; none where there is no chunk."""
        if not len(self):
            return np.zeros(0, np.float32)
        with self._lock:
            scores, _ = (self._gpu or self._cpu).search(np.ascontiguousarray(vectors, dtype=np.float32), 1)
        return scores[:, 0]

    def search(self, vector: Vector, k: int, among: Sequence[int] | ChunkIds | None = None) -> ScoredChunks:
        """The k nearest chunks, or fewer where there are no more, best first; only those `among` the ids if given."""
        query = np.ascontiguousarray(vector, dtype=np.float32).reshape(1, self.dimension)
        with self._lock:
            if among is not None:
                selector = faiss.IDSelectorBatch(np.asarray(among, dtype=np.int64))
                parameters = faiss.SearchParameters(sel=selector)  # type: ignore[call-arg]
                scores, ids = self._cpu.search(query, k, params=parameters)
            elif self._gpu is not None and k <= _GPU_MOST:
                scores, ids = self._gpu.search(query, k)
            else:
                scores, ids = self._cpu.search(query, k)
        found = ids[0] >= 0
        return ScoredChunks(ids[0][found], scores[0][found])
