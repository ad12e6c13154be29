"""The passages that pass a filter."""

import json
import re
from collections.abc import Collection

import numpy as np
from sqlite_utils import Database

from core.types import ChunkIds, Filter
from core.words import plain


def filtered_chunks(db: Database, filter: Filter) -> ChunkIds | None:
    """The ids of the chunks that pass and that the viewer may see, in order; None where all are."""
    hidden = db.conn.execute("SELECT 1 FROM hidden_documents LIMIT 1").fetchone() is not None
    if not filter.narrows and not hidden:
        return None
    conditions, values = [], []
    documents = filtered_documents(db, filter)
    if documents is not None:
        conditions.append("document_id IN (SELECT value FROM json_each(?))")
        values.append(json.dumps(sorted(documents)))
    if filter.kinds is not None:
        conditions.append("kind IN (SELECT value FROM json_each(?))")
        values.append(json.dumps(filter.kinds))
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    # One text of all ids: a hundred thousand rows would each become an object of Python's.
    (ids,) = db.conn.execute(f"SELECT group_concat(id) FROM chunks {where}", values).fetchone()
    return np.sort(np.fromstring(ids, dtype=np.int64, sep=",")) if ids else np.array([], dtype=np.int64)


def filtered_documents(db: Database, filter: Filter) -> Collection[int] | None:
    """The ids of the papers whose passages may pass; None where that holds for all."""
    found: set[int] | None = None if filter.papers is None else set(filter.papers)
    if filter.collections is not None:
        rows = db.conn.execute(
            "SELECT document_id FROM collected_documents WHERE collection_id IN (SELECT value FROM json_each(?))",
            [json.dumps(filter.collections)],
        )
        found = _meet(found, {row[0] for row in rows})
    if filter.year_from is not None or filter.year_to is not None:
        rows = db.conn.execute(
            "SELECT document_id FROM known_metadata WHERE year BETWEEN coalesce(?, year) AND coalesce(?, year)",
            [filter.year_from, filter.year_to],
        )
        found = _meet(found, {row[0] for row in rows})
    if filter.author.strip():
        wanted = _name_parts(filter.author)
        rows = db.conn.execute("SELECT document_id, authors FROM known_metadata")
        found = _meet(found, {row[0] for row in rows if _has_author(json.loads(row[1]), wanted)})
    return found


def _meet(found: set[int] | None, others: set[int]) -> set[int]:
    return others if found is None else found & others


def _has_author(authors: list[str], wanted: list[str]) -> bool:
    """Whether one of the authors has each of these as the beginning of a part of the name; nobody has none of them."""
    names = map(_name_parts, authors) if wanted else ()
    return any(all(any(part.startswith(word) for part in name) for word in wanted) for name in names)


def _name_parts(text: str) -> list[str]:
    """The words of a name, without case and accents."""
    return re.findall(r"\w+", plain(text))
