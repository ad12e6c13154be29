"""A list of results for other programs: JSON, CSV, BibTeX."""

import csv
import io
import json
from collections.abc import Callable

from sqlite_utils import Database

from core.types import SearchResult
from indexer.citations import to_bibtex
from search.answer import hit_as_json, result_as_json
from storage.library import get_document

# A spreadsheet takes a text that begins so for a formula, which could send the table's other cells away.
# Some take the wide signs of East Asian text for the same.
_FORMULA = tuple("=+-@\t\r\n＝＋－＠")
_COLUMNS = (
    "rank", "score", "title", "authors", "year", "doi", "arxiv_id", "document", "page", "section", "kind", "text",
)  # fmt: skip


def to_json(db: Database, result: SearchResult) -> str:
    return json.dumps(result_as_json(result), ensure_ascii=False, indent=2) + "\n"


def to_csv(db: Database, result: SearchResult) -> str:
    """A row a passage, with what is known of its paper."""
    out = io.StringIO()
    table = csv.DictWriter(out, _COLUMNS, extrasaction="ignore")
    table.writeheader()
    for hit in result.hits:
        document = get_document(db, hit.chunk.document_id)
        values = hit_as_json(hit) | {
            "authors": "; ".join(document.authors),
            "year": document.year,
            "doi": document.doi,
            "arxiv_id": document.arxiv_id,
        }
        table.writerow({name: _harmless(value) for name, value in values.items()})
    return out.getvalue()


def result_to_bibtex(db: Database, result: SearchResult) -> str:
    """The papers of the passages, each once, in the order of their best."""
    ids = dict.fromkeys(hit.chunk.document_id for hit in result.hits)
    return to_bibtex([get_document(db, document_id) for document_id in ids])


EXPORTS: dict[str, Callable[[Database, SearchResult], str]] = {
    "csv": to_csv,
    "bibtex": result_to_bibtex,
    "json": to_json,
}


def _harmless(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
