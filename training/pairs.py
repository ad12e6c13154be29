"""Judgements to training pairs, and a split that leaks nothing. Pure functions."""

import random
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from core.types import Judgement

MINIMUM_PAIRS = 2
# Below this, chance decides more than the model does, and no recommendation is made.
MINIMUM_QUERIES = 20
_HELD_OUT_SHARE = 0.25
_CHOOSE_SHARE = 0.15
_QUERIES_FOR_HOLDING_OUT = 3
# From so many judged queries on, there are enough to choose the checkpoint on others than those that decide.
_QUERIES_FOR_CHOOSING = MINIMUM_QUERIES


@dataclass(frozen=True, slots=True)
class JudgedQuery:
    """A query with its approved and rejected passages: (chunk id, text), each text once."""

    text: str
    relevant: tuple[tuple[int, str], ...]
    rejected: tuple[tuple[int, str], ...]
    judgement_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class TrainingPair:
    """A query and a positive, with a rejected passage as hard negative where there is one.

    `words` is what the query shares with other writings of it; `relevant` are all passages approved for it.
    """

    query: str
    positive: str
    negative: str | None
    relevant: frozenset[str]
    words: str


@dataclass(frozen=True, slots=True)
class Split:
    """Judged queries to train on, to choose the checkpoint on, and to decide on.

    Where there are too few for both, `choose` is `held_out`, and its scores flatter the chosen checkpoint.
    """

    train: tuple[JudgedQuery, ...]
    choose: tuple[JudgedQuery, ...]
    held_out: tuple[JudgedQuery, ...]

    @property
    def chosen_on_held_out(self) -> bool:
        return self.choose == self.held_out


@dataclass(frozen=True, slots=True)
class Collected:
    """The judged queries, and how many passages were left out for being both approved and rejected for a query."""

    queries: tuple[JudgedQuery, ...]
    contradictions: int


def queries_needed(judged_queries: int) -> int:
    """How many more judged queries a recommendation needs."""
    return max(MINIMUM_QUERIES - judged_queries, 0)


def collect_queries(judgements: Iterable[Judgement]) -> Collected:
    """Judged queries with an approved passage, in the order of their first judgement.

    Queries that differ in case, spaces and the mark at the end only are one; "C" and "C++" are two. The same text both
    approved and rejected for a query, in two places, tells nothing and is left out.
    """
    by_query: defaultdict[str, list[Judgement]] = defaultdict(list)
    for judgement in judgements:
        by_query[_same_question(judgement.query)].append(judgement)
    queries, contradictions = [], 0
    for judged in by_query.values():
        approved = {j.text: (j.chunk_id, j.text) for j in judged if j.relevance}
        rejected = {j.text: (j.chunk_id, j.text) for j in judged if not j.relevance}
        both = approved.keys() & rejected.keys()
        contradictions += len(both)
        relevant = tuple(passage for text, passage in approved.items() if text not in both)
        if relevant:
            others = tuple(passage for text, passage in rejected.items() if text not in both)
            queries.append(JudgedQuery(judged[0].query, relevant, others, tuple(j.id for j in judged)))
    return Collected(tuple(queries), contradictions)


def _same_question(text: str) -> str:
    return " ".join(text.casefold().split()).rstrip(" ?!.") or text


def fold_query(text: str) -> str:
    """What likely writings of one question have in common: their words. Such queries are kept on one side."""
    return " ".join(re.findall(r"\w+", text.casefold())) or text


def make_pairs(queries: Iterable[JudgedQuery]) -> list[TrainingPair]:
    """A pair for each approved passage; the query's rejected passages serve in turn as its hard negatives."""
    pairs = []
    for query in queries:
        relevant = frozenset(text for _, text in query.relevant)
        for number, (_, positive) in enumerate(query.relevant):
            negative = query.rejected[number % len(query.rejected)][1] if query.rejected else None
            pairs.append(TrainingPair(query.text, positive, negative, relevant, fold_query(query.text)))
    return pairs


def split_queries(queries: Sequence[JudgedQuery], seed: int, learnt: Collection[str] = ()) -> Split:
    """Train, choose and held-out queries; those that share their words or an approved passage stay together.

    The words of queries in `learnt` are what the base model was trained on before: scores on them prove nothing, so
    they are trained on again. The same queries and seed give the same split. Nothing is held out of two queries,
    which are needed to train at all, or where all queries hang together.
    """
    if len(queries) < _QUERIES_FOR_HOLDING_OUT:
        return Split(tuple(queries), (), ())
    groups = _components(queries)
    random.Random(seed).shuffle(groups)
    known: list[list[JudgedQuery]] = []
    fresh: list[list[JudgedQuery]] = []
    for group in groups:
        (known if any(fold_query(query.text) in learnt for query in group) else fresh).append(group)
    held_out, rest = _take(fresh, round(_HELD_OUT_SHARE * len(queries)), len(queries))
    choose: list[list[JudgedQuery]] = []
    if len(queries) >= _QUERIES_FOR_CHOOSING:
        choose, rest = _take(rest, round(_CHOOSE_SHARE * len(queries)), len(queries))
    decided_on = _flatten(held_out)
    return Split(_flatten([*known, *rest]), _flatten(choose) or decided_on, decided_on)


def _take(
    groups: Sequence[list[JudgedQuery]], wanted: int, total: int
) -> tuple[list[list[JudgedQuery]], list[list[JudgedQuery]]]:
    """Groups of about so many queries together, and the others; one group at least is left."""
    taken: list[list[JudgedQuery]] = []
    rest: list[list[JudgedQuery]] = []
    count = 0
    for group in groups:
        missing = max(wanted, 1) - count
        # A group larger than what is missing would leave too little to train on.
        if missing > 0 and len(group) <= max(missing, total // 3) and len(taken) + 1 < len(groups):
            taken.append(group)
            count += len(group)
        else:
            rest.append(group)
    return taken, rest


def _components(queries: Sequence[JudgedQuery]) -> list[list[JudgedQuery]]:
    """Queries connected by their words, or by approved passages, by chunk or by text."""
    parent = list(range(len(queries)))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    seen: dict[tuple[str, int | str], int] = {}
    for index, query in enumerate(queries):
        keys: list[tuple[str, int | str]] = [("words", fold_query(query.text))]
        for chunk_id, text in query.relevant:
            keys += [("chunk", chunk_id), ("text", text)]
        for key in keys:
            parent[root(index)] = root(seen.setdefault(key, index))
    groups: defaultdict[int, list[JudgedQuery]] = defaultdict(list)
    for index, query in enumerate(queries):
        groups[root(index)].append(query)
    return list(groups.values())


def _flatten(groups: Iterable[list[JudgedQuery]]) -> tuple[JudgedQuery, ...]:
    return tuple(query for group in groups for query in group)
