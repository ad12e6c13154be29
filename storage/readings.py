"""Keep what was read of a document: its pages, its chunks, and the judgements on the chunks it had before."""

import json
import re
from collections import Counter
from collections.abc import Sequence

from sqlite_utils import Database

from core.errors import ReadError
from core.types import Chunk, DocumentState, Metadata, Page, content_hash
from storage.database import transaction
from storage.judges import GIVER
from storage.library import spans_to_json
from storage.pages import store_pages
from storage.vectors import drop_unused_vectors

# Of the words of a judged passage, so many must stand in the passage that takes over its judgement.
_LEAST_SHARED = 0.5
_WORD = re.compile(r"\w+")


def store_reading(
    db: Database, document_id: int, metadata: Metadata, pages: Sequence[Page], chunks: Sequence[Chunk]
) -> bool:
    """Keep what was read, in place of any earlier reading; the document waits for its vectors then.

    A judgement on an earlier passage goes over to the one that has most of its words. Where there is none for some,
    ReadError is raised and the earlier reading stays. False where the document was removed meanwhile: nothing is
    stored then.
    """
    with transaction(db):
        if not db["documents"].count_where("id = ?", [document_id]):
            return False
        judged = _judged_texts(db, document_id)
        earlier = db.conn.execute("SELECT id, content_hash FROM chunks WHERE document_id = ?", [document_id]).fetchall()
        store_pages(db, document_id, pages)
        ids = [_store_chunk(db, document_id, chunk) for chunk in chunks]
        _move_judgements(db, judged, dict(zip(ids, (chunk.text for chunk in chunks), strict=True)))
        db.conn.executemany("DELETE FROM chunks WHERE id = ?", [(chunk_id,) for chunk_id, _ in earlier])
        drop_unused_vectors(db, [text_hash for _, text_hash in earlier])
        db.conn.execute(
            """
            UPDATE documents SET title = coalesce(?, title), authors = ?, year = ?, doi = ?, arxiv_id = ?, state = ?,
                reason = NULL, locked = 0
            WHERE id = ?
            """,
            [
                metadata.title,
                json.dumps(metadata.authors, ensure_ascii=False),
                metadata.year,
                metadata.doi,
                metadata.arxiv_id,
                DocumentState.EMBEDDING,
                document_id,
            ],
        )
    return True


def _judged_texts(db: Database, document_id: int) -> dict[int, str]:
    """The texts of the document's judged chunks, by id."""
    rows = db.conn.execute(
        "SELECT id, text FROM chunks WHERE document_id = ? AND id IN (SELECT chunk_id FROM judgements)", [document_id]
    )
    return dict(rows.fetchall())


def _store_chunk(db: Database, document_id: int, chunk: Chunk) -> int:
    chunk_id = db.conn.execute(
        "INSERT INTO chunks (document_id, text, spans, section, kind, content_hash) VALUES (?, ?, ?, ?, ?, ?)",
        [document_id, chunk.text, spans_to_json(chunk.spans), chunk.section, chunk.kind, content_hash(chunk.text)],
    ).lastrowid
    assert chunk_id is not None
    return chunk_id


def _move_judgements(db: Database, judged: dict[int, str], chunks: dict[int, str]) -> None:
    words = {chunk_id: _count_words(text) for chunk_id, text in chunks.items()} if judged else {}
    lost = 0
    for old, text in judged.items():
        wanted = _count_words(text)
        shared = {chunk_id: (wanted & found).total() for chunk_id, found in words.items()}
        # Of passages that overlap, the one that has least beside.
        best = max(shared, key=lambda chunk_id: (shared[chunk_id], -words[chunk_id].total()), default=None)
        if best is None or shared[best] < _LEAST_SHARED * max(wanted.total(), 1):
            lost += 1
            continue
        # Two earlier passages may become one, judged for one question twice by one: the later verdict counts.
        db.conn.execute(
            f"""
            WITH both AS (SELECT id, query_id, at, {GIVER} AS giver FROM judgements WHERE chunk_id IN (:best, :old))
            DELETE FROM judgements WHERE id IN (
                SELECT one.id FROM both one JOIN both other USING (query_id, giver)
                WHERE (other.at, other.id) > (one.at, one.id))
            """,
            {"best": best, "old": old},
        )
        # The row itself, by whose id a model version tells what it has learnt from.
        db.conn.execute("UPDATE judgements SET chunk_id = ? WHERE chunk_id = ?", [best, old])
        # A part of it that is no longer there as it was: the whole passage stands for it.
        db.conn.execute(
            "UPDATE judgements SET part = NULL WHERE chunk_id = ? AND instr(?, part) = 0", [best, chunks[best]]
        )
    if lost:
        raise ReadError(
            f"The new reading lacks {lost} of the passages judged, so the earlier one stays. "
            "To take the new one without them, remove the paper and add it again."
        )


def _count_words(text: str) -> Counter[str]:
    return Counter(_WORD.findall(text.casefold()))
