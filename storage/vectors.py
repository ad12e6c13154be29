"""Vectors by model and text hash; which are missing; what changed since an index was built."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from sqlite_utils import Database

from core.types import ChunkIds, EmbeddingMatrix, FoundVectors, Vector
from storage.database import transaction

# A million vectors at once would be gigabytes, twice.
_ROWS_A_BLOCK = 10_000

_MISSING = """
    FROM main.chunks c WHERE NOT EXISTS (
        SELECT 1 FROM embeddings e WHERE e.model_id = :model AND e.content_hash = c.content_hash)
"""
_PRIVATE = "SELECT id FROM main.documents WHERE owner_id IS NOT NULL"


@dataclass(frozen=True, slots=True)
class MissingText:
    content_hash: str
    text: str


@dataclass(frozen=True, slots=True)
class ChangeMark:
    """How far an index has followed the rows: the last ids of chunks, embeddings and removals it has seen."""

    chunk: int = 0
    embedding: int = 0
    removal: int = 0


@dataclass(frozen=True, slots=True)
class Changes:
    """What to do to an index at one mark to bring it to `mark`."""

    mark: ChangeMark
    removed: ChunkIds
    added: ChunkIds
    vectors: EmbeddingMatrix


def missing_texts(
    db: Database, model_id: int, limit: int, document_ids: Sequence[int] | None = None
) -> list[MissingText]:
    """Texts of live chunks that lack a vector for the model, each once, oldest chunk first."""
    where = ""
    if document_ids is not None:
        where = f"AND c.document_id IN ({', '.join(str(int(document_id)) for document_id in document_ids)})"
    rows = db.conn.execute(
        f"SELECT c.content_hash, c.text {_MISSING} {where} GROUP BY c.content_hash ORDER BY min(c.id) LIMIT :limit",
        {"model": model_id, "limit": limit},
    )
    return [MissingText(*row) for row in rows]


def has_vectors(db: Database, model_id: int) -> bool:
    """Whether the model has any; one look-up."""
    return db.conn.execute("SELECT 1 FROM embeddings WHERE model_id = ? LIMIT 1", [model_id]).fetchone() is not None


def lacks_vectors(db: Database, model_id: int) -> bool:
    """Whether a live chunk lacks its vector for the model."""
    return db.conn.execute(f"SELECT 1 {_MISSING} LIMIT 1", {"model": model_id}).fetchone() is not None


def count_missing(db: Database, model_id: int) -> int:
    """How many different texts of live chunks lack a vector for the model."""
    return db.conn.execute(f"SELECT count(DISTINCT c.content_hash) {_MISSING}", {"model": model_id}).fetchone()[0]


def count_missing_shared(db: Database, model_id: int) -> int:
    """The same of papers that all may see, as a job tells it."""
    sql = f"SELECT count(DISTINCT c.content_hash) {_MISSING} AND c.document_id NOT IN ({_PRIVATE})"
    return db.conn.execute(sql, {"model": model_id}).fetchone()[0]


def count_vectors(db: Database, model_id: int) -> int:
    """How many vectors of the model are of passages that the viewer may see."""
    sql = "SELECT count(*) FROM embeddings WHERE model_id = ? AND content_hash IN (SELECT content_hash FROM chunks)"
    return db.conn.execute(sql, [model_id]).fetchone()[0]


def store_vectors(db: Database, model_id: int, hashes: Sequence[str], vectors: EmbeddingMatrix) -> None:
    """Keep one batch, all or nothing. A text no live chunk holds any more is left out."""
    rows = [(model_id, key, vector.tobytes(), key) for key, vector in zip(hashes, vectors, strict=True)]
    with transaction(db):
        db.conn.executemany(
            """
            INSERT OR IGNORE INTO embeddings (model_id, content_hash, vector)
            SELECT ?, ?, ? WHERE EXISTS (SELECT 1 FROM main.chunks WHERE content_hash = ?)
            """,
            rows,
        )


def purge_vectors(db: Database, model_id: int) -> None:
    with transaction(db):
        db.conn.execute("DELETE FROM embeddings WHERE model_id = ?", [model_id])


def change_mark(db: Database) -> ChangeMark:
    """The present mark; three look-ups, whatever the library's size."""
    row = db.conn.execute(
        """
        SELECT (SELECT coalesce(max(id), 0) FROM main.chunks), (SELECT coalesce(max(id), 0) FROM embeddings),
               (SELECT coalesce(max(id), 0) FROM removals)
        """
    ).fetchone()
    return ChangeMark(*row)


def changes_since(db: Database, model_id: int, dimension: int, mark: ChangeMark) -> Changes:
    """What a model's index at `mark` lacks, and what it must forget, in one consistent view."""
    blocks = list(change_blocks(db, model_id, dimension, mark))
    return Changes(
        mark=blocks[-1].mark,
        removed=np.concatenate([block.removed for block in blocks]),
        added=np.concatenate([block.added for block in blocks]),
        vectors=np.concatenate([block.vectors for block in blocks]),
    )


