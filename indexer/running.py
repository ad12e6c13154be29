"""Running headers, running footers and page numbers: what stands at the edge of page after page."""

import math
import re
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Sequence
from statistics import median

from core.types import Line, Page

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
_LONGEST_RUNNING_LINE = 200
_MOST_LINES_OF_A_RUNNING_ROW = 3
# Names of sections above the text: on so many pages, and that share of all, and so many of them headings elsewhere.
_FEWEST_BAND = 5
_SHARE_OF_BAND = 0.5
_LONGEST_SECTION_NAME = 100

_PAGE_NUMBER = re.compile(
    r"^[-\u2013\u2014|\[\s]*(?P<named>page\s+)?(?P<number>\d{1,4})(?:\s*(?:/|of)\s*\d{1,4})?[-\u2013\u2014|\]\s]*$",
    re.IGNORECASE,
)

_NUMBERED_ROW = re.compile(r"^(?:(?P<first>\d{1,4})\s+\D.*|.*\D\s+(?P<last>\d{1,4}))$")


def find_running_lines(pages: Sequence[Page]) -> set[tuple[int, int]]:
    """Headers, footers and page numbers: (page number, start of the line).

    Only a page's outermost rows are looked at, and the next one where the outermost has turned out to be running: a
    line that comes again and again there, a number that counts the pages, with or without a text beside it, or the
    name of a section above the text, at one height on most pages. All else is text.
    """
    rows = {page.number: _rows(page) for page in pages}
    running = _find_section_names(pages, rows)
    rows = {
        number: [row for row in page_rows if not any((number, line.start) in running for line in row)]
        for number, page_rows in rows.items()
    }
    for side in (0, -1):
        left = {number: list(page_rows) for number, page_rows in rows.items() if len(page_rows) > _FEWEST_ROWS}
        for _ in range(_MOST_RUNNING_ROWS):
            outermost = [(page, line) for page in pages if left.get(page.number) for line in left[page.number][side]]
            outer_rows = [(page, left[page.number][side]) for page in pages if left.get(page.number)]
            found = _find_page_numbers(outermost) | _find_repeated(outermost, len(pages))
            found |= _find_numbered_rows(outer_rows, len(pages))
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
    placed = [line for line in page.lines if line.top > line.bottom and page.text_of(line).strip()]
    rows: list[list[Line]] = []
    for line in sorted(placed, key=lambda line: -(line.top + line.bottom)):
        middle = (line.top + line.bottom) / 2
        if rows and abs((rows[-1][0].top + rows[-1][0].bottom) / 2 - middle) <= _ROW_HEIGHT:
            rows[-1].append(line)
        else:
            rows.append([line])
    return rows


def _find_page_numbers(lines: Sequence[tuple[Page, Line]]) -> set[tuple[int, int]]:
    """Lines that hold nothing but a number, which is the page's own plus the same everywhere, or "Page" and that."""
    offsets: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
    named: set[tuple[int, int]] = set()
    a_page = Counter(page.number for page, _ in lines)
    for page, line in lines:
        if a_page[page.number] > _MOST_LINES_OF_A_RUNNING_ROW:
            continue  # the scale of a figure
        match = _PAGE_NUMBER.match(page.text_of(line).strip())
        if match:
            offset = int(match["number"]) - page.number
            offsets[offset].append((page.number, line.start))
            if match["named"] and offset == 0:
                named.add((page.number, line.start))
    counting = {place for places in offsets.values() if len({number for number, _ in places}) > 1 for place in places}
    return named | counting


def _find_repeated(lines: Sequence[tuple[Page, Line]], pages: int) -> set[tuple[int, int]]:
    """Lines that stand at one height on a good part of the pages, numbers in them aside."""
    needed = min(max(_FEWEST_REPEATS, math.ceil(_SHARE_OF_PAGES * pages)), _ENOUGH_REPEATS, max(pages, 2))
    places: defaultdict[str, list[tuple[Page, Line]]] = defaultdict(list)
    for page, line in lines:
        text = page.text_of(line).strip()
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


