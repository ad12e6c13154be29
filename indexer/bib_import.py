"""Add the papers of a bibliography, each with what the bibliography says of it."""

from collections import defaultdict
from collections.abc import Iterable

from core.cli import count
from core.errors import NotFoundError, ReadError
from core.settings import Settings
from core.types import Document
from indexer.added import Added
from indexer.bib_entries import BibEntry, Bibliography, letters_of
from indexer.ingest import add_file
from indexer.paper_files import SHORTEST_TITLE, PaperFiles
from storage import library
from storage.collections import get_collection
from storage.corrections import correct_document
from storage.database import open_database

# What tells one paper from another, the surest first.
_TELLING = ("doi", "arxiv_id", "title")


def import_bibliography(
    settings: Settings, name: str, bibliography: Bibliography, files: PaperFiles, into: int | None = None
) -> Added:
    """Add each entry's paper and set what the entry says of it, in place of what was read or set before.

    An entry without a file tells of the paper of its DOI, arXiv id or title that is in the library already. An entry
    alone stops nothing. With a private collection as `into`, nothing is set of a paper that is shared.
    """
    added = Added(refused=list(bibliography.refused))
    left_out = []
    # One handle for all: to open one takes as long as to correct a paper.
    with open_database(settings.database) as db:
        known = _KnownPapers(library.list_meant(db))
        privately = into is not None and get_collection(db, into).private
        for entry in bibliography.entries:
            try:
                document_id, new = _paper_of(settings, entry, files, known, into)
                if document_id is None:
                    left_out.append(entry)
                    continue
                # What is kept to oneself changes nothing that others see.
                if privately and not library.get_document(db, document_id).private:
                    added.remarks.append(f"{entry.named} is a shared paper, so what '{name}' says of it was not set.")
                else:
                    correct_document(db, document_id, entry.values)
                document = library.get_document(db, document_id)
            except (ReadError, NotFoundError) as error:
                added.refused.append(f"{entry.named}: {error}")
                continue
            known.take(document)
            added.take(document, new)
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


def _paper_of(
    settings: Settings, entry: BibEntry, files: PaperFiles, known: "_KnownPapers", into: int | None
) -> tuple[int | None, bool]:
    """The id of the entry's paper, which is added where it is among the files, and whether it is new; None for none."""
    path = files.find(entry)
    if path is None:
        return known.find(entry), False
    document, new = add_file(settings, path, into=into)
    return document.id, new


class _KnownPapers:
    """The papers of the library by what an entry may tell of them, kept up with what the import adds to it."""

    def __init__(self, documents: Iterable[Document]) -> None:
        self._ids: defaultdict[tuple[str, str], set[int]] = defaultdict(set)
        self._keys: dict[int, list[tuple[str, str]]] = {}
        for document in documents:
            self.take(document)

    def take(self, document: Document) -> None:
        """Know this paper as it is now."""
        for key in self._keys.pop(document.id, ()):
            self._ids[key].discard(document.id)
        keys = [(field, letters_of(str(getattr(document, field) or ""))) for field in _TELLING]
        self._keys[document.id] = keys
        for key in keys:
            self._ids[key].add(document.id)

    def find(self, entry: BibEntry) -> int | None:
        """The id of the one paper that the entry is about."""
        for field in _TELLING:
            wanted = letters_of(str(entry.values.get(field) or ""))
            found = self._ids.get((field, wanted), set()) if len(wanted) >= SHORTEST_TITLE - 2 else set()
            if len(found) == 1:
                return next(iter(found))
        return None