def change_blocks(db: Database, model_id: int, dimension: int, mark: ChangeMark) -> Iterator[Changes]:
    """As `changes_since`, a block after the other, in one consistent view; their mark holds when all are taken."""
    values = {"model": model_id, "chunk": mark.chunk, "embedding": mark.embedding}
    with db.atomic():
        now_at = change_mark(db)
        gone = db.conn.execute("SELECT chunk_id FROM removals WHERE id > ?", [mark.removal]).fetchall()
        yield _block(now_at, [row[0] for row in gone], [], dimension)
        # CROSS JOIN keeps the order of the tables: by id, which is also how the rows lie in the file.
        new_chunks = """
            SELECT c.id, e.vector FROM chunks c CROSS JOIN embeddings e
                ON e.model_id = :model AND e.content_hash = c.content_hash WHERE c.id > :chunk ORDER BY c.id
        """
        new_vectors = """
            SELECT c.id, e.vector FROM embeddings e CROSS JOIN chunks c ON c.content_hash = e.content_hash
            WHERE e.id > :embedding AND e.model_id = :model AND c.id <= :chunk
        """
        for statement in (new_chunks, new_vectors) if mark.chunk else (new_chunks,):
            rows = db.conn.execute(statement, values)
            while block := rows.fetchmany(_ROWS_A_BLOCK):
                yield _block(now_at, [], block, dimension)


def _block(mark: ChangeMark, removed: Sequence[int], rows: Sequence[tuple[int, bytes]], dimension: int) -> Changes:
    return Changes(
        mark=mark,
        removed=np.array(removed, dtype=np.int64),
        added=np.array([row[0] for row in rows], dtype=np.int64),
        vectors=_matrix([row[1] for row in rows], dimension),
    )


def find_vectors(db: Database, model_id: int, chunk_ids: Sequence[int], dimension: int) -> FoundVectors:
    """The vectors of those of the chunks that are there and have one, in the order of the ids."""
    rows = db.conn.execute(
        """
        SELECT c.id, e.vector FROM json_each(?) wanted CROSS JOIN chunks c ON c.id = wanted.value
            CROSS JOIN embeddings e ON e.model_id = ? AND e.content_hash = c.content_hash
        """,
        [json.dumps(list(chunk_ids)), model_id],
    ).fetchall()
    return FoundVectors(np.array([row[0] for row in rows], np.int64), _matrix([row[1] for row in rows], dimension))


def chunks_with_vector(db: Database, model_id: int) -> ChunkIds:
    """The ids of all chunks that have a vector of the model, ascending."""
    rows = db.conn.execute(
        """
        SELECT c.id FROM embeddings e CROSS JOIN chunks c ON c.content_hash = e.content_hash WHERE e.model_id = ?
        """,
        [model_id],
    )
    return np.sort(np.fromiter((row[0] for row in rows), np.int64))


def vectors_of_chunks(db: Database, model_id: int, chunk_ids: Sequence[int], dimension: int) -> EmbeddingMatrix:
    """The chunks' vectors, in the order of the ids; every one must exist."""
    vectors = []
    for chunk_id in chunk_ids:
        row = db.conn.execute(
            """
            SELECT e.vector FROM chunks c JOIN embeddings e ON e.content_hash = c.content_hash
            WHERE c.id = ? AND e.model_id = ?
            """,
            [chunk_id, model_id],
        ).fetchone()
        vectors.append(row[0])
    return _matrix(vectors, dimension)


def vector_of_chunk(db: Database, model_id: int, chunk_id: int) -> Vector | None:
    """The chunk's vector, or None where it has none yet."""
    row = db.conn.execute(
        """
        SELECT e.vector FROM chunks c JOIN embeddings e ON e.content_hash = c.content_hash
        WHERE c.id = ? AND e.model_id = ?
        """,
        [chunk_id, model_id],
    ).fetchone()
    return None if row is None else np.frombuffer(row[0], dtype=np.float32)


def _matrix(blobs: Sequence[bytes], dimension: int) -> EmbeddingMatrix:
    return np.frombuffer(b"".join(blobs), dtype=np.float32).reshape(len(blobs), dimension)


def drop_unused_vectors(db: Database, content_hashes: Sequence[str]) -> None:
    """Remove the vectors of those of the texts that no chunk holds any more."""
    with transaction(db):
        db.conn.execute(
            """
            DELETE FROM embeddings WHERE content_hash IN (
                SELECT value FROM json_each(:hashes)
                EXCEPT SELECT content_hash FROM main.chunks WHERE content_hash IN (
                    SELECT value FROM json_each(:hashes)))
            """,
            {"hashes": json.dumps(list(content_hashes))},
        )
