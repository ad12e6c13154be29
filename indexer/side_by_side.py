"""Batches on several threads of a CPU: each thread takes a batch to itself.

PyTorch's own threads share every multiplication, and wait for one another after each, which in small batches costs a
third: 512 passages of PubMedQA take all-MiniLM-L6-v2 14.6 s with two threads on each batch, 11.0 s with two batches on
a thread each, on the same two cores.
"""

import copy
import queue
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

# With more, Python itself is what they wait for; each has its share of the cores.
_MOST_SIDE_BY_SIDE = 4


def threads_for(model: "SentenceTransformer", batches: Sequence[object]) -> int:
    """How many batches to work on at once; 1 on a GPU, and where PyTorch is to use one thread."""
    import torch

    if model.device.type != "cpu":
        return 1
    return max(1, min(torch.get_num_threads(), len(batches), _MOST_SIDE_BY_SIDE))


def work_side_by_side(
    models: Iterable["SentenceTransformer"],
    batches: Sequence[list[int]],
    work: Callable[["SentenceTransformer", list[int]], object],
    between: Callable[[], object],
) -> None:
    """Do the work on each batch, with whichever model is idle; `between` is called after each, in the caller's thread.

    What either raises ends it, once the batches in hand are done.
    """
    import torch

    idle: queue.SimpleQueue[SentenceTransformer] = queue.SimpleQueue()
    for model in models:
        idle.put(model)
    count, cores = idle.qsize(), torch.get_num_threads()

    def take(batch: list[int]) -> None:
        model = idle.get()
        try:
            work(model, batch)
        finally:
            idle.put(model)

    # How many threads PyTorch uses is told to each thread, and to those that come later.
    share = max(1, cores // count)
    try:
        with ThreadPoolExecutor(count, "embed", torch.set_num_threads, (share,)) as pool:
            try:
                for done in as_completed([pool.submit(take, batch) for batch in batches]):
                    done.result()
                    between()
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
    finally:
        torch.set_num_threads(cores)


class ModelCopies:
    """Copies of a model for a thread each: the same weights in the same memory, and a tokenizer of their own, for one
    can't be called by two threads."""

    def __init__(self, model: "SentenceTransformer") -> None:
        self._model = model
        self._parts: list[object] = []
        self._copies: list[SentenceTransformer] = []

    def take(self, count: int) -> "list[SentenceTransformer]":
        """So many, made anew where the model has other parts than before, as a training may give it."""
        weights = [*self._model.parameters(), *self._model.buffers()]
        parts = [*self._model.modules(), *weights]
        if len(parts) != len(self._parts) or any(
            one is not other for one, other in zip(parts, self._parts, strict=True)
        ):
            self._parts, self._copies = parts, []
        while len(self._copies) < count:
            self._copies.append(copy.deepcopy(self._model, {id(weight): weight for weight in weights}))
        return self._copies[:count]
