"""Whether a library's rows are what the program would have written, and how to put right what can be."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from sqlite_utils import Database

from core.cli import count
from core.people import Role
from core.types import (
    ChunkKind,
    DocumentState,
    JobKind,
    JobState,
    ModelState,
    ModelVersion,
    PageSource,
    SearchMode,
    content_hash,
)
from storage.database import transaction
from storage.models import active_model
from storage.words import rebuild_words, words_are_sound

# The kind of problem after which nothing else can be looked at.
DATABASE = "database"
_MOST_LINES = 5
_UNIT_TOLERANCE = 1e-3
# Rows that mean nothing without what they refer to. A judgement is never among them.
_DERIVED = ("document_names", "pages", "embeddings", "activations", "maps", "map_papers", "map_passages", "proposals")
# Of these the key is no rowid, or what they say is of no use to anything else.
_LOOSE = ("collected_documents", "corrections", "recognised_pages", "watched_files")
_LACKS_VECTOR = """
    EXISTS (SELECT 1 FROM chunks c WHERE c.document_id = documents.id AND NOT EXISTS (
        SELECT 1 FROM embeddings e WHERE e.model_id = :model AND e.content_hash = c.content_hash))
"""
# What each column may hold, and what is done where it holds something else.
_STATES: dict[tuple[str, str], tuple[tuple[str, ...], str | None]] = {
    ("models", "state"): (tuple(ModelState), None),
    ("documents", "state"): (
        tuple(DocumentState),
        """
        UPDATE documents SET reason = NULL, state = CASE
            WHEN EXISTS (SELECT 1 FROM chunks WHERE document_id = documents.id) THEN 'embedding' ELSE 'queued' END
        """,
    ),
    ("jobs", "state"): (tuple(JobState), "DELETE FROM jobs"),
    ("jobs", "kind"): (tuple(JobKind), "DELETE FROM jobs"),
    ("pages", "source"): (tuple(PageSource), "UPDATE pages SET source = 'text'"),
    ("chunks", "kind"): (tuple(ChunkKind), "UPDATE chunks SET kind = 'body'"),
    ("users", "role"): (tuple(Role), f"UPDATE users SET role = '{Role.READ}'"),
    ("kept_searches", "mode"): (tuple(SearchMode), "UPDATE kept_searches SET mode = 'both'"),
}


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, in a sentence; `repair` puts it right and tells what it did, None where nothing can.

    A repair looks again before it changes anything, so it may come long after the check.
    """

    kind: str
    sentence: str
    repair: Callable[[Database], str] | None = None


def check_file(db: Database) -> list[Problem]:
    """What SQLite itself finds wrong with the database's pages and indexes; nothing else can be trusted then."""
    lines = [row[0] for row in db.conn.execute(f"PRAGMA integrity_check({_MOST_LINES})")]
    if lines == ["ok"]:
        return []

    def rebuild_indexes(db: Database) -> str:
        with transaction(db):
            db.conn.execute("REINDEX")
        return "The indexes were built anew from the rows."

    # Only an index can be made again; a lost page is lost.
    in_indexes = all("index" in line for line in lines)
    cure = "" if in_indexes else " Restore a backup, or move the judgements out with 'python -m training export'."
    return [
        Problem(
            DATABASE,
            f"The database is damaged: {'; '.join(' '.join(line.split()) for line in lines)}.{cure}",
            rebuild_indexes if in_indexes else None,
        )
    ]


def check_rows(db: Database) -> Iterator[Problem]:
    """What no run of the program leaves behind in the rows; the database file must be sound."""
    yield from _check_states(db)
    if not states_exist(db):
        return
    yield from _check_references(db)
    active = active_model(db)
    if active is not None and active.state is not ModelState.READY:
        yield Problem("models", f"'{active.name}' answers though it was never finished. Undo the switch.")
    yield from _check_documents(db)
    yield from _check_passages(db)


def check_words(db: Database) -> Iterator[Problem]:
    """The word index holds the words of the chunks, and no others."""
    if not words_are_sound(db):

        def rebuild(db: Database) -> str:
            rebuild_words(db)
            return "It was made anew."

        yield Problem("words", "The word index does not hold what the passages say.", rebuild)


