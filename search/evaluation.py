"""Measures of a ranking against judgements: pure functions over ids.

A run is a query's ranked passage ids, best first; qrels map a query's relevant passage ids to a relevance above 0.
A query without any result scores 0, it does not vanish.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import TypeVar

Id = TypeVar("Id", int, str)


def ndcg_at_k(ranked: Sequence[Id], relevant: Mapping[Id, int], k: int) -> float:
    """Normalised discounted cumulative gain (Järvelin and Kekäläinen 2002), the gain being the relevance itself."""
    gains = [relevant.get(passage, 0) for passage in ranked[:k]]
    ideal = sorted(relevant.values(), reverse=True)[:k]
    best = _discounted(ideal)
    return _discounted(gains) / best if best else 0.0


def mrr_at_k(ranked: Sequence[Id], relevant: Collection[Id], k: int) -> float:
    """One over the rank of the first relevant passage; 0 if none is among the first k."""
    return next((1 / rank for rank, passage in enumerate(ranked[:k], start=1) if passage in relevant), 0.0)


def recall_at_k(ranked: Sequence[Id], relevant: Collection[Id], k: int) -> float:
    """The share of the relevant passages that is among the first k."""
    return len(set(ranked[:k]) & set(relevant)) / len(relevant) if relevant else 0.0


def judged_at_k(ranked: Sequence[Id], judged: Collection[Id], k: int) -> float:
    """The share of the first k that anyone has judged at all."""
    return sum(passage in judged for passage in ranked[:k]) / min(k, len(ranked)) if ranked else 0.0


@dataclass(frozen=True, slots=True)
class Scores:
    """Means over queries."""

    ndcg_at_10: float
    mrr_at_10: float
    recall_at_1: float
    recall_at_5: float
    recall_at_10: float
    recall_at_100: float
    queries: int

    def as_dict(self) -> dict[str, float]:
        """By the measures' usual names: ndcg@10, recall@1, ..."""
        return {name.replace("_at_", "@"): value for name, value in asdict(self).items()}


def score_run(run: Mapping[Id, Sequence[Id]], qrels: Mapping[Id, Mapping[Id, int]]) -> Scores:
    """Mean scores over every query of the qrels that has a relevant passage."""
    judged = {query: relevant for query, relevant in qrels.items() if relevant}
    if not judged:
        return Scores(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0)
    ranked = {query: run.get(query, ()) for query in judged}

    def mean_recall(k: int) -> float:
        return fmean(recall_at_k(ranked[query], relevant, k) for query, relevant in judged.items())

    return Scores(
        ndcg_at_10=fmean(ndcg_at_k(ranked[query], relevant, 10) for query, relevant in judged.items()),
        mrr_at_10=fmean(mrr_at_k(ranked[query], relevant, 10) for query, relevant in judged.items()),
        recall_at_1=mean_recall(1),
        recall_at_5=mean_recall(5),
        recall_at_10=mean_recall(10),
        recall_at_100=mean_recall(100),
        queries=len(judged),
    )


def _discounted(gains: Sequence[int]) -> float:
    return sum(gain / math.log2(rank + 1) for rank, gain in enumerate(gains, start=1))
