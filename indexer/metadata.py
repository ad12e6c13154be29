"""Title, authors, year and identifiers of a paper, from what its PDF says of itself and from its first page. Pure.

Nothing is guessed wildly: where no plausible value stands, the answer is None or empty. The dates in a PDF are those of
the file and say nothing of when the paper appeared, so they are not used.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise, takewhile
from statistics import median

from core.types import Line, Page
from indexer.headings import is_named_section
from indexer.text import join_accents

_LONGEST_TITLE = 300
_SHORTEST_TITLE = 6
_MOST_TITLE_LINES = 5
# In heights of a line: what PDFium took for two lines, though it is one word.
_NO_GAP = 0.1
_SAME_SIZE = 0.02

# What programs write where a title should be.
_NO_TITLE = re.compile(
    r"^(untitled\b.*|no title|title|microsoft (word|powerpoint|excel)\b.*|powerpoint presentation|"
    r"(new |pdf )?document\s?\d*|slide \d+|main|paper|manuscript|draft|article|template|layout \d+|print|cover|\S*_\S*|"
    r".*\.(dvi|e?ps|tex|docx?|pdf|indd|qxd|rtf|odt|fm|wpd|pptx?|xlsx?|html?|txt|md|pages|key|fig|svg|png|jpe?g|gif|"
    r"tiff?|bmp|ai|cdr|vsdx?)|"
    r"[\w.-]*\d{4,}[\w.-]*|arxiv:.*|doi:.*)$",
    re.IGNORECASE,
)
# What stands above or beside a title on a first page.
_NOT_A_TITLE_LINE = re.compile(
    r"arxiv:|^\s*(https?:|www\.|doi\b|vol(ume)?\.?\s*\d|issn|isbn|published|proceedings of|in proceedings|journal of|"
    r"copyright|©|preprint|technical report|under review|page \d|\d+$)",
    re.IGNORECASE,
)
_NO_AUTHOR = re.compile(
    r"^(unknown|anonymous( authors?)?|author|admin(istrator)?|user|owner|root|default|n/?a|none|.*@.*|"
    r".*\.(com|org|edu)|microsoft.*|adobe.*|pdf.*|latex.*|tex|\W*|[a-z]+\d*)$",
    re.IGNORECASE,
)
_FOOTNOTE_MARKS = re.compile(
    r"[\d*\u2217\u2020\u2021§¶\u2660\u2663\u2665\u2666\u22c6\u2709#]+(?:\s*,\s*[\d*\u2217\u2020\u2021§¶]+)*"
)
_ADDRESS = re.compile(r"[<(\[]\S+@\S+[>)\]]")
# Initials that stand right before the name, as in "A.K.Bakarov".
_INITIALS = re.compile(r"(?<![^\W\d_]{3})\.(?=[^\W\d_]{2})")
_INSTITUTION = re.compile(
    r"@|\b(?:universi\w*|institut\w*|department|dept|laborator\w*|labs?|research|college|school|cent(?:er|re)|inc|ltd|gmbh|"
    r"corporation|corp|company|academy|faculty|hospital|systems|google|microsoft|facebook|ibm|bell)\b",
    re.IGNORECASE,
)
_WORD_AT_END = re.compile(r"[^\W\d_]{3}\W*$")
_NAME = re.compile(
    r"^[^\W\d_a-z][\w'’.-]*(?:\s+(?:van|von|der|den|de|del|della|di|da|dos|du|la|le|el|al|bin|ibn|ter|ten|[^\W\d_a-z][\w'’.-]*)){0,3}"
    r"\s+[^\W\d_a-z][\w'’-]*\.?$"
)
_NO_NAME = re.compile(
    r"[a-z][A-Z]$|\s[A-Z]{2}$|^[A-Z]{3,} [A-Z][a-z]|(?i:\b(?:the|your|names?|anonymous|authors?|project|group|"
    r"team|draft|version|communicated|edited|"
    r"united|states|kingdom|korea|china|germany|france|japan|canada|australia|italy|spain|india|usa?|u\.s\.a|"
    r"review|article|papers?|notes|lecture|tutorial|survey|invited|talk|study|chapter|volume|number|issue|edition|working|"
    r"machine|learning|networks?|neural|translation|forms|production|society|families|children|user|"
    r"palo alto|new york|san francisco|des moines)\b)|用户"
)
_MOST_WORDS_OF_A_NAME = 3
_MOST_FRONT_LINES = 60
_FEWEST_NAMES_OF_A_LIST = 3
_ABSTRACT = re.compile(r"abstract\b|summary$", re.IGNORECASE)
_ARXIV_STAMP = re.compile(r"arXiv:(?P<id>(?:[a-z-]+(?:\.[A-Z]{2})?/)?\d{4}\.?\d{3,5})(?:v\d+)?\b", re.IGNORECASE)
_DOI = re.compile(r"\b(?:doi:?\s*|doi\.org/)(?P<doi>10\.\d{4,9}/[^\s,;]+)", re.IGNORECASE)
_LONGEST_DATE_LINE = 40
_YEAR = r"(?P<year>(?:19|20)\d\d)"
_MONTH = (
    r"\b(?:january|february|march|april|may|june|july|august|september|october|november|december|"
    r"jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec)\b\.?"
)
# What a paper says of its own appearance, the surest first.
_APPEARED = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"\d[\w\s.,:–-]*\({_YEAR}\)\s*(?:[;,.:]|\d|$)",
        rf"(?:©|\(c\)|copyright)\D{{0,40}}?{_YEAR}",
        rf"(?:published|proceedings|proc\.|conference|workshop|symposium|to appear|journal|transactions|communications|"
        rf"vol\.?|volume|neurips|nips|icml|iclr|acl|emnlp|naacl|sigir|osdi|sosp|usenix|lisa)\b.{{0,80}}?\b{_YEAR}\b",
        rf"\b{_YEAR}\s+\w+.*\b(?:conference|workshop|symposium|lisa)\b",
    )
)
_MONTH_OF_YEAR = re.compile(
    rf"{_MONTH},?\s+(?:\d{{1,2}}(?:st|nd|rd|th)?(?:\s?[-–]\s?\d{{1,2}})?,?\s+)?{_YEAR}\b", re.IGNORECASE
)
_DATE = re.compile(
    rf"^\W*(?:revised|version|draft|last (?:changed|modified|updated))?\W*(?:(?:of|from|on)\s)?"
    rf"(?:\d{{1,2}}\s)?(?:{_MONTH}\s*(?:\d{{1,2}}(?:st|nd|rd|th)?,?\s+)?|(?=\d{{4}}[-./年]))"
    rf"{_YEAR}(?:[-./年]\d{{1,2}}[-./月]\d{{1,2}}日?)?\W*$",
    re.IGNORECASE,
)
_NOT_AN_APPEARANCE = re.compile(
    r"download|upload|access|retriev|received|submitted|accepted|available online|printed|\[\d+\]", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Front:
    """The first page, and which of its characters are raised signs, such as the marks of footnotes."""

    page: Page
    raised: frozenset[int] = frozenset()


def find_title(declared: str | None, front: Front, file_name: str) -> str | None:
    """The declared title where it is plausible, else the largest text near the top of the first page, else None."""
    title = tidy(declared or "")
    stem = file_name.rsplit(".", 1)[0].lower()
    if _SHORTEST_TITLE <= len(title) <= _LONGEST_TITLE and not _NO_TITLE.match(title) and title.lower() != stem:
        return title
    title = _join_lines(front.page, _without_mark(front, _title_lines(front.page)))
    title = re.sub(r"(?<=\w)[*∗†‡§](?=[\s:,])", "", re.sub(r"^[^\w(\"“¿¡]+", "", title)).strip(" *∗†‡§:,;")
    return title if _SHORTEST_TITLE <= len(title) <= _LONGEST_TITLE else None


def find_authors(declared: str | None, front: Front) -> tuple[str, ...]:
    """The names in the PDF's author field, else those right below the title where they are surely names."""
    text = tidy(declared or "")
    family_first = text.split(", ")
    if len(family_first) == 2 and any(" " not in part for part in family_first):
        text = f"{family_first[1]} {family_first[0]}"
    separator = r";|\band\b|&|\n" if ";" in text else r",|\band\b|&|\n"
    names = [name.strip(" .,;") for name in re.split(separator, text)]
    found = tuple(name for name in names if len(name) < 80 and not _NO_AUTHOR.match(name) and _may_be_author(name))
    if len(found) > 1:
        return found
    # A file often names only the one who made it.
    shown = _authors_below_title(_without_marks(front))
    return shown if not found or _plain_name(found[0]) in map(_plain_name, shown) else found


