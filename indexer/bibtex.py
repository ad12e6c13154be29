"""The entries of BibTeX and BibLaTeX, as Zotero, Better BibTeX, JabRef and Mendeley write them."""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import bibtexparser
from bibtexparser.middlewares import SeparateCoAuthors
from bibtexparser.middlewares.names import parse_single_name_into_parts
from bibtexparser.model import Block, DuplicateBlockKeyBlock, DuplicateFieldKeyBlock, Entry
from pylatexenc import latex2text, latexwalker
from pylatexenc.latex2text import LatexNodes2Text

from indexer.bib_entries import BibEntry, Bibliography, find_arxiv_id, make_entry, places_of

# In a bibliography these are no signs of LaTeX: nothing is a comment there, or a table.
_NO_LATEX = re.compile(r"(?<!\\)[%&]")
# Without any of these a text is what it stands for.
_MAY_BE_LATEX = re.compile(r"[^\w\s.,:;()/+*=\[\]|'@\"-]|--|''|\n\s*\n")
# What the decoder does not know.
_LOGO = re.compile(r"\\((?:Bib|La)?TeX)\b")
_BRACE = re.compile(r"\\textbrace(left|right)(?![A-Za-z])(?:\{\})?")
_GREEK = re.compile(
    r"\\text(?P<name>(?:[Aa]lpha|[Bb]eta|[Gg]amma|[Dd]elta|[Ee]psilon|[Zz]eta|[Ee]ta|[Tt]heta|[Ii]ota|[Kk]appa|[Ll]ambda|"
    r"[Nn]u|[Xx]i|[Pp]i|[Rr]ho|[Ss]igma|[Tt]au|[Uu]psilon|[Pp]hi|[Cc]hi|[Pp]si|[Oo]mega))\b"
)
_YEAR = re.compile(r"\d{4}")
# Where an arXiv id may stand, when no `eprint` tells it.
_ARXIV_FIELDS = ("number", "url", "journal", "note", "doi")


def read_bibtex(text: str, name: str, folder: Path) -> Bibliography:
    """The entries, and a sentence for each part of the text that is none."""
    library = bibtexparser.parse_string(text, append_middleware=[SeparateCoAuthors()])
    entries, refused = [], [_refusal(name, block) for block in library.failed_blocks]
    for entry in library.entries:
        try:
            entries.append(_entry(entry, folder))
        except RecursionError:
            refused.append(f"{_place(name, entry)}: its braces are nested too deeply. Write this entry more simply.")
    return Bibliography(tuple(entries), tuple(refused))


def pdf_paths(attached: str, folder: Path) -> Iterator[tuple[Path, ...]]:
    """The PDFs in the value of a `file` field, each as the paths it may stand for.

    The value holds `path`, `description:path` or `description:path:type`, one after a semicolon to the other, with a
    backslash before what is no separator.
    """
    for attachment in _split(attached, ";"):
        parts = _split(attachment, ":")
        kind = parts.pop().strip() if len(parts) > 2 else ""
        # A single letter in front is the drive of Windows, not a description.
        if len(parts) > 1 and not re.fullmatch(r"\s*[A-Za-z]", parts[0]):
            parts = parts[1:]
        written = ":".join(parts).strip()
        if "pdf" in kind.casefold() or written.casefold().endswith(".pdf"):
            yield tuple(dict.fromkeys(_paths(written, folder)))


def _paths(written: str, folder: Path) -> Iterator[Path]:
    escaped = written.replace(r"$\backslash$", "\\")
    unescaped = re.sub(r"\\(.)", r"\1", escaped)
    for name in (unescaped, re.sub(r"[{}]", "", unescaped), written):
        yield from places_of(name, folder)
    # Mendeley leaves the first slash of an absolute path out.
    yield Path("/") / re.sub(r"[{}]", "", unescaped)


def _split(text: str, separator: str) -> list[str]:
    """The parts between the separators, other than those behind a backslash."""
    parts, escaped = [""], False
    for character in text:
        if character == separator and not escaped:
            parts.append("")
        else:
            parts[-1] += character
        escaped = character == "\\" and not escaped
    return parts


def _refusal(name: str, block: Block) -> str:
    place = _place(name, block)
    if isinstance(block, DuplicateBlockKeyBlock):
        return f"{place}: a second entry has the key '{block.key}'. Give it another one."
    if isinstance(block, DuplicateFieldKeyBlock):
        return f"{place}: a field of this entry stands in it twice. Remove one of the two."
    return f"{place}: this is not a whole BibTeX entry. Look for a missing comma or brace."


def _place(name: str, block: Block) -> str:
    return f"'{name}', line {(block.start_line or 0) + 1}"


def _entry(entry: Entry, folder: Path) -> BibEntry:
    fields = {name.casefold(): field.value for name, field in entry.fields_dict.items()}
    authors = fields.pop("author", [])
    # Paths and identifiers are no LaTeX, so they are taken as they stand.
    literal = {name: str(value) for name, value in fields.items()}
    texts = {
        "title": _plain_text(literal.get("title", "")),
        "authors": "; ".join(filter(None, map(_name, authors))),
        "year": _year(literal),
        "doi": literal.get("doi", "").replace("\\", "").strip("{} "),
        "arxiv_id": _arxiv_id(literal),
    }
    return make_entry(entry.key, texts, pdf_paths(literal.get("file", ""), folder))


def _name(name: str) -> str:
    """The name as it is spoken; nothing for the "others" at the end of a list."""
    parts = parse_single_name_into_parts(name, strict=False)
    spoken = _plain_text(" ".join((*parts.first, *parts.von, *parts.last, *parts.jr))).replace(";", " ").strip()
    return "" if spoken == "others" else spoken


def _plain_text(latex: str) -> str:
    """The text with its accents and signs; formulas as they stand."""
    if not _MAY_BE_LATEX.search(latex):
        return latex
    known = _GREEK.sub(lambda match: _greek(match["name"]), _LOGO.sub(r"\1", latex))
    known = _BRACE.sub(lambda match: r"\{" if match[1] == "left" else r"\}", known)
    told = LatexNodes2Text(latex_context=_told(), math_mode="verbatim")
    return str(told.latex_to_text(_NO_LATEX.sub(r"\\\g<0>", known), latex_context=_known()))


# Made once: it takes longer than to read a title by them.
_told = cache(latex2text.get_default_latex_context_db)
_known = cache(latexwalker.get_default_latex_context_db)


def _greek(name: str) -> str:
    size = "CAPITAL" if name[0].isupper() else "SMALL"
    return unicodedata.lookup(f"GREEK {size} LETTER {name.upper().replace('LAMBDA', 'LAMDA')}")


def _year(literal: Mapping[str, str]) -> str:
    """The year as it stands, or that of a date such as 2018-03-01."""
    year, date = literal.get("year", "").strip("{} "), _YEAR.match(literal.get("date", "").strip("{} "))
    return year or (date[0] if date else "")


def _arxiv_id(literal: Mapping[str, str]) -> str:
    archive = literal.get("archiveprefix") or literal.get("eprinttype") or ""
    if archive.strip("{} ").casefold() == "arxiv" and literal.get("eprint"):
        return literal["eprint"].strip("{} ")
    return find_arxiv_id(literal.get(field, "") for field in _ARXIV_FIELDS)
