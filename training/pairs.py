"""Judgements to training pairs, and a split that leaks nothing. Pure functions."""

import random
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from core.types import Judgement
from core.words import COMMON_WORDS

MINIMUM_PAIRS = 2
# Below this, chance decides more than the model does, and no recommendation is made.
MINIMUM_QUERIES = 20
_HELD_OUT_SHARE = 0.25
_CHOOSE_SHARE = 0.15
_QUERIES_FOR_HOLDING_OUT = 3
# Jaccard similarity of word sets: four words of five.
_NEAR_DUPLICATE = 0.75
# From so many judged queries on, there are enough to choose the checkpoint on others than those that decide.
_QUERIES_FOR_CHOOSING = MINIMUM_QUERIES
# Below this, a quarter of the queries proves next to nothing, and cross-validation takes its place.
_QUERIES_FOR_ONE_SPLIT = 40
_FOLDS = 4


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
class Split:
    """Judged queries to train on, to choose the checkpoint on where that is asked for, and to decide on.

    Where there are too few for both, `choose` is `held_out`, and its scores flatter the chosen checkpoint. With `folds`
    all queries are trained on, and each part of the held-out ones is decided on by a model trained on the others.
    """

    train: tuple[JudgedQuery, ...]
    choose: tuple[JudgedQuery, ...]
    held_out: tuple[JudgedQuery, ...]
    folds: tuple[tuple[JudgedQuery, ...], ...] = ()

    @property
    def chosen_on_held_out(self) -> bool:
        return bool(self.choose) and self.choose == self.held_out


@dataclass(frozen=True, slots=True)
class Contradiction:
    """One text that was both approved and rejected for one question, or for writings of it with the same gist."""

    queries: tuple[str, ...]
    text: str
    judgement_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Collected:
    """The judged queries, and what was left out of them until its contradiction is resolved."""

    queries: tuple[JudgedQuery, ...]
    contradictions: tuple[Contradiction, ...]


def queries_needed(judged_queries: int) -> int:
    """How many more judged queries a recommendation needs."""
    return max(MINIMUM_QUERIES - judged_queries, 0)


def collect_queries(judgements: Iterable[Judgement]) -> Collected:
    """Judged queries with an approved passage, in the order of their first judgement.

    Queries that differ in case, spaces and the mark at the end only are one; "C" and "C++" are two. What contradicts
    itself tells nothing and is left out.
    """
    judgements = tuple(judgements)
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
    return Collected(tuple(queries), contradictions)


def find_contradictions(judgements: Iterable[Judgement]) -> tuple[Contradiction, ...]:
    """Texts approved and rejected for questions of the same gist, in the order of their first judgement."""
    by_passage: defaultdict[tuple[frozenset[str], str], list[Judgement]] = defaultdict(list)
    for judgement in judgements:
        by_passage[(_gist(judgement.query), judgement.text)].append(judgement)
    return tuple(
        Contradiction(tuple(dict.fromkeys(j.query for j in judged)), text, tuple(j.id for j in judged))
        for (_, text), judged in by_passage.items()
        if len({j.relevance for j in judged}) > 1
    )


def _gist(query: str) -> frozenset[str]:
    """The words that matter, in any order: "how is attention computed?" and "how attention is computed" have one."""
    words = {word.strip("?!.,;:\"'()") for word in query.casefold().split()} - {""}
    return frozenset(words - COMMON_WORDS or words)


def _same_question(text: str) -> str:
    return " ".join(text.casefold().split()).rstrip(" ?!.") or text


def fold_query(text: str) -> str:
    """What likely writings of one question have in common: their words. Such queries are kept on one side."""
    return " ".join(re.findall(r"\w+", text.casefold())) or text


def make_pairs(queries: Iterable[JudgedQuery]) -> list[TrainingPair]:
    """A pair for each approved passage; all of the query's rejected passages are shared out as hard negatives.

    Where there are fewer of them than approved passages, they serve in turn.
    """
    pairs = []
    for query in queries:
        relevant = frozenset(text for _, text in query.relevant)
        rejected = [text for _, text in query.rejected]
        for number, (_, positive) in enumerate(query.relevant):
            shared = rejected[number :: len(query.relevant)] or rejected[number % max(len(rejected), 1) :][:1]
            pairs.append(TrainingPair(query.text, positive, tuple(shared), relevant, fold_query(query.text)))
    return pairs


