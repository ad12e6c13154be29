"""Two rankings of passages in one: by meaning and by words."""

from collections.abc import Sequence

# Reciprocal rank fusion (Cormack et al. 2009), chosen where Cranfield and PubMedQA both gain: benchmarks/hybrid.py.
_CONSTANT = 10
_WEIGHT_OF_WORDS = 0.5
# Where a question quotes a phrase or names something exactly, the passages with these words come first.
_WEIGHT_WHERE_EXACT = 3.0
# How far down each ranking is looked at.
DEPTH = 100


def fuse(by_meaning: Sequence[int], by_words: Sequence[int], *, exact: bool = False) -> list[int]:
    """The ids of both, best first; the ranking by words counts for more where the question is `exact`."""
    scores: dict[int, float] = {}
    for ranking, weight in ((by_meaning, 1.0), (by_words, _WEIGHT_WHERE_EXACT if exact else _WEIGHT_OF_WORDS)):
        for rank, chunk_id in enumerate(ranking, start=1):
            scores[chunk_id] = scores.get(chunk_id, 0.0) + weight / (_CONSTANT + rank)
    return sorted(scores, key=lambda chunk_id: -scores[chunk_id])
