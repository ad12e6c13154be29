"""Which lines are headings: those the outline names, and those that look like one."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from statistics import median

from core.types import OutlineEntry
from indexer.lines import PlacedLine, body_size, stands_apart

_LONGEST_HEADING = 120
_MOST_HEADING_LINES = 3
_SHARE_OF_A_FULL_LINE = 0.6
_CAPITALS_OF_A_HEADING = 5

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
_FORMULA = re.compile(r"[=^{}$<>\\|\"]")
_LONG_WORD = re.compile(r"[^\W\d_]{4}|[\u2e80-\uffef]{2}")


def continues(before: PlacedLine, placed: PlacedLine) -> bool:
    gap = before.line.bottom - placed.line.top
    same_size = abs(before.line.font_size - placed.line.font_size) < 0.1 * before.line.font_size
    return before.page is placed.page and same_size and abs(gap) < before.line.font_size and not starts_section(placed)


def is_named_section(text: str) -> bool:
    """Whether the text is the usual name of a section, as "Abstract" is, with or without a number."""
    return bool(_NAMED.match(text))


def starts_section(placed: PlacedLine) -> bool:
    text = placed.text.strip()
    return bool(_NUMBERED.match(text) or _NAMED.match(text))


def find_headings(lines: Sequence[PlacedLine], outline: Iterable[OutlineEntry]) -> set[int]:
    """Positions of heading lines, from the outline and from how they look."""
    named = _find_outline_headings(lines, outline)
    body = body_size(lines)
    usual_width = median([p.line.right - p.line.left for p in lines]) if lines else 0.0
    looks = {
        index
        for index, placed in enumerate(lines)
        if _looks_like_heading(placed, body, usual_width)
        and not _inside_running_text(lines, index)
        and not _is_in_paragraph(lines, index)
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
            same_type = line.bold == heading.bold and abs(line.font_size - heading.font_size) < 0.02 * body
            if not (stands_apart(line, body) and same_type and continues(lines[following - 1], lines[following])):
                break
            found.add(following)
    return found


def _looks_like_heading(placed: PlacedLine, body: float, usual_width: float) -> bool:
    text, line = placed.text.strip(), placed.line
    letters = sum(character.isalpha() for character in text)
    if not 3 <= len(text) <= _LONGEST_HEADING or letters < 0.6 * len(text.replace(" ", "")) or letters < 3:
        return False
    if _NAMED.match(text) and not text[0].islower():
        return True
    numbered = _NUMBERED.match(text)
    short = line.right - line.left < 0.95 * usual_width or len(text) < 60
    if numbered and not numbered["name"][0].islower():
        # Some journals set their headings in capitals of the body's size.
        name = numbered["name"]
        capitals = name.isupper() and name[1] != "." and sum(map(str.isalpha, name)) >= _CAPITALS_OF_A_HEADING
        return (stands_apart(line, body) or capitals) and short
    if placed.page.number == 1 or not text[0].isupper() or text[-1] in ".,;:":
        return False  # the first page's large lines are the title and the authors
    return line.font_size > 1.15 * body and short and not _FORMULA.search(text) and bool(_LONG_WORD.search(text))


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


def _is_in_paragraph(lines: Sequence[PlacedLine], index: int) -> bool:
    """Whether more lines of the same type follow each other here than a heading has."""
    first = last = index
    while first > 0 and _same_type(lines[first - 1], lines[first]):
        first -= 1
    while last + 1 < len(lines) and _same_type(lines[last], lines[last + 1]) and last - first < _MOST_HEADING_LINES:
        last += 1
    return last - first >= _MOST_HEADING_LINES and not starts_section(lines[index])


def _same_type(before: PlacedLine, placed: PlacedLine) -> bool:
    return before.line.bold == placed.line.bold and continues(before, placed)


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
