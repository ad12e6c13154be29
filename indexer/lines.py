"""A page's lines, and a line together with its page: what all steps between reading and chunking look at."""

import re
from dataclasses import dataclass

from core.types import Line, Page


@dataclass(frozen=True, slots=True)
class PlacedLine:
    """A line and the page it stands on."""

    page: Page
    line: Line

    @property
    def text(self) -> str:
        return self.page.text[self.line.start : self.line.end]


def lines_of(page: Page) -> tuple[Line, ...]:
    """The page's lines; where it was read without places, its text cut at the line ends."""
    if page.lines or not page.text.strip():
        return page.lines
    return tuple(
        Line(match.start(), match.end(), 0, 0, 0, 0, font_size=0, bold=False)
        for match in re.finditer(r"[^\r\n]+", page.text)
    )
