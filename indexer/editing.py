"""What a person types for a paper's metadata, checked and brought into one form. Pure.

An empty text means that the paper has no such value; an empty title, that the one that was read comes back.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from core.errors import MetadataError
from core.types import Document
from indexer.metadata import tidy
from storage.corrections import FIELDS, MetadataValue

_FIRST_YEAR = 1400
_LONGEST_TITLE = 500
_LONGEST_NAME = 200
# Twice as many as any paper has had so far.
_MOST_AUTHORS = 10_000
_DOI = re.compile(r"(?:https?://(?:dx\.)?doi\.org/|doi:\s*)?(?P<doi>10\.\d{4,9}/\S+)", re.IGNORECASE)
# Since April 2007 YYMM.NNNN, later of five digits; before that the archive and YYMMNNN. A version is not part of it.
_ARXIV_ID = re.compile(
    r"(?:https?://(?:www\.)?arxiv\.org/(?:abs|pdf)/|arxiv:\s*)?"
    r"(?P<id>\d{2}(?:0[1-9]|1[0-2])\.\d{4,5}|[a-z-]+(?:\.[A-Z]{2})?/\d{2}(?:0[1-9]|1[0-2])\d{3})(?:v\d+)?(?:\.pdf)?",
    re.IGNORECASE,
)


def parse_metadata(texts: Mapping[str, str]) -> dict[str, MetadataValue]:
    """The values of these fields (see FIELDS); authors are parted by semicolons. Raises MetadataError."""
    unknown = set(texts) - set(FIELDS)
    if unknown:
        raise MetadataError(f"A paper has no field '{min(unknown)}'. Its fields are {', '.join(FIELDS)}.")
    return {field: _PARSERS[field](tidy(text)) for field, text in texts.items()}


def metadata_texts(document: Document) -> dict[str, str]:
    """What `parse_metadata` takes, as the paper has it now."""
    return {
        "title": document.title,
        "authors": "; ".join(document.authors),
        "year": str(document.year or ""),
        "doi": document.doi or "",
        "arxiv_id": document.arxiv_id or "",
    }


def _title(text: str) -> str | None:
    if len(text) > _LONGEST_TITLE:
        raise MetadataError(f"The title has {len(text)} characters; it may have {_LONGEST_TITLE}. Shorten it.")
    return text or None


def _authors(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name for part in text.split(";") if (name := part.strip())))
    if len(names) > _MOST_AUTHORS:
        raise MetadataError(f"These are {len(names):,} authors; a paper may have {_MOST_AUTHORS:,}. Shorten the list.")
    for name in names:
        if len(name) > _LONGEST_NAME or not any(character.isalpha() for character in name):
            shown = name if len(name) <= 40 else f"{name[:40]}…"
            raise MetadataError(f"'{shown}' is not a name of an author. Give names, with a semicolon between them.")
    return names


def _year(text: str) -> int | None:
    latest = datetime.now(UTC).year + 1
    if text and not (re.fullmatch(r"[0-9]{4}", text) and _FIRST_YEAR <= int(text) <= latest):
        raise MetadataError(f"'{text[:40]}' is not a year of a paper. Give one from {_FIRST_YEAR} to {latest}.")
    return int(text) if text else None


def _doi(text: str) -> str | None:
    match = _DOI.fullmatch(text)
    if text and not match:
        raise MetadataError(f"'{text[:80]}' is not a DOI. Give one such as 10.1000/182.")
    return match["doi"] if match else None


def _arxiv_id(text: str) -> str | None:
    match = _ARXIV_ID.fullmatch(text)
    if text and not match:
        raise MetadataError(f"'{text[:80]}' is not an arXiv id. Give one such as 1706.03762 or hep-th/9901001.")
    return match["id"] if match else None


_PARSERS: dict[str, Callable[[str], MetadataValue]] = {
    "title": _title,
    "authors": _authors,
    "year": _year,
    "doi": _doi,
    "arxiv_id": _arxiv_id,
}
