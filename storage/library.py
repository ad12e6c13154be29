"""Documents and their chunks."""

import json
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from sqlite_utils import Database

from core.errors import NotFoundError
from core.formats import DocumentFormat, without_suffix
from core.people import viewer
from core.types import (
    UNFINISHED,
    ChunkKind,
    Document,
    DocumentState,
    PageSource,
    Span,
    StoredChunk,
)
from storage.database import now, transaction
from storage.vectors import drop_unused_vectors

_DOCUMENTS = """
    SELECT d.id, d.sha256, d.format, d.state, d.locked, d.reason, d.added_at, d.owner_id,
        k.title, k.authors, k.year, k.doi, k.arxiv_id, k.corrected,
        (SELECT json_group_array(name) FROM (
            SELECT name FROM document_names WHERE document_id = d.id ORDER BY rowid)) AS names,
        (SELECT count(*) FROM pages WHERE document_id = d.id) AS pages,
        (SELECT count(*) FROM pages WHERE document_id = d.id AND source = 'ocr') AS recognised,
        (SELECT count(*) FROM pages WHERE document_id = d.id AND source IN ('empty', 'failed')) AS without_text,
        (SELECT count(*) FROM chunks WHERE document_id = d.id) AS chunks
    FROM documents d JOIN known_metadata k ON k.document_id = d.id
"""
_CHUNKS = """
    SELECT c.*, k.title AS document,
        (SELECT name FROM document_names WHERE document_id = c.document_id ORDER BY rowid LIMIT 1) AS file_name
    FROM chunks c JOIN known_metadata k ON k.document_id = c.document_id
"""

# SQLite's default limit on the parameters of one statement is far above this.
_IDS_A_STATEMENT = 500


def add_document(
    db: Database, sha256: str, name: str, format: DocumentFormat = DocumentFormat.PDF, owner: int | None = None
) -> tuple[Document, bool]:
    """The document of these bytes, under this name as well, and whether it is new (then it is queued).

    A new one is private to its `owner`, if it has one. Another's private document of these bytes is not looked at, and
    a shared one is not told the name that the owner's copy has.
    """
    with transaction(db):
        known = find_document(db, sha256, owner)
        if known is None:
            user = viewer()
            document_id = db.conn.execute(
                """
                INSERT INTO main.documents (sha256, format, title, state, added_at, owner_id, added_by)
                VALUES (?, ?, ?, ?, ?, ?, ?)
                """,
                [
                    sha256,
                    format,
                    without_suffix(name),
                    DocumentState.QUEUED,
                    now(),
                    owner,
                    user.id if user is not None else None,
                ],
            ).lastrowid
            assert document_id is not None
        else:
            document_id = known.id
        if known is None or known.private or owner is None:
            db.conn.execute(
                "INSERT OR IGNORE INTO main.document_names (document_id, name) VALUES (?, ?)", [document_id, name]
            )
    return get_document(db, document_id), known is None


def get_document(db: Database, document_id: int) -> Document:
    rows = list(db.query(f"{_DOCUMENTS} WHERE d.id = ?", [document_id]))
    if not rows:
        raise _no_document(document_id)
    return _document(rows[0])


def require_documents(db: Database, document_ids: Sequence[int]) -> None:
    """Raises NotFoundError where one of the papers is not there; one look-up, however many they are."""
    sql = "SELECT value FROM json_each(?) WHERE value NOT IN (SELECT id FROM documents) LIMIT 1"
    if (row := db.conn.execute(sql, [json.dumps(list(document_ids))]).fetchone()) is not None:
        raise _no_document(row[0])


def _no_document(document_id: int) -> NotFoundError:
    return NotFoundError(f"There is no paper with id {document_id}. 'python -m indexer list' shows the ids.")


def find_document(db: Database, sha256: str, owner: int | None = None) -> Document | None:
    """The document of these bytes that the viewer may see, for a command the shared one; of two the owner's."""
    user = viewer()
    rows = db.query(
        f"""
        {_DOCUMENTS} WHERE d.sha256 = ? AND (d.owner_id IS NULL OR d.owner_id IN (?, ?))
        ORDER BY d.owner_id IS ? DESC, d.id LIMIT 1
        """,
        [sha256, owner, user.id if user is not None else None, owner],
    )
    return next(map(_document, rows), None)


def next_to_read(db: Database, taken: Sequence[int]) -> Document | None:
    """The oldest document that has to be read and that nobody has taken."""
    row = db.conn.execute(
        """
        SELECT id FROM documents WHERE state IN (?, ?) AND id NOT IN (SELECT value FROM json_each(?)) ORDER BY id
        LIMIT 1
        """,
        [DocumentState.QUEUED, DocumentState.READING, json.dumps(list(taken))],
    ).fetchone()
    return get_document(db, row[0]) if row else None


def list_documents(db: Database) -> list[Document]:
    """Every document, newest first."""
    return [_document(row) for row in db.query(f"{_DOCUMENTS} ORDER BY d.id DESC")]


