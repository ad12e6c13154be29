"""Which lines stand beside the running text: captions, the text in figures and tables, footnotes and notices.

A sentence goes on over them, so they are taken out of it and become passages of their own. Where it is in doubt, a line
stays in the running text; nothing is lost either way.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from core.types import ChunkKind
from indexer.headings import starts_section
from indexer.lines import PlacedLine, body_size, stands_apart

_CAPTION = re.compile(
    r"^(?P<label>fig(?:ure|\.)?|abb(?:ildung|\.)|scheme|chart|table|tab\.|tabelle|tableau|algorithm|listing|图|圖|表|算法)"
    r"\s*(?:\d{1,3}|[IVX]{1,5}\b|[A-Z]\.?\d{1,2})(?:[.-]\d{1,2})*(?P<mark>\s*[:.：|–—])?(?=\s|$|[^\x00-\x7f])",
    re.IGNORECASE,
)
_LABELS_OF_TABLES = ("table", "tab.", "tabelle", "tableau", "表", "algorithm", "listing", "算法")
_FOOTNOTE_MARK = re.compile(
    r"^(?:[*\u2217\u2020\u2021§¶\u2660\u2663\u22c6]|\d{1,2}\s?"
    # A word with a capital, a quotation, or an address, with its protocol or without.
    r"(?=[^\W\d_a-z]|[\"“]|https?:|www\.|[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z]{2,}(?:[/\s]|$)))"
)
_NOTICE = re.compile(
    r"^(?:permission to|copyright|©|\(c\) |this work (?:is|was) |reprint requests|correspond(?:ence|ing)|e-?mail:|"
    r"(?:partially )?supported |equal contribution|licensed under|work done )",
    re.IGNORECASE,
)
_REFERENCE = re.compile(r"^(?:\[\w{1,12}\]|\d{1,3}\.)\s")
_WORD = re.compile(r"[^\W\d_]{2,}")
_MOST_CAPTION_LINES = 15
_MOST_FOOTNOTE_LINES = 20
_MOST_FIGURE_LINES = 500
_SMALL = 0.93
_SAME_SIZE = 0.05
# How much larger than is usual a step from line to line may be within a paragraph.
_LARGEST_LEADING = 1.25
_USUAL_LEADINGS = (0.7, 2.8)
# In heights of a line: by how much the left edges of a caption's lines may differ, as with a hanging label.
_HANGING = 4.0
_WIDE = 0.6
_FEWEST_WORDS_OF_PROSE = 4
_FEWEST_WORDS_OF_A_FOOTNOTE = 2
# Upright text: so many times as high as wide. In the margin it is the stamp of a preprint server, else a figure's.
_UPRIGHT = 3.0
_MARGIN = 0.08
_FEWEST_CHARACTERS_UPRIGHT = 8


@dataclass(frozen=True, slots=True)
class Region:
    """Positions of lines that belong together and stand beside the running text."""

    kind: ChunkKind
    lines: tuple[int, ...]


def find_regions(lines: Sequence[PlacedLine]) -> list[Region]:
    """Captions, figures, tables, footnotes among the lines, in their order; a line is in one of them at most."""
    if not any(placed.line.font_size for placed in lines):
        return []
    finder = _RegionFinder(lines)
    return sorted((region for page in _by_page(lines) for region in finder.find(page)), key=lambda r: r.lines)


def _by_page(lines: Sequence[PlacedLine]) -> Iterator[range]:
    start = 0
    for index in range(1, len(lines) + 1):
        if index == len(lines) or lines[index].page is not lines[start].page:
            yield range(start, index)
            start = index


class _RegionFinder:
    """Looks at one page after the other with the measures of the whole document."""

    def __init__(self, lines: Sequence[PlacedLine]) -> None:
        self._lines = lines
        self._body_size = body_size(lines)
        widths = [_width(p) for p in lines if abs(p.line.font_size - self._body_size) < _SAME_SIZE * self._body_size]
        self._usual_width = median(widths)
        self._usual_leading = self._find_usual_leading()
        self._prose = [self._is_prose(index) for index in range(len(lines))]
        self._taken: set[int] = set()
        self._upright: set[int] = set()

    def find(self, page: range) -> list[Region]:
        self._upright = self._find_upright(page)
        captions = [caption for index in page if (caption := self._read_caption(index, page))]
        regions = [Region(ChunkKind.CAPTION, caption) for caption in captions]
        for caption in captions:
            kind = ChunkKind.TABLE if self._is_of_table(caption) else ChunkKind.FIGURE
            regions += self._take(kind, self._read_figure(caption, page))
        stamps = tuple(index for index in sorted(self._upright - self._taken) if _is_in_margin(self._lines[index]))
        regions += self._take(ChunkKind.FOOTNOTE, stamps)
        regions += self._take(ChunkKind.FIGURE, tuple(sorted(self._upright - self._taken)))
        for index in page:
            regions += self._take(ChunkKind.FOOTNOTE, self._read_footnote(index, page))
        return regions

    def _take(self, kind: ChunkKind, found: tuple[int, ...]) -> list[Region]:
        self._taken.update(found)
        return [Region(kind, found)] if found else []

    # --- what a line is like ---

    def _find_usual_leading(self) -> float:
        """From line to line within a paragraph, in heights of a line."""
        steps = [
            (first.line.bottom - second.line.bottom) / second.line.font_size
            for first, second in pairwise(self._lines)
            if second.line.font_size and _same_size(first, second) and _overlap(first, second)
        ]
        steps = [step for step in steps if _USUAL_LEADINGS[0] < step < _USUAL_LEADINGS[1]]
        return median(steps) if steps else 1.0

    def _is_prose(self, index: int) -> bool:
        """Whether the line is one of the running text: in its size, wide, and of words."""
        placed = self._lines[index]
        text = placed.text
        letters = sum(map(str.isalpha, text))
        wordy = len(_WORD.findall(text)) >= _FEWEST_WORDS_OF_PROSE or any("\u2e80" < c < "\uffef" for c in text)
        return (
            abs(placed.line.font_size - self._body_size) <= _SAME_SIZE * self._body_size
            and _width(placed) >= _WIDE * self._usual_width
            and wordy
            and letters >= 0.6 * len(text.replace(" ", ""))
        )

    def _is_small(self, index: int) -> bool:
        return self._lines[index].line.font_size < _SMALL * self._body_size

    def _follows(self, before: int, index: int) -> bool:
        """Whether a line is the next one of the paragraph that the line before is in."""
        first, second = self._lines[before].line, self._lines[index].line
        step = first.bottom - second.bottom
        return (
            _same_size(self._lines[before], self._lines[index])
            and 0.5 * second.font_size < step < _LARGEST_LEADING * self._usual_leading * second.font_size
            and _overlap(self._lines[before], self._lines[index])
        )

    def _belongs_to_prose(self, index: int, page: range) -> bool:
        """Whether a line that is no prose by itself is a part of it: a symbol within, the last line of a paragraph."""
        here = self._lines[index].line
        for other in page:
            if not self._prose[other] or other in self._taken:
                continue
            line = self._lines[other].line
            beside = min(line.top, here.top) - max(line.bottom, here.bottom) > 0.3 * min(
                here.top - here.bottom, line.top - line.bottom
            )
            near = here.left - line.right < 3 * line.font_size and line.left - here.right < 3 * line.font_size
            if (beside and near) or self._follows(other, index):
                return True
        return False

    def _find_upright(self, page: range) -> set[int]:
        """Lines that stand upright on a page of lying ones; a page turned as a whole has none."""
        upright = {index for index in page if _is_upright(self._lines[index])}
        length = sum(len(self._lines[index].text) for index in upright)
        return upright if length < 0.5 * sum(len(self._lines[index].text) for index in page) else set()

    # --- captions ---

    def _read_caption(self, index: int, page: range) -> tuple[int, ...]:
        """The lines of the caption that begins here, or none."""
        placed = self._lines[index]
        match = _CAPTION.match(placed.text.strip())
        if not match or index in self._taken:
            return ()
        # A sentence may begin with "Figure 2." at the start of a line, so the paragraph must not begin earlier.
        if index > page.start and self._follows(index - 1, index) and _width(self._lines[index - 1]) > 20:
            return ()
        rest = placed.text.strip()[match.end() :].strip()
        apart = placed.line.bold or self._is_small(index)
        if not match["mark"] and rest and (rest[0].islower() or not apart):
            return ()
        caption = [index]
        for following in range(index + 1, min(index + _MOST_CAPTION_LINES, page.stop)):
            if not self._continues_caption(caption, following):
                break
            caption.append(following)
        self._taken.update(caption)
        return tuple(caption)

    def _continues_caption(self, caption: Sequence[int], index: int) -> bool:
        last = self._lines[caption[-1]]
        here = self._lines[index]
        if _CAPTION.match(here.text.strip()):
            return False
        row = self._row_at_end(caption)
        if any(_is_right_of(here, self._lines[before]) for before in row):
            return True  # a symbol, or another font, in the same line
        if not any(self._follows(before, index) for before in row):
            return False
        left = min(self._lines[before].line.left for before in row)
        right = max(self._lines[before].line.right for before in row)
        if right - left < 0.8 * _width(here):
            return False
        indented = here.line.left > left + here.line.font_size
        if last.text.rstrip().endswith(".") and indented:
            return False
        same_middle = abs(left + right - here.line.left - here.line.right) < 2 * here.line.font_size
        return abs(here.line.left - left) < _HANGING * here.line.font_size or same_middle

    def _row_at_end(self, caption: Sequence[int]) -> list[int]:
        """The caption's last row; a formula cuts what is one row into several lines."""
        row = [caption[-1]]
        for index in reversed(caption[:-1]):
            if not _beside(self._lines[index], self._lines[row[-1]]):
                break
            row.append(index)
        return row

    # --- figures and tables ---

    def _is_of_table(self, caption: tuple[int, ...]) -> bool:
        return self._lines[caption[0]].text.strip().casefold().startswith(_LABELS_OF_TABLES)

    def _read_figure(self, caption: tuple[int, ...], page: range) -> tuple[int, ...]:
        """The lines of the figure or table that the caption stands at: above it, or below for a table."""
        top = max(self._lines[index].line.top for index in caption)
        bottom = min(self._lines[index].line.bottom for index in caption)
        above = range(caption[0] - 1, page.start - 1, -1)
        below = range(caption[-1] + 1, page.stop)

        def is_above(placed: PlacedLine) -> bool:
            return placed.line.bottom > top - placed.line.font_size

        def is_below(placed: PlacedLine) -> bool:
            return placed.line.top < bottom + placed.line.font_size

        if self._is_of_table(caption):
            return self._walk(below, is_below, page) or self._walk(above, is_above, page)
        return self._walk(above, is_above, page) or self._walk(below, is_below, page, only_small=True)

    def _walk(
        self, order: range, is_there: Callable[[PlacedLine], bool], page: range, only_small: bool = False
    ) -> tuple[int, ...]:
        """Lines from a caption on, in this order, up to the running text, a heading or another caption."""
        found: list[int] = []
        for index in order[:_MOST_FIGURE_LINES]:
            if index in self._upright:
                found.append(index)
                continue
            placed = self._lines[index]
            if (
                index in self._taken
                or self._prose[index]
                or not is_there(placed)
                or _is_heading(placed, self._body_size)
            ):
                break
            if (only_small and not self._is_small(index)) or self._belongs_to_prose(index, page):
                break
            found.append(index)
        return tuple(sorted(found))

    # --- footnotes and notices ---

    def _read_footnote(self, index: int, page: range) -> tuple[int, ...]:
        """The lines of the footnotes or the notice that begin here, at the foot of a column, or none."""
        placed = self._lines[index]
        text = placed.text.strip()
        if index in self._taken or not self._is_small(index) or _REFERENCE.match(text):
            return ()
        if index > page.start and index - 1 not in self._taken and self._follows(index - 1, index):
            return ()
        if not (_FOOTNOTE_MARK.match(text) or _NOTICE.match(text)) or not self._is_at_foot(index, page):
            return ()
        footnote = [index]
        for following in range(index + 1, min(index + _MOST_FOOTNOTE_LINES, page.stop)):
            here = self._lines[following]
            lower = here.line.bottom < self._lines[footnote[-1]].line.top
            if following in self._taken or not self._is_small(following) or not lower:
                break
            footnote.append(following)
        words = sum(len(_WORD.findall(self._lines[index].text)) for index in footnote)
        return tuple(footnote) if words >= _FEWEST_WORDS_OF_A_FOOTNOTE else ()

    def _is_at_foot(self, index: int, page: range) -> bool:
        """Whether no line of the running text stands below in the same column."""
        here = self._lines[index]
        return not any(
            other != index
            and not self._is_small(other)
            and self._lines[other].line.top < here.line.bottom
            and _overlap(self._lines[other], here)
            for other in page
        )


