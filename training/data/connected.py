"""Which queries hang together, so that none is trained on while its twin decides. Pure functions."""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from core.types import content_hash
from core.words import plain
from training.data.pairs import JudgedQuery, fold_query

# Jaccard similarity of word sets: four words of five.
_NEAR_DUPLICATE = 0.75
# What stands in more queries than this, and in more than a tenth of them, is their pattern and not their subject.
_PATTERN_QUERIES = 5
_PATTERN_SHARE = 0.1

_WORD = re.compile(r"[\u2e80-\uffef]|[^\W\u2e80-\uffef]+")
_SENTENCE_END = re.compile(r"(?<=[.!?\u3002])\s*(?=\S)")
_SHORTEST_SENTENCE = 25

Group = list[JudgedQuery]


@dataclass(frozen=True, slots=True)
class Learnt:
    """What a model has seen in training: the words of queries, and the keys of the passages approved for them."""

    words: frozenset[str] = frozenset()
    passages: frozenset[str] = frozenset()

    @classmethod
    def of(cls, queries: Iterable[JudgedQuery]) -> "Learnt":
        """What training on these queries teaches."""
        queries = list(queries)
        passages = frozenset(key for query in queries for _, text in query.relevant for key in passage_keys(text))
        return cls(frozenset(fold_query(query.text) for query in queries), passages)

    def __or__(self, other: "Learnt") -> "Learnt":
        return Learnt(self.words | other.words, self.passages | other.passages)


NOTHING = Learnt()


@dataclass(frozen=True, slots=True)
class Groups:
    """The connected components of the queries; `known` are those that hang together with what a model has learnt."""

    fresh: tuple[Group, ...]
    known: tuple[Group, ...]


def connect(queries: Sequence[JudgedQuery], learnt: Learnt = NOTHING) -> Groups:
    """Groups of queries that share (nearly) their words or an approved passage, at any remove.

    One passage are those of one chunk, one text, and neighbours that overlap by a sentence.
    """
    # Behind the queries those that were learnt, and one place for all of them together.
    words = sorted(learnt.words)
    everything_learnt = len(queries) + len(words)
    parent = list(range(everything_learnt + 1))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    for index in range(len(queries), everything_learnt):
        parent[index] = everything_learnt
    for index, other in near_duplicates([query.text for query in queries] + words):
        parent[root(index)] = root(other)
    first: dict[int | str, int] = dict.fromkeys(learnt.passages, everything_learnt)
    for index, query in enumerate(queries):
        for chunk_id, text in query.relevant:
            keys: list[int | str] = [chunk_id, *passage_keys(text)]
            for key in keys:
                parent[root(index)] = root(first.setdefault(key, index))
    groups: defaultdict[int, Group] = defaultdict(list)
    for index, query in enumerate(queries):
        groups[root(index)].append(query)
    known = groups.pop(root(everything_learnt), None)
    return Groups(tuple(groups.values()), () if known is None else (known,))


def passage_keys(text: str) -> list[str]:
    """Hashes of the passage, and of its first and last sentence, which neighbours share."""
    sentences = [sentence for sentence in _SENTENCE_END.split(text) if len(sentence) >= _SHORTEST_SENTENCE]
    return [content_hash(part) for part in dict.fromkeys([text, *sentences[:1], *sentences[-1:]])]


def near_duplicates(texts: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Pairs of texts that have nearly the same words (Jaccard similarity), the larger index first.

    They must be so alike with and without the words that many of the texts have: those of "what is the main
    contribution of A?" and of B are a pattern, and not their subject. Texts so alike share one of their rarest words,
    so that only those are looked at (Chaudhuri et al. 2006).
    """
    sets = [_words(text) for text in texts]
    counts = Counter(word for words in sets for word in words)
    most = max(_PATTERN_QUERIES, _PATTERN_SHARE * len(texts))
    subjects = [frozenset(word for word in words if counts[word] <= most) or words for words in sets]
    having: defaultdict[str, list[int]] = defaultdict(list)
    for index, words in enumerate(sets):
        rarest = sorted(words, key=lambda word: (counts[word], word))
        rarest = rarest[: len(words) - math.ceil(_NEAR_DUPLICATE * len(words)) + 1]
        for other in sorted({other for word in rarest for other in having[word]}):
            if _alike(words, sets[other]) and _alike(subjects[index], subjects[other]):
                yield index, other
        for word in rarest:
            having[word].append(index)


def _words(text: str) -> frozenset[str]:
    """The text's words without accents and plural endings; of scripts without spaces, the signs."""
    words = _WORD.findall(plain(fold_query(text)))
    return frozenset(word.removesuffix("s") or word for word in words) or frozenset({text})


def _alike(one: frozenset[str], other: frozenset[str]) -> bool:
    common = len(one & other)
    return common >= _NEAR_DUPLICATE * (len(one) + len(other) - common)
