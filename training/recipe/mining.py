"""Hard negatives from the start model's best hits, minus what may be an answer that nobody has approved yet.

A hit that scores too near the positive is likely one: kept are those below a share of the positive's score, as in
NV-Retriever (Moreira et al. 2024, "TopK-PercPos").
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from training.data.pairs import TrainingPair

# The highest score of a negative, as a share of the positive's. The next is tried where the one before would starve.
_SHARES = (0.95, 1.0, 1.1)
# Starving: so large a share of the pairs would go without any negative.
_STARVING = 0.25


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage's text and its cosine with the query."""

    text: str
    score: float


@dataclass(frozen=True, slots=True)
class Mined:
    """Pairs with mined negatives after those they had, and what was done, in a sentence."""

    pairs: tuple[TrainingPair, ...]
    share: float
    without: int
    sentence: str


def mine_negatives(pairs: Sequence[TrainingPair], hits: Mapping[str, Sequence[Hit]], wanted: int) -> Mined:
    """Up to `wanted` negatives for each pair from the hits of its query, best first.

    No passage approved for the query is taken, and none that scores above a share of the positive's score. A positive
    that is not among the hits scores as the last of them. The share is raised where too many pairs would get nothing.
    """
    mined: list[TrainingPair] = []
    share = _SHARES[0]
    for share in _SHARES:
        mined = [_with_negatives(pair, hits.get(pair.query, ()), wanted, share) for pair in pairs]
        if _without(pairs, mined) <= _STARVING * len(pairs):
            break
    without = _without(pairs, mined)
    return Mined(tuple(mined), share, without, _describe(len(pairs), share, without))


def _with_negatives(pair: TrainingPair, hits: Sequence[Hit], wanted: int, share: float) -> TrainingPair:
    if not hits:
        return pair
    positive = next((hit.score for hit in hits if hit.text == pair.positive), min(hit.score for hit in hits))
    # A share of a negative cosine would raise the bar.
    most = positive - (1 - share) * abs(positive)
    taken = pair.relevant | set(pair.negatives)
    found = dict.fromkeys(hit.text for hit in hits if hit.score <= most and hit.text not in taken)
    return replace(pair, negatives=pair.negatives + tuple(found)[:wanted])


def _without(before: Sequence[TrainingPair], after: Sequence[TrainingPair]) -> int:
    return sum(len(new.negatives) == len(old.negatives) for old, new in zip(before, after, strict=True))


def _describe(pairs: int, share: float, without: int) -> str:
    sentence = (
        f"Hard negatives were mined for {pairs - without} of {pairs} pairs, up to {share:.0%} of the positive's score"
    )
    if share == _SHARES[0]:
        return f"{sentence}."
    return f"{sentence}; the usual {_SHARES[0]:.0%} left too many pairs without any."
