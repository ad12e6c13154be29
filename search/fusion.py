"""Two rankings of passages in one: by meaning and by words."""

from collections.abc import Sequence

from search.words import WordQuery

# Reciprocal rank fusion (Cormack et al. 2009), chosen where Cranfield and PubMedQA both gain: benchmarks/hybrid.py.
_CONSTANT = 10
_WEIGHT_OF_WORDS = 0.5
# Where a question names something exactly its words count as much, and where it quotes a phrase they come first.
_WEIGHT_WHERE_NAMED = 1.0
_WEIGHT_WHERE_QUOTED = 3.0
# Where the model's tokenizer does not know a fifth of the question its vector says little: nDCG@10 of xquad-zh with
# all-MiniLM-L6-v2 is 0.253 by meaning, 0.965 by words, 0.964 by both at this weight.
_UNKNOWN_SHARE = 0.2
_WEIGHT_WHERE_UNKNOWN = 10.0
# How far down each ranking is looked at.
DEPTH = 100


def is_known(unknown_share: float) -> bool:
    """Whether the model knows enough of a question, by the share of its word pieces that are unknown."""
    return unknown_share < _UNKNOWN_SHARE


def fuse(
    by_meaning: Sequence[int], by_words: Sequence[int], words: WordQuery | None = None, unknown_share: float = 0.0
) -> list[int]:
    """The ids of both, best first; the ranking by words counts for more where the question is exact about them, and for
    nearly all where the model does not know the question."""
    weight_of_words = _WEIGHT_OF_WORDS
    if words and words.exact:
        weight_of_words = _WEIGHT_WHERE_QUOTED if words.quoted else _WEIGHT_WHERE_NAMED
    if not is_known(unknown_share):
        weight_of_words = _WEIGHT_WHERE_UNKNOWN
    scores: dict[int, float] = {}
    for ranking, weight in ((by_meaning, 1.0), (by_words, weight_of_words)):
        for rank, chunk_id in enumerate(ranking, start=1):
            scores[chunk_id] = scores.get(chunk_id, 0.0) + weight / (_CONSTANT + rank)
    return sorted(scores, key=lambda chunk_id: -scores[chunk_id])