def _plain_name(name: str) -> str:
    """Its letters without accents, by which a name is known again."""
    decomposed = unicodedata.normalize("NFD", name.replace("\u0131", "i").casefold())
    return "".join(filter(str.isalpha, decomposed))


def find_year(first_page: Page) -> int | None:
    """The year in which the paper appeared by its own first page; of an arXiv paper, in which it was first there."""
    stamp = _ARXIV_STAMP.search(first_page.text)
    if stamp:
        digits = stamp["id"].rsplit("/", 1)[-1]
        return int(digits[:2]) + (1900 if digits[0] == "9" else 2000)
    lines = [text for text in _lines_beside_prose(first_page) if not _NOT_AN_APPEARANCE.search(text)]
    for pattern in _APPEARED:
        for text in lines:
            if match := pattern.search(text):
                return int(match["year"])
    # A date on a line of its own may be followed by that of a revision.
    dates = [int(match["year"]) for text in lines if len(text) <= _LONGEST_DATE_LINE and (match := _DATE.match(text))]
    months = (int(match["year"]) for text in lines if (match := _MONTH_OF_YEAR.search(text)))
    return max(dates) if dates else next(months, None)


def find_identifiers(first_page: Page) -> tuple[str | None, str | None]:
    """The paper's DOI and its arXiv id, where the first page tells them beside the text."""
    stamp = _ARXIV_STAMP.search(first_page.text)
    dois = (match["doi"].rstrip(".)]") for text in _lines_beside_prose(first_page) if (match := _DOI.search(text)))
    return next(dois, None), stamp["id"] if stamp else None


