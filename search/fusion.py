"""Two rankings of passages in one: by meaning and by words."""

from collections.abc import Sequence

from indexer.encoder import FAMILIAR, Spelling
from search.words import WordQuery

# Reciprocal rank fusion (Cormack et al. 2009), chosen where Cranfield and PubMedQA both gain: benchmarks/hybrid.py.
_CONSTANT = 10
_WEIGHT_OF_WORDS = 0.5
# Where a question names something exactly its words count as much, and where it quotes a phrase they come first.
_WEIGHT_WHERE_NAMED = 1.0
_WEIGHT_WHERE_QUOTED = 3.0
# Where the model's tokenizer does not know a fifth of the question, or spells its words nearly letter by letter, its
# vector says little: nDCG@10 of xquad-zh with all-MiniLM-L6-v2 is 0.253 by meaning, 0.965 by words, 0.964 by both at
# this weight.
_UNKNOWN_SHARE = 0.2
_SPELLED_OUT = 3.5
_WEIGHT_WHERE_UNKNOWN = 10.0
# By the pieces a word is cut into on average: those of a foreign language are, but so are an expert's terms. Chosen on
# the train questions of xquad-de, which gain by it, and of PubMedQA, which lose 0.001.
_WEIGHT_BY_PIECES = ((2.5, 2.0), (1.7, _WEIGHT_WHERE_NAMED))
# How far down each ranking is looked at.
DEPTH = 100


def is_known(spelling: Spelling) -> bool:
    """Whether the model knows enough of a question's words to tell what it means."""
    return spelling.unknown < _UNKNOWN_SHARE and spelling.pieces_a_word < _SPELLED_OUT


def fuse(
    by_meaning: Sequence[int], by_words: Sequence[int], words: WordQuery | None = None, spelling: Spelling = FAMILIAR
) -> list[int]:
    """The ids of both, best first; the ranking by words counts for more where the question is exact about them, and for
    nearly all where the model does not know the question."""
    scores: dict[int, float] = {}
    for ranking, weight in ((by_meaning, 1.0), (by_words, _weigh_words(words, spelling))):
        for rank, chunk_id in enumerate(ranking, start=1):
            scores[chunk_id] = scores.get(chunk_id, 0.0) + weight / (_CONSTANT + rank)
    return sorted(scores, key=lambda chunk_id: -scores[chunk_id])


def _weigh_words(words: WordQuery | None, spelling: Spelling) -> float:
    """The weight of the ranking by words; that by meaning has 1."""
    if not is_known(spelling):
        return _WEIGHT_WHERE_UNKNOWN
    weights = [weight for pieces, weight in _WEIGHT_BY_PIECES if spelling.pieces_a_word >= pieces]
    if words and words.exact:
        weights.append(_WEIGHT_WHERE_QUOTED if words.quoted else _WEIGHT_WHERE_NAMED)
    return max(weights, default=_WEIGHT_OF_WORDS)
