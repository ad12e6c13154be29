"""Papers that are no PDFs, laid out in pages: blocks of text, and no places but offsets."""

import re
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

from core.errors import ReadError
from core.formats import DocumentFormat
from core.types import Block, BlockKind, ChunkKind, Metadata, Page, PageSource, PaperText
from indexer.metadata import find_identifiers
from indexer.pandoc import Draft, convert

# A page is as much as one reads without losing the mark out of sight, and begins with a heading where there is one.
_PAGE_CHARACTERS = 3000
_EARLIEST_BREAK = 1500
_HIGH_LEVEL = 2
# A block longer than this is cut at a space; its passages go on over the cut.
_LONGEST_BLOCK = 2 * _PAGE_CHARACTERS
_BETWEEN_BLOCKS = "\n\n"
_YEAR = re.compile(r"\b(1[4-9]\d\d|20\d\d)\b")

_KINDS = {
    BlockKind.TABLE: ChunkKind.TABLE,
    BlockKind.CAPTION: ChunkKind.CAPTION,
    BlockKind.FOOTNOTE: ChunkKind.FOOTNOTE,
    BlockKind.REFERENCE: ChunkKind.REFERENCE,
}


def read_converted(path: Path, format: DocumentFormat, name: str, seconds: int, megabytes: int) -> PaperText:
    """The paper's text in pages of blocks, and its metadata. Raises ReadError, in one sentence that names `name`."""
    converted = convert(path, format, name, seconds, megabytes)
    pages = lay_out(converted.blocks, one_page_a_slide=format is DocumentFormat.PPTX)
    if not pages:
        raise ReadError(f"'{name}' has no text. If it shows pictures of text, save it as a PDF, then add that.")
    doi, arxiv_id = find_identifiers(pages[0])
    year = _YEAR.search(converted.date)
    metadata = Metadata(
        title=converted.title or _first_heading(converted.blocks),
        authors=converted.authors,
        year=int(year[1]) if year and int(year[1]) <= date.today().year + 1 else None,
        doi=doi,
        arxiv_id=arxiv_id,
    )
    return PaperText(pages, (), metadata)


def _first_heading(blocks: Sequence[Draft]) -> str | None:
    """The heading the paper begins with, if it is the highest there is."""
    first = blocks[0] if blocks else None
    headings = [block.level for block in blocks if block.kind is BlockKind.HEADING]
    return first.text if first and first.kind is BlockKind.HEADING and first.level == min(headings) else None


def lay_out(blocks: Sequence[Draft], *, one_page_a_slide: bool = False) -> tuple[Page, ...]:
    """The blocks in pages."""
    pages: list[list[Draft]] = [[]]
    length = 0
    for block in _cut_long(blocks):
        high = block.kind is BlockKind.HEADING and block.level <= _HIGH_LEVEL
        full = length + len(block.text) > _PAGE_CHARACTERS or (high and (one_page_a_slide or length > _EARLIEST_BREAK))
        # A heading does not stay behind at the foot of a page.
        if full and pages[-1] and pages[-1][-1].kind is not BlockKind.HEADING:
            pages.append([])
            length = 0
        pages[-1].append(block)
        length += len(block.text)
    return tuple(_make_page(number, page) for number, page in enumerate(pages, start=1) if page)


def _cut_long(blocks: Sequence[Draft]) -> Iterator[Draft]:
    for block in blocks:
        rest = block.text
        while len(rest) > _LONGEST_BLOCK:
            cut = max(rest.rfind("\n", 0, _PAGE_CHARACTERS), rest.rfind(" ", 0, _PAGE_CHARACTERS)) + 1
            cut = cut or _PAGE_CHARACTERS
            yield Draft(rest[:cut].rstrip(), block.kind, block.level)
            rest = rest[cut:]
        if rest.strip():
            yield Draft(rest, block.kind, block.level)


def _make_page(number: int, drafts: Sequence[Draft]) -> Page:
    text = ""
    blocks = []
    for draft in drafts:
        text += _BETWEEN_BLOCKS if text else ""
        blocks.append(Block(len(text), len(text) + len(draft.text), draft.kind, draft.level))
        text += draft.text
    return Page(number, text, 0.0, 0.0, source=PageSource.TEXT, blocks=tuple(blocks))


def kind_of(block: Block) -> ChunkKind:
    """What part of a paper the block's passages are."""
    return _KINDS.get(block.kind, ChunkKind.BODY)