def tidy(text: str) -> str:
    """The text on one line, without what can't be seen, accents on their letters."""
    text = unicodedata.normalize("NFKC", join_accents(text).replace("\x02", "-").replace("\ufffe", "-"))
    text = text.replace("\ufffd", " ").replace("\u200b", "")
    return " ".join("".join(c if unicodedata.category(c)[0] != "C" else " " for c in text).split())


# --- title -------------------------------------------------------------------------------------


def _title_lines(page: Page) -> list[Line]:
    """The largest lines near the top, above the authors' addresses and the abstract; none where none stands out."""
    front = list(takewhile(lambda line: not _ends_front(page, line), page.lines))
    for candidates in (front, page.lines):
        lines = [line for line in candidates if _may_be_title(line, page)]
        if not lines:
            continue
        largest = max(line.font_size for line in lines)
        body = median(line.font_size for line in page.lines)
        first = next(line for line in lines if line.font_size > largest * 0.95)
        block = _block_from(page.lines, _first_beside(page.lines, page.lines.index(first)))
        if largest >= body * 1.1 or all(line.bold for line in block):
            return block
    return []


def _without_mark(front: Front, lines: Sequence[Line]) -> list[Line]:
    """The title's lines without the mark of a footnote at its end; a raised letter, or the 2 of "mc2", is none."""
    if not lines:
        return []
    end = lines[-1].end
    while end > lines[-1].start and (front.page.text[end - 1].isspace() or end - 1 in front.raised):
        end -= 1
    mark = front.page.text[end : lines[-1].end]
    is_mark = not any(map(str.isalpha, mark)) and _WORD_AT_END.search(front.page.text[lines[-1].start : end])
    return [*lines[:-1], replace(lines[-1], end=end) if is_mark else lines[-1]]


def _ends_front(page: Page, line: Line) -> bool:
    text = page.text_of(line).strip()
    return "@" in text or bool(_ABSTRACT.match(text))


def _may_be_title(line: Line, page: Page) -> bool:
    text = page.text_of(line).strip()
    letters = sum(character.isalpha() for character in text)
    wide_enough = line.right - line.left > line.top - line.bottom  # arXiv's stamp stands upright in the margin
    near_top = line.bottom > page.height * 0.45
    named = is_named_section(text) or _NOT_A_TITLE_LINE.search(text)
    return letters >= 4 and wide_enough and near_top and not named


def _first_beside(lines: Sequence[Line], first: int) -> int:
    """Where the title's row begins, whose first word may be set a little smaller."""
    while first and _is_beside(lines[first - 1], lines[first]):
        first -= 1
    return first


def _is_beside(before: Line, line: Line) -> bool:
    same_row = min(before.top, line.top) - max(before.bottom, line.bottom) > 0.5 * line.font_size
    same_size = abs(before.font_size - line.font_size) <= 0.1 * line.font_size
    return same_row and same_size and -0.5 * line.font_size < line.left - before.right < line.font_size


