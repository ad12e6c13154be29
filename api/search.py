"""Search over HTTP, and the page on which a passage stands."""

from typing import Annotated

from fastapi import APIRouter, Query

from api import shapes
from api.page_view import PageView, view_page
from api.served import Served
from api.shapes import RowId
from search.answer import result_as_json
from search.searcher import SearchRequest
from storage import judgements, library
from storage.database import open_database

router = APIRouter(tags=["search"])


@router.post("/search")
def search(services: Served, question: shapes.Question) -> shapes.SearchAnswer:
    """The passages that answer a question, best first."""
    ids = None if question.document_ids is None else tuple(question.document_ids)
    with open_database(services.settings.database) as db:
        for document_id in ids or ():
            library.get_document(db, document_id)
        verdicts = judgements.relevance_by_chunk(db, question.query)
    request = SearchRequest(question.query, question.k, ids, question.mode)
    find = services.searcher.search_blind if question.blind else services.searcher.search
    answer = result_as_json(find(request))
    if question.blind:
        # What could tell which model found a passage would favour it.
        answer["model"] = None
        for hit in answer["hits"]:
            hit |= dict.fromkeys(("rank", "score", "dense_rank", "lexical_rank"))
    for hit in answer["hits"]:
        hit["relevance"] = verdicts.get(hit["chunk_id"])
    return shapes.SearchAnswer.model_validate(answer)


@router.get("/passages/{chunk_id}")
def open_passage(
    services: Served,
    chunk_id: RowId,
    page: Annotated[int | None, Query(ge=1, lt=1 << 31, description="the first it stands on unless given")] = None,
) -> shapes.PassageOnPage:
    """A passage on its page: where it is marked, and how it is cited."""
    with open_database(services.settings.database) as db:
        view = view_page(services, db, chunk_id, page)
    return shapes.PassageOnPage.model_validate({**_fields(view), "picture": _picture(view)})


def _fields(view: PageView) -> dict[str, object]:
    return {name: getattr(view, name) for name in PageView.__slots__}


def _picture(view: PageView) -> str | None:
    if not view.document.format.has_pages:
        return None
    return f"/api/v1/documents/{view.document.id}/pages/{view.page}.jpg"
