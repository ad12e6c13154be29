"""Two model versions on the same held-out queries over all passages: scores by dimension and by query."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

from sqlite_utils import Database

from core.types import ChunkIds, EmbeddingMatrix, ModelVersion
from indexer.encoder import Encoder
from search.evaluation import judged_at_k, ndcg_at_k, score_run
from search.gpu import Device
from search.vector_index import VectorIndex, cut_vectors
from storage.library import chunks_by_id
from storage.vectors import ChangeMark, changes_since
from training.data.pairs import JudgedQuery
from training.proof.verdict import Shortage, bootstrap_interval, judge_scores, refuse_forgetting

_K = 100
# So many hits are judged by nDCG@10, and so many are kept to be looked at.
_TOP = 10
_SHOWN = ("ndcg@10", "mrr@10", "recall@1", "recall@5", "recall@10", "queries")


@dataclass(frozen=True, slots=True)
class QueryScore:
    """nDCG@10 of one query at each dimension, and its best ten passages at the full one, by chunk id, twins as one."""

    ndcg_at: tuple[float, ...]
    top: tuple[int, ...]

    @property
    def ndcg(self) -> float:
        return self.ndcg_at[0]


@dataclass(frozen=True, slots=True)
class VersionScores:
    """One version's measures by dimension, the full one first, and each query's own score at the full one."""

    by_dimension: dict[int, dict[str, float]]
    by_query: tuple[QueryScore, ...]

    @property
    def ndcg(self) -> tuple[float, ...]:
        return tuple(score.ndcg for score in self.by_query)

    def as_dict(self) -> dict[str, dict[str, float]]:
        return {str(dimension): measures for dimension, measures in self.by_dimension.items()}


def compare_versions(
    db: Database,
    queries: Sequence[JudgedQuery],
    base: tuple[ModelVersion, Encoder],
    version: tuple[ModelVersion, Encoder],
    cuts: Sequence[int],
    shortage: Shortage,
    guard: Mapping[str, Any] | None,
) -> tuple[list[JudgedQuery], dict[str, Any]]:
    """Base and version on the queries over all passages: the queries that still have an answer, and the report.

    Each is scored at its full dimension, which the report tells as the version's, and at the cuts. One view of the
    library serves both: a paper removed meanwhile is in neither or in both. `guard` is what the check for forgetting
    found, as a report keeps it; None where there was none.
    """
    with db.atomic():
        kept = drop_removed(db, queries)
        before = score_version(db, *base, kept, [base[0].dimension, *cuts])
        after = score_version(db, *version, kept, [version[0].dimension, *cuts])
    # Under the version's dimension, so that the report has them side by side.
    own = before.by_dimension.pop(base[0].dimension)
    before = replace(before, by_dimension={version[0].dimension: own} | before.by_dimension)
    return kept, judge_versions(kept, before, after, shortage, guard)


def judge_versions(
    queries: Sequence[JudgedQuery],
    before: VersionScores,
    after: VersionScores,
    shortage: Shortage,
    guard: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """The report: the scores, each query's own with both rankings, and the verdict."""
    verdict = judge_scores(before.ndcg, after.ndcg, shortage)
    if guard is not None and not guard["holds"]:
        verdict = refuse_forgetting(verdict, guard["sentence"])
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
        "interval": None if verdict.interval is None else list(verdict.interval),
        "intervals": _intervals(before, after),
        "outcome": verdict.outcome,
        "recommended": verdict.recommended,
        "decision": verdict.sentence,
        "guard": guard,
    }


def _intervals(before: VersionScores, after: VersionScores) -> dict[str, list[float]]:
    """The 95% interval of the change of nDCG@10 at each dimension."""
    if not before.by_query:
        return {}
    return {
        str(dimension): list(
            bootstrap_interval(
                [one.ndcg_at[place] for one in before.by_query], [one.ndcg_at[place] for one in after.by_query]
            )
        )
        for place, dimension in enumerate(after.by_dimension)
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
    asked = encoder.encode_queries([query.text for query in queries])
    return score_vectors(queries, asked, passages.added, passages.vectors, first_chunk_of_text(db), dimensions)


def score_vectors(
    queries: Sequence[JudgedQuery],
    query_vectors: EmbeddingMatrix,
    ids: ChunkIds,
    vectors: EmbeddingMatrix,
    same_text: Mapping[int, int],
    dimensions: Sequence[int],
) -> VersionScores:
    """Scores of the queries over these passages; each query's own are those at the first dimension."""
    qrels = {number: {same_text[chunk]: 1 for chunk, _ in query.relevant} for number, query in enumerate(queries)}
    judged = [_judged_chunks(query, same_text) for query in queries]
    by_dimension: dict[int, dict[str, float]] = {}
    ndcg: list[list[float]] = [[] for _ in queries]
    top: list[tuple[int, ...]] = [()] * len(queries)
    for dimension in dimensions:
        index = VectorIndex(dimension, Device("CPU", "a comparison"))
        index.update(ids[:0], ids, cut_vectors(vectors, dimension))
        run = {
            number: _without_repeats(index.search(vector, _K).ids.tolist(), same_text)
            for number, vector in enumerate(cut_vectors(query_vectors, dimension))
        }
        scores = score_run(run, qrels).as_dict()
        shares = [judged_at_k(run[number], known, _TOP) for number, known in enumerate(judged)]
        by_dimension[dimension] = {name: scores[name] for name in _SHOWN} | {
            "judged@10": fmean(shares) if shares else 0.0
        }
        for number, ranked in run.items():
            ndcg[number].append(ndcg_at_k(ranked, qrels[number], _TOP))
            top[number] = top[number] or tuple(ranked[:_TOP])
    return VersionScores(by_dimension, tuple(map(QueryScore, map(tuple, ndcg), top)))


def join_scores(parts: Sequence[VersionScores]) -> VersionScores:
    """The scores of all the parts' queries together, in their order."""
    total = sum(len(part.by_query) for part in parts)
    by_dimension = {
        dimension: {
            name: total
            if name == "queries"
            else sum(len(part.by_query) * part.by_dimension[dimension][name] for part in parts) / total
            for name in measures
        }
        for dimension, measures in parts[0].by_dimension.items()
    }
    return VersionScores(by_dimension, tuple(score for part in parts for score in part.by_query))


def _judged_chunks(query: JudgedQuery, same_text: Mapping[int, int]) -> set[int]:
    """What was approved or rejected for the query and is in the library."""
    return {same_text[chunk] for chunk, _ in (*query.relevant, *query.rejected) if chunk in same_text}


def first_chunk_of_text(db: Database) -> dict[int, int]:
    """Each chunk's first twin: passages of the same text are one answer, wherever they stand."""
    rows = db.conn.execute("SELECT id, min(id) OVER (PARTITION BY content_hash) FROM chunks")
    return dict(rows.fetchall())


def _without_repeats(ids: Sequence[int], same_text: Mapping[int, int]) -> list[int]:
    return list(dict.fromkeys(same_text[chunk] for chunk in ids if chunk in same_text))
