"""What stands where on the pages: running headers and footers, headings, and the sections between headings."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median

from core.types import Line, OutlineEntry, Page

# Shares of the page's height in which headers and footers stand.
_MARGIN = 0.12
_REPEATS = 3
_LONGEST_HEADING = 120
_LONGEST_RUNNING_LINE = 200
_SMALLEST_SECTION = 80

_PAGE_NUMBER = re.compile(
    r"^\W*(?:page\s+)?(?:\d{1,4}|[ivxlc]{1,6})(?:\s*(?:/|of)\s*\d{1,4})?\W*$",
    re.IGNORECASE,
)
_NUMBERED = re.compile(
    r"^(?:(?:chapter|section|appendix)\s+)?(?:\d{1,2}(?:\.\d{1,2}){0,3}|[IVX]{1,5}|[A-Z](?:\.\d{1,2}){0,2})[.:)]?\s+"
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


@dataclass(frozen=True, slots=True)
class PlacedLine:
    """A line and the page it stands on."""

    page: Page
    line: Line

    @property
    def text(self) -> str:
        return self.page.text[self.line.start : self.line.end]


@dataclass(slots=True)
class Section:
    """Lines in reading order from one heading to the next; the heading is its first line, `heading` its text."""

    heading: str | None
    lines: list[PlacedLine] = field(default_factory=list)


def split_into_sections(pages: Sequence[Page], outline: Sequence[OutlineEntry]) -> list[Section]:
    """Every line of the pages but running headers, footers and page numbers, cut at the headings."""
    running = find_running_lines(pages)
    kept = [
        PlacedLine(page, line)
        for page in pages
        for line in lines_of(page)
        if (page.number, line.start) not in running and page.text[line.start : line.end].strip()
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


def find_running_lines(pages: Sequence[Page]) -> set[tuple[int, int]]:
    """Headers, footers and page numbers: (page number, start of the line)."""
    running: set[tuple[int, int]] = set()
    places: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
    for page in pages:
        for line in _margin_lines(page):
            text = page.text[line.start : line.end].strip()
            if _PAGE_NUMBER.match(text):
                running.add((page.number, line.start))
            elif len(text) <= _LONGEST_RUNNING_LINE:
                places[_running_key(text)].append((page.number, line.start))
    needed = min(_REPEATS, len(pages))
    for found in places.values():
        if needed > 1 and len({page for page, _ in found}) >= needed:
            running.update(found)
    return running


def lines_of(page: Page) -> tuple[Line, ...]:
    """The page's lines; where it was read without places, its text cut at the line ends."""
    if page.lines or not page.text.strip():
        return page.lines
    return tuple(
        Line(match.start(), match.end(), 0, 0, 0, 0, font_size=0, bold=False)
        for match in re.finditer(r"[^\r\n]+", page.text)
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


def _margin_lines(page: Page) -> list[Line]:
    """Lines in the top and bottom margins, told by the lines themselves, since a page's origin may lie anywhere."""
    placed = [line for line in page.lines if line.top > line.bottom]
    if not placed or page.height <= 0:
        return []
    top, bottom = max(line.top for line in placed), min(line.bottom for line in placed)
    depth = min(_MARGIN * page.height, 0.25 * (top - bottom))
    return [line for line in placed if line.bottom > top - depth or line.top < bottom + depth]


def _running_key(text: str) -> str:
    return re.sub(r"\d+", "#", " ".join(text.casefold().split()))


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
    gutter = median([p.line.right - p.line.left for p in lines]) if lines else 0.0
    looks = {
        index
        for index, placed in enumerate(lines)
        if _looks_like_heading(placed, body, gutter) and not _inside_running_text(lines, index)
    }
    return named | looks


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
        return (line.bold or line.font_size > 1.05 * body) and short
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
