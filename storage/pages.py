"""The pages of documents as they were read: their text, and the places of what was recognised or converted."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from sqlite_utils import Database

from core.errors import NotFoundError
from core.types import Block, BlockKind, Box, Page, PageSource, Word
from core.wire import page_from_json
from storage.database import transaction


def store_pages(db: Database, document_id: int, pages: Iterable[Page]) -> None:
    """Keep the document's pages, in place of any others, inside the caller's transaction."""
    db.conn.execute("DELETE FROM pages WHERE document_id = ?", [document_id])
    db.conn.executemany(
        """
        INSERT INTO pages (document_id, number, text, width, height, source, reason, words, blocks)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
        """,
        [
            (
                document_id,
                page.number,
                page.text,
                page.width,
                page.height,
                page.source,
                page.reason,
                _words_json(page.words),
                _blocks_json(page.blocks),
            )
            for page in pages
        ],
    )
    db.conn.execute("DELETE FROM recognised_pages WHERE document_id = ?", [document_id])


def page_size(db: Database, document_id: int, number: int) -> tuple[float, float]:
    """A page's width and height in points; zeroes for one without a picture."""
    row = db.conn.execute(
        "SELECT width, height FROM pages WHERE document_id = ? AND number = ?", [document_id, number]
    ).fetchone()
    if row is None:
        raise NotFoundError(f"Paper {document_id} has no page {number}.")
    return row[0], row[1]


def words_of_page(db: Database, document_id: int, number: int) -> tuple[Word, ...]:
    """The words of a recognised page and their places; none of another."""
    row = db.conn.execute(
        "SELECT words FROM pages WHERE document_id = ? AND number = ?", [document_id, number]
    ).fetchone()
    return tuple(Word(start, end, Box(*box)) for start, end, *box in json.loads(row[0] or "[]")) if row else ()


def get_page(db: Database, document_id: int, number: int) -> Page:
    """One page, as `pages_of_document` gives it."""
    for row in db.query("SELECT * FROM pages WHERE document_id = ? AND number = ?", [document_id, number]):
        return _page(row)
    raise NotFoundError(f"Paper {document_id} has no page {number}.")


def pages_of_document(db: Database, document_id: int) -> list[Page]:
    """The document's pages as they were read, in order, without the places of their lines and words."""
    return [_page(row) for row in db.query("SELECT * FROM pages WHERE document_id = ? ORDER BY number", [document_id])]


def keep_recognised(db: Database, document_id: int, page: Page) -> None:
    """Keep a page as soon as it is recognised, so that it is not recognised again where the reading is interrupted."""
    with transaction(db):
        if db["documents"].count_where("id = ?", [document_id]):
            db.conn.execute(
                "INSERT OR REPLACE INTO recognised_pages (document_id, number, page) VALUES (?, ?, ?)",
                [document_id, page.number, json.dumps(asdict(page))],
            )


def recognised_pages(db: Database, document_id: int) -> dict[int, Page]:
    """What has been recognised, by page number, of a document whose reading is not done."""
    rows = db.conn.execute("SELECT number, page FROM recognised_pages WHERE document_id = ?", [document_id])
    return {number: page_from_json(json.loads(page)) for number, page in rows}


def _page(row: dict[str, Any]) -> Page:
    return Page(
        row["number"],
        row["text"],
        row["width"],
        row["height"],
        source=PageSource(row["source"]),
        reason=row["reason"],
        blocks=tuple(
            Block(start, end, BlockKind(kind), level) for start, end, kind, level in json.loads(row["blocks"] or "[]")
        ),
    )


def _words_json(words: Sequence[Word]) -> str | None:
    if not words:
        return None
    places = ((word.box.left, word.box.top, word.box.width, word.box.height) for word in words)
    rows = [
        [word.start, word.end, *(round(share, 4) for share in place)] for word, place in zip(words, places, strict=True)
    ]
    return json.dumps(rows, separators=(",", ":"))


def _blocks_json(blocks: Sequence[Block]) -> str | None:
    if not blocks:
        return None
    return json.dumps([[block.start, block.end, block.kind, block.level] for block in blocks], separators=(",", ":"))