def list_meant(db: Database) -> list[Document]:
    """The documents that one who adds a paper may mean: all that a viewer sees, and for a command, which sees what is
    anybody's, the shared ones.
    """
    return [document for document in list_documents(db) if viewer() or not document.private]


def unfinished_documents(db: Database) -> list[Document]:
    """The documents that still have to be read or embedded, oldest first."""
    marks = ", ".join("?" * len(UNFINISHED))
    return [_document(row) for row in db.query(f"{_DOCUMENTS} WHERE d.state IN ({marks}) ORDER BY d.id", UNFINISHED)]


def has_unfinished_documents(db: Database) -> bool:
    return count_unfinished(db) > 0


def count_unfinished(db: Database) -> int:
    """How many documents still have to be read or embedded."""
    marks = ", ".join("?" * len(UNFINISHED))
    return db["documents"].count_where(f"state IN ({marks})", UNFINISHED)


def set_document_state(db: Database, document_id: int, state: DocumentState, reason: str | None = None) -> None:
    with transaction(db):
        db.conn.execute("UPDATE main.documents SET state = ?, reason = ? WHERE id = ?", [state, reason, document_id])


def mark_ready_when_embedded(db: Database, document_ids: Sequence[int]) -> None:
    """Set those of the documents ready of which no chunk lacks its vector for the active model."""
    with transaction(db):
        for document_id in document_ids:
            db.conn.execute(
                """
                UPDATE main.documents SET state = ?, reason = NULL, deaths = 0
                WHERE id = ? AND state = ? AND NOT EXISTS (
                    SELECT 1 FROM main.chunks c WHERE c.document_id = documents.id AND NOT EXISTS (
                        SELECT 1 FROM embeddings e WHERE e.content_hash = c.content_hash AND e.model_id = (
                            SELECT model_id FROM activations WHERE undone_at IS NULL ORDER BY id DESC LIMIT 1)))
                """,
                [DocumentState.READY, document_id, DocumentState.EMBEDDING],
            )


def fail_document(db: Database, document_id: int, reason: str, *, locked: bool = False) -> None:
    """Give a document up for this reason; `locked` where it waits for a password."""
    with transaction(db):
        db.conn.execute(
            "UPDATE main.documents SET state = ?, reason = ?, locked = ? WHERE id = ?",
            [DocumentState.FAILED, reason, locked, document_id],
        )


def retry_document(db: Database, document_id: int, password: str | None = None) -> None:
    """Queue a failed document once more, with a password if one is given.

    One with passages only waits for their vectors, so no judgement is lost. Pages that could not be recognised are
    tried again too.
    """
    with transaction(db):
        get_document(db, document_id)
        db.conn.execute(
            "DELETE FROM main.recognised_pages WHERE document_id = ? AND json_extract(page, '$.source') = ?",
            [document_id, PageSource.FAILED],
        )
        if password:
            db.conn.execute("UPDATE main.documents SET password = ? WHERE id = ?", [password, document_id])
        db.conn.execute(
            """
            UPDATE main.documents SET reason = NULL, deaths = 0,
                state = CASE WHEN EXISTS (SELECT 1 FROM main.chunks WHERE document_id = documents.id) THEN ? ELSE ? END
            WHERE id = ? AND state = ?
            """,
            [DocumentState.EMBEDDING, DocumentState.QUEUED, document_id, DocumentState.FAILED],
        )


def read_again(db: Database, document_ids: Sequence[int]) -> None:
    """Queue documents whose reading is finished to be read anew; until then they are found as they are."""
    with transaction(db):
        for document_id in document_ids:
            if get_document(db, document_id).state in (DocumentState.READY, DocumentState.FAILED):
                db.conn.execute(
                    "UPDATE main.documents SET state = ?, reason = NULL WHERE id = ?",
                    [DocumentState.QUEUED, document_id],
                )


def password_of(db: Database, document_id: int) -> str | None:
    """What opens the document's file, where it is encrypted and the password was given."""
    row = db.conn.execute("SELECT password FROM documents WHERE id = ?", [document_id]).fetchone()
    return row[0] if row else None


def remove_documents(db: Database, document_ids: Iterable[int]) -> list[Document]:
    """Remove the documents, their chunks, judgements, and vectors no other chunk needs; what they were comes back.

    From the end of this transaction on no search returns them.
    """
    removed = []
    with transaction(db):
        for document_id in document_ids:
            removed.append(document := get_document(db, document_id))
            # Of a private one nothing is told; what was learnt from it while it was shared is marked since it is not.
            if not document.private:
                mark_versions(db, document_id)
            texts = db.conn.execute("SELECT content_hash FROM chunks WHERE document_id = ?", [document_id]).fetchall()
            db.conn.execute("DELETE FROM main.documents WHERE id = ?", [document_id])
            drop_unused_vectors(db, [row[0] for row in texts])
        db.conn.execute("DELETE FROM main.queries WHERE id NOT IN (SELECT query_id FROM main.judgements)")
    return removed


