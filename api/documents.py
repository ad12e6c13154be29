"""Papers over HTTP: add, list, correct, cite, remove; how each was read, its pages and its file."""

from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import FileResponse

from api import shapes
from api.bodies import file_body, file_name, received
from api.sent_files import SentFile
from api.served import Drawn, Served
from api.services import Services
from api.shapes import Id, QueryId, RowId
from core.errors import NotFoundError, ReadError
from core.people import require_user
from core.types import Document, PaperFile
from indexer.added import Added
from indexer.additions import add_paths
from indexer.citations import FORMATS
from indexer.editing import parse_metadata
from indexer.fetching import fetch_paper
from indexer.ingest import paper_file, remove_documents
from indexer.report import make_report
from indexer.same_work import find_same_works
from storage import judgements, library
from storage.collections import collections_by_document, get_collection
from storage.corrections import FIELDS, correct_document, forget_corrections
from storage.database import open_database, transaction
from storage.equal_passages import count_equal_passages
from storage.left_out import dismiss_left_out, list_left_out
from storage.privacy import make_private, share_papers

router = APIRouter(tags=["papers"])

_WIDTHS = (400, 2400)
# Else a browser keeps a file for a tenth of its age, and does not ask.
_NOT_KEPT = {"Cache-Control": "no-store"}
_MEDIA_TYPES = {
    "bibtex": "application/x-bibtex",
    "ris": "application/x-research-info-systems",
    "csl": "application/vnd.citationstyles.csl+json",
}
CitationFormat = Annotated[str, Query(pattern=f"^(?:{'|'.join(FORMATS)})$", description="bibtex, ris or csl")]
FileName = Annotated[str, Query(min_length=1, max_length=1000, description="the file's name")]


@router.get("/documents")
def list_documents(services: Served) -> shapes.Documents:
    """Every paper, newest first."""
    with open_database(services.settings.database) as db:
        documents = library.list_documents(db)
        same = find_same_works(documents, count_equal_passages(db))
        judged = judgements.count_by_document(db)
        collected = collections_by_document(db)
    return shapes.Documents(
        documents=[
            shapes.ListedDocument(
                **shapes.Document.model_validate(document).model_dump(),
                judgements=judged.get(document.id, 0),
                same_work_as=list(same.get(document.id, ())),
                collections=[collection.id for collection in collected.get(document.id, ())],
            )
            for document in documents
        ]
    )


@router.post("/documents", status_code=201, openapi_extra=file_body("application/octet-stream"))
async def add_document(
    request: Request, services: Served, name: FileName, collection_id: QueryId = None
) -> shapes.Added:
    """Add a paper, or the papers of a zip: the body is the file. Each is queued to be read: ask for it until its state
    is ready or failed. With a collection they come into it, and into a private one privately.
    """
    if collection_id is not None:
        await to_thread.run_sync(_require_collection, services, collection_id)
    async with received(request, services.settings, file_name(name)) as path:
        added = await to_thread.run_sync(add_paths, services.settings, [path], collection_id)
    if added.refused and not added.documents:
        raise ReadError(" ".join(added.refused))
    return _tell_added(added)


@router.post("/documents/fetch", status_code=201)
def fetch_document(services: Served, wanted: shapes.Fetch, collection_id: QueryId = None) -> shapes.Added:
    """Fetch a paper from arXiv, or from where its DOI leads: the identifier is sent there, and nothing else.

    It is queued to be read as one that was uploaded, and comes into a collection as that does.
    """
    return _tell_added(fetch_paper(services.settings, wanted.identifier, collection_id))


@router.get("/documents/left-out")
def list_left_out_files(services: Served) -> shapes.LeftOut:
    with open_database(services.settings.database) as db:
        return shapes.LeftOut(left_out=list_left_out(db))


@router.delete("/documents/left-out")
def dismiss_left_out_files(services: Served) -> shapes.LeftOut:
    """Dismiss the list; it is empty then."""
    with open_database(services.settings.database) as db:
        dismiss_left_out(db)
    return shapes.LeftOut(left_out=[])


@router.get("/documents/{document_id}")
def get_document(services: Served, document_id: RowId) -> shapes.Document:
    return shapes.Document.model_validate(_document(services, document_id))


@router.patch("/documents/{document_id}")
def edit_document(services: Served, document_id: RowId, corrections: shapes.Corrections) -> shapes.Document:
    """Correct what is known of a paper; no new reading takes its place."""
    texts = corrections.model_dump(exclude={"as_read"}, exclude_none=True)
    values = parse_metadata(texts)
    with open_database(services.settings.database) as db, transaction(db):
        library.get_document(db, document_id)
        if corrections.as_read:
            forget_corrections(db, document_id, FIELDS)
        correct_document(db, document_id, values)
        return shapes.Document.model_validate(library.get_document(db, document_id))


@router.delete("/documents/{document_id}")
def remove_document(services: Served, document_id: RowId) -> shapes.Removed:
    """Remove a paper with its passages, the judgements on them, and its file."""
    remove_documents(services.settings, [document_id])
    return shapes.Removed(removed=[document_id])


