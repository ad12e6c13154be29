"""Batches in which no passage is taken for a negative of a query it answers. Pure functions."""

import math
import random
from collections.abc import Iterator, Sequence

from training.data.pairs import TrainingPair


def make_batches(pairs: Sequence[TrainingPair], batch_size: int, rng: random.Random) -> Iterator[list[TrainingPair]]:
    """All pairs in a random order, in batches without a shared query or passage and without a false negative.

    In-batch negatives are the other rows' passages, so a row whose passage answers another row's query waits for a
    later batch. A hard negative may stand for several rows: the loss takes each passage once. A pair that fits with no
    other is a batch alone, and only teaches with a hard negative of its own.
    """
    waiting = list(pairs)
    rng.shuffle(waiting)
    # Batches of one size: 17 pairs at 16 are 9 and 8, and not 16 and one left over that teaches nothing.
    size = math.ceil(len(pairs) / math.ceil(len(pairs) / batch_size)) if pairs else 0
    while waiting:
        batch: list[TrainingPair] = []
        later: list[TrainingPair] = []
        for pair in waiting:
            fits = len(batch) < size and not any(_clash(pair, other) for other in batch)
            (batch if fits else later).append(pair)
        waiting = later
        if len(batch) > 1 or batch[0].negatives:
            yield batch


def make_plain_batches(
    pairs: Sequence[TrainingPair], batch_size: int, rng: random.Random
) -> Iterator[list[TrainingPair]]:
    """All pairs in a random order, cut into batches as they come: a passage may be taken for a false negative."""
    shuffled = list(pairs)
    rng.shuffle(shuffled)
    for first in range(0, len(shuffled), batch_size):
        batch = shuffled[first : first + batch_size]
        if len(batch) > 1 or batch[0].negatives:
            yield batch


def _clash(one: TrainingPair, other: TrainingPair) -> bool:
    if one.words == other.words or one.positive == other.positive:
        return True
    return bool(_passages(one) & other.relevant or _passages(other) & one.relevant)


def _passages(pair: TrainingPair) -> set[str]:
    return {pair.positive, *pair.negatives}
