"""What every format of a bibliography tells of a paper: its metadata, and the PDFs attached to it."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from core.errors import MetadataError
from indexer.editing import parse_metadata
from indexer.metadata import tidy
from storage.corrections import MetadataValue

_LONGEST_KEY = 100
_ARXIV = re.compile(r"arxiv(?::\s*|\.org/(?:abs|pdf)/|\.)(?P<id>[a-z.-]+/\d{7}|\d{4}\.\d{4,5})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class BibEntry:
    """An entry: what it says of the paper, the PDFs it names, and what could not be used of it, in sentences.

    Of each PDF there are the paths it may stand for, the likeliest first.
    """

    key: str
    values: dict[str, MetadataValue]
    pdfs: tuple[tuple[Path, ...], ...]
    remarks: tuple[str, ...] = ()

    @property
    def named(self) -> str:
        """Its title, where it has one, and its key."""
        title = self.values.get("title")
        return f"“{title}” ('{self.key}')" if title else f"'{self.key}'"


@dataclass(frozen=True, slots=True)
class Bibliography:
    """The entries of a file in their order, and a sentence for each part of it that is none."""

    entries: tuple[BibEntry, ...]
    refused: tuple[str, ...]


def make_entry(key: str, texts: Mapping[str, str], pdfs: Iterable[tuple[Path, ...]]) -> BibEntry:
    """The entry with what can be used of these texts (see `parse_metadata`)."""
    # It is shown, so nothing may be in it that no page and no terminal can show.
    key = tidy(key)[:_LONGEST_KEY]
    values: dict[str, MetadataValue] = {}
    remarks: list[str] = []
    for field, text in texts.items():
        # What the bibliography does not tell may be in the paper.
        if text.strip():
            try:
                values |= parse_metadata({field: text})
            except MetadataError as error:
                remarks.append(f"'{key}': {error}")
    return BibEntry(key, values, tuple(pdfs), tuple(remarks))


def places_of(written: str, folder: Path) -> Iterator[Path]:
    """The paths that a name in a bibliography of this folder may stand for."""
    slashed = written.replace("\\", "/")
    yield folder / written
    yield folder / slashed
    # The folder was moved here from another place, or another machine.
    yield folder / slashed.rsplit("/", 1)[-1]


def find_arxiv_id(texts: Iterable[str]) -> str:
    """The first arXiv id in texts such as addresses and notes; empty where none is."""
    return next((match["id"] for text in texts if (match := _ARXIV.search(text))), "")


def letters_of(text: str) -> str:
    """What of a title or an identifier is the same however it is written."""
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", text).casefold()))
