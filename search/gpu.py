"""Where an index lies: on the GPU where FAISS has just shown that it works there, else on the CPU.

A GPU index is not safe for several readers, can't remove, and takes no rows in once it is spread over several GPUs. So
it is a copy that its one owner searches under a lock, and what came and went since stands beside it.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import faiss
import numpy as np

from core.types import ChunkIds, EmbeddingMatrix, ScoredChunks, Vector
from search.stages import ExactStage

logger = logging.getLogger(__name__)

# The largest k a GPU index of FAISS returns.
_MOST_FOUND = 2048
# A copy is made anew when more than this, and this share of it, has come or gone.
_FEWEST_CHANGES, _SHARE_OF_CHANGES = 1024, 0.05

CopyIndex = Callable[[faiss.Index], faiss.Index]


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
        _probe(copy_to_gpus)
    except (RuntimeError, AssertionError) as error:
        # FAISS raises RuntimeError for every CUDA trouble: driver, memory, unsupported card.
        return Device("CPU", f"the GPU failed an add-and-search test: {_last_line(error)}")
    return Device("GPU", f"an add-and-search test on it succeeded ({count} found)", gpu=True)


def _last_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or ["no message"])[-1][:160]


def copy_to_gpus(index: faiss.Index) -> faiss.Index:
    """The index on the GPU, or a part of it on each where there are several."""
    options = faiss.GpuMultipleClonerOptions()
    options.shard = True
    return faiss.index_cpu_to_all_gpus(index, co=options)


def _probe(copy_index: CopyIndex) -> None:
    vectors = np.eye(8, dtype=np.float32)
    index = faiss.IndexFlatIP(8)
    index.add(vectors)
    _, found = copy_index(index).search(vectors, 1)
    if found[:, 0].tolist() != list(range(8)):
        raise AssertionError("it returned wrong neighbours")


class CopiedStage:
    """A copy of an exact stage, by chunk id, and what was added and removed since it was made."""

    def __init__(self, copy_index: CopyIndex) -> None:
        self._copy_index = copy_index
        self._copy: faiss.Index | None = None
        self._ids: ChunkIds = np.zeros(0, np.int64)
        self._gone: set[int] = set()
        self._added_ids: ChunkIds = np.zeros(0, np.int64)
        self._added: ExactStage | None = None

    def follow(
        self, removed: ChunkIds, added: ChunkIds, vectors: EmbeddingMatrix, ids: ChunkIds, now: ExactStage
    ) -> None:
        """Take a change in that led to these ids and vectors."""
        changes = len(self._gone) + len(self._added_ids) + len(removed) + len(added)
        if self._copy is None or changes > max(_FEWEST_CHANGES, _SHARE_OF_CHANGES * len(self._ids)):
            # Before the new one is made: there may be no room for two.
            self._copy, self._ids, self._gone = None, ids, set()
            self._added, self._added_ids = None, self._added_ids[:0]
            try:
                self._copy = self._copy_index(now.flat)
            except RuntimeError as error:  # such as memory that a training job has taken
                logger.warning("the index does not fit the GPU now, so the CPU searches (%s)", _last_line(error))
            return
        gone = np.concatenate([removed, added])
        self._gone.update(gone.tolist())
        if self._added is None:
            self._added = ExactStage(now.flat.d)
        if (places := np.flatnonzero(np.isin(self._added_ids, gone))).size:
            self._added.remove(places)
            self._added_ids = np.delete(self._added_ids, places)
        if len(added):
            self._added.add(vectors)
            self._added_ids = np.concatenate([self._added_ids, added])

    def give_up(self, error: RuntimeError) -> None:
        """Forget the copy; the next change makes it anew."""
        logger.warning("the GPU could not search, so the CPU does (%s)", _last_line(error))
        self._copy = None

    def can_find(self, k: int) -> bool:
        return self._copy is not None and k + len(self._gone) <= _MOST_FOUND

    def search(self, vector: Vector, k: int) -> ScoredChunks:
        """The k nearest of the copy and what came since, without what went."""
        assert self._copy is not None
        scores, places = self._copy.search(vector.reshape(1, -1), k + len(self._gone))
        found = places[0] >= 0
        ids, scores = self._ids[places[0][found]], scores[0][found]
        if self._gone:
            kept = ~np.isin(ids, np.fromiter(self._gone, np.int64))
            ids, scores = ids[kept], scores[kept]
        if self._added is not None and len(self._added):
            more = self._added.search(vector, k)
            ids = np.concatenate([ids, self._added_ids[more.positions]])
            scores = np.concatenate([scores, more.scores])
        order = np.argsort(-scores, kind="stable")[:k]
        return ScoredChunks(ids[order], scores[order])
