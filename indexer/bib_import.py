"""Add the papers of a bibliography, each with what the bibliography says of it."""

import os.path
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from itertools import chain
from pathlib import Path

from core.cli import count
from core.errors import ReadError
from core.formats import SUFFIXES
from core.settings import Settings
from core.types import Document
from indexer.added import Added
from indexer.bib_entries import BibEntry, Bibliography
from indexer.ingest import add_file, clean_name
from storage import library
from storage.corrections import correct_document
from storage.database import open_database

_SHORTEST_TITLE = 10
# Where programs cut a title that would make a file's name too long.
_SHORTEST_CUT_TITLE = 30


class PaperFiles:
    """The files among which a bibliography's papers are looked for.

    Within a folder that came from a stranger nothing outside of it is found, whatever path an entry names.
    """

    def __init__(self, files: Iterable[Path], within: Path | None = None) -> None:
        self._within = within.resolve() if within else None
        self.papers = [file for file in files if file.suffix.lower() in SUFFIXES]
        self._by_name: defaultdict[str, list[Path]] = defaultdict(list)
        for file in self.papers:
            self._by_name[_plain(file.name)].append(file)
        self.attached: set[Path] = set()

    def find(self, entry: BibEntry) -> Path | None:
        """The first of the entry's PDFs that is there, else one named by its title; None where neither is.

        Raises ReadError where PDFs are attached and none is there, or not just one that it may be.
        """
        named = list(chain.from_iterable(entry.pdfs))
        there = (path for path in named if self._may_be(path))
        found = next(there, None) or self._by_its_name(entry, named) or self._by_title(entry)
        if found is None and named:
            raise ReadError(
                f"its file '{clean_name(named[0].name)}' is not there. Export the bibliography with its files."
            )
        # The others that it names are no papers of their own.
        also = [self._by_name[_plain(path.name)][0] for path in named if len(self._by_name[_plain(path.name)]) == 1]
        for path in (*named, *also, *((found,) if found else ())):
            self.attached.add(Path(os.path.abspath(path)))
        return found

    def left(self) -> list[Path]:
        """The papers that no entry has."""
        return [file for file in self.papers if Path(os.path.abspath(file)) not in self.attached]

    def _may_be(self, path: Path) -> bool:
        # Unlike Path.is_file, this also answers for names that no file system takes.
        if not os.path.isfile(path):
            return False
        return self._within is None or Path(os.path.realpath(path)).is_relative_to(self._within)

    def _by_its_name(self, entry: BibEntry, named: Iterable[Path]) -> Path | None:
        for path in named:
            files = self._by_name[_plain(path.name)]
            if len(files) > 1:
                raise ReadError(
                    f"'{clean_name(path.name)}' came {len(files)} times. Add the export as one zip, folders and all."
                )
            if files:
                return files[0]
        return None

    def _by_title(self, entry: BibEntry) -> Path | None:
        """The one file whose name is, or ends with, the title, as Zotero and many publishers name it."""
        title = _letters(str(entry.values.get("title") or ""))
        if len(title) < _SHORTEST_TITLE:
            return None
        found = [file for file in self.left() if _names_title(file.stem, title)]
        return found[0] if len(found) == 1 else None


def import_bibliography(settings: Settings, name: str, bibliography: Bibliography, files: PaperFiles) -> Added:
    """Add each entry's paper and set what the entry says of it, in place of what was read or set before.

    An entry without a file tells of the paper of its DOI, arXiv id or title that is in the library already. An entry
    alone stops nothing.
    """
    added = Added(refused=list(bibliography.refused))
    left_out = []
    for entry in bibliography.entries:
        try:
            path = files.find(entry)
            document, new = (_in_library(settings, entry), False) if path is None else add_file(settings, path)
        except ReadError as error:
            added.refused.append(f"{entry.named}: {error}")
            continue
        if document is None:
            left_out.append(entry)
            continue
        with open_database(settings.database) as db:
            correct_document(db, document.id, entry.values)
            added.take(library.get_document(db, document.id), new)
        added.remarks += entry.remarks
        if len(entry.pdfs) > 1:
            pdfs = count(len(entry.pdfs), "PDF")
            added.remarks.append(f"'{entry.key}' has {pdfs} attached; the first there is was taken.")
    added.without_file += [f"{entry.named} has no PDF attached, so it was left out." for entry in left_out]
    if len(left_out) == 1:
        added.remarks += added.without_file[-1:]
    elif left_out:
        keys = ", ".join(f"'{entry.key}'" for entry in left_out[:5])
        others = ", …" if len(left_out) > 5 else ""
        added.remarks.append(
            f"{len(left_out)} entries of '{name}' have no PDF attached, so were left out: {keys}{others}"
        )
    return added


def _in_library(settings: Settings, entry: BibEntry) -> Document | None:
    """The one paper of the library that the entry is about."""
    with open_database(settings.database) as db:
        documents = library.list_documents(db)
    for field in ("doi", "arxiv_id", "title"):
        value = entry.values.get(field)
        wanted = _letters(str(value or ""))
        if len(wanted) < _SHORTEST_TITLE - 2:
            continue
        found = [document for document in documents if _letters(str(getattr(document, field) or "")) == wanted]
        if len(found) == 1:
            return found[0]
    return None


def _names_title(stem: str, title: str) -> bool:
    letters, last = _letters(stem), _letters(stem.rsplit(" - ", 1)[-1])
    return letters.endswith(title) or (len(last) >= _SHORTEST_CUT_TITLE and title.startswith(last))


def _plain(name: str) -> str:
    """The name as it may come from a file system that keeps accents or capitals in another way."""
    return unicodedata.normalize("NFC", name).casefold()


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", text).casefold()))
