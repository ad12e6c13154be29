"""Judgements to judged queries and training pairs. Pure functions."""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from core.types import Judgement
from training.data.agreement import agree, gist

MINIMUM_PAIRS = 2
# Below this, chance decides more than the model does, and no recommendation is made.
MINIMUM_QUERIES = 20


@dataclass(frozen=True, slots=True)
class JudgedQuery:
    """A query with its approved and rejected passages: (chunk id, text), each text once."""

    text: str
    relevant: tuple[tuple[int, str], ...]
    rejected: tuple[tuple[int, str], ...]
    judgement_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class TrainingPair:
    """A query and a positive, with hard negatives where there are any: rejected passages, and mined ones.

    `words` is what the query shares with other writings of it; `relevant` are all passages approved for it.
    """

    query: str
    positive: str
    negatives: tuple[str, ...]
    relevant: frozenset[str]
    words: str


@dataclass(frozen=True, slots=True)
class Contradiction:
    """One text that was both approved and rejected for one question, or for writings of it with the same gist."""

    queries: tuple[str, ...]
    text: str
    judgement_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Collected:
    """The judged queries, and what was left out of them: until its contradiction is resolved, or people agree on it."""

    queries: tuple[JudgedQuery, ...]
    contradictions: tuple[Contradiction, ...]
    disagreements: tuple[tuple[int, ...], ...]


def queries_needed(judged_queries: int) -> int:
    """How many more judged queries a recommendation needs."""
    return max(MINIMUM_QUERIES - judged_queries, 0)


def collect_queries(judgements: Iterable[Judgement]) -> Collected:
    """Judged queries with an approved passage, in the order of their first judgement.

    Queries that differ in case, spaces and the mark at the end only are one; "C" and "C++" are two. What contradicts
    itself tells nothing and is left out. Of a passage that several people have judged counts what most of them say.
    """
    agreed = agree(judgements)
    judgements = agreed.judgements
    contradictions = find_contradictions(judgements)
    left_out = {judgement_id for found in contradictions for judgement_id in found.judgement_ids}
    by_query: defaultdict[str, list[Judgement]] = defaultdict(list)
    for judgement in judgements:
        if judgement.id not in left_out:
            by_query[_same_question(judgement.query)].append(judgement)
    queries = []
    for judged in by_query.values():
        approved = {j.text: (j.chunk_id, j.text) for j in judged if j.relevance}
        rejected = {j.text: (j.chunk_id, j.text) for j in judged if not j.relevance}
        if approved:
            ids = tuple(j.id for j in judged)
            queries.append(JudgedQuery(judged[0].query, tuple(approved.values()), tuple(rejected.values()), ids))
    return Collected(tuple(queries), contradictions, agreed.disagreements)


def find_contradictions(judgements: Iterable[Judgement]) -> tuple[Contradiction, ...]:
    """Texts approved and rejected for questions of the same gist, in the order of their first judgement.

    To be asked of what people agree on, see `agree`.
    """
    by_passage: defaultdict[tuple[frozenset[str], str], list[Judgement]] = defaultdict(list)
    for judgement in judgements:
        by_passage[(gist(judgement.query), judgement.text)].append(judgement)
    return tuple(
        Contradiction(tuple(dict.fromkeys(j.query for j in judged)), text, tuple(j.id for j in judged))
        for (_, text), judged in by_passage.items()
        if len({j.relevance for j in judged}) > 1
    )


def _same_question(text: str) -> str:
    return " ".join(text.casefold().split()).rstrip(" ?!.") or text


def fold_query(text: str) -> str:
    """What likely writings of one question have in common: their words. Such queries are kept on one side."""
    return " ".join(re.findall(r"\w+", text.casefold())) or text


def make_pairs(queries: Iterable[JudgedQuery], *, with_rejected: bool = True) -> list[TrainingPair]:
    """A pair for each approved passage; all of the query's rejected passages are shared out as hard negatives.

    Where there are fewer of them than approved passages, they serve in turn. `with_rejected` False leaves them out.
    """
    pairs = []
    for query in queries:
        relevant = frozenset(text for _, text in query.relevant)
        rejected = [text for _, text in query.rejected] if with_rejected else []
        for number, (_, positive) in enumerate(query.relevant):
            shared = rejected[number :: len(query.relevant)] or rejected[number % max(len(rejected), 1) :][:1]
            pairs.append(TrainingPair(query.text, positive, tuple(shared), relevant, fold_query(query.text)))
    return pairs
