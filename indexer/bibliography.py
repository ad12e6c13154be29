"""The entries of a BibTeX file, as Zotero, Better BibTeX, JabRef and Mendeley write it, with their attached PDFs."""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import bibtexparser
from bibtexparser.middlewares import SeparateCoAuthors
from bibtexparser.middlewares.names import parse_single_name_into_parts
from bibtexparser.model import Block, DuplicateBlockKeyBlock, DuplicateFieldKeyBlock, Entry
from pylatexenc.latex2text import LatexNodes2Text

from core.errors import MetadataError, ReadError
from indexer.editing import parse_metadata
from storage.corrections import MetadataValue

_MOST_MEGABYTES = 64
# In a bibliography these are no signs of LaTeX: nothing is a comment there, or a table.
_NO_LATEX = re.compile(r"(?<!\\)[%&]")
# What the decoder does not know.
_LOGO = re.compile(r"\\((?:Bib|La)?TeX)\b")
_GREEK = re.compile(
    r"\\text(?P<name>(?:[Aa]lpha|[Bb]eta|[Gg]amma|[Dd]elta|[Ee]psilon|[Zz]eta|[Ee]ta|[Tt]heta|[Ii]ota|[Kk]appa|[Ll]ambda|"
    r"[Nn]u|[Xx]i|[Pp]i|[Rr]ho|[Ss]igma|[Tt]au|[Uu]psilon|[Pp]hi|[Cc]hi|[Pp]si|[Oo]mega))\b"
)
_YEAR = re.compile(r"\d{4}")
_ARXIV = re.compile(r"arxiv(?::\s*|\.org/(?:abs|pdf)/|\.)(?P<id>[a-z.-]+/\d{7}|\d{4}\.\d{4,5})", re.IGNORECASE)
# Where an arXiv id may stand, when no `eprint` tells it.
_ARXIV_FIELDS = ("number", "url", "journal", "note", "doi")


@dataclass(frozen=True, slots=True)
class BibEntry:
    """An entry: what it says of the paper, the PDFs it names, and what could not be used of it, in sentences.

    Of each PDF there are the paths it may stand for, the likeliest first.
    """

    key: str
    values: dict[str, MetadataValue]
    pdfs: tuple[tuple[Path, ...], ...]
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Bibliography:
    """The entries of a file in their order, and a sentence for each part of it that is none."""

    entries: tuple[BibEntry, ...]
    refused: tuple[str, ...]


def read_bibliography(path: Path) -> Bibliography:
    """The file's entries; relative paths in it start from its folder. Raises ReadError where it can't be read."""
    text = _text_of(path)
    library = bibtexparser.parse_string(text, append_middleware=[SeparateCoAuthors()])
    if not library.entries and not library.failed_blocks:
        raise ReadError(f"'{path.name}' holds no BibTeX entry. Export the papers as BibTeX or BibLaTeX, with files.")
    entries = tuple(_entry(entry, path.parent) for entry in library.entries)
    return Bibliography(entries, tuple(_refusal(path, block) for block in library.failed_blocks))


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
    names = (
        unescaped,
        re.sub(r"[{}]", "", unescaped),
        written,
        unescaped.replace("\\", "/"),
        written.replace("\\", "/"),
    )
    for name in names:
        yield folder / name
    # Mendeley leaves the first slash of an absolute path out.
    yield Path("/") / names[1]
    # The folder was moved here from another place, or another machine.
    for name in (names[1], written):
        yield folder / re.split(r"[/\\]", name)[-1]


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


def _text_of(path: Path) -> str:
    try:
        if path.stat().st_size > _MOST_MEGABYTES << 20:
            raise ReadError(f"'{path.name}' is larger than {_MOST_MEGABYTES} MB, which no bibliography is. Split it.")
        content = path.read_bytes()
    except OSError as error:
        raise ReadError(f"'{path.name}' can't be opened ({error.strerror}). Check the name and the rights.") from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")  # what is no UTF-8 is from the time before it


def _refusal(path: Path, block: Block) -> str:
    line = (block.start_line or 0) + 1
    if isinstance(block, DuplicateBlockKeyBlock):
        return f"'{path.name}', line {line}: a second entry has the key '{block.key}'. Give it another one."
    if isinstance(block, DuplicateFieldKeyBlock):
        return f"'{path.name}', line {line}: a field of this entry stands in it twice. Remove one of the two."
    return f"'{path.name}', line {line}: this is not a whole BibTeX entry. Look for a missing comma or brace."


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
    values: dict[str, MetadataValue] = {}
    remarks: list[str] = []
    for field, text in texts.items():
        # What the bibliography does not tell may be in the paper.
        if text.strip():
            try:
                values |= parse_metadata({field: text})
            except MetadataError as error:
                remarks.append(f"'{entry.key}': {error}")
    return BibEntry(entry.key, values, tuple(pdf_paths(literal.get("file", ""), folder)), tuple(remarks))


def _name(name: str) -> str:
    """The name as it is spoken; nothing for the "others" at the end of a list."""
    parts = parse_single_name_into_parts(name, strict=False)
    spoken = _plain_text(" ".join((*parts.first, *parts.von, *parts.last, *parts.jr))).replace(";", " ").strip()
    return "" if spoken == "others" else spoken


def _plain_text(latex: str) -> str:
    """The text with its accents and signs; formulas as they stand."""
    known = _GREEK.sub(lambda match: _greek(match["name"]), _LOGO.sub(r"\1", latex))
    return LatexNodes2Text(math_mode="verbatim").latex_to_text(_NO_LATEX.sub(r"\\\g<0>", known))


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
    found = (_ARXIV.search(literal.get(field, "")) for field in _ARXIV_FIELDS)
    return next((match["id"] for match in found if match), "")