def _is_heading(placed: PlacedLine, body: float) -> bool:
    return stands_apart(placed.line, body) and starts_section(placed)


def _is_upright(placed: PlacedLine) -> bool:
    line = placed.line
    long = len(placed.text.strip()) >= _FEWEST_CHARACTERS_UPRIGHT
    return long and line.top - line.bottom > _UPRIGHT * (line.right - line.left)


def _is_in_margin(placed: PlacedLine) -> bool:
    line, width = placed.line, placed.page.width
    return line.right < _MARGIN * width or line.left > (1 - _MARGIN) * width


def _width(placed: PlacedLine) -> float:
    return placed.line.right - placed.line.left


def _same_size(first: PlacedLine, second: PlacedLine) -> bool:
    return abs(first.line.font_size - second.line.font_size) <= _SAME_SIZE * second.line.font_size


def _overlap(first: PlacedLine, second: PlacedLine) -> bool:
    return first.line.left < second.line.right and second.line.left < first.line.right


def _beside(first: PlacedLine, second: PlacedLine) -> bool:
    common = min(first.line.top, second.line.top) - max(first.line.bottom, second.line.bottom)
    return common > 0.3 * min(first.line.top - first.line.bottom, second.line.top - second.line.bottom)


def _is_right_of(placed: PlacedLine, other: PlacedLine) -> bool:
    return _beside(placed, other) and placed.line.left >= other.line.right - 1
