"""What several people say of one passage for one question: their verdicts as one, or none. Pure functions."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from core.types import Judgement
from core.words import COMMON_WORDS


@dataclass(frozen=True, slots=True)
class Agreed:
    """The judgements that count, and by their ids those on each passage that as many approve as reject."""

    judgements: tuple[Judgement, ...]
    disagreements: tuple[tuple[int, ...], ...]


def agree(judgements: Iterable[Judgement]) -> Agreed:
    """What most people say of a passage for questions of one gist, each person once; where it is a tie, nothing.

    Who contradicts themselves has yet to resolve it: all that is said of that passage stays as it is.
    """
    by_passage: defaultdict[tuple[frozenset[str], int], list[Judgement]] = defaultdict(list)
    for judgement in judgements:
        by_passage[gist(judgement.query), judgement.chunk_id].append(judgement)
    kept: list[Judgement] = []
    disagreements = []
    for judged in by_passage.values():
        votes = {(one.giver, one.relevance) for one in judged}
        givers = {giver for giver, _ in votes}
        if len(givers) == 1 or len(votes) > len(givers):
            kept += judged
            continue
        counted = Counter(relevance for _, relevance in votes)
        if counted[1] == counted[0]:
            disagreements.append(tuple(one.id for one in judged))
        else:
            kept += _as_one([one for one in judged if one.relevance == (counted[1] > counted[0])])
    return Agreed(tuple(sorted(kept, key=lambda one: one.id)), tuple(disagreements))


def gist(query: str) -> frozenset[str]:
    """The words that matter, in any order: "how is attention computed?" and "how attention is computed" have one."""
    words = {word.strip("?!.,;:\"'()") for word in query.casefold().split()} - {""}
    return frozenset(words - COMMON_WORDS or words)


def _as_one(agreeing: Sequence[Judgement]) -> list[Judgement]:
    """Those that mean the least of the passage: where one says which sentence answers, that is what answers."""
    shortest = min((one.text for one in agreeing), key=len)
    return [one for one in agreeing if one.text == shortest]
