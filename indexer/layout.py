"""What stands where on the pages: running headers and footers, headings, and the sections between headings."""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median

from core.types import Line, OutlineEntry, Page
from indexer.lines import PlacedLine, lines_of
from indexer.quality import page_quality

# Rows at the top, and as many at the bottom, that may be header or footer; a page of fewer rows has neither.
_MOST_RUNNING_ROWS = 3
_FEWEST_ROWS = 4
# Points between two lines that count as one row.
_ROW_HEIGHT = 3.0
# Points by which a header may stand higher or lower from page to page.
_SAME_HEIGHT = 4.0
# A header stands on this share of the pages; on three at least, and on eight it is surely one.
_SHARE_OF_PAGES = 0.3
_FEWEST_REPEATS = 3
_ENOUGH_REPEATS = 8
_LONGEST_HEADING = 120
_MOST_HEADING_LINES = 3
_SHARE_OF_A_FULL_LINE = 0.6
_CAPITALS_OF_A_HEADING = 5
_LONGEST_RUNNING_LINE = 200
_SMALLEST_SECTION = 80

_PAGE_NUMBER = re.compile(
    r"^[-\u2013\u2014|\[\s]*(?:page\s+)?(\d{1,4})(?:\s*(?:/|of)\s*\d{1,4})?[-\u2013\u2014|\]\s]*$", re.IGNORECASE
)
_NUMBERED = re.compile(
    r"^(?:(?:chapter|section|appendix)\s+|§\s*)?(?:\d{1,2}(?:\.\d{1,2}){0,3}|[IVX]{1,5}|[A-Z](?:\.\d{1,2}){0,2})[.:)]?\s+"
    r"(?=\w)(?!.*[.,;]$)(?P<name>.{2,})$"
)
_NAMED = re.compile(
    r"^(?:[\divx]{1,4}[.:)]?\s+)?"
    r"(?:abstract|summary|introduction|background|related works?|(?:materials? and )?methods?|experiments?|"
    r"results?(?: and discussion)?|evaluation|discussion|limitations?|conclusions?(?: and future work)?|future work|"
    r"acknowledge?ments?|references|bibliography|appendix|appendices|supplementary materials?|ethics statement)"
    r"\s*[.:]?$",
    re.IGNORECASE,
)


@dataclass(slots=True)
class Section:
    """Lines in reading order from one heading to the next; the heading is its first line, `heading` its text."""

    heading: str | None
    lines: list[PlacedLine] = field(default_factory=list)


def split_into_sections(pages: Sequence[Page], outline: Sequence[OutlineEntry]) -> list[Section]:
    """Every line of the pages that is not left out, cut at the headings."""
    left_out = find_left_out_lines(pages)
    kept = [
        PlacedLine(page, line)
        for page in pages
        for line in lines_of(page)
        if (page.number, line.start) not in left_out and page.text[line.start : line.end].strip()
    ]
    headings = _find_headings(kept, outline)
    sections = [Section(None)]
    for index, placed in enumerate(kept):
        # A heading over two lines begins one section, not two.
        if index in headings and not (index - 1 in headings and _continues(kept[index - 1], placed)):
            sections.append(Section(placed.text.strip()))
        elif index in headings and sections[-1].heading:
            sections[-1].heading = f"{sections[-1].heading} {placed.text.strip()}"
        sections[-1].lines.append(placed)
    return _merge_small([section for section in sections if section.lines])


def find_left_out_lines(pages: Sequence[Page]) -> set[tuple[int, int]]:
    """Lines that belong in no passage, as (page number, start): running lines and what can't be read."""
    unreadable = {(page.number, start) for page in pages for start in page_quality(page).unreadable_lines}
    return unreadable | find_running_lines(pages)