@router.put("/documents/{document_id}/privacy")
def set_privacy(services: Served, document_id: RowId, wanted: shapes.Privacy) -> shapes.Document:
    """Make a paper that you have added yours alone, or share one that is."""
    with open_database(services.settings.database) as db:
        library.get_document(db, document_id)
        if wanted.private:
            make_private(db, [document_id], require_user())
        else:
            share_papers(db, [document_id])
        return shapes.Document.model_validate(library.get_document(db, document_id))


@router.get("/documents/{document_id}/report")
def report_document(services: Served, document_id: RowId) -> shapes.Report:
    """How each page was read, and what may be wrong with it."""
    with open_database(services.settings.database) as db:
        encoder = services.searcher.live_model(db).encoder
        report = make_report(db, document_id, encoder.count_tokens, encoder.passage_tokens)
    return shapes.Report.model_validate(report)


@router.post("/documents/{document_id}/retry", status_code=202)
def retry_document(services: Served, document_id: RowId, password: shapes.Password | None = None) -> shapes.Document:
    """Read a paper that failed once more, with the password that opens it where it needs one."""
    with open_database(services.settings.database) as db:
        library.get_document(db, document_id)
        library.retry_document(db, document_id, password.password if password else None)
        return shapes.Document.model_validate(library.get_document(db, document_id))


@router.post("/documents/{document_id}/read-again", status_code=202)
def read_document_again(services: Served, document_id: RowId) -> shapes.Document:
    """Read a paper anew; the judgements on it are kept."""
    with open_database(services.settings.database) as db:
        library.read_again(db, [document_id])
        return shapes.Document.model_validate(library.get_document(db, document_id))


@router.get("/documents/{document_id}/citation", response_class=Response)
def cite_document(services: Served, document_id: RowId, format: CitationFormat = "bibtex") -> Response:
    return _citation([_document(services, document_id)], format)


@router.get("/citations", response_class=Response)
def cite_documents(
    services: Served,
    document_id: Annotated[list[Id] | None, Query(max_length=1000, description="all papers unless given")] = None,
    format: CitationFormat = "bibtex",
) -> Response:
    with open_database(services.settings.database) as db:
        named = [library.get_document(db, number) for number in document_id or ()]
        return _citation(named or library.list_documents(db)[::-1], format)


@router.get("/documents/{document_id}/pages/{number}.jpg", response_class=Response)
async def page_picture(
    request: Request, services: Served, pictures: Drawn, document_id: RowId, number: RowId, width: int = 1200
) -> Response:
    """A page as a picture, 400 to 2400 pixels wide."""
    file = await to_thread.run_sync(_original_of, services, document_id)
    if not file.format.has_pages:
        raise NotFoundError(f"'{file.name}' has no pages that could be shown as pictures.")
    drawn_wide = min(max(width, _WIDTHS[0]), _WIDTHS[1])
    # A browser may keep the picture, but asks before it shows it: the paper may be removed, its reader logged out.
    tag = f'"{file.path.stem}-{number}-{drawn_wide}"'
    headers = {"Cache-Control": "private, no-cache", "ETag": tag}
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    jpeg = await pictures.draw(file, number, drawn_wide)
    return Response(jpeg, media_type="image/jpeg", headers=headers)


@router.get("/documents/{document_id}/original.pdf", response_class=FileResponse)
def original_pdf(services: Served, document_id: RowId) -> FileResponse:
    file = _original_of(services, document_id)
    if not file.format.has_pages:
        raise NotFoundError(f"'{file.name}' is no PDF.")
    return SentFile(
        file.path,
        headers=_NOT_KEPT,
        media_type="application/pdf",
        filename=file.name,
        content_disposition_type="inline",
    )


@router.get("/documents/{document_id}/original", response_class=FileResponse)
def original(services: Served, document_id: RowId) -> FileResponse:
    # Never shown by the browser itself: a paper in HTML could hold a script.
    file = _original_of(services, document_id)
    return SentFile(file.path, headers=_NOT_KEPT, media_type="application/octet-stream", filename=file.name)


def _tell_added(added: Added) -> shapes.Added:
    documents = list(added.documents.values())
    return shapes.Added.model_validate(
        {"documents": documents, "known": sorted(added.known), "refused": added.refused, "remarks": added.remarks}
    )


def _require_collection(services: Services, collection_id: int) -> None:
    with open_database(services.settings.database) as db:
        get_collection(db, collection_id)


def _document(services: Services, document_id: int) -> Document:
    with open_database(services.settings.database) as db:
        return library.get_document(db, document_id)


def _original_of(services: Services, document_id: int) -> PaperFile:
    with open_database(services.settings.database) as db:
        document = library.get_document(db, document_id)
        file = paper_file(services.settings, db, document)
    if not file.path.is_file():
        raise NotFoundError(f"The file of '{document.title}' is gone from the library. Add the same file again.")
    return file


def _citation(documents: list[Document], format: str) -> Response:
    return Response(FORMATS[format](documents), media_type=f"{_MEDIA_TYPES[format]}; charset=utf-8")
