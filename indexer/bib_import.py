"""Add the papers of a BibTeX file, each with what the file says of it."""

import os.path
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from core.cli import count
from core.errors import ReadError
from core.settings import Settings
from core.types import Document
from indexer.bibliography import BibEntry, read_bibliography
from indexer.ingest import add_file
from storage.corrections import correct_document
from storage.database import open_database


@dataclass(frozen=True, slots=True)
class BibImport:
    """The papers added, queued to be read, and the ids of those that were there already; the rest in sentences.

    `refused` is what could not be added though a file is named, `remarks` what is worth knowing besides.
    """

    documents: tuple[Document, ...]
    known: frozenset[int]
    refused: tuple[str, ...]
    remarks: tuple[str, ...]


def import_bibliography(settings: Settings, path: Path) -> BibImport:
    """Add each entry's PDF and set what the entry says of it, in place of what was read or set before.

    Raises ReadError where the bibliography itself can't be read; an entry alone stops nothing.
    """
    bibliography = read_bibliography(path)
    documents: dict[int, Document] = {}
    known: set[int] = set()
    refused = list(bibliography.refused)
    remarks: list[str] = []
    for entry in bibliography.entries:
        if not entry.pdfs:
            remarks.append(f"'{entry.key}' has no PDF attached, so it was left out.")
            continue
        try:
            document, new = add_file(settings, _find_pdf(entry))
        except ReadError as error:
            refused.append(f"'{entry.key}': {error}")
            continue
        with open_database(settings.database) as db:
            correct_document(db, document.id, entry.values)
        if not new and document.id not in documents:
            known.add(document.id)
        documents[document.id] = document
        remarks += entry.remarks
        if len(entry.pdfs) > 1:
            remarks.append(f"'{entry.key}' has {count(len(entry.pdfs), 'PDF')} attached; the first there is was taken.")
    return BibImport(tuple(documents.values()), frozenset(known), tuple(refused), tuple(remarks))


def _find_pdf(entry: BibEntry) -> Path:
    """The first of the entry's PDFs that is there. Raises ReadError where none is."""
    for path in chain.from_iterable(entry.pdfs):
        # Unlike Path.is_file, this also answers for names that no file system takes.
        if os.path.isfile(path):
            return path
    raise ReadError(f"its file '{entry.pdfs[0][0].name}' is not there. Export the bibliography with its files.")
