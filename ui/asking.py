"""What the fields of the Search tab hold; the same as a page's address; and the request they stand for."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qs, urlencode

from sqlite_utils import Database

from core.errors import NotFoundError, QuestionError
from core.types import ChunkKind, Document, Filter, KeptSearch, SearchMode
from core.words import holds_words
from search.searcher import SearchRequest
from search.years import parse_years, write_years
from storage import library
from storage.collections import list_collections
from ui.render import plain_direction

K_DEFAULT, K_FEWEST, K_MOST = 10, 5, 50
# Where results are spread over papers, so many of each come first.
SPREAD = 2
# Far more than a model's window; the question is kept in the address.
LONGEST_QUESTION = 2000
_LONGEST_ADDRESS = 20_000
_MOST_FIELDS = 1000

Choice = int | str
"""An id from a list, or typed words of a name."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The fields in the order of the page, as they are; `like` is a passage's id, and in the address only.

    `spread` is how many of a paper come first: as many as the page says, or, in an address, as a program has asked for.
    """

    question: str = ""
    k: int = K_DEFAULT
    papers: tuple[Choice, ...] = ()
    blind: bool = False
    collections: tuple[Choice, ...] = ()
    years: str = ""
    author: str = ""
    kinds: tuple[str, ...] = ()
    mode: SearchMode = SearchMode.BOTH
    spread: int | None = None
    like: int | None = None

    @property
    def filtered(self) -> bool:
        return bool(self.papers or self.collections or self.years or self.author or self.kinds)

    def without_filter(self) -> "Asked":
        return Asked(self.question, self.k, blind=self.blind, mode=self.mode, spread=self.spread, like=self.like)

    def without_like(self) -> "Asked":
        return replace(self, like=None)

    @property
    def fields(self) -> list[Any]:
        """The values of the page's fields."""
        lists = (list(self.papers), list(self.collections), list(self.kinds))
        texts = (self.years, self.author)
        return [
            self.question,
            self.k,
            lists[0],
            self.blind,
            lists[1],
            *texts,
            lists[2],
            str(self.mode),
            bool(self.spread),
        ]


def from_fields(
    question: str | None,
    k: float | None,
    papers: Sequence[Choice] | None,
    blind: bool | None,
    collections: Sequence[Choice] | None,
    years: str | None,
    author: str | None,
    kinds: Sequence[str] | None,
    mode: str | None,
    spread: bool | None,
) -> Asked:
    return Asked(
        # The page shows a question without them, and what is judged is what is shown.
        plain_direction(question or ""),
        int(k or K_DEFAULT),
        tuple(papers or ()),
        bool(blind),
        tuple(collections or ()),
        (years or "").strip(),
        (author or "").strip(),
        tuple(kinds or ()),
        SearchMode(mode or SearchMode.BOTH),
        SPREAD if spread else None,
    )


def to_address(asked: Asked) -> str:
    """What stands behind the question mark of the page's address: all that is not as it is without being touched."""
    if not asked.question.strip() and asked.like is None:
        return ""
    values = [("q", asked.question), ("k", str(asked.k))]
    values += [("paper", _written(choice)) for choice in asked.papers]
    values += [("collection", _written(choice)) for choice in asked.collections]
    values += [(name, text) for name, text in (("years", asked.years), ("author", asked.author)) if text]
    values += [("kind", kind) for kind in asked.kinds]
    values += [("mode", str(asked.mode))] if asked.mode is not SearchMode.BOTH else []
    values += [("spread", str(asked.spread))] if asked.spread else []
    values += [("blind", "1")] if asked.blind else []
    values += [("like", str(asked.like))] if asked.like is not None else []
    return urlencode(values)