def _block_from(lines: Sequence[Line], first: int) -> list[Line]:
    """The lines that follow in the same size, beside or close below one another."""
    block = [lines[first]]
    for line in lines[first + 1 :]:
        last = block[-1]
        same_size = abs(line.font_size - last.font_size) <= 0.08 * last.font_size
        close = abs(last.bottom - line.top) < 1.2 * last.font_size
        if not (same_size and (close or _no_gap(last, line))) or len(block) == _MOST_TITLE_LINES:
            break
        block.append(line)
    return block


def _join_lines(page: Page, lines: Sequence[Line]) -> str:
    text = ""
    for number, line in enumerate(lines):
        between = "" if number and _no_gap(lines[number - 1], line) else " "
        following = page.text_of(line)
        if text.endswith("\x02"):
            # Before a capital the hyphen is the title's own, as in "Time-Sharing".
            text, between = text[:-1], "-" if following[:1].isupper() else ""
        text += between + following
    return tidy(text)


def _no_gap(first: Line, second: Line) -> bool:
    beside = min(first.top, second.top) > max(first.bottom, second.bottom)
    return beside and abs(second.left - first.right) < _NO_GAP * first.font_size


# --- authors -----------------------------------------------------------------------------------


def _without_marks(front: Front) -> Page:
    """The first page with separators in place of its raised signs."""
    text = "".join("\x1f" if index in front.raised else character for index, character in enumerate(front.page.text))
    return replace(front.page, text=text)


def _authors_below_title(page: Page) -> tuple[str, ...]:
    """The names in the rows below the title: lists in one type, or names above their institutions."""
    title = _title_lines(page)
    if not title:
        return ()
    below = [line for line in page.lines[page.lines.index(title[-1]) + 1 :] if _is_below(line, title, page)]
    rows = _rows(list(takewhile(lambda line: not _ABSTRACT.match(_text(page, line)), below))[:_MOST_FRONT_LINES])
    listed = _names_in_a_list(page, rows)
    names: list[str] = []
    before, known = "", 0
    for number, row in enumerate(rows):
        text = _row_text(page, row)
        found = _names_in(text) or (_names_before_institution(text) if number == 0 else [])
        if number == 0 and not found:
            return ()
        # The last name of the row before may go on in this one.
        may_go_on = bool(before) and not found and _same_type(row[0], rows[0][0]) and not _DATE.match(text)
        wrapped = _names_in(f"{before} {text}") if may_go_on else []
        if len(wrapped) > 2:
            names[known:], before = wrapped, ""
            continue
        before, known = text if found else "", len(names)
        same_type = _same_type(row[0], rows[0][0])
        goes_on = (len(found) > 1 and len(names) > 1) or _ADDRESS.search(text)
        above = number + 1 < len(rows) and _INSTITUTION.search(_row_text(page, rows[number + 1]))
        if number == 0 or (same_type and (goes_on or above)) or number < listed:
            names += found
    return tuple(dict.fromkeys(names))


def _names_in_a_list(page: Page, rows: Sequence[Sequence[Line]]) -> int:
    """How many rows below the title are one name each, one below the other; 0 where they are too few to be sure."""
    names = list(
        takewhile(
            lambda row: (
                len(row) == 1
                and _same_type(row[0], rows[0][0])
                and abs(row[0].left - rows[0][0].left) < 0.5 * row[0].font_size
                and len(_names_in(_row_text(page, row))) == 1
            ),
            rows,
        )
    )
    return len(names) if len(names) >= _FEWEST_NAMES_OF_A_LIST else 0


def _is_below(line: Line, title: Sequence[Line], page: Page) -> bool:
    """Whether the line is lower than the title, and in its column where the title stands in one."""
    left, right = min(line.left for line in title), max(line.right for line in title)
    in_column = right < page.width / 2 or left > page.width / 2
    return line.top < title[0].top and (not in_column or (line.left < right and line.right > left))


def _same_type(line: Line, other: Line) -> bool:
    return line.bold == other.bold and abs(line.font_size - other.font_size) <= _SAME_SIZE * other.font_size