def check_vectors(db: Database) -> Iterator[Problem]:
    """Whether every passage that counts as ready has a vector, and every vector a passage and its model's width."""
    unused = "content_hash NOT IN (SELECT content_hash FROM chunks)"
    if number := db["embeddings"].count_where(unused):

        def remove_unused(db: Database) -> str:
            with transaction(db):
                gone = db.conn.execute(f"DELETE FROM embeddings WHERE {unused}").rowcount
            return f"{count(gone, 'vector')} removed."

        belong = "belongs" if number == 1 else "belong"
        yield Problem("vectors", f"{count(number, 'vector')} {belong} to no passage.", remove_unused)
    active = active_model(db)
    for model_id, dimension, name in db.conn.execute("SELECT id, dimension, name FROM models").fetchall():
        if bad := _bad_vectors(db, model_id, dimension):
            yield Problem(
                "vectors",
                f"{count(len(bad), 'vector')} of '{name}' can't be one of its own "
                f"({dimension} finite numbers of unit length).",
                partial(_remove_vectors, ids=tuple(bad)),
            )
    if active is None:
        if db["documents"].count_where("state = ?", [DocumentState.READY]):
            yield Problem("models", "There are papers but no model answers. Choose one on the Training tab.")
        return
    where = f"state = :ready AND {_LACKS_VECTOR}"
    number = db["documents"].count_where(where, {"ready": DocumentState.READY, "model": active.id})
    if number:
        yield Problem(
            "vectors", f"{count(number, 'paper')} counted as ready with passages that lack a vector.", _embed_again
        )


def _check_references(db: Database) -> Iterator[Problem]:
    broken: dict[tuple[str, str], int] = {}
    for table, _, parent, _ in db.conn.execute("PRAGMA foreign_key_check").fetchall():
        broken[table, parent] = broken.get((table, parent), 0) + 1
    for (table, parent), number in broken.items():
        sentence = f"{count(number, 'row')} of '{table}' without what they refer to in '{parent}'."
        yield Problem("rows", sentence, _repair_reference(table, parent))
    unjudged = "id NOT IN (SELECT query_id FROM judgements)"
    if number := db["queries"].count_where(unjudged):

        def forget(db: Database) -> str:
            with transaction(db):
                gone = db.conn.execute(f"DELETE FROM queries WHERE {unjudged}").rowcount
            return f"{count(gone, 'question')} without a judgement removed."

        yield Problem("rows", f"{count(number, 'question')} kept without a judgement.", forget)


def _repair_reference(table: str, parent: str) -> Callable[[Database], str] | None:
    if table in _LOOSE:
        return partial(_remove_loose, table=table, parent=parent)
    if table in _DERIVED:
        statement = "DELETE FROM {table} WHERE rowid = ?"
    elif table == "chunks":
        statement = "DELETE FROM chunks WHERE rowid = ? AND id NOT IN (SELECT chunk_id FROM judgements)"
    elif (table, parent) == ("judgements", "models"):
        statement = "UPDATE judgements SET model_id = NULL WHERE rowid = ?"
    else:
        return None

    def repair(db: Database) -> str:
        with transaction(db):
            rows = [row[1] for row in db.conn.execute(f"PRAGMA foreign_key_check({table})") if row[2] == parent]
            done = sum(db.conn.execute(statement.format(table=table), [row]).rowcount for row in rows)
        return f"{count(done, 'row')} of '{table}' put right."

    return repair


def states_exist(db: Database) -> bool:
    """Whether every row is in a state this program knows; one that is not can't be read."""
    return next(_check_states(db), None) is None


def _check_states(db: Database) -> Iterator[Problem]:
    for (table, column), (allowed, cure) in _STATES.items():
        unknown = f"WHERE {column} NOT IN ({', '.join('?' * len(allowed))})"
        for (value,) in db.conn.execute(f"SELECT DISTINCT {column} FROM {table} {unknown}", allowed).fetchall():
            yield Problem(
                "rows",
                f"'{table}' holds the {column} '{value}', which does not exist.{'' if cure else ' Restore a backup.'}",
                partial(_correct, statement=f"{cure} {unknown}", allowed=allowed) if cure else None,
            )


def _check_documents(db: Database) -> Iterator[Problem]:
    rows = db.conn.execute(
        """
        SELECT id, title, state, EXISTS (SELECT 1 FROM document_names WHERE document_id = documents.id),
            EXISTS (SELECT 1 FROM pages WHERE document_id = documents.id),
            EXISTS (SELECT 1 FROM chunks WHERE document_id = documents.id)
        FROM documents
        """
    ).fetchall()
    for document_id, title, state, named, pages, chunks in rows:
        if not named:
            yield Problem("rows", f"'{title}' has lost its file name.", partial(_name, document_id=document_id))
        if state in (DocumentState.READY, DocumentState.EMBEDDING) and not pages and not chunks:
            yield Problem(
                "rows",
                f"'{title}' counts as read, but none of its pages is there.",
                partial(_read_again, document_id=document_id),
            )


