"""Judgements over HTTP: list, give, withdraw, take in and out."""

from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Query, Request, Response

from api import shapes
from api.bodies import file_body, received
from api.served import Served
from api.services import Services
from api.shapes import LONGEST_QUESTION, RowId
from core.errors import NotFoundError
from storage import judgements
from storage.database import open_database
from training.data.exchange import Imported, export_judgements, import_judgements, read_lines

router = APIRouter(tags=["judgements"])

_LINES = "application/x-ndjson"


@router.get("/judgements")
def list_judgements(
    services: Served,
    query: Annotated[str | None, Query(max_length=LONGEST_QUESTION, description="only on this question")] = None,
) -> shapes.Judgements:
    """Every judgement, oldest first."""
    with open_database(services.settings.database) as db:
        given = judgements.list_judgements(db)
    wanted = None if query is None else judgements.normalise_query(query)
    return shapes.Judgements.model_validate({"judgements": [j for j in given if wanted in (None, j.query)]})


@router.post("/judgements")
def judge(services: Served, verdict: shapes.Verdict) -> shapes.Stored:
    """Say whether a passage answers a question, in place of one's own earlier verdict on the two."""
    with open_database(services.settings.database) as db:
        stored = judgements.store_judgement(
            db,
            verdict.query,
            verdict.chunk_id,
            verdict.relevance,
            verdict.rank,
            verdict.model_id,
            verdict.part,
            judge=verdict.judge,
        )
    return shapes.Stored(stored=stored)


@router.delete("/judgements")
def take_back(
    services: Served,
    query: Annotated[str, Query(max_length=LONGEST_QUESTION)],
    chunk_id: Annotated[int, Query(ge=0, lt=1 << 63)],
) -> shapes.Withdrawn:
    """Withdraw one's own verdict on a passage for a question, if there is one."""
    with open_database(services.settings.database) as db:
        taken = judgements.take_back_judgement(db, query, chunk_id)
    return shapes.Withdrawn(withdrawn=int(taken))


@router.delete("/judgements/{judgement_id}")
def delete_judgement(services: Served, judgement_id: RowId) -> shapes.Withdrawn:
    with open_database(services.settings.database) as db:
        if not judgements.delete_judgements(db, [judgement_id]):
            raise NotFoundError(f"There is no judgement with id {judgement_id}.")
    return shapes.Withdrawn(withdrawn=1)


@router.get("/judgements/export", response_class=Response)
def export(services: Served) -> Response:
    """All judgements, one JSON object a line, as an import takes them."""
    with open_database(services.settings.database) as db:
        lines = "".join(f"{line}\n" for line in export_judgements(db))
    return Response(lines, media_type=_LINES)


@router.post("/judgements/import", openapi_extra=file_body(_LINES))
async def take_in(request: Request, services: Served) -> shapes.Imported:
    """Take judgements in, one JSON object a line; what names no passage of this library is refused by number."""
    async with received(request, services.settings, "judgements.jsonl") as path:

        def work() -> Imported:
            return _import(services, read_lines(path))

        return shapes.Imported.model_validate(await to_thread.run_sync(work))


def _import(services: Services, lines: list[str]) -> Imported:
    with open_database(services.settings.database) as db:
        return import_judgements(db, lines)