def _rows(lines: Sequence[Line]) -> list[list[Line]]:
    """Lines at one height together, from top to bottom, each row from left to right."""
    rows: list[list[Line]] = []
    for line in sorted(lines, key=lambda line: -(line.top + line.bottom)):
        if rows and (line.top + line.bottom) / 2 > min(other.bottom for other in rows[-1]):
            rows[-1].append(line)
        else:
            rows.append([line])
    return [sorted(row, key=lambda line: line.left) for row in rows]


def _row_text(page: Page, row: Sequence[Line]) -> str:
    """The row's text, with a separator where a gap as between columns is."""
    text = _text(page, row[0])
    for before, line in pairwise(row):
        text += ("\x1f" if line.left - before.right > line.font_size else " ") + _text(page, line)
    return text


def _names_in(text: str) -> list[str]:
    """The names of which the text consists; none if any part of it is something else."""
    if ";" in text and (names := _names_with_family_first(text)):
        return names
    names = _parts(text)
    return names if all(map(_is_name, names)) else []


def _names_with_family_first(text: str) -> list[str]:
    """The names in a list as "Lovelace, Ada; Babbage, Charles"; none where it is another."""
    pairs = [[tidy(part) for part in name.split(",")] for name in text.split(";")]
    names = [f"{pair[1]} {pair[0]}" for pair in pairs if len(pair) == 2]
    return names if len(names) == len(pairs) and all(map(_is_name, names)) else []


def _names_before_institution(text: str) -> list[str]:
    """The names in a row that goes on with their institution, as "Ada Lovelace, University of Tests"."""
    parts = _parts(text)
    names = list(takewhile(_is_name, parts))
    return names if len(names) < len(parts) and _INSTITUTION.search(parts[len(names)]) else []


def _parts(text: str) -> list[str]:
    """What stands between commas, marks and columns, without titles and addresses."""
    parts = re.split(r"\s*(?:,|;|&|\band\b|[\x1f\t])\s*", _FOOTNOTE_MARKS.sub("\x1f", _ADDRESS.sub("\x1f", text)))
    names = (re.sub(r"^(?:by|prof\.|dr\.)\s", "", tidy(part), flags=re.IGNORECASE).rstrip("'\" -") for part in parts)
    return [_INITIALS.sub(r"\g<0> ", name) for name in names if name]


def _may_be_author(text: str) -> bool:
    """Whether a declared name is one; in scripts without capitals nothing but its length tells."""
    if any(map(str.isupper, text)) or any(map(str.islower, text)):
        return _is_name(text)
    return sum(map(str.isalpha, text)) > 1 and not _NO_NAME.search(text)


def _is_name(text: str) -> bool:
    tokens = text.split()
    # Three words beside initials and particles: more are two names without a sign between them.
    words = [token for token in tokens if token[0].isupper() and len(token.rstrip(".")) > 1]
    return (
        bool(_NAME.match(text))
        and 1 <= len(words) <= _MOST_WORDS_OF_A_NAME
        and not _NO_NAME.search(text)
        and not _INSTITUTION.search(text)
    )


def _text(page: Page, line: Line) -> str:
    return page.text_of(line).strip()


# --- year --------------------------------------------------------------------------------------


def _lines_beside_prose(page: Page) -> Iterator[str]:
    """The lines that are not of the running text, up to the references: title, notices, headers, footers."""
    widths = [line.right - line.left for line in page.lines]
    wide = 0.75 * median(widths) if widths else 0.0
    sizes = sorted(size for line in page.lines for size in [line.font_size] * (line.end - line.start))
    body = sizes[len(sizes) // 2] if sizes else 0.0
    for number, line in enumerate(page.lines):
        text = _text(page, line)
        if re.match(r"(?:references|bibliography)\b", text, re.IGNORECASE):
            return
        before = page.lines[number - 1] if number else None
        after = page.lines[number + 1] if number + 1 < len(page.lines) else None
        follows = before is not None and _is_next(before, line)
        goes_on = after is not None and _is_next(line, after)
        is_body = abs(line.font_size - body) <= 0.05 * body
        is_wide = line.right - line.left >= wide
        follows_wide = before is not None and follows and before.right - before.left >= wide
        if not (is_body and ((is_wide and (follows or goes_on)) or follows_wide)):
            yield text


def _is_next(before: Line, line: Line) -> bool:
    """Whether a line stands right below another of its size, as in a paragraph."""
    same_size = abs(before.font_size - line.font_size) <= 0.05 * line.font_size
    return same_size and -line.font_size < before.bottom - line.top < 0.6 * line.font_size