def _check_passages(db: Database) -> Iterator[Problem]:
    for document_id, title in db.conn.execute("SELECT id, title FROM documents").fetchall():
        lengths = {
            number: len(text)
            for number, text in db.conn.execute("SELECT number, text FROM pages WHERE document_id = ?", [document_id])
        }
        chunks = db.conn.execute(
            "SELECT id, text, spans, content_hash FROM chunks WHERE document_id = ?", [document_id]
        ).fetchall()
        outside = [chunk[0] for chunk in chunks if not _within(chunk[2], lengths)]
        if outside:
            yield Problem(
                "passages",
                f"{count(len(outside), 'passage')} of '{title}' outside the text of their pages.",
                partial(_read_again, document_id=document_id),
            )
        if wrong := [(content_hash(text), number) for number, text, _, key in chunks if content_hash(text) != key]:
            yield Problem(
                "passages",
                f"{count(len(wrong), 'passage')} of '{title}' filed under the key of another text.",
                partial(_file_again, rows=tuple(wrong)),
            )


def _within(spans: str, lengths: dict[int, int]) -> bool:
    """Whether all spans lie in the text of pages that are there."""
    try:
        return bool(json.loads(spans)) and all(
            0 <= start < end <= lengths.get(page, -1) for page, start, end in json.loads(spans)
        )
    except (ValueError, TypeError):
        return False


def _bad_vectors(db: Database, model_id: int, dimension: int) -> list[int]:
    """The ids of vectors of another width, with numbers that are none, or not of unit length."""
    bad = []
    for row_id, blob in db.conn.execute("SELECT id, vector FROM embeddings WHERE model_id = ?", [model_id]):
        if len(blob) != dimension * np.dtype(np.float32).itemsize:
            bad.append(row_id)
            continue
        vector = np.frombuffer(blob, dtype=np.float32)
        if not np.isfinite(vector).all() or abs(float(np.linalg.norm(vector)) - 1) > _UNIT_TOLERANCE:
            bad.append(row_id)
    return bad


# --- what puts it right ------------------------------------------------------------------------


def _remove_loose(db: Database, table: str, parent: str) -> str:
    with transaction(db):
        gone = sum(
            db.conn.execute(f"DELETE FROM {table} WHERE {child} NOT IN (SELECT {key} FROM {parent})").rowcount
            for _, _, of, child, key, *_ in db.conn.execute(f"PRAGMA foreign_key_list({table})").fetchall()
            if of == parent
        )
    return f"{count(gone, 'row')} of '{table}' removed."


def _correct(db: Database, statement: str, allowed: tuple[str, ...]) -> str:
    with transaction(db):
        return f"{count(db.conn.execute(statement, allowed).rowcount, 'row')} put right."


def _remove_vectors(db: Database, ids: tuple[int, ...]) -> str:
    with transaction(db):
        gone = sum(db.conn.execute("DELETE FROM embeddings WHERE id = ?", [row_id]).rowcount for row_id in ids)
        _embed_again(db)
    return f"{count(gone, 'vector')} removed; what the model in use lacks is embedded anew."


def _embed_again(db: Database) -> str:
    """Let papers that lack vectors of the active model wait for them, as they did after they were read."""
    active: ModelVersion | None = active_model(db)
    if active is None:
        return "There is no model to embed with."
    with transaction(db):
        waiting = db.conn.execute(
            f"UPDATE documents SET state = :embedding WHERE state = :ready AND {_LACKS_VECTOR}",
            {"embedding": DocumentState.EMBEDDING, "ready": DocumentState.READY, "model": active.id},
        ).rowcount
    return f"{count(waiting, 'paper')} embedded anew."


def _name(db: Database, document_id: int) -> str:
    with transaction(db):
        db.conn.execute(
            """
            INSERT INTO document_names (document_id, name) SELECT id, title || '.' || format FROM documents
            WHERE id = ? AND id NOT IN (SELECT document_id FROM document_names)
            """,
            [document_id],
        )
    return "Its title is its file name now."


def _read_again(db: Database, document_id: int) -> str:
    """Queue the document to be read; its judged passages wait for the reading, which takes their judgements over."""
    with transaction(db):
        db.conn.execute(
            "UPDATE documents SET state = ?, reason = NULL WHERE id = ?", [DocumentState.QUEUED, document_id]
        )
        db.conn.execute(
            "DELETE FROM chunks WHERE document_id = ? AND id NOT IN (SELECT chunk_id FROM judgements)", [document_id]
        )
    return "It is read again."


def _file_again(db: Database, rows: tuple[tuple[str, int], ...]) -> str:
    with transaction(db):
        db.conn.executemany("UPDATE chunks SET content_hash = ? WHERE id = ?", rows)
        _embed_again(db)
    return f"{count(len(rows), 'passage')} filed anew."
