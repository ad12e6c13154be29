"""Title, authors and year of a paper from what its PDF says of itself and from its first page. Pure functions.

Nothing is guessed wildly: where no plausible value stands, the answer is None or empty.
"""

import re
import unicodedata
from collections.abc import Sequence

from core.types import Line, Page

_LONGEST_TITLE = 300
_SHORTEST_TITLE = 6

# What programs write where a title should be.
_NO_TITLE = re.compile(
    r"^(untitled|no title|title|microsoft (word|powerpoint)\b.*|powerpoint presentation|document\d*|slide \d+|main|"
    r"paper|manuscript|\S*_\S*|.*\.(dvi|ps|tex|docx?|pdf|indd|qxd|rtf|odt|fm|wpd|pptx?)|[\w.-]*\d{4,}[\w.-]*|arxiv:.*|doi:.*)$",
    re.IGNORECASE,
)
# What stands above or beside a title on a first page.
_NOT_A_TITLE_LINE = re.compile(
    r"arxiv:|^\s*(https?:|www\.|doi\b|vol(ume)?\.?\s*\d|issn|isbn|published|proceedings of|in proceedings|journal of|"
    r"copyright|©|preprint|technical report|under review|page \d|\d+$)",
    re.IGNORECASE,
)
_ARXIV_DATE = re.compile(r"arXiv:\S+(?:\s+\[[^\]]+\])?\s+\d{1,2}\s+\w{3,9}\s+((?:19|20)\d\d)")
_DATED_LINES = (
    re.compile(r"(?:©|\(c\)|copyright)\D{0,40}?((?:19|20)\d\d)", re.IGNORECASE),
    re.compile(
        r"(?:published|accepted|received|submitted|revised|proceedings|proc\.|conference|workshop|symposium|"
        r"journal|vol\.?|volume|neurips|nips|icml|iclr|acl|emnlp|naacl|sigir|osdi|sosp|usenix)"
        r"[^\n]{0,80}?\b((?:19|20)\d\d)\b",
        re.IGNORECASE,
    ),
    re.compile(
        r"\b(?:january|february|march|april|may|june|july|august|september|october|november|december|"
        r"jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec)\.?\s+(?:\d{1,2}(?:st|nd|rd|th)?,?\s+)?((?:19|20)\d\d)\b",
        re.IGNORECASE,
    ),
)
_NO_AUTHOR = re.compile(
    r"^(unknown|anonymous( authors?)?|author|admin(istrator)?|user|owner|root|default|n/?a|none|.*@.*|"
    r".*\.(com|org|edu)|microsoft.*|adobe.*|pdf.*|latex.*|tex|\W*|[a-z]+\d*)$",
    re.IGNORECASE,
)


def find_title(declared: str | None, first_page: Page, file_name: str) -> str | None:
    """The declared title where it is plausible, else the largest text near the top of the first page, else None."""
    title = _tidy(declared or "")
    stem = file_name.rsplit(".", 1)[0].lower()
    if _SHORTEST_TITLE <= len(title) <= _LONGEST_TITLE and not _NO_TITLE.match(title) and title.lower() != stem:
        return title
    return _largest_heading(first_page)


def find_authors(declared: str | None) -> tuple[str, ...]:
    """The names in a PDF's author field, in its order."""
    text = _tidy(declared or "")
    separator = r";|\band\b|&|\n" if ";" in text else r",|\band\b|&|\n"
    names = [name.strip(" .,;") for name in re.split(separator, text)]
    return tuple(name for name in names if 2 < len(name) < 80 and not _NO_AUTHOR.match(name))


def find_year(first_page_text: str, creation_date: str | None) -> int | None:
    """The year a first page dates itself to, else that of the file's creation."""
    text = first_page_text.replace("\r", "")
    found = _ARXIV_DATE.search(text)
    if found is None:
        for pattern in _DATED_LINES:
            found = pattern.search(text)
            if found is not None:
                break
    if found is None:
        found = re.match(r"(?:D:)?((?:19|20)\d\d)", creation_date or "")
    return int(found[1]) if found else None


def _largest_heading(page: Page) -> str | None:
    lines = [line for line in page.lines if _may_be_title(line, page)]
    if not lines:
        return None
    largest = max(line.font_size for line in lines)
    sizes = sorted(line.font_size for line in page.lines)
    body = sizes[len(sizes) // 2]
    first = next(index for index, line in enumerate(page.lines) if line in lines and line.font_size > largest * 0.95)
    title_lines = _block_from(page.lines, first)
    if largest < body * 1.1 and not all(line.bold for line in title_lines):
        return None
    title = _tidy(" ".join(page.text[line.start : line.end] for line in title_lines)).strip(" *∗†‡§:,;")
    return title if _SHORTEST_TITLE <= len(title) <= _LONGEST_TITLE else None


def _may_be_title(line: Line, page: Page) -> bool:
    text = page.text[line.start : line.end].strip()
    letters = sum(character.isalpha() for character in text)
    wide_enough = line.right - line.left > line.top - line.bottom  # arXiv's stamp stands upright in the margin
    near_top = line.bottom > page.height * 0.45
    return letters >= 4 and wide_enough and near_top and not _NOT_A_TITLE_LINE.search(text)


def _block_from(lines: Sequence[Line], first: int) -> list[Line]:
    """The lines that follow in the same size, close below one another."""
    block = [lines[first]]
    for line in lines[first + 1 :]:
        last = block[-1]
        same_size = abs(line.font_size - last.font_size) <= 0.08 * last.font_size
        close = abs(last.bottom - line.top) < 1.2 * last.font_size
        if not (same_size and close) or len(block) == 5:
            break
        block.append(line)
    return block


def _tidy(text: str) -> str:
    text = unicodedata.normalize("NFKC", text.replace("\x02", "-").replace("\ufffe", "-"))
    return " ".join("".join(c if unicodedata.category(c)[0] != "C" else " " for c in text).split())
