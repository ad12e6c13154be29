"""The map of the library over HTTP: papers and passages by what they are about."""

from fastapi import APIRouter
from sqlite_utils import Database

from api import shapes
from api.served import Served
from api.shapes import NeededId, QueryId, RowId
from core.errors import LibraryError
from core.types import ModelVersion
from search.map.queue import queue_map
from search.map.view import compare_maps, describe_map, nearest_papers, place_passages
from storage import library, models
from storage.database import open_database

router = APIRouter(tags=["map"])


@router.get("/map")
def get_map(services: Served, model_id: QueryId = None) -> shapes.Map:
    """The map of a version, the active one unless another is named; draw it where there is none."""
    with open_database(services.settings.database) as db:
        return shapes.Map.model_validate(describe_map(db, _version(db, model_id)))


@router.post("/map/draw", status_code=202)
def draw_map(services: Served, asked: shapes.MapAsked) -> shapes.Begun:
    """Have a version's map drawn; `job` is null where it is up to date, unless it is to be drawn anew."""
    with open_database(services.settings.database) as db:
        return shapes.Begun.model_validate({"job": queue_map(db, asked.model_id, anew=asked.anew)})


@router.post("/map/places")
def place_on_map(services: Served, asked: shapes.PassagesAsked) -> shapes.Places:
    """Where passages stand on a version's map."""
    with open_database(services.settings.database) as db:
        places = place_passages(db, _version(db, asked.model_id), asked.passages)
    return shapes.Places.model_validate({"places": places})


@router.get("/map/changes")
def compare_two_maps(services: Served, model_id: NeededId, beside: NeededId) -> shapes.MapChanges:
    """For each paper the share of its five nearest papers that stay its nearest under another version."""
    with open_database(services.settings.database) as db:
        changed = compare_maps(db, _version(db, model_id), _version(db, beside))
    return shapes.MapChanges.model_validate({"papers": changed})


@router.get("/documents/{document_id}/nearest")
def list_nearest(services: Served, document_id: RowId, model_id: QueryId = None) -> shapes.Nearest:
    """The papers most like this one, the nearest first."""
    with open_database(services.settings.database) as db:
        library.get_document(db, document_id)
        return shapes.Nearest(papers=nearest_papers(db, _version(db, model_id), document_id))


def _version(db: Database, model_id: int | None) -> ModelVersion:
    version = models.version_or_active(db, model_id)
    if version is None:
        raise LibraryError("This library has no model yet. Add a paper first.")
    return version
