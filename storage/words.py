"""The word index over the live chunks: SQLite's FTS5, kept true by triggers on the chunks themselves."""

import sqlite3
from collections.abc import Sequence

import numpy as np
from sqlite_utils import Database

from core.types import ChunkIds, ScoredChunks
from storage.database import transaction

_ROWS_A_STEP = 1000
# Of the word index; written in less than a tenth of a second.
_PAGES_A_STEP = 100
# Ranking takes some microseconds for each chunk that matches, so those with nothing but common words are passed over.
MOST_RANKED = 5000
_MATCH = "chunk_words MATCH ? AND rowid BETWEEN ? AND ?"
_ALL, _NONE = (1, (1 << 63) - 1), (1, 0)


def find_words(
    db: Database, match: str, k: int, among: ChunkIds | None = None, strings: Sequence[str] = (), least: int = 1
) -> ScoredChunks:
    """The k chunks that match best by BM25 (Robertson and Zaragoza 2009), of all or of those `among` the ids.

    `match` is in the language of FTS5; where any of its `strings` is enough to match, they should be given: in a large
    library a chunk must have one of the rarer ones to be looked at, if as many as `least` of those `among` the ids
    have one. Higher scores are better.
    """
    between = _range(among)
    best: list[tuple[int, float]] = []
    if (rare := _rarer(db, strings, between)) is not None:
        best = _best(db, f"({' OR '.join(rare)}) AND ({match})", k, among, between)
    if len(best) < least:
        best = _best(db, match, k, among, between)
    return ScoredChunks(np.array([row[0] for row in best], np.int64), np.array([row[1] for row in best], np.float32))


def stand(db: Database, match: str, among: ChunkIds | None = None) -> bool:
    """Whether a chunk that the viewer may see matches, of all or of those `among` the ids."""
    visible = "EXISTS (SELECT 1 FROM chunks WHERE chunks.id = chunk_words.rowid)"
    sql = f"SELECT rowid FROM chunk_words WHERE {_MATCH} AND {visible}"
    cursor = db.conn.execute(sql, [match, *_range(among)])
    while rows := cursor.fetchmany(_ROWS_A_STEP):
        if among is None or np.isin([row[0] for row in rows], among).any():
            return True
    return False


def _range(among: ChunkIds | None) -> tuple[int, int]:
    """Between which ids they lie."""
    if among is None:
        return _ALL
    return (int(among.min()), int(among.max())) if len(among) else _NONE


def _best(
    db: Database, match: str, k: int, among: ChunkIds | None, between: tuple[int, int]
) -> list[tuple[int, float]]:
    # All that match are ranked in any case; the ids as a condition would make SQLite search once for each of them.
    cursor = db.conn.execute(
        f"SELECT rowid, -rank FROM chunk_words WHERE {_MATCH} ORDER BY rank LIMIT ?",
        [match, *between, k if among is None else -1],
    )
    found: list[tuple[int, float]] = []
    while len(found) < k and (rows := cursor.fetchmany(_ROWS_A_STEP)):
        found += rows if among is None else _only(rows, among)
    return found[:k]


def _only(rows: list[tuple[int, float]], among: ChunkIds) -> list[tuple[int, float]]:
    kept = np.isin(np.array([row[0] for row in rows], np.int64), among)
    return [row for row, keep in zip(rows, kept, strict=True) if keep]


def _rarer(db: Database, strings: Sequence[str], between: tuple[int, int]) -> list[str] | None:
    """The rarest of the strings that together stand in few chunks enough to rank them all; None for all of them.

    Counted are chunks between these ids, so that in one paper nothing is passed over for being common in others.
    """
    if len(strings) < 2 or not _is_large(db):
        return None
    count = f"SELECT count(*) FROM (SELECT 1 FROM chunk_words WHERE {_MATCH} LIMIT ?)"
    found = {one: db.conn.execute(count, [one, *between, MOST_RANKED + 1]).fetchone()[0] for one in strings}
    rare: list[str] = []
    total = 0
    for string in sorted(found, key=lambda one: found[one]):
        total += found[string]
        # One that stands nowhere says nothing, and something must be looked for.
        if total > MOST_RANKED and any(found[one] for one in rare):
            break
        rare.append(string)
    return rare if len(rare) < len(found) else None


def _is_large(db: Database) -> bool:
    return (
        db.conn.execute("SELECT count(*) FROM (SELECT 1 FROM chunks LIMIT ?)", [MOST_RANKED + 1]).fetchone()[0]
        > MOST_RANKED
    )


def forget_removed_words(db: Database) -> None:
    """Write the word index anew, without what is gone: until then removed words stand in it, marked as removed.

    In a large library that takes seconds, but it is done in steps, between which others can write.
    """
    while forget_some_removed_words(db):
        pass


def forget_some_removed_words(db: Database) -> bool:
    """One step of it; False where nothing was left to do."""
    with transaction(db):
        row = db.conn.execute("SELECT begun FROM word_removals").fetchone()
        if row is None:
            return False
        before = db.conn.total_changes
        # Below zero it takes up all parts of the index; above, it goes on with what it took up.
        pages = _PAGES_A_STEP if row[0] else -_PAGES_A_STEP
        db.conn.execute("INSERT INTO chunk_words (chunk_words, rank) VALUES ('merge', ?)", [pages])
        # A merge that finds nothing to do changes one row, itself.
        if row[0] and db.conn.total_changes - before < 2:
            db.conn.execute("DELETE FROM word_removals")
        else:
            db.conn.execute("UPDATE word_removals SET begun = 1")
    return True


def removed_words_stand(db: Database) -> bool:
    """Whether words of removed chunks may still stand in the index."""
    return db.conn.execute("SELECT 1 FROM word_removals").fetchone() is not None


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
