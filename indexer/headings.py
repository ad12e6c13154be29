"""Which lines are headings: those the outline names, and those that look like one."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from core.types import Line, OutlineEntry
from indexer.lines import PlacedLine, body_size, count_sizes, stands_apart

_LONGEST_HEADING = 120
_MOST_HEADING_LINES = 3
_SHORTEST_BROKEN_LINE = 6
_SHARE_OF_A_FULL_LINE = 0.6
_CAPITALS_OF_A_HEADING = 5
# In letters, of which an ideograph is worth two.
_SHORTEST_NAME = 3
# A size in which so much is set is one of the text's, as that of code is, and tells no heading.
_SHARE_OF_TEXT = 0.05
# Above this share of the characters bold type tells no heading.
_MOST_BOLD = 0.4
_SHARE_OF_A_BOLD_LINE = 0.85
_FEWEST_SPACES_OF_PROSE = 3
# In heights of a line a character: wider set are the names of a table's columns.
_WIDEST_SET = 0.85
# In heights of a line.
_LARGEST_INDENT = 4.0
# In heights of a line: the gap above a heading.
_SET_OFF = 0.5

_NUMBERED = re.compile(
    r"^(?:(?:chapter|section|appendix)\s+|§\s*)?(?:\d{1,2}(?:\.\d{1,2}){0,3}|[IVX]{1,5}|[A-Z](?:\.\d{1,2}){0,2})[.:)]?\s+"
    r"(?=\w)(?!.*[.,;]$)(?P<name>.{2,})$"
)
_NAMED = re.compile(
    r"^(?:[\divx]{1,4}[.:)]?\s+)?"
    r"(?:abstract|summary|introduction|background|related works?|(?:materials? and )?methods?|experiments?|"
    r"results?(?: and discussion)?|evaluation|discussion|limitations?|conclusions?(?: and future work)?|future work|"
    r"acknowledge?ments?|(?:notes (?:and|&) )?references(?: (?:and|&) notes)?|bibliography|"
    r"appendix|appendices|supplementary materials?|ethics statement)"
    r"\s*[.:]?$",
    re.IGNORECASE,
)
_ABSTRACT = re.compile(r"(?:abstract|summary)\s*[.:]?$", re.IGNORECASE)
_SUBSECTION = re.compile(r"\d{1,2}\.\d")
_FORMULA = re.compile(r"[=^{}$<>\\|\"]")
_MEASURED = re.compile(r"\d[.,]\d|\d%")
# What a font without names for its signs leaves of a formula.
_UNREADABLE = re.compile(r"[\x00\x01\x03-\x08\x0e-\x1f\x7f\ufffd]")
_LETTERED = re.compile(r"[A-Z]\b(?!\.\d)")
_LONG_WORD = re.compile(r"[^\W\d_]{4}|[\u2e80-\uffef]{2}")


@dataclass(frozen=True, slots=True)
class _Usual:
    """How a document's text is set: its size and width, the sizes in which a good part of it stands, whether bold."""

    size: float
    width: float
    sizes: frozenset[float]
    bold: bool


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
    usual = _measure(lines)
    looks = {
        index
        for index, placed in enumerate(lines)
        if _looks_like_heading(placed, usual)
        and not _inside_running_text(lines, index)
        and not _is_in_paragraph(lines, index)
    }
    found = named | looks | _find_unnumbered(lines, usual)
    found -= _above_abstract(lines, found)
    return found | _find_continuations(lines, found, usual)


def _above_abstract(lines: Sequence[PlacedLine], found: set[int]) -> set[int]:
    """Those of the first page that are title, authors and their institutes, whose numbers are no sections'."""
    first = sorted(index for index in found if lines[index].page is lines[0].page)
    abstract = next((index for index in first if _ABSTRACT.match(lines[index].text.strip())), 0)
    return {index for index in first if index < abstract and not is_named_section(lines[index].text.strip())}


def _find_unnumbered(lines: Sequence[PlacedLine], usual: _Usual) -> set[int]:
    """Short bold or larger lines without a number, set off above, with the running text right below them."""
    prose = [_is_prose(placed, usual) for placed in lines]
    # What stands above the text of the first page is the title and the authors.
    front = next((index for index, is_prose in enumerate(prose) if is_prose), len(lines))
    set_off = [
        index
        for index in range(front + 1, len(lines) - 1)
        if _is_name_apart(lines[index], usual)
        and not _is_close(lines[index - 1], lines[index])
        and _stands_over(lines[index], lines[index + 1], usual)
    ]
    # Below one of them a formula or a list may stand, once the others have told what they look like.
    sizes = Counter(round(lines[index].line.font_size, 1) for index in set_off if prose[index + 1])
    return {index for index in set_off if prose[index + 1] or sizes[round(lines[index].line.font_size, 1)] > 1}


def _is_prose(placed: PlacedLine, usual: _Usual) -> bool:
    """Whether the line is one of the running text: in its size and type, wide, and of words."""
    line, text = placed.line, placed.text
    return (
        not _stands_apart(line, usual)
        and abs(line.font_size - usual.size) <= 0.05 * usual.size
        and line.right - line.left >= _SHARE_OF_A_FULL_LINE * usual.width
        and (text.count(" ") >= _FEWEST_SPACES_OF_PROSE or _length(text) > len(text))
    )