def from_address(address: str) -> Asked:
    """As `to_address` writes it; what is none of the values that a field can have is left out."""
    if len(address) > _LONGEST_ADDRESS:
        raise QuestionError("This address is too long to hold a question. Ask it anew.")
    try:
        values = parse_qs(address.removeprefix("?"), max_num_fields=_MOST_FIELDS)
    except ValueError as error:
        raise QuestionError(f"This address holds more than {_MOST_FIELDS} values. Ask anew.") from error

    def one(name: str) -> str:
        return values.get(name, [""])[0]

    k, like, spread = _number(one("k")), _number(one("like")), _number(one("spread"))
    return Asked(
        plain_direction(one("q"))[:LONGEST_QUESTION],
        k if k is not None and K_FEWEST <= k <= K_MOST else K_DEFAULT,
        tuple(map(_choice, values.get("paper", ()))),
        "blind" in values,
        tuple(map(_choice, values.get("collection", ()))),
        one("years"),
        one("author"),
        tuple(kind for kind in values.get("kind", ()) if kind in set(ChunkKind)),
        SearchMode(one("mode")) if one("mode") in set(SearchMode) else SearchMode.BOTH,
        spread if spread and spread <= K_MOST else None,
        like,
    )


def to_request(db: Database, asked: Asked) -> SearchRequest:
    """What is asked for. Raises NotFoundError for a filter that names nothing, and QuestionError for no years."""
    first, last = parse_years(asked.years)
    filter = Filter(
        papers=_chosen_papers(db, asked.papers) if asked.papers else None,
        collections=_chosen_collections(db, asked.collections) if asked.collections else None,
        year_from=first,
        year_to=last,
        author=asked.author,
        kinds=tuple(ChunkKind(kind) for kind in asked.kinds) or None,
    )
    return SearchRequest(asked.question, asked.k, filter, asked.mode, spread=asked.spread, like=asked.like)


def to_kept(request: SearchRequest) -> KeptSearch:
    """The request without how many passages were shown."""
    return KeptSearch(request.query.strip(), request.filter, request.mode, request.spread)


def from_kept(kept: KeptSearch) -> Asked:
    filter = kept.filter
    return Asked(
        kept.question,
        papers=filter.papers or (),
        collections=filter.collections or (),
        years=write_years(filter.year_from, filter.year_to),
        author=filter.author,
        kinds=tuple(map(str, filter.kinds or ())),
        mode=kept.mode,
        spread=kept.spread,
    )


def only_paper(asked: Asked, document_id: int) -> str:
    """The address of the same question asked of one paper."""
    return to_address(replace(asked, papers=(document_id,), like=None))


def like_passage(asked: Asked, chunk_id: int) -> str:
    """The address of the passages that are like this one."""
    return to_address(replace(asked, like=chunk_id, blind=False))


def _chosen_papers(db: Database, chosen: Sequence[Choice]) -> tuple[int, ...]:
    """The papers of these choices, each an id from the list or typed words of a title or file name; never none."""
    documents = library.list_documents(db)
    found = {document.id for document in documents if document.id in chosen}
    for words in (choice for choice in chosen if isinstance(choice, str)):
        named = {document.id for document in documents if _is_named(document, words)}
        if not named:
            raise NotFoundError(f"No paper has '{words}' in its title or file name. Change the filter above.")
        found |= named
    if not found:
        raise NotFoundError(
            "The papers chosen in the filter above are no longer in the library. Choose others, or none."
        )
    return tuple(sorted(found))


def _is_named(document: Document, words: str) -> bool:
    return holds_words(" ".join((document.title, *document.names)), words)


def _chosen_collections(db: Database, chosen: Sequence[Choice]) -> tuple[int, ...]:
    known = list_collections(db)
    found = {collection.id for collection in known if collection.id in chosen}
    for words in (choice for choice in chosen if isinstance(choice, str)):
        named = {collection.id for collection in known if holds_words(collection.name, words)}
        if not named:
            raise NotFoundError(f"No collection has '{words}' in its name. Change the filter above.")
        found |= named
    if not found:
        raise NotFoundError("The collections chosen in the filter above were deleted. Choose others, or none.")
    return tuple(sorted(found))


def _written(choice: Choice) -> str:
    """As `_choice` reads it: typed words that look like an id have a blank before them."""
    return f" {choice}" if isinstance(choice, str) and _number(choice) is not None else str(choice)


def _choice(text: str) -> Choice:
    number = _number(text)
    return text if number is None else number


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else None
