"""How good a model is while it is trained: a quick score over few passages, and the curve that a page can show."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from indexer.encoder import Encoder
from search.evaluation import ndcg_at_k
from search.gpu import Device
from search.vector_index import VectorIndex
from storage.progress import Progress
from training.data.pairs import JudgedQuery
from training.recipe.embedded_model import EmbeddedModel
from training.recipe.train import TrainingRun

# The curve is scored over the best hits of the start model, few enough to be embedded every time.
_POOL_HITS = 10
_MOST_POOL_QUERIES = 30
# A curve is written as a whole each time.
_SECONDS_BETWEEN_CURVES = 0.5


@dataclass(frozen=True, slots=True)
class Pool:
    """Some queries, and a small set of passages that holds the answers and what the start model took for them."""

    queries: tuple[JudgedQuery, ...]
    passages: dict[int, str]

    def score(self, encoder: Encoder) -> float:
        """Mean nDCG@10 of the encoder's present weights over the pool."""
        ids = np.array(list(self.passages), dtype=np.int64)
        index = VectorIndex(encoder.dimension, Device("CPU", "a few passages"))
        index.update(ids[:0], ids, encoder.encode_truncated_passages(list(self.passages.values())))
        vectors = encoder.encode_queries([query.text for query in self.queries])
        return float(
            np.mean(
                [
                    ndcg_at_k(index.search(vector, 10).ids.tolist(), {chunk: 1 for chunk, _ in query.relevant}, 10)
                    for query, vector in zip(self.queries, vectors, strict=True)
                ]
            )
        )


def make_teller(progress: Progress, split: Mapping[str, Any]) -> Callable[[TrainingRun], None]:
    """Reports each step; the curve with it at every score, and between them as often as one can see."""
    curve_told_at = -math.inf

    def tell(run: TrainingRun) -> None:
        nonlocal curve_told_at
        point, now = run.curve[-1], time.monotonic()
        result = None
        if point.ndcg is not None or now - curve_told_at >= _SECONDS_BETWEEN_CURVES:
            curve_told_at = now
            result = {"curve": run.thin_curve(), "steps": run.steps, "split": split}
        progress.report("training", done=point.step, total=run.steps, result=result)

    return tell


def make_pool(start: EmbeddedModel, queries: Sequence[JudgedQuery]) -> Pool | None:
    """A pool for some of these queries: their answers and what is nearest to them; None where there is no query."""
    if not queries:
        return None
    queries = tuple(queries[:_MOST_POOL_QUERIES])
    passages = {chunk: text for query in queries for chunk, text in query.relevant}
    texts = set(passages.values())
    for hits in start.nearest([query.text for query in queries], _POOL_HITS):
        for chunk, hit in hits.items():
            if hit.text not in texts:
                texts.add(hit.text)
                passages[chunk] = hit.text
    return Pool(queries, passages)
