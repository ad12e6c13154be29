"""Two rankings of passages in one: by meaning and by words."""

from collections.abc import Sequence

from search.words import WordQuery

# Reciprocal rank fusion (Cormack et al. 2009), chosen where Cranfield and PubMedQA both gain: benchmarks/hybrid.py.
_CONSTANT = 10
_WEIGHT_OF_WORDS = 0.5
# Where a question names something exactly its words count as much, and where it quotes a phrase they come first.
_WEIGHT_WHERE_NAMED = 1.0
_WEIGHT_WHERE_QUOTED = 3.0
# How far down each ranking is looked at.
DEPTH = 100


def fuse(by_meaning: Sequence[int], by_words: Sequence[int], words: WordQuery | None = None) -> list[int]:
    """The ids of both, best first; the ranking by words counts for more where the question is exact about them."""
    weight_of_words = _WEIGHT_OF_WORDS
    if words and words.exact:
        weight_of_words = _WEIGHT_WHERE_QUOTED if words.quoted else _WEIGHT_WHERE_NAMED
    scores: dict[int, float] = {}
    for ranking, weight in ((by_meaning, 1.0), (by_words, weight_of_words)):
        for rank, chunk_id in enumerate(ranking, start=1):
            scores[chunk_id] = scores.get(chunk_id, 0.0) + weight / (_CONSTANT + rank)
    return sorted(scores, key=lambda chunk_id: -scores[chunk_id])
