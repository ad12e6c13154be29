"""A page's lines, and a line together with its page: what all steps between reading and chunking look at."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from core.types import Line, Page

_SAME_SIZE = 0.02
_MOST_SIZES = 20
_LINE = re.compile(r"[^\r\n]+")


@dataclass(frozen=True, slots=True)
class PlacedLine:
    """A line and the page it stands on."""

    page: Page
    line: Line

    @property
    def text(self) -> str:
        return self.page.text_of(self.line)


def body_size(lines: Sequence[PlacedLine]) -> float:
    """The font size of most characters, near ones counted together; 0 where there are none."""
    sizes = count_sizes(lines)
    if not sizes:
        return 0.0
    # A scan's pages differ a little, which must not divide the body among several sizes.
    common = sizes.most_common(_MOST_SIZES)
    near = {size: [(n, other) for other, n in common if abs(other - size) <= _SAME_SIZE * size] for size, _ in common}
    return max(max(near.values(), key=lambda group: sum(n for n, _ in group)))[1]


def count_sizes(lines: Iterable[PlacedLine]) -> Counter[float]:
    """How many characters are set in each font size."""
    sizes: Counter[float] = Counter()
    for placed in lines:
        sizes[round(placed.line.font_size, 1)] += placed.line.end - placed.line.start
    return sizes


def stands_apart(line: Line, body: float, *, bold_tells: bool = True) -> bool:
    """Whether the line is set bold, or larger than the body, as headings are."""
    return (bold_tells and line.bold) or line.font_size > 1.05 * body


def lines_of(page: Page) -> tuple[Line, ...]:
    """The page's lines; where it was read without places, its text cut at the line ends."""
    if page.lines or not page.text.strip():
        return page.lines
    return placeless_lines(page.text, 0, len(page.text))


def placeless_lines(text: str, start: int, end: int) -> tuple[Line, ...]:
    """The lines of `text[start:end]`, which have no place on a picture."""
    return tuple(
        Line(match.start(), match.end(), 0, 0, 0, 0, font_size=0, bold=False)
        for match in _LINE.finditer(text, start, end)
    )