def find_running_lines(pages: Sequence[Page]) -> set[tuple[int, int]]:
    """Headers, footers and page numbers: (page number, start of the line).

    Only a page's outermost rows are looked at, and the next one where the outermost has turned out to be running: a
    line that comes again and again there, or a number that counts the pages. All else is text.
    """
    running: set[tuple[int, int]] = set()
    rows = {page.number: _rows(page) for page in pages}
    for side in (0, -1):
        left = {number: list(page_rows) for number, page_rows in rows.items() if len(page_rows) > _FEWEST_ROWS}
        for _ in range(_MOST_RUNNING_ROWS):
            outermost = [(page, line) for page in pages if left.get(page.number) for line in left[page.number][side]]
            found = _find_page_numbers(outermost) | _find_repeated(outermost, len(pages))
            running |= found
            for page in pages:
                page_rows = left.get(page.number)
                if page_rows and any((page.number, line.start) in found for line in page_rows[side]):
                    page_rows.pop(side)
                else:
                    left.pop(page.number, None)
    return running


def _rows(page: Page) -> list[list[Line]]:
    """The page's lines from top to bottom, those at one height together."""
    placed = [line for line in page.lines if line.top > line.bottom and page.text[line.start : line.end].strip()]
    rows: list[list[Line]] = []
    for line in sorted(placed, key=lambda line: -(line.top + line.bottom)):
        middle = (line.top + line.bottom) / 2
        if rows and abs((rows[-1][0].top + rows[-1][0].bottom) / 2 - middle) <= _ROW_HEIGHT:
            rows[-1].append(line)
        else:
            rows.append([line])
    return rows


def _find_page_numbers(lines: Sequence[tuple[Page, Line]]) -> set[tuple[int, int]]:
    """Lines that hold nothing but a number, which is the page's own plus the same everywhere."""
    offsets: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
    for page, line in lines:
        match = _PAGE_NUMBER.match(page.text[line.start : line.end].strip())
        if match:
            offsets[int(match[1]) - page.number].append((page.number, line.start))
    return {place for places in offsets.values() if len({number for number, _ in places}) > 1 for place in places}


def _find_repeated(lines: Sequence[tuple[Page, Line]], pages: int) -> set[tuple[int, int]]:
    """Lines that stand at one height on a good part of the pages, numbers in them aside."""
    needed = min(max(_FEWEST_REPEATS, math.ceil(_SHARE_OF_PAGES * pages)), _ENOUGH_REPEATS, max(pages, 2))
    places: defaultdict[str, list[tuple[Page, Line]]] = defaultdict(list)
    for page, line in lines:
        text = page.text[line.start : line.end].strip()
        if len(text) <= _LONGEST_RUNNING_LINE and any(character.isalpha() for character in text):
            places[re.sub(r"\d+", "#", " ".join(text.casefold().split()))].append((page, line))
    repeated: set[tuple[int, int]] = set()
    for alike in places.values():
        if not _numbers_stand_or_count(alike):
            continue
        height = median(line.bottom for _, line in alike)
        there = {(page.number, line.start) for page, line in alike if abs(line.bottom - height) <= _SAME_HEIGHT}
        if len({number for number, _ in there}) >= needed:
            repeated |= there
    return repeated


def _numbers_stand_or_count(alike: Sequence[tuple[Page, Line]]) -> bool:
    """Whether each number in these lines is the same everywhere, or goes up with the pages."""
    values = [[int(n) for n in re.findall(r"\d{1,9}", page.text[line.start : line.end])] for page, line in alike]
    if len({len(numbers) for numbers in values}) > 1:
        return False
    pages = [page.number for page, _ in alike]
    return all(
        len(set(column)) == 1 or len({value - number for value, number in zip(column, pages, strict=True)}) == 1
        for column in zip(*values, strict=True)
    )


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


def _continues(before: PlacedLine, placed: PlacedLine) -> bool:
    gap = before.line.bottom - placed.line.top
    same_size = abs(before.line.font_size - placed.line.font_size) < 0.1 * before.line.font_size
    return before.page is placed.page and same_size and abs(gap) < before.line.font_size and not _starts_section(placed)


def _starts_section(placed: PlacedLine) -> bool:
    text = placed.text.strip()
    return bool(_NUMBERED.match(text) or _NAMED.match(text))