def _is_name_apart(placed: PlacedLine, usual: _Usual) -> bool:
    text, line = placed.text.strip(), placed.line
    return (
        _stands_apart(line, usual)
        and line.font_size > 0.9 * usual.size
        and line.right - line.left < _SHARE_OF_A_BOLD_LINE * usual.width
        and line.right - line.left < _WIDEST_SET * line.font_size * len(text)
        and text[:1].isupper()
        and text[-1] not in ".,;:"
        and not _FORMULA.search(text)
        and not _MEASURED.search(text)
        and bool(_LONG_WORD.search(text))
    )


def _is_close(before: PlacedLine, placed: PlacedLine) -> bool:
    """Whether the line stands as near below the one before as in a paragraph."""
    gap = before.line.bottom - placed.line.top
    return before.page is placed.page and -placed.line.font_size < gap < _SET_OFF * placed.line.font_size


def _stands_over(placed: PlacedLine, below: PlacedLine, usual: _Usual) -> bool:
    """Whether a line of the text begins right below, at the line's left or with the same middle."""
    line, text = placed.line, below.line
    gap = line.bottom - text.top
    same_middle = abs(line.left + line.right - text.left - text.right) < 3 * line.font_size
    return (
        placed.page is below.page
        and not _stands_apart(text, usual)
        and abs(text.font_size - usual.size) <= 0.05 * usual.size
        and -0.5 * line.font_size < gap < 2 * line.font_size
        and (-line.font_size < text.left - line.left < _LARGEST_INDENT * line.font_size or same_middle)
    )


def _stands_apart(line: Line, usual: _Usual) -> bool:
    return stands_apart(line, usual.size, bold_tells=not usual.bold)


def _measure(lines: Sequence[PlacedLine]) -> _Usual:
    bold = count_sizes(placed for placed in lines if placed.line.bold)
    sizes = count_sizes(placed for placed in lines if not placed.line.bold)
    characters = bold.total() + sizes.total()
    return _Usual(
        bold=bold.total() > _MOST_BOLD * characters,
        size=body_size(lines),
        width=median([placed.line.right - placed.line.left for placed in lines]) if lines else 0.0,
        sizes=frozenset(size for size, count in sizes.items() if count > _SHARE_OF_TEXT * characters),
    )


def _find_continuations(lines: Sequence[PlacedLine], headings: set[int], usual: _Usual) -> set[int]:
    """Further lines of headings that fill theirs: in the same type, set apart from the body, right below."""
    found: set[int] = set()
    for index in headings:
        heading = lines[index].line
        if heading.right - heading.left < _SHARE_OF_A_FULL_LINE * usual.width:
            continue
        for following in range(index + 1, min(index + _MOST_HEADING_LINES, len(lines))):
            line = lines[following].line
            same_type = line.bold == heading.bold and abs(line.font_size - heading.font_size) < 0.02 * usual.size
            if not (_stands_apart(line, usual) and same_type and continues(lines[following - 1], lines[following])):
                break
            found.add(following)
    return found


def _looks_like_heading(placed: PlacedLine, usual: _Usual) -> bool:
    text, line = placed.text.strip(), placed.line
    letters = sum(character.isalpha() for character in text)
    if len(text) > _LONGEST_HEADING or letters < 0.6 * len(text.replace(" ", "")) or _length(text) < _SHORTEST_NAME:
        return False
    if _NAMED.match(text) and not text[0].islower():
        return True
    if not text[0].isdigit() and _UNREADABLE.search(text):
        return False  # a line that begins with a formula, which is set larger than the text
    numbered = _NUMBERED.match(text)
    if numbered and _LETTERED.match(text) and not _LONG_WORD.search(numbered["name"]):
        return False  # single letters, such as those of a drawing
    short = line.right - line.left < 0.95 * usual.width or len(text) < 60
    if numbered and not numbered["name"][0].islower():
        # Some journals set their headings in capitals of the body's size.
        name = numbered["name"]
        capitals = name.isupper() and name[1] != "." and sum(map(str.isalpha, name)) >= _CAPITALS_OF_A_HEADING
        # Where all the text is bold, a list is numbered too, but not with points.
        subsection = line.bold and bool(_SUBSECTION.match(text))
        return (_stands_apart(line, usual) or capitals or subsection) and short
    if placed.page.number == 1 or not text[0].isupper() or text[-1] in ".,;:":
        return False  # the first page's large lines are the title and the authors
    larger = line.font_size > 1.15 * usual.size and (line.bold or round(line.font_size, 1) not in usual.sizes)
    return larger and short and not _FORMULA.search(text) and bool(_LONG_WORD.search(text))


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
    found: set[int] = set()
    for entry in outline:
        title = _letters(entry.title).lstrip("0123456789")
        if _length(title) < _SHORTEST_NAME:
            continue
        headings = (_lines_of_title(lines, index, title) for index in by_page[entry.page])
        found.update(next(filter(None, headings), range(0)))
    return found


def _lines_of_title(lines: Sequence[PlacedLine], first: int, title: str) -> range:
    """The lines from the first one that are the title together, which the page may break; empty where they are not."""
    text = ""
    for index in range(first, min(first + _MOST_HEADING_LINES, len(lines))):
        # The outline may leave the number out.
        text = (text + _letters(lines[index].text)).lstrip("0123456789")
        if text == title:
            return range(first, index + 1)
        if len(text) <= _SHORTEST_BROKEN_LINE or not title.startswith(text):
            break
    return range(0)


def _length(text: str) -> int:
    """In letters; an ideograph says as much as two."""
    return sum(1 + ("\u2e80" <= character <= "\uffef") for character in text if character.isalpha())


def _letters(text: str) -> str:
    return "".join(character for character in text.casefold() if character.isalnum())
