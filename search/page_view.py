"""The page of a paper on which a passage is looked at: its picture or its text, with the passage marked on it."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlite_utils import Database

from core.errors import ReadError
from core.settings import Settings
from core.types import Block, BlockKind, Box, Document, Page, Span, StoredChunk
from indexer.citations import cite_passage, to_bibtex
from indexer.drawing import Drawer
from indexer.ingest import paper_file
from indexer.ocr import boxes_of_words
from storage import library, pages

logger = logging.getLogger(__name__)

Pieces = tuple[tuple[str, bool], ...]
"""A text in pieces, each with whether it is marked."""


@dataclass(frozen=True, slots=True)
class ShownBlock:
    """A block of a converted page; a table's text is also in rows of cells."""

    kind: BlockKind
    level: int
    pieces: Pieces
    rows: tuple[tuple[Pieces, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class PageView:
    """One page of the paper of `passage`: boxes where it is marked on the picture, or blocks where the page is text.

    `note` says where else the passage stands, or why nothing is marked; `passages` are all that stand on the page, and
    `boxes_beside` are where those stand that are marked beside it.
    """

    document: Document
    passage: StoredChunk
    page: int
    width: float
    height: float
    boxes: tuple[Box, ...]
    blocks: tuple[ShownBlock, ...]
    note: str
    citation: str
    bibtex: str
    passages: tuple[StoredChunk, ...]
    boxes_beside: tuple[Box, ...] = ()

    @property
    def its_other_pages(self) -> tuple[int, ...]:
        """The pages besides this one that the passage stands on."""
        return tuple(sorted({span.page for span in self.passage.spans} - {self.page}))


def view_page(
    settings: Settings,
    drawer: Drawer,
    db: Database,
    chunk_id: int,
    page: int | None = None,
    beside: Sequence[int] = (),
) -> PageView:
    """A page of the passage's paper, by default the first it stands on, the passage marked where it stands on it.

    Passages `beside` it, of the same paper, are marked too where they stand on the page's picture.
    """
    chunk = library.get_chunk(db, chunk_id)
    document = library.get_document(db, chunk.document_id)
    number = min(max(page or chunk.page, 1), document.pages)
    shown = pages.get_page(db, document.id, number)
    boxes = () if shown.blocks else tuple(_boxes_on_page(settings, drawer, db, document, chunk, number))
    others = [one for one in library.chunks_by_id(db, beside).values() if one.document_id == document.id]
    lighter = [] if shown.blocks else [_boxes_on_page(settings, drawer, db, document, one, number) for one in others]
    blocks = tuple(_show_block(shown, block, chunk.spans) for block in shown.blocks)
    return PageView(
        document=document,
        passage=chunk,
        page=number,
        width=shown.width,
        height=shown.height,
        boxes=boxes,
        blocks=blocks,
        note=_page_note(chunk, number, marked=bool(boxes or blocks)),
        citation=cite_passage(document, chunk),
        bibtex=to_bibtex([document]) if _is_citable(document) else "",
        passages=tuple(
            c for c in library.chunks_of_document(db, document.id) if any(s.page == number for s in c.spans)
        ),
        boxes_beside=tuple(box for boxes_of_one in lighter for box in boxes_of_one),
    )


def _is_citable(document: Document) -> bool:
    """Whether more is known of the paper than a title, which may be but its file's name."""
    return bool(document.authors or document.year or document.doi or document.arxiv_id)


def _boxes_on_page(
    settings: Settings, drawer: Drawer, db: Database, document: Document, chunk: StoredChunk, page: int
) -> list[Box]:
    spans = [span for span in chunk.spans if span.page == page]
    if words := pages.words_of_page(db, document.id, page):
        return [box for span in spans for box in boxes_of_words(words, span.start, span.end)]
    file = paper_file(settings, db, document)
    try:
        return [box for span in spans for box in drawer.find_boxes(file, page, span.start, span.end)]
    except ReadError as error:
        # The page's picture, which is asked for next, fails with the same sentence.
        logger.info("boxes: %s", error)
        return []


def _page_note(chunk: StoredChunk, page: int, *, marked: bool) -> str:
    its_pages = sorted({span.page for span in chunk.spans})
    if page in its_pages and not marked:
        return "The passage stands on this page, but its exact place can't be told, so nothing is marked."
    if page not in its_pages:
        pages = "page" if len(its_pages) == 1 else "pages"
        return f"The passage is not on this page; it is on {pages} {_list(its_pages)}."
    if len(its_pages) > 1:
        return f"The passage runs over pages {_list(its_pages)}."
    return ""


def _list(numbers: Sequence[int]) -> str:
    *first, last = map(str, numbers)
    return f"{', '.join(first)} and {last}" if first else last


def _show_block(page: Page, block: Block, spans: Sequence[Span]) -> ShownBlock:
    here = sorted((span for span in spans if span.page == page.number), key=lambda span: span.start)
    rows: tuple[tuple[Pieces, ...], ...] = ()
    if block.kind is BlockKind.TABLE:
        rows = tuple(
            tuple(_mark(page.text, *cell, here) for cell in _split(page.text, *row, "\t"))
            for row in _split(page.text, block.start, block.end, "\n")
        )
    return ShownBlock(block.kind, block.level, _mark(page.text, block.start, block.end, here), rows)


def _split(text: str, start: int, end: int, separator: str) -> Iterator[tuple[int, int]]:
    """Where the parts of `text[start:end]` stand."""
    for part in text[start:end].split(separator):
        yield start, start + len(part)
        start += len(part) + len(separator)


def _mark(text: str, start: int, end: int, spans: Sequence[Span]) -> Pieces:
    """`text[start:end]` in pieces, each with whether it lies in a span."""
    pieces: list[tuple[str, bool]] = []
    position = start
    for span in spans:
        first, last = max(span.start, position), min(span.end, end)
        if first < last:
            pieces += [(text[position:first], False), (text[first:last], True)]
            position = last
    pieces.append((text[position:end], False))
    return tuple(piece for piece in pieces if piece[0])
