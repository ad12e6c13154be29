"""A page's lines, and a line together with its page: what all steps between reading and chunking look at."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from core.types import Line, Page


@dataclass(frozen=True, slots=True)
class PlacedLine:
    """A line and the page it stands on."""

    page: Page
    line: Line

    @property
    def text(self) -> str:
        return self.page.text_of(self.line)


def body_size(lines: Sequence[PlacedLine]) -> float:
    """The font size of most characters; 0 where there are none."""
    sizes = Counter(round(placed.line.font_size, 1) for placed in lines for _ in range(len(placed.text)))
    return sizes.most_common(1)[0][0] if sizes else 0.0


def stands_apart(line: Line, body: float) -> bool:
    """Whether the line is set bold, or larger than the body, as headings are."""
    return line.bold or line.font_size > 1.05 * body


def lines_of(page: Page) -> tuple[Line, ...]:
    """The page's lines; where it was read without places, its text cut at the line ends."""
    if page.lines or not page.text.strip():
        return page.lines
    return tuple(
        Line(match.start(), match.end(), 0, 0, 0, 0, font_size=0, bold=False)
        for match in re.finditer(r"[^\r\n]+", page.text)
    )
