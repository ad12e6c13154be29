"""Two model versions on the same held-out queries over all passages: scores by dimension and by query."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

import numpy as np
from sqlite_utils import Database

from core.types import EmbeddingMatrix, ModelVersion
from indexer.encoder import Encoder
from search.evaluation import Scores, judged_at_k, ndcg_at_k, score_run
from search.vector_index import Device, VectorIndex
from storage.library import chunks_by_id
from storage.vectors import ChangeMark, changes_since
from training.pairs import JudgedQuery
from training.verdict import Verdict, bootstrap_interval

_K = 100
# So many hits are judged by nDCG@10, and so many are kept to be looked at.
_TOP = 10
_SHOWN = ("ndcg@10", "mrr@10", "recall@1", "recall@5", "recall@10", "queries")


@dataclass(frozen=True, slots=True)
class QueryScore:
    """nDCG@10 of one query, and its best ten passages by chunk id, twins counted as one."""

    ndcg: float
    top: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class VersionScores:
    """One version's scores at each dimension, with Judged@10, and each query's own at the full one."""

    by_dimension: dict[int, Scores]
    judged: dict[int, float]
    by_query: tuple[QueryScore, ...]

    def at(self, dimension: int, own: int) -> "VersionScores":
        """The same with the scores at its `own` dimension told as those of `dimension`, to stand beside another's."""
        names = {own: dimension}
        return VersionScores(
            {names.get(key, key): scores for key, scores in self.by_dimension.items()},
            {names.get(key, key): share for key, share in self.judged.items()},
            self.by_query,
        )

    @property
    def ndcg(self) -> tuple[float, ...]:
        return tuple(score.ndcg for score in self.by_query)

    def as_dict(self) -> dict[str, dict[str, float]]:
        return {
            str(dimension): {name: scores.as_dict()[name] for name in _SHOWN} | {"judged@10": self.judged[dimension]}
            for dimension, scores in self.by_dimension.items()
        }


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
    judged = [_judged_chunks(query, same_text) for query in queries]
    by_dimension: dict[int, Scores] = {}
    judged_share: dict[int, float] = {}
    by_query: tuple[QueryScore, ...] = ()
    for dimension in dimensions:
        index = VectorIndex(dimension, Device("CPU", "a comparison"))
        index.update(passages.removed[:0], passages.added, _cut(passages.vectors, dimension))
        run = {
            number: _without_repeats(index.search(vector, _K).ids.tolist(), same_text)
            for number, vector in enumerate(_cut(query_vectors, dimension))
        }
        by_dimension[dimension] = score_run(run, qrels)
        shares = [judged_at_k(run[number], known, _TOP) for number, known in enumerate(judged)]
        judged_share[dimension] = fmean(shares) if shares else 0.0
        if dimension == version.dimension:
            by_query = tuple(
                QueryScore(ndcg_at_k(run[number], qrels[number], _TOP), tuple(run[number][:_TOP])) for number in qrels
            )
    return VersionScores(by_dimension, judged_share, by_query)


def make_report(
    queries: Sequence[JudgedQuery], before: VersionScores, after: VersionScores, verdict: Verdict
) -> dict[str, Any]:
    """What is kept of a comparison: scores, each query's own with both rankings, and the verdict."""
    return {
        "before": before.as_dict(),
        "after": after.as_dict(),
        "queries": [
            {
                "query": query.text,
                "relevant": [chunk for chunk, _ in query.relevant],
                "before": {"ndcg@10": old.ndcg, "top": list(old.top)},
                "after": {"ndcg@10": new.ndcg, "top": list(new.top)},
            }
            for query, old, new in zip(queries, before.by_query, after.by_query, strict=True)
        ],
        "interval": list(bootstrap_interval(before.ndcg, after.ndcg)) if queries else None,
        "outcome": verdict.outcome,
        "recommended": verdict.recommended,
        "decision": verdict.sentence,
    }


def _cut(vectors: EmbeddingMatrix, dimension: int) -> EmbeddingMatrix:
    cut = vectors[:, :dimension]
    return cut / np.maximum(np.linalg.norm(cut, axis=1, keepdims=True), 1e-12)


def _judged_chunks(query: JudgedQuery, same_text: dict[int, int]) -> set[int]:
    """What was approved or rejected for the query and is in the library."""
    return {same_text[chunk] for chunk, _ in (*query.relevant, *query.rejected) if chunk in same_text}


def _first_chunk_of_text(db: Database) -> dict[int, int]:
    """Each chunk's first twin: passages of the same text are one answer, wherever they stand."""
    rows = db.conn.execute("SELECT id, min(id) OVER (PARTITION BY content_hash) FROM chunks")
    return dict(rows.fetchall())


def _without_repeats(ids: Sequence[int], same_text: dict[int, int]) -> list[int]:
    return list(dict.fromkeys(same_text[chunk] for chunk in ids if chunk in same_text))
