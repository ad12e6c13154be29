"""Tables of contents: lists of headings with leaders of dots, which name everything and tell nothing."""

import re
from collections.abc import Sequence
from itertools import pairwise

from core.types import Page
from indexer.lines import lines_of

_DOT = r"(?:[.\u00b7\u2024\u2026]\s?)"
_PAGE = r"(?:\d{1,4}|[ivxlc]{1,6})"
_ENTRY = re.compile(rf"{_DOT}{{5,}}\s*{_PAGE}?$|{_DOT}{{3,}}\s*{_PAGE}$")
_ENDS_WITH_PAGE = re.compile(rf"[^\W\d_].*[\s.](?P<page>{_PAGE})$")
_TITLE = re.compile(
    r"^(?:(?:table of )?contents|list of (?:figures|tables)|目\s*[录錄]|目\s*次|inhalt(?:sverzeichnis)?|"
    r"table des matières|sommaire|índice(?: general)?|indice|spis treści|содержание|оглавление)$",
    re.IGNORECASE,
)
_FEWEST_ENTRIES = 3
# Lines from one entry with a leader to the next: a chapter stands between them without, a long entry takes two lines.
_LARGEST_STEP = 4
_LONGEST_ENTRY = 150
_LONGEST_ENTRY_WITHOUT = 70


def find_contents(page: Page) -> set[int]:
    """Starts of the lines of a table of contents on this page, its title among them; empty where there is none."""
    lines = [line for line in lines_of(page) if page.text_of(line).strip()]
    texts = [page.text_of(line).strip() for line in lines]
    entries = [index for index, text in enumerate(texts) if _ENTRY.search(text)]
    if len(entries) < _FEWEST_ENTRIES:
        return set()
    found = set(entries)
    for before, after in pairwise(entries):
        if after - before <= _LARGEST_STEP and all(len(text) <= _LONGEST_ENTRY for text in texts[before:after]):
            found.update(range(before, after))
    for index in entries:
        found |= _beside_entries(texts, index, -1) | _beside_entries(texts, index, 1)
    return {lines[index].start for index in found}


def _beside_entries(texts: Sequence[str], index: int, step: int) -> set[int]:
    """Entries without a leader next to one with, the title included: short, and their page numbers in order."""
    found: set[int] = set()
    page = _page(texts[index])
    index += step
    while 0 <= index < len(texts):
        here = _page(texts[index])
        in_order = here is not None and page is not None and (here - page) * step >= 0
        if len(texts[index]) > _LONGEST_ENTRY_WITHOUT or not (in_order or _TITLE.match(texts[index])):
            break
        found.add(index)
        page = here if here is not None else page
        index += step
    return found


def _page(text: str) -> int | None:
    """The page number at the end of an entry, Roman ones as 0."""
    match = _ENDS_WITH_PAGE.search(text)
    return None if match is None else int(match["page"]) if match["page"].isdigit() else 0
