"""How a paper is cited: in a line of text, in BibTeX, in RIS and in CSL-JSON. Pure functions of what is known of it."""

import json
import re
import unicodedata
from collections.abc import Callable, Sequence
from typing import Any

from core.types import Document, StoredChunk

_PARTICLES = re.compile(r"(?:van|von|der|den|de|del|della|di|da|dos|du|la|le|el|al|bin|ibn|ter|ten)$", re.IGNORECASE)
_SUFFIXES = re.compile(r"(?:jr|sr)\.?$|(?:II|III|IV)$", re.IGNORECASE)
_SPECIAL = {
    "\\": r"\textbackslash{}",
    # BibTeX counts a brace behind a backslash too, and a lone one would take the next entries with it.
    "{": r"\textbraceleft{}",
    "}": r"\textbraceright{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
} | {character: f"\\{character}" for character in "&%$#_"}


def cite_passage(document: Document, chunk: StoredChunk) -> str:
    """The passage in quotation marks, with its paper and page behind it."""
    parts = [_names_in_text(document.authors), document.title, str(document.year or ""), f"p. {chunk.page}"]
    return f"“{chunk.text}” ({', '.join(part for part in parts if part)})"


def to_bibtex(documents: Sequence[Document]) -> str:
    """One entry a paper, each under a key of its own."""
    keys: dict[str, int] = {}
    return "\n".join(_bibtex_entry(document, _unused(keys, _key(document))) for document in documents)


def to_ris(documents: Sequence[Document]) -> str:
    return "\n".join(_ris_entry(document) for document in documents)


def to_csl(documents: Sequence[Document]) -> str:
    """A JSON array of items."""
    keys: dict[str, int] = {}
    items = [_csl_item(document, _unused(keys, _key(document))) for document in documents]
    return json.dumps(items, ensure_ascii=False, indent=2) + "\n"


FORMATS: dict[str, Callable[[Sequence[Document]], str]] = {"bibtex": to_bibtex, "ris": to_ris, "csl": to_csl}


def _bibtex_entry(document: Document, key: str) -> str:
    fields = {
        "title": f"{{{_escape(document.title)}}}",
        "author": " and ".join(_escape(_family_first(name)) for name in document.authors),
        "year": str(document.year or ""),
        "doi": document.doi or "",
        "eprint": document.arxiv_id or "",
        "archiveprefix": "arXiv" if document.arxiv_id else "",
    }
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items() if value]
    return "\n".join([f"@{'article' if document.doi else 'misc'}{{{key},", *lines, "}\n"])


def _ris_entry(document: Document) -> str:
    lines = [("TY", "JOUR" if document.doi else "GEN"), ("TI", document.title)]
    lines += [("AU", _family_first(name)) for name in document.authors]
    lines += [("PY", str(document.year or "")), ("DO", document.doi or "")]
    lines += [("UR", f"https://arxiv.org/abs/{document.arxiv_id}" if document.arxiv_id else ""), ("ER", " ")]
    return "".join(f"{tag}  - {' '.join(value.split())}\n" for tag, value in lines if value)


def _csl_item(document: Document, key: str) -> dict[str, Any]:
    item: dict[str, Any] = {
        "id": key,
        "type": "article-journal" if document.doi else "article",
        "title": document.title,
    }
    if document.authors:
        item["author"] = [dict(zip(("given", "family"), _parts(name), strict=True)) for name in document.authors]
    if document.year:
        item["issued"] = {"date-parts": [[document.year]]}
    if document.doi:
        item["DOI"] = document.doi
    if document.arxiv_id:
        item["archive"], item["archive_location"] = "arXiv", document.arxiv_id
    return item


def _names_in_text(authors: Sequence[str]) -> str:
    families = [family_name(name) for name in authors]
    if len(families) > 2:
        return f"{families[0]} et al."
    return " and ".join(families)


def family_name(name: str) -> str:
    """The family name with its particles, such as "van den Berg"."""
    return _parts(name)[1]


def _family_first(name: str) -> str:
    given, family = _parts(name)
    return f"{family}, {given}" if given else family


def _parts(name: str) -> tuple[str, str]:
    """Given and family name; the family name begins with its particles and ends with "Jr" and the like."""
    words = name.split()
    first = len(words) - 1
    if first > 1 and _SUFFIXES.match(words[first]):
        first -= 1
    while first > 1 and _PARTICLES.match(words[first - 1]):
        first -= 1
    return " ".join(words[:first]), " ".join(words[max(first, 0) :])


def _key(document: Document) -> str:
    family = family_name(document.authors[0]) if document.authors else "paper"
    words = [word for word in re.findall(r"\w+", document.title) if len(word) > 3] or ["untitled"]
    key = f"{family}{document.year or ''}{words[0]}"
    plain = unicodedata.normalize("NFKD", key).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]", "", plain.casefold()) or f"paper{document.id}"


def _unused(keys: dict[str, int], key: str) -> str:
    keys[key] = keys.get(key, 0) + 1
    return key if keys[key] == 1 else f"{key}-{keys[key]}"


def _escape(text: str) -> str:
    return "".join(_SPECIAL.get(character, character) for character in text)
