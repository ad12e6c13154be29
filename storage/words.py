"""The word index over the live chunks: SQLite's FTS5, kept true by triggers on the chunks themselves."""

import sqlite3

import numpy as np
from sqlite_utils import Database

from core.types import ChunkIds, ScoredChunks
from storage.database import transaction

_ROWS_A_STEP = 1000


def find_words(db: Database, match: str, k: int, among: ChunkIds | None = None) -> ScoredChunks:
    """The k chunks that match best by BM25 (Robertson and Zaragoza 2009), of all or of those `among` the ids.

    `match` is in the language of FTS5. Higher scores are better.
    """
    # All that match are ranked in any case; a condition on the row would make SQLite search once for each of the ids.
    cursor = db.conn.execute(
        "SELECT rowid, -rank FROM chunk_words WHERE chunk_words MATCH ? ORDER BY rank LIMIT ?",
        [match, k if among is None else -1],
    )
    found: list[tuple[int, float]] = []
    allowed = None if among is None else set(among.tolist())
    while len(found) < k and (rows := cursor.fetchmany(_ROWS_A_STEP)):
        found += rows if allowed is None else [row for row in rows if row[0] in allowed]
    best = found[:k]
    return ScoredChunks(np.array([row[0] for row in best], np.int64), np.array([row[1] for row in best], np.float32))


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
