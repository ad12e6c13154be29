"""What is worth a verdict next, and questions to ask of a paper, over HTTP."""

from fastapi import APIRouter

from api import shapes
from api.served import Served
from api.shapes import RowId
from storage import proposals
from storage.database import open_database
from training.propose import queue_propose
from training.questions import questions_of

router = APIRouter(tags=["judgements"])


@router.get("/proposals")
def list_proposals(services: Served) -> shapes.Proposals:
    """Passages that wait for a verdict, those first of which it tells most."""
    with open_database(services.settings.database) as db:
        return shapes.Proposals.model_validate({"proposals": proposals.list_proposals(db)})


@router.post("/proposals/look", status_code=202)
def look_for_proposals(services: Served) -> shapes.Begun:
    """Have the worker look for them anew."""
    with open_database(services.settings.database) as db:
        return shapes.Begun.model_validate({"job": queue_propose(db, anew=True)})


@router.post("/proposals/skip")
def skip_proposals(services: Served, skipped: shapes.Ids) -> shapes.Ids:
    """Ask for these no more, until they are found once again."""
    with open_database(services.settings.database) as db:
        proposals.skip_proposals(db, skipped.ids)
    return skipped


@router.get("/documents/{document_id}/questions")
def suggest_questions(services: Served, document_id: RowId) -> shapes.SuggestedQuestions:
    """Questions the paper may answer."""
    return shapes.SuggestedQuestions.model_validate(questions_of(services.settings, document_id))