def split_queries(
    queries: Sequence[JudgedQuery], seed: int, learnt: Collection[str] = (), *, choose: bool = True
) -> Split:
    """Train, choose and held-out queries; those that share their words or an approved passage stay together.

    Without `choose` the checkpoint is not chosen, and no query is kept from training for it; a few dozen queries are
    then divided for cross-validation, as a quarter of them would prove nothing.

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
    unseen = _flatten(fresh)
    if not choose and MINIMUM_QUERIES <= len(unseen) < _QUERIES_FOR_ONE_SPLIT:
        parts = [tuple(unseen[number] for number in sorted(part)) for part in fold_queries(unseen, _FOLDS, seed)]
        if len(parts) > 1:
            return Split(_flatten([*known, *fresh]), (), _flatten(parts), tuple(parts))
    held_out, rest = _take(fresh, round(_HELD_OUT_SHARE * len(queries)), len(queries))
    decided_on = _flatten(held_out)
    if not choose:
        return Split(_flatten([*known, *rest]), (), decided_on)
    chosen_on, rest = _take_for_choosing(rest, len(queries))
    return Split(_flatten([*known, *rest]), _flatten(chosen_on) or decided_on, decided_on)


def untouched_queries(queries: Sequence[JudgedQuery], touched: Collection[str]) -> list[JudgedQuery]:
    """The queries that hang together with none whose words are in `touched`."""
    groups = (group for group in _components(queries) if not any(fold_query(one.text) in touched for one in group))
    return [query for group in groups for query in group]


def split_for_choosing(
    queries: Sequence[JudgedQuery], seed: int
) -> tuple[tuple[JudgedQuery, ...], tuple[JudgedQuery, ...]]:
    """Queries to train on and, where there are enough, others to choose the checkpoint on; for labelled sets.

    Queries that hang together stay together, as in `split_queries`.
    """
    groups = _components(queries)
    random.Random(seed).shuffle(groups)
    choose, rest = _take_for_choosing(groups, len(queries))
    return (_flatten(rest), _flatten(choose)) if choose else (tuple(queries), ())


def fold_queries(queries: Sequence[JudgedQuery], folds: int, seed: int) -> list[set[int]]:
    """The positions of the queries in so many parts of like size, for cross-validation; fewer where they hang together.

    Queries that share their words or an approved passage are in one part.
    """
    position = {id(query): number for number, query in enumerate(queries)}
    groups = _components(queries)
    random.Random(seed).shuffle(groups)
    parts: list[set[int]] = [set() for _ in range(min(folds, len(groups)))]
    for group in sorted(groups, key=len, reverse=True):
        min(parts, key=len).update(position[id(query)] for query in group)
    return parts


def _take_for_choosing(
    groups: list[list[JudgedQuery]], total: int
) -> tuple[list[list[JudgedQuery]], list[list[JudgedQuery]]]:
    """Groups to choose on, none where there are too few queries, and the others."""
    if total < _QUERIES_FOR_CHOOSING:
        return [], groups
    return _take(groups, round(_CHOOSE_SHARE * total), total)


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
    """Queries connected by (nearly) their words, or by approved passages, by chunk or by text."""
    parent = list(range(len(queries)))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    for index, other in _near_duplicates([query.text for query in queries]):
        parent[root(index)] = root(other)
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


def _near_duplicates(texts: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Pairs of texts that have nearly the same words (Jaccard similarity)."""
    sets = [frozenset(fold_query(text).split()) for text in texts]
    for index, words in enumerate(sets):
        for other in range(index):
            common = len(words & sets[other])
            if common >= _NEAR_DUPLICATE * (len(words) + len(sets[other]) - common):
                yield index, other


def _flatten(groups: Iterable[Sequence[JudgedQuery]]) -> tuple[JudgedQuery, ...]:
    return tuple(query for group in groups for query in group)