def _find_headings(lines: Sequence[PlacedLine], outline: Iterable[OutlineEntry]) -> set[int]:
    """Positions of heading lines, from the outline and from how they look."""
    named = _find_outline_headings(lines, outline)
    sizes = Counter(round(p.line.font_size, 1) for p in lines for _ in range(p.line.end - p.line.start))
    body = sizes.most_common(1)[0][0] if sizes else 0.0
    usual_width = median([p.line.right - p.line.left for p in lines]) if lines else 0.0
    looks = {
        index
        for index, placed in enumerate(lines)
        if _looks_like_heading(placed, body, usual_width) and not _inside_running_text(lines, index)
    }
    return named | looks | _find_continuations(lines, named | looks, body, usual_width)


def _find_continuations(lines: Sequence[PlacedLine], headings: set[int], body: float, usual_width: float) -> set[int]:
    """Further lines of headings that fill theirs: in the same type, set apart from the body, right below."""
    found: set[int] = set()
    for index in headings:
        heading = lines[index].line
        if heading.right - heading.left < _SHARE_OF_A_FULL_LINE * usual_width:
            continue
        for following in range(index + 1, min(index + _MOST_HEADING_LINES, len(lines))):
            line = lines[following].line
            apart = line.bold or line.font_size > 1.05 * body
            same_type = line.bold == heading.bold and abs(line.font_size - heading.font_size) < 0.02 * body
            if not (apart and same_type and _continues(lines[following - 1], lines[following])):
                break
            found.add(following)
    return found


def _looks_like_heading(placed: PlacedLine, body: float, usual_width: float) -> bool:
    text, line = placed.text.strip(), placed.line
    letters = sum(character.isalpha() for character in text)
    if not 3 <= len(text) <= _LONGEST_HEADING or letters < 0.6 * len(text.replace(" ", "")) or letters < 3:
        return False
    if _NAMED.match(text):
        return True
    numbered = _NUMBERED.match(text)
    short = line.right - line.left < 0.95 * usual_width or len(text) < 60
    if numbered and numbered["name"][0].isupper():
        # Some journals set their headings in capitals of the body's size.
        name = numbered["name"]
        capitals = name.isupper() and name[1] != "." and sum(map(str.isalpha, name)) >= _CAPITALS_OF_A_HEADING
        return (line.bold or line.font_size > 1.05 * body or capitals) and short
    if placed.page.number == 1 or not text[0].isupper() or text[-1] in ".,;:":
        return False  # the first page's large lines are the title and the authors
    return line.font_size > 1.15 * body and short


def _inside_running_text(lines: Sequence[PlacedLine], index: int) -> bool:
    """A line that the one before it runs into is a part of a sentence, whatever it looks like."""
    if index == 0:
        return False
    before, here = lines[index - 1], lines[index]
    return (
        before.page is here.page
        and before.text.rstrip()[-1:] in (",", "\x02", "-")
        and abs(before.line.font_size - here.line.font_size) < 0.05 * here.line.font_size
    )


def _find_outline_headings(lines: Sequence[PlacedLine], outline: Iterable[OutlineEntry]) -> set[int]:
    by_page: defaultdict[int, list[int]] = defaultdict(list)
    for index, placed in enumerate(lines):
        by_page[placed.page.number].append(index)
    found = set()
    for entry in outline:
        title = _letters(entry.title)
        if len(title) < 3:
            continue
        for index in by_page[entry.page]:
            line = _letters(lines[index].text)
            joined = line + _letters(lines[index + 1].text) if index + 1 < len(lines) else line
            # The outline may leave the number out, the page may break the title over two lines.
            if line.lstrip("0123456789") == title.lstrip("0123456789"):
                found.add(index)
                break
            if len(line) > 6 and joined.lstrip("0123456789") == title.lstrip("0123456789"):
                found.update((index, index + 1))
                break
    return found


def _letters(text: str) -> str:
    return "".join(character for character in text.casefold() if character.isalnum())
