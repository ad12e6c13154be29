"""The word index over the live chunks: SQLite's FTS5, kept true by triggers on the chunks themselves."""

import json
import sqlite3
from collections.abc import Sequence

import numpy as np
from sqlite_utils import Database

from core.types import ScoredChunks
from storage.database import transaction


def find_words(db: Database, match: str, k: int, among: Sequence[int] | None = None) -> ScoredChunks:
    """The k chunks that match best by BM25 (Robertson and Zaragoza 2009), of all or of those `among` the ids.

    `match` is in the language of FTS5. Higher scores are better.
    """
    where, values = "", []
    if among is not None:
        where, values = "AND rowid IN (SELECT value FROM json_each(?))", [json.dumps(list(among))]
    rows = db.conn.execute(
        f"SELECT rowid, -rank FROM chunk_words WHERE chunk_words MATCH ? {where} ORDER BY rank LIMIT ?",
        [match, *values, k],
    ).fetchall()
    return ScoredChunks(np.array([row[0] for row in rows], np.int64), np.array([row[1] for row in rows], np.float32))


def forget_removed_words(db: Database) -> None:
    """Write the word index anew, without what is gone: until then removed words stand in it, marked as removed."""
    with transaction(db):
        db.conn.execute("INSERT INTO chunk_words (chunk_words) VALUES ('optimize')")


def words_are_sound(db: Database) -> bool:
    """Whether the word index holds exactly the words of the chunks."""
    try:
        db.conn.execute("INSERT INTO chunk_words (chunk_words, rank) VALUES ('integrity-check', 1)")
    except sqlite3.DatabaseError:
        return False
    finally:
        db.conn.rollback()
    return True


def rebuild_words(db: Database) -> None:
    with transaction(db):
        db.conn.execute("INSERT INTO chunk_words (chunk_words) VALUES ('rebuild')")