def mark_versions(db: Database, document_id: int) -> None:
    """Count a shared document that goes in the versions that have learnt from it: by their judgements, or by its texts
    where no other shared one has them.
    """
    db.conn.execute(
        """
        UPDATE models SET removed_papers = removed_papers + 1 WHERE EXISTS (
            SELECT 1 FROM json_each(models.report, '$.judgement_ids') used
                JOIN main.judgements j ON j.id = used.value JOIN main.chunks c ON c.id = j.chunk_id
            WHERE c.document_id = :id
        ) OR EXISTS (
            SELECT 1 FROM json_each(models.report, '$.trained_passages') learnt
                JOIN main.chunks c ON c.content_hash = learnt.value
            WHERE c.document_id = :id AND NOT EXISTS (
                SELECT 1 FROM main.chunks other JOIN main.documents d ON d.id = other.document_id
                WHERE other.content_hash = learnt.value AND d.id != :id AND d.owner_id IS NULL))
        """,
        {"id": document_id},
    )


def is_shared(db: Database, document_id: int) -> bool:
    """Whether everybody may be told of the document, at this moment."""
    row = db.conn.execute("SELECT 1 FROM documents WHERE id = ? AND owner_id IS NULL", [document_id]).fetchone()
    return row is not None


def is_file_needed(db: Database, document: Document) -> bool:
    """Whether a document has the same file, whoever it belongs to; of another format these bytes are another file."""
    sql = "SELECT 1 FROM main.documents WHERE (sha256, format) = (?, ?)"
    return db.conn.execute(sql, [document.sha256, document.format]).fetchone() is not None


def chunks_by_id(db: Database, chunk_ids: Sequence[int]) -> dict[int, StoredChunk]:
    """The live chunks among these ids."""
    found: dict[int, StoredChunk] = {}
    for first in range(0, len(chunk_ids), _IDS_A_STATEMENT):
        ids = chunk_ids[first : first + _IDS_A_STATEMENT]
        marks = ", ".join("?" * len(ids))
        found |= {row["id"]: _stored_chunk(row) for row in db.query(f"{_CHUNKS} WHERE c.id IN ({marks})", ids)}
    return found


def get_chunk(db: Database, chunk_id: int) -> StoredChunk:
    found = chunks_by_id(db, [chunk_id])
    if not found:
        raise NotFoundError(f"There is no passage with id {chunk_id}; its paper may have been removed.")
    return found[chunk_id]


def chunks_of_document(db: Database, document_id: int) -> list[StoredChunk]:
    """The document's chunks in reading order."""
    return [_stored_chunk(row) for row in db.query(f"{_CHUNKS} WHERE c.document_id = ? ORDER BY c.id", [document_id])]


def count_searchable(db: Database) -> int:
    """How many documents are found in full: those of which no vector is missing."""
    return db["documents"].count_where("state = ?", [DocumentState.READY])


def count_by_state(db: Database) -> Counter[DocumentState]:
    """How many documents are in each state."""
    rows = db.conn.execute("SELECT state, count(*) FROM documents GROUP BY state")
    return Counter({DocumentState(state): number for state, number in rows})


def count_documents(db: Database) -> int:
    return db["documents"].count


def count_there(db: Database, document_ids: Collection[int]) -> int:
    """How many of these documents there are."""
    return db["documents"].count_where("id IN (SELECT value FROM json_each(?))", [json.dumps(sorted(document_ids))])


def count_chunks(db: Database) -> int:
    return db["chunks"].count


def spans_to_json(spans: Sequence[Span]) -> str:
    return json.dumps([[span.page, span.start, span.end] for span in spans])


def spans_from_json(text: str) -> tuple[Span, ...]:
    return tuple(Span(*span) for span in json.loads(text))


def _stored_chunk(row: dict[str, Any]) -> StoredChunk:
    return StoredChunk(
        id=row["id"],
        document_id=row["document_id"],
        document=row["document"],
        file_name=row["file_name"],
        text=row["text"],
        spans=spans_from_json(row["spans"]),
        section=row["section"],
        kind=ChunkKind(row["kind"]),
    )


def _document(row: dict[str, Any]) -> Document:
    return Document(
        id=row["id"],
        sha256=row["sha256"],
        format=DocumentFormat(row["format"]),
        names=tuple(json.loads(row["names"])),
        title=row["title"],
        authors=tuple(json.loads(row["authors"])),
        year=row["year"],
        doi=row["doi"],
        arxiv_id=row["arxiv_id"],
        corrected=tuple(json.loads(row["corrected"])),
        owner=row["owner_id"],
        pages=row["pages"],
        recognised=row["recognised"],
        without_text=row["without_text"],
        chunks=row["chunks"],
        state=DocumentState(row["state"]),
        locked=bool(row["locked"]),
        reason=row["reason"],
        added_at=row["added_at"],
    )
