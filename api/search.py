"""Search over HTTP, and the page on which a passage stands."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from sqlite_utils import Database

from api import shapes
from api.served import Served
from api.shapes import RowId
from core.errors import QuestionError
from core.types import Filter
from search.answer import result_as_json
from search.exports import EXPORTS
from search.page_view import PageView, view_page
from search.searcher import SearchRequest
from search.years import require_order
from storage import judgements, library
from storage.collections import get_collection
from storage.database import open_database

router = APIRouter(tags=["search"])

ExportFormat = Literal["csv", "bibtex", "json"]
_MEDIA_TYPES = {"csv": "text/csv", "bibtex": "application/x-bibtex", "json": "application/json"}


@router.post("/search")
def search(services: Served, question: shapes.Question) -> shapes.SearchAnswer:
    """The passages that answer a question, best first."""
    with open_database(services.settings.database) as db:
        filter = read_filter(db, question.filter)
        verdicts = judgements.relevance_by_chunk(db, question.query)
        others = {} if question.blind else judgements.others_by_chunk(db, question.query)
    request = SearchRequest(question.query, question.k, filter, question.mode, question.spread, question.like)
    find = services.searcher.search_blind if question.blind else services.searcher.search
    answer = result_as_json(find(request), blind=question.blind)
    for hit in answer["hits"]:
        hit["relevance"] = verdicts.get(hit["chunk_id"])
        hit["others"] = others.get(hit["chunk_id"], [])
    return shapes.SearchAnswer.model_validate(answer)


@router.post("/search/{form}", response_class=Response)
def export_results(services: Served, form: ExportFormat, question: shapes.Question) -> Response:
    """The same passages as a table (csv), as a list of their papers (bibtex), or as the command prints them (json)."""
    with open_database(services.settings.database) as db:
        if question.blind:
            raise QuestionError(
                "A blind search can't be exported: a list in order tells what it hides. Leave out blind."
            )
        filter = read_filter(db, question.filter)
        request = SearchRequest(question.query, question.k, filter, question.mode, question.spread, question.like)
        text = EXPORTS[form](db, services.searcher.search(request))
    return Response(text, media_type=_MEDIA_TYPES[form])


@router.get("/passages/{chunk_id}")
def open_passage(
    services: Served,
    chunk_id: RowId,
    page: Annotated[int | None, Query(ge=1, lt=1 << 31, description="the first it stands on unless given")] = None,
) -> shapes.PassageOnPage:
    """A passage on its page: where it is marked, and how it is cited."""
    with open_database(services.settings.database) as db:
        view = view_page(services.settings, services.drawer, db, chunk_id, page)
    return shapes.PassageOnPage.model_validate({**_fields(view), "picture": _picture(view)})


def read_filter(db: Database, asked: shapes.Filter) -> Filter:
    """Raises NotFoundError for a paper or a collection that is not there, QuestionError for years that can't be."""
    require_order(asked.year_from, asked.year_to)
    library.require_documents(db, asked.papers or ())
    for collection_id in asked.collections or ():
        get_collection(db, collection_id)
    return Filter(
        papers=None if asked.papers is None else tuple(asked.papers),
        collections=None if asked.collections is None else tuple(asked.collections),
        year_from=asked.year_from,
        year_to=asked.year_to,
        author=asked.author,
        kinds=None if asked.kinds is None else tuple(asked.kinds),
    )


def _fields(view: PageView) -> dict[str, object]:
    return {name: getattr(view, name) for name in PageView.__slots__}


def _picture(view: PageView) -> str | None:
    if not view.document.format.has_pages:
        return None
    return f"/api/v1/documents/{view.document.id}/pages/{view.page}.jpg"
