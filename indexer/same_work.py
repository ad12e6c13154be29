"""Which papers of different bytes may be one work, such as a preprint and what was published. Pure.

Nobody's papers are dropped for it: a person is told. So a rule that would often be wrong is worse than a pair missed.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from math import ceil

from core.formats import without_suffix
from core.types import Document
from core.words import plain
from indexer.citations import family_name

# Of 112 papers and reports on hand, no two different ones share more than 9 % of the passages of the shorter; two
# reports of one company 8 %.
_SHARED_PASSAGES = 0.2
_FEWEST_SHARED = 3
_SHARED_TITLE_WORDS = 0.8
_FEWEST_TITLE_WORDS = 3
# A title that stands on more papers is that of a series or a form.
_MOST_OF_ONE_TITLE = 4
_MOST_OF_ONE_IDENTIFIER = 20
_SHARED_AUTHORS = 0.5
_NUMBER = re.compile(r".*\d.*|[ivx]+")

Pair = tuple[int, int]
"""The ids of two papers, the smaller one first."""


def find_same_works(documents: Sequence[Document], shared: Mapping[Pair, int]) -> dict[int, tuple[int, ...]]:
    """For each paper that may be the same work as others, their ids; `shared` counts the passages two have alike."""
    by_id = {document.id: document for document in documents}
    pairs = set(_by_identifier(documents))
    maybe = {pair for pair, many in shared.items() if _share_passages(by_id[pair[0]], by_id[pair[1]], many)}
    maybe.update(_by_title(documents))
    pairs.update(pair for pair in maybe if not _are_two_on_arxiv(by_id[pair[0]], by_id[pair[1]]))
    found: dict[int, set[int]] = defaultdict(set)
    for one, other in pairs:
        found[one].add(other)
        found[other].add(one)
    return {document_id: tuple(sorted(others)) for document_id, others in found.items()}


def _by_identifier(documents: Sequence[Document]) -> Iterator[Pair]:
    dois = ((document.doi.casefold(), document.id) for document in documents if document.doi)
    arxiv_ids = ((document.arxiv_id.casefold(), document.id) for document in documents if document.arxiv_id)
    yield from _pairs_alike(dois, _MOST_OF_ONE_IDENTIFIER)
    yield from _pairs_alike(arxiv_ids, _MOST_OF_ONE_IDENTIFIER)


def _share_passages(one: Document, other: Document, many: int) -> bool:
    return many >= _FEWEST_SHARED and many >= _SHARED_PASSAGES * min(one.chunks, other.chunks)


def _are_two_on_arxiv(one: Document, other: Document) -> bool:
    return bool(one.arxiv_id and other.arxiv_id)


def _by_title(documents: Sequence[Document]) -> Iterator[Pair]:
    """Papers with nearly one title, by some of the same people; where nobody is known of one, with just one title."""
    words = {document.id: _title_words(document) for document in documents if _has_title(document)}
    words = {document_id: found for document_id, found in words.items() if len(found) >= _FEWEST_TITLE_WORDS}
    families = {document.id: {plain(family_name(name)) for name in document.authors} for document in documents}
    one_title: dict[str, list[int]] = defaultdict(list)
    for document_id, found in words.items():
        one_title["".join(found)].append(document_id)
    series = {document_id for ids in one_title.values() if len(ids) > _MOST_OF_ONE_TITLE for document_id in ids}
    for ids in one_title.values():
        if len(ids) <= _MOST_OF_ONE_TITLE:
            for one, other in combinations(sorted(ids), 2):
                if not families[one] or not families[other] or _share_authors(families[one], families[other]):
                    yield one, other
    sets = {document_id: frozenset(found) for document_id, found in words.items() if document_id not in series}
    for one, other in _candidates(sets, families):
        if _alike(sets[one], sets[other]) and _share_authors(families[one], families[other]):
            yield one, other


def _candidates(sets: Mapping[int, frozenset[str]], families: Mapping[int, Collection[str]]) -> set[Pair]:
    """The pairs that can share enough: one of the rarest words of each title is the same, and a family name is."""
    papers_with = Counter(word for words in sets.values() for word in words)

    def rarest(words: frozenset[str]) -> list[str]:
        # Without these, the words that are left are too few to be shared by enough.
        missable = len(words) - ceil(_SHARED_TITLE_WORDS * len(words))
        return sorted(words, key=lambda word: (papers_with[word], word))[: missable + 1]

    keys = (
        ((word, family), document_id)
        for document_id, words in sets.items()
        for word in rarest(words)
        for family in families[document_id]
    )
    return set(_pairs_alike(keys, len(sets)))


def _alike(one: frozenset[str], other: frozenset[str]) -> bool:
    """Whether nearly all words are the same, and all numbers: part one is not part two."""
    numbers = [word for word in one ^ other if _NUMBER.fullmatch(word)]
    return not numbers and len(one & other) >= _SHARED_TITLE_WORDS * len(one | other)


def _share_authors(one: Collection[str], other: Collection[str]) -> bool:
    fewer = min(len(one), len(other))
    return fewer > 0 and len(set(one) & set(other)) >= _SHARED_AUTHORS * fewer


def _pairs_alike(keys: Iterable[tuple[Hashable, int]], most: int) -> Iterator[Pair]:
    """All pairs of ids under one key, of the keys with no more ids than that."""
    ids_of: dict[Hashable, list[int]] = defaultdict(list)
    for key, document_id in keys:
        ids_of[key].append(document_id)
    for ids in ids_of.values():
        if len(ids) <= most:
            yield from combinations(sorted(ids), 2)


def _has_title(document: Document) -> bool:
    """Whether the title is more than the file's name, which it is until one has been read or set."""
    return document.title not in {without_suffix(name) for name in document.names}


def _title_words(document: Document) -> list[str]:
    return re.findall(r"\w+", plain(document.title))
