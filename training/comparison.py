"""Two model versions on the same held-out queries over all passages: scores by dimension, and what to make of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sqlite_utils import Database

from core.types import EmbeddingMatrix, ModelVersion
from indexer.encoder import Encoder
from search.evaluation import Scores, ndcg_at_k, score_run
from search.vector_index import Device, VectorIndex
from storage.library import chunks_by_id
from storage.vectors import ChangeMark, changes_since
from training.pairs import JudgedQuery

MINIMUM_HELD_OUT = 5
_K = 100
_RESAMPLES = 2000
_SIGNIFICANCE = 0.025
_SHOWN = ("ndcg@10", "mrr@10", "recall@1", "recall@5", "recall@10", "queries")


@dataclass(frozen=True, slots=True)
class VersionScores:
    """One version's scores at each dimension, and each query's nDCG@10 at the full one."""

    by_dimension: dict[int, Scores]
    ndcg_by_query: tuple[float, ...]

    def as_dict(self) -> dict[str, dict[str, float]]:
        return {
            str(dimension): {name: scores.as_dict()[name] for name in _SHOWN}
            for dimension, scores in self.by_dimension.items()
        }


@dataclass(frozen=True, slots=True)
class Verdict:
    recommended: bool
    sentence: str


def drop_removed(db: Database, queries: Sequence[JudgedQuery]) -> list[JudgedQuery]:
    """The queries with those answers that are still in the library; without the queries that have none left."""
    live = chunks_by_id(db, [chunk for query in queries for chunk, _ in query.relevant])
    kept = [
        replace(query, relevant=tuple(passage for passage in query.relevant if passage[0] in live)) for query in queries
    ]
    return [query for query in kept if query.relevant]


def score_version(
    db: Database, version: ModelVersion, encoder: Encoder, queries: Sequence[JudgedQuery], dimensions: Sequence[int]
) -> VersionScores:
    """Scores over every passage with this version's vector, vectors cut to each dimension and made unit again.

    Every answer must be in the library, as `drop_removed` sees to in the same transaction.
    """
    passages = changes_since(db, version.id, version.dimension, ChangeMark())
    same_text = _first_chunk_of_text(db)
    query_vectors = encoder.encode_queries([query.text for query in queries])
    qrels = {number: {same_text[chunk]: 1 for chunk, _ in query.relevant} for number, query in enumerate(queries)}
    by_dimension: dict[int, Scores] = {}
    ndcg: tuple[float, ...] = ()
    for dimension in dimensions:
        index = VectorIndex(dimension, Device("CPU", "a comparison"))
        index.update(passages.removed[:0], passages.added, _cut(passages.vectors, dimension))
        run = {
            number: _without_repeats(index.search(vector, _K).ids.tolist(), same_text)
            for number, vector in enumerate(_cut(query_vectors, dimension))
        }
        by_dimension[dimension] = score_run(run, qrels)
        if dimension == version.dimension:
            ndcg = tuple(ndcg_at_k(run[number], qrels[number], 10) for number in qrels)
    return VersionScores(by_dimension, ndcg)


def compare(before: VersionScores, after: VersionScores, judged_queries_missing: int) -> Verdict:
    """Whether to promote, in one sentence with its evidence: a paired bootstrap over the held-out queries."""
    count = len(before.ndcg_by_query)
    if not count:
        return Verdict(False, "No question could be held out, so nothing tells whether this model is better.")
    old, new = float(np.mean(before.ndcg_by_query)), float(np.mean(after.ndcg_by_query))
    low, high = bootstrap_interval(before.ndcg_by_query, after.ndcg_by_query)
    figures = (
        f"nDCG@10 {old:.3f} before, {new:.3f} after on {count} held-out questions "
        f"(95% interval of the change {low:+.3f} to {high:+.3f})"
    )
    if count < MINIMUM_HELD_OUT or judged_queries_missing:
        more = f"; approve passages for {judged_queries_missing} more questions" if judged_queries_missing else ""
        return Verdict(False, f"Too little evidence for a recommendation: {figures}{more}.")
    if low > 0 and sign_flip_p_value(before.ndcg_by_query, after.ndcg_by_query) <= _SIGNIFICANCE:
        return Verdict(True, f"Better, more than chance explains: {figures}.")
    if new > old:
        return Verdict(False, f"Perhaps better, but it may be chance: {figures}. Keep the present model.")
    return Verdict(False, f"Not better: {figures}. Keep the present model.")


def bootstrap_interval(before: Sequence[float], after: Sequence[float], seed: int = 0) -> tuple[float, float]:
    """The 95% percentile interval of the mean change, queries resampled in pairs (Efron and Tibshirani 1993)."""
    changes = np.asarray(after) - np.asarray(before)
    rng = np.random.default_rng(seed)
    means = changes[rng.integers(0, len(changes), (_RESAMPLES, len(changes)))].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def sign_flip_p_value(before: Sequence[float], after: Sequence[float], seed: int = 0) -> float:
    """How often changes of random sign have a mean as large (Fisher's randomisation test, one-sided).

    On few queries the bootstrap's interval is too narrow; this test is not misled in that way.
    """
    changes = np.asarray(after) - np.asarray(before)
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], (_RESAMPLES, len(changes)))
    as_large = ((signs * changes).mean(axis=1) >= changes.mean() - 1e-12).sum()
    return float((as_large + 1) / (_RESAMPLES + 1))


def make_report(before: VersionScores, after: VersionScores, verdict: Verdict) -> dict[str, Any]:
    return {
        "before": before.as_dict(),
        "after": after.as_dict(),
        "recommended": verdict.recommended,
        "decision": verdict.sentence,
    }


def _cut(vectors: EmbeddingMatrix, dimension: int) -> EmbeddingMatrix:
    cut = vectors[:, :dimension]
    return cut / np.maximum(np.linalg.norm(cut, axis=1, keepdims=True), 1e-12)


def _first_chunk_of_text(db: Database) -> dict[int, int]:
    """Each chunk's first twin: passages of the same text are one answer, wherever they stand."""
    rows = db.conn.execute("SELECT id, min(id) OVER (PARTITION BY content_hash) FROM chunks")
    return dict(rows.fetchall())


def _without_repeats(ids: Sequence[int], same_text: dict[int, int]) -> list[int]:
    return list(dict.fromkeys(same_text[chunk] for chunk in ids if chunk in same_text))
