"""The entries of RIS, as Zotero, Mendeley and EndNote write it, and of CSL-JSON."""

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from indexer.bib_entries import BibEntry, Bibliography, find_arxiv_id, make_entry, places_of

_FIRST_LINE = re.compile(r"^TY  -", re.MULTILINE)
_YEAR = re.compile(r"\d{4}")
_MARKUP = re.compile(r"</?(?:i|b|sub|sup|sc|span)\b[^<>]*>", re.IGNORECASE)
# "files/12/a.pdf", "file:///home/me/a.pdf", "internal-pdf://1234/a.pdf"; what lies in the web is not attached.
_SCHEME = re.compile(r"^(?:file:/{0,2}(?=/)|internal-pdf:/{0,2})", re.IGNORECASE)
_LISTS = ("A1", "AU", "L1", "L2", "N1", "UR")
_SUFFIX = re.compile(r",\s*(?P<suffix>jr|sr|[ivx]+)\.?$", re.IGNORECASE)


def read_ris(text: str, name: str, folder: Path) -> Bibliography:
    """The entries, and a sentence where some have no end."""
    # Delayed: BibTeX, which most exports are, does not need it.
    import rispy

    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    records = rispy.loads(plain, list_tags=list(_LISTS))
    entries = tuple(_ris_entry(record, number, folder) for number, record in enumerate(records, start=1))
    lost = len(_FIRST_LINE.findall(plain)) - len(records)
    return Bibliography(
        entries, (f"'{name}': the end of {lost} of its entries is missing (ER  -).",) if lost > 0 else ()
    )


def read_csl(text: str, name: str, folder: Path) -> Bibliography:
    """The items of a JSON array; no entry where it is another JSON. Raises ValueError where it is none."""
    items = json.loads(text)
    if isinstance(items, dict):
        items = items.get("items", [items])
    items = items if isinstance(items, list) else []
    found = [item for item in items if isinstance(item, dict) and ("title" in item or "DOI" in item)]
    other = len(items) - len(found) if found else 0
    entries = tuple(_csl_entry(item, number, folder) for number, item in enumerate(found, start=1))
    return Bibliography(entries, (f"'{name}': {other} of its items are none of CSL-JSON.",) if other else ())


def _ris_entry(record: dict[str, Any], number: int, folder: Path) -> BibEntry:
    title = _one(record, "title") or _one(record, "primary_title")
    authors = record.get("authors") or record.get("first_authors") or []
    dates = (_YEAR.match(_one(record, field)) for field in ("year", "publication_year", "date"))
    links = [*record.get("urls", []), *record.get("notes", []), _one(record, "doi")]
    texts = {
        "title": _MARKUP.sub("", title),
        "authors": "; ".join(map(_spoken, authors)),
        "year": next((date[0] for date in dates if date), ""),
        "doi": _one(record, "doi"),
        "arxiv_id": find_arxiv_id(links),
    }
    attached = [*record.get("file_attachments1", []), *record.get("file_attachments2", [])]
    key = _one(record, "id") or title[:60] or f"entry {number}"
    return make_entry(key, texts, _pdfs(attached, folder))


def _csl_entry(item: dict[str, Any], number: int, folder: Path) -> BibEntry:
    title = item.get("title")
    authors = item.get("author")
    links = [str(item.get(field, "")) for field in ("URL", "note", "number", "DOI")]
    texts = {
        "title": _MARKUP.sub("", title if isinstance(title, str) else ""),
        "authors": "; ".join(filter(None, map(_csl_name, authors if isinstance(authors, list) else []))),
        "year": _csl_year(item.get("issued")),
        "doi": str(item.get("DOI", "")),
        "arxiv_id": find_arxiv_id(links),
    }
    attached = item.get("file", [])
    key = str(item.get("id") or texts["title"][:60] or f"entry {number}")
    return make_entry(key, texts, _pdfs(attached if isinstance(attached, list) else [attached], folder))


def _csl_name(author: Any) -> str:
    if not isinstance(author, dict):
        return ""
    parts = ("given", "dropping-particle", "non-dropping-particle", "family", "suffix", "literal")
    return " ".join(str(author[part]) for part in parts if author.get(part)).replace(";", " ")


def _csl_year(issued: Any) -> str:
    """Of {"date-parts": [[2017, 6]]} or {"raw": "2017-06-12"}."""
    if not isinstance(issued, dict):
        return ""
    dates = issued.get("date-parts")
    while isinstance(dates, list) and dates:
        dates = dates[0]
    match = _YEAR.search(str(dates or issued.get("raw") or issued.get("literal") or ""))
    return match[0] if match else ""


def _one(record: dict[str, Any], field: str) -> str:
    value = record.get(field, "")
    return str(value[0] if isinstance(value, list) and value else value or "")


def _spoken(name: str) -> str:
    """The name as it is spoken, of "Family, Given" or "Family, Given, Jr."."""
    suffix = _SUFFIX.search(name)
    family, _, given = (name[: suffix.start()] if suffix else name).partition(",")
    return " ".join((given.strip(), family.strip(), suffix["suffix"] if suffix else "")).strip().replace(";", " ")


def _pdfs(attached: Iterable[Any], folder: Path) -> Iterator[tuple[Path, ...]]:
    for written in attached:
        if not isinstance(written, str) or not written.casefold().endswith(".pdf"):
            continue
        local = _SCHEME.sub("", written)
        if re.match(r"[a-z][a-z0-9+.-]+://", local, re.IGNORECASE):
            continue
        names = (local, unquote(local)) if "%" in local else (local,)
        yield tuple(dict.fromkeys(path for name in names for path in places_of(name, folder)))
