"""Which papers an ingest is at: kept by their ids, and told by name to whoever may hear of them when they ask."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from sqlite_utils import Database


@dataclass(frozen=True, slots=True)
class AtWork:
    """The papers that are read, each with what is done to it, the one that began first before the others; the one that
    is embedded; and how many of `papers` shared ones are read.
    """

    reading: tuple[tuple[int, str], ...] = ()
    embedding: int | None = None
    papers_read: int = 0
    papers: int = 0

    def to_item(self) -> str:
        """What a job keeps as its item; no name is in it."""
        return json.dumps(asdict(self))


def tell_at_work(db: Database, step: str, item: str, done: int, total: int) -> tuple[str, int]:
    """An ingest's item and total as who has this handle may be told them, at this moment.

    Nothing is told of papers that are private to others, and what is private to oneself is in no number.
    """
    if not item.startswith("{"):
        return "", total  # it has ended, or was written by an earlier version
    at_work = AtWork(**json.loads(item))
    told = _tell_reading(db, at_work)
    if step == "reading":
        name, shared = told or ("", False)
        return name, max(at_work.papers, done + 1) if shared else at_work.papers
    return "; ".join(_tell_embedding(db, at_work, told)), total


def _tell_reading(db: Database, at_work: AtWork) -> tuple[str, bool] | None:
    """The first paper that may be told of, with what is done to it, and whether all may hear of it."""
    for document_id, what in at_work.reading:
        if (found := _find(db, document_id)) is not None:
            return f"{found[0]}{what}", found[1]
    return None


def _tell_embedding(db: Database, at_work: AtWork, reading: tuple[str, bool] | None) -> Iterator[str]:
    if at_work.embedding is not None and (found := _find(db, at_work.embedding)) is not None:
        yield found[0]
    if reading is not None:
        number = at_work.papers_read + 1
        yield f"reading {reading[0]}" + (f", paper {number} of {max(at_work.papers, number)}" if reading[1] else "")


def _find(db: Database, document_id: int) -> tuple[str, bool] | None:
    row: Any = db.conn.execute(
        """
        SELECT (SELECT name FROM document_names WHERE document_id = d.id ORDER BY rowid LIMIT 1), owner_id IS NULL
        FROM documents d WHERE id = ?
        """,
        [document_id],
    ).fetchone()
    return None if row is None or row[0] is None else (row[0], bool(row[1]))
