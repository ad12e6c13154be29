"""What stands where on the pages: the running text cut at its headings, and what stands beside it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from core.types import BlockKind, ChunkKind, OutlineEntry, Page
from indexer.contents import find_contents
from indexer.converted import kind_of
from indexer.headings import continues, find_headings
from indexer.lines import PlacedLine, lines_of, placeless_lines
from indexer.quality import page_quality
from indexer.regions import Region, find_regions
from indexer.running import find_running_lines

_SMALLEST_SECTION = 80
_REFERENCES = re.compile(
    r"^(?:[\divx]{1,4}[.:)]?\s+)?"
    r"(?:(?:notes (?:and|&) )?references(?: (?:and|&) notes)?|bibliography|"
    r"literature(?: cited)?|works cited|literatur|参考文献)\W*$",
    re.IGNORECASE,
)


@dataclass(slots=True)
class Section:
    """Lines of one kind that are read in one go; of the running text, from one heading to the next.

    The heading of running text is also its first line; that of what stands beside is the one of the text around it.
    """

    heading: str | None
    lines: list[PlacedLine] = field(default_factory=list)
    kind: ChunkKind = ChunkKind.BODY


def split_into_sections(pages: Sequence[Page], outline: Sequence[OutlineEntry]) -> list[Section]:
    """Every line of the pages that is not left out: the running text, then what stands beside it."""
    if any(page.blocks for page in pages):
        return _sections_of_blocks(pages)
    left_out = find_left_out_lines(pages)
    kept = [
        PlacedLine(page, line)
        for page in pages
        for line in lines_of(page)
        if (page.number, line.start) not in left_out and page.text_of(line).strip()
    ]
    regions = find_regions(kept)
    beside = {index for region in regions for index in region.lines}
    body = [placed for index, placed in enumerate(kept) if index not in beside]
    sections = _cut_at_headings(body, outline)
    return sections + _sections_beside(kept, regions, sections)


def _sections_of_blocks(pages: Sequence[Page]) -> list[Section]:
    """A converted paper's blocks, whose kinds its own format tells."""
    body, beside = [Section(None)], []
    for page in pages:
        for block in page.blocks:
            lines = [PlacedLine(page, line) for line in placeless_lines(page.text, block.start, block.end)]
            kind = kind_of(block)
            if kind is not ChunkKind.BODY:
                beside.append(Section(body[-1].heading, lines, kind))
                continue
            if block.kind is BlockKind.HEADING:
                body.append(Section(page.text[block.start : block.end]))
            body[-1].lines += lines
    return _finish_sections(body) + beside


def find_left_out_lines(pages: Sequence[Page]) -> set[tuple[int, int]]:
    """Lines that belong in no passage, as (page number, start): running lines, contents, and what can't be read."""
    unreadable = {(page.number, start) for page in pages for start in page_quality(page).unreadable_lines}
    contents = {(page.number, start) for page in pages for start in find_contents(page)}
    return unreadable | contents | find_running_lines(pages)


def _cut_at_headings(lines: Sequence[PlacedLine], outline: Sequence[OutlineEntry]) -> list[Section]:
    headings = find_headings(lines, outline)
    sections = [Section(None)]
    for index, placed in enumerate(lines):
        # A heading over two lines begins one section, not two.
        if index in headings and not (index - 1 in headings and continues(lines[index - 1], placed)):
            sections.append(Section(placed.text.strip()))
        elif index in headings and sections[-1].heading:
            sections[-1].heading = f"{sections[-1].heading} {placed.text.strip()}"
        sections[-1].lines.append(placed)
    return _finish_sections(sections)


def _finish_sections(sections: Sequence[Section]) -> list[Section]:
    merged = _merge_small([section for section in sections if section.lines])
    for section in merged:
        if section.heading and _REFERENCES.match(section.heading):
            section.kind = ChunkKind.REFERENCE
    return merged


def _merge_small(sections: Sequence[Section]) -> list[Section]:
    """A heading without a text of its own goes to the section below it, or at the end to the one above."""
    merged: list[Section] = []
    waiting: list[PlacedLine] = []
    for section in sections:
        waiting += section.lines
        if sum(placed.line.end - placed.line.start for placed in waiting) >= _SMALLEST_SECTION:
            merged.append(Section(section.heading, waiting))
            waiting = []
    if waiting and merged:
        merged[-1].lines += waiting
    elif waiting:
        merged.append(Section(sections[-1].heading, waiting))
    return merged


def _sections_beside(
    lines: Sequence[PlacedLine], regions: Sequence[Region], sections: Sequence[Section]
) -> list[Section]:
    """A section a region, under the heading of the running text before it; a page's footnotes are one section."""
    headings = {_place(placed): section.heading for section in sections for placed in section.lines}
    found: list[Section] = []
    for region in regions:
        placed = [lines[index] for index in region.lines]
        places = (_place(lines[index]) for index in range(region.lines[0], -1, -1))
        heading = next((headings[place] for place in places if place in headings), None)
        both_footnotes = found and found[-1].kind is region.kind is ChunkKind.FOOTNOTE
        if both_footnotes and found[-1].lines[-1].page is placed[0].page:
            found[-1].lines += placed
        else:
            found.append(Section(heading, placed, region.kind))
    return found


def _place(placed: PlacedLine) -> tuple[int, int]:
    return placed.page.number, placed.line.start