def _find_numbered_rows(rows: Sequence[tuple[Page, list[Line]]], pages: int) -> set[tuple[int, int]]:
    """Rows that begin or end with the page's number, as "272 Notes" and "Notes 273" do, whatever they name besides."""
    alike: defaultdict[tuple[int, int], list[tuple[Page, list[Line], str]]] = defaultdict(list)
    for page, row in rows:
        text = _row_text(page, row)
        match = _NUMBERED_ROW.match(text)
        if match and len(text) <= _LONGEST_RUNNING_LINE and not _stands_out(page, row):
            offset = int(match["first"] or match["last"]) - page.number
            band = round(row[0].bottom / (2 * _SAME_HEIGHT))
            for height in (band, band + 1):
                alike[offset, height].append((page, row, _letters(text)))
    found: set[tuple[int, int]] = set()
    for numbered in alike.values():
        many = len(numbered) >= max(_FEWEST_REPEATS, math.ceil(_SHARE_OF_PAGES * pages))
        if many or (len(numbered) == pages == 2 and len({letters for _, _, letters in numbered}) == 1):
            found |= {(page.number, line.start) for page, row, _ in numbered for line in row}
    return found


def _find_section_names(pages: Sequence[Page], rows: dict[int, list[list[Line]]]) -> set[tuple[int, int]]:
    """The top rows that name the section a page is in: at one height on most pages, set off, and headings elsewhere."""
    tops = [(page, rows[page.number][0]) for page in pages if len(rows[page.number]) > _FEWEST_ROWS]
    tops = [(page, row) for page, row in tops if _is_set_off(row, rows[page.number][1])]
    if not tops:
        return set()
    height = median(row[0].bottom for _, row in tops)
    band = [(page, row) for page, row in tops if abs(row[0].bottom - height) <= _SAME_HEIGHT]
    if len(band) < max(_FEWEST_BAND, math.ceil(_SHARE_OF_BAND * len(pages))):
        return set()
    places = {(page.number, line.start) for page, row in band for line in row}
    elsewhere = sorted(
        _letters(page.text_of(line))
        for page in pages
        for line in page.lines
        if line.end - line.start <= _LONGEST_SECTION_NAME and (page.number, line.start) not in places
    )
    named = [all(_is_beginning(part, elsewhere) for part in _parts(_row_text(page, row))) for page, row in band]
    return places if sum(named) >= _SHARE_OF_BAND * len(named) else set()


def _is_beginning(text: str, ordered: Sequence[str]) -> bool:
    """Whether any of the texts, which are in order, begins with this one."""
    position = bisect_left(ordered, text)
    return position < len(ordered) and ordered[position].startswith(text)


def _row_text(page: Page, row: Sequence[Line]) -> str:
    return " ".join(page.text_of(line).strip() for line in sorted(row, key=lambda line: line.left))


def _stands_out(page: Page, row: Sequence[Line]) -> bool:
    """Whether the row is set larger than the page's text, as headings are."""
    return max(line.font_size for line in row) > 1.1 * median(line.font_size for line in page.lines)


def _is_set_off(row: Sequence[Line], following: Sequence[Line]) -> bool:
    gap = min(line.bottom for line in row) - max(line.top for line in following)
    return gap > max(line.font_size for line in row)


def _parts(text: str) -> list[str]:
    """The names in a row, without the numbers of sections and pages between them."""
    return [letters for part in re.split(r"[\d.§]+", text) if (letters := _letters(part))]


def _letters(text: str) -> str:
    return "".join(filter(str.isalpha, text.casefold()))


def _numbers_stand_or_count(alike: Sequence[tuple[Page, Line]]) -> bool:
    """Whether each number in these lines is the same everywhere, or goes up with the pages."""
    values = [[int(n) for n in re.findall(r"\d{1,9}", page.text_of(line))] for page, line in alike]
    if len({len(numbers) for numbers in values}) > 1:
        return False
    pages = [page.number for page, _ in alike]
    return all(
        len(set(column)) == 1 or len({value - number for value, number in zip(column, pages, strict=True)}) == 1
        for column in zip(*values, strict=True)
    )
