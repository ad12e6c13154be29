"""Fetch a paper by its arXiv id or DOI, because somebody asks for this very one; nothing here runs by itself."""

import re
from dataclasses import dataclass
from urllib.parse import quote, unquote

from core.errors import FetchError, MetadataError
from core.held import held_folder
from core.settings import ARXIV_URL, DOI_URL, Settings
from core.stored_settings import current
from core.types import Document
from indexer.added import Added
from indexer.download import WebRules, address_of, download_pdf
from indexer.editing import parse_metadata
from indexer.ingest import add_file
from storage import library
from storage.collections import get_collection, put_into_collection
from storage.corrections import correct_document
from storage.database import open_database, transaction

_VERSION = re.compile(r"v\d{1,3}(?=(?:\.pdf)?$)")
_ARXIV_DOI = re.compile(r"10\.48550/arxiv\.(?P<id>\S+)", re.IGNORECASE)
_LONGEST = 500


@dataclass(frozen=True, slots=True)
class Wanted:
    """A paper by its `arxiv_id` or its `doi`, the field; the version of an arXiv paper is empty for its latest."""

    field: str
    id: str
    version: str = ""

    @property
    def file_name(self) -> str:
        return f"{re.sub(r'[^A-Za-z0-9.-]', '_', self.id)[:120]}{self.version}.pdf"


def parse_identifier(text: str) -> Wanted:
    """An arXiv id or DOI, alone or as a link. Raises FetchError for anything else."""
    cleaned = _without_query(" ".join(text.split())).rstrip("/")
    for field, what in (("arxiv_id", cleaned.replace("/html/", "/abs/")), ("doi", cleaned)):
        try:
            found = parse_metadata({field: what})[field] if _is_plausible(cleaned) else None
        except MetadataError:
            continue
        if not isinstance(found, str):
            continue
        if arxiv := _ARXIV_DOI.fullmatch(found):
            return parse_identifier(arxiv["id"])
        version = _VERSION.search(what) if field == "arxiv_id" else None
        return Wanted(field, found, version[0] if version else "")
    shown = f"{cleaned[:80]}…" if len(cleaned) > 80 else cleaned
    raise FetchError(f"'{shown}' is no arXiv id and no DOI. Give one such as 1706.03762 or 10.1000/182, or its link.")


def fetch_paper(settings: Settings, text: str, into: int | None = None) -> Added:
    """The paper of this identifier, queued to be read; one that is there already is not asked for.

    It comes into the collection of the id `into`, into a private one privately; one that is there is put into it.

    Only the id leaves this machine, for the address of arXiv or of DOIs. Raises FetchError where that does not lead to
    a PDF, and leaves nothing then; NotFoundError without that collection.
    """
    settings = current(settings)
    wanted = parse_identifier(text)
    added = Added()
    if into is not None:
        with open_database(settings.database) as db:
            get_collection(db, into)
    if known := _in_library(settings, wanted):
        added.take(known if into is None else _put(settings, known, into), new=False)
        return added
    with held_folder(settings.uploads) as folder:
        path = folder / wanted.file_name
        download_pdf(_address(settings, wanted), path, _rules(settings))
        document, new = add_file(settings, path, into=into)
    with open_database(settings.database) as db:
        if getattr(document, wanted.field) is None:
            correct_document(db, document.id, {wanted.field: wanted.id})
        added.take(library.get_document(db, document.id), new)
    return added


def _put(settings: Settings, document: Document, into: int) -> Document:
    with open_database(settings.database) as db, transaction(db):
        put_into_collection(db, into, [document.id])
        return library.get_document(db, document.id)


def _without_query(text: str) -> str:
    """A link's address, as its paper is named; an id that is no link may have any of these characters in it."""
    return unquote(re.split(r"[?#]", text)[0]) if re.match(r"https?://", text, re.IGNORECASE) else text


def _is_plausible(text: str) -> bool:
    return len(text) <= _LONGEST and text.isprintable()


def _address(settings: Settings, wanted: Wanted) -> str:
    base, name = (settings.doi_url, "DOI") if wanted.field == "doi" else (settings.arxiv_url, "ARXIV")
    if not base:
        raise FetchError(
            f"'{wanted.id}' can't be fetched: WHETSTONE_{name}_URL is off. Download it, then drop it into the library."
        )
    path = quote(wanted.id)
    return f"{base}/{path}" if wanted.field == "doi" else f"{base}/pdf/{path}{wanted.version}"


def _rules(settings: Settings) -> WebRules:
    addresses = [url for url in (settings.arxiv_url, settings.doi_url) if url]
    hosts = {address_of(url)[0] for url in addresses} | {host.lower() for host in settings.fetch_hosts}
    # An address that somebody has set may be within their own network; those that come with the program may not.
    own = {address_of(url) for url in addresses if url not in (ARXIV_URL, DOI_URL)}
    return WebRules(hosts, own, settings.upload_megabytes << 20)


def _in_library(settings: Settings, wanted: Wanted) -> Document | None:
    """The paper of this id; with a version nobody knows which one the library has."""
    if wanted.version:
        return None
    with open_database(settings.database) as db:
        documents = library.list_meant(db)
    same = wanted.id.casefold()
    return next((one for one in documents if (getattr(one, wanted.field) or "").casefold() == same), None)
