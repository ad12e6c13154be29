"""What a person has set of a paper's metadata, kept apart from what was read of it."""

import json
from collections.abc import Iterable, Mapping
from typing import TypeAlias

from sqlite_utils import Database

from storage.database import now, transaction
from storage.library import get_document

FIELDS = ("title", "authors", "year", "doi", "arxiv_id")

MetadataValue: TypeAlias = str | int | tuple[str, ...] | None
"""A year is an int, authors are a tuple of names, the rest is text; None where the paper has none."""


def correct_document(db: Database, document_id: int, values: Mapping[str, MetadataValue]) -> None:
    """Set these fields from now on, whatever is read of the paper; a title of None is the one that was read again.

    Raises NotFoundError where there is no such paper.
    """
    with transaction(db):
        get_document(db, document_id)
        for field, value in values.items():
            if field == "title" and value is None:
                forget_corrections(db, document_id, ["title"])
                continue
            db.conn.execute(
                "INSERT OR REPLACE INTO main.corrections (document_id, field, value, at) VALUES (?, ?, ?, ?)",
                [document_id, field, json.dumps(value, ensure_ascii=False), now()],
            )


def forget_corrections(db: Database, document_id: int, fields: Iterable[str]) -> None:
    """Let these fields be what was read again."""
    with transaction(db):
        get_document(db, document_id)
        db.conn.executemany(
            "DELETE FROM main.corrections WHERE document_id = ? AND field = ?",
            [(document_id, field) for field in fields],
        )
