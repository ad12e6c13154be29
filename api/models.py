"""Models over HTTP: retrain, compare, switch, take in and out."""

import shutil
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from anyio import to_thread
from fastapi import APIRouter, Request
from fastapi.responses import FileResponse

from api import shapes
from api.bodies import file_body, received
from api.sent_files import SentFile
from api.served import Served
from api.services import Services
from api.shapes import RowId
from core.errors import PromotionError
from core.types import Job, ModelVersion
from storage import models
from storage.database import open_database
from training.archive import export_version, import_version
from training.data.lineage import learnt_from_removed
from training.promotion import switch_now_or_later
from training.proof.compare_again import queue_comparison
from training.queueing import make_recipe, queue_retrain

router = APIRouter(tags=["models"])


@router.post("/retrain", status_code=202)
def retrain(services: Served, recipe: shapes.Recipe) -> shapes.Job:
    """Train a new version from the judgements and compare it. Follow the job; its result names the version."""
    given = recipe.model_dump(exclude={"preset"})
    with open_database(services.settings.database) as db:
        if recipe.base_model_id is not None:
            models.get_model(db, recipe.base_model_id)
        return shapes.Job.model_validate(queue_retrain(db, make_recipe(recipe.preset, given)))


@router.get("/models")
def list_models(services: Served) -> shapes.Models:
    """Every model version, oldest first, and which one answers."""
    with open_database(services.settings.database) as db:
        versions, active = models.list_models(db), models.active_model(db)
        of_removed = [version.id for version in versions if learnt_from_removed(db, version)]
    return shapes.Models.model_validate(
        {"active": active.id if active else None, "models": versions, "learnt_from_removed": of_removed}
    )


@router.post("/models", status_code=201, openapi_extra=file_body("application/zip"))
async def take_version_in(request: Request, services: Served) -> shapes.TakenIn:
    """Take an exported version in: the body is its zip. It is compared with the model that answers."""
    async with received(request, services.settings, "version.zip") as path:
        version, job = await to_thread.run_sync(_take_in, services, path)
    return shapes.TakenIn.model_validate({"model": version, "job": job})


@router.post("/models/undo")
def undo(services: Served) -> shapes.Switched:
    """Go back to the version that answered before."""
    return _switch(services, {"undo": True})


@router.post("/models/use")
def use_source(services: Served, source: shapes.Source) -> shapes.Switched:
    """Load a model that is packaged, of the hub, or in a folder of the machine, and have it answer."""
    return _switch(services, {"source": source.source.strip()})


@router.get("/models/{model_id}")
def get_model(services: Served, model_id: RowId) -> shapes.Model:
    with open_database(services.settings.database) as db:
        return shapes.Model.model_validate(models.get_model(db, model_id))


@router.post("/models/{model_id}/promote")
def promote(services: Served, model_id: RowId, how: shapes.Promotion | None = None) -> shapes.Switched:
    """Have a version answer; one that its comparison did not recommend only where that is said."""
    with open_database(services.settings.database) as db:
        version = models.get_model(db, model_id)
    if not version.advised and not (how and how.against_advice):
        raise PromotionError(
            f"The comparison did not recommend '{version.name}'. Say against_advice to promote it all the same."
        )
    return _switch(services, {"model_id": model_id})


@router.post("/models/{model_id}/compare", status_code=202)
def compare(services: Served, model_id: RowId) -> shapes.Job:
    """Compare a version once more, with all that is judged by now."""
    with open_database(services.settings.database) as db:
        return shapes.Job.model_validate(queue_comparison(db, model_id))


@router.get("/models/{model_id}/archive.zip", response_class=FileResponse)
def archive(services: Served, model_id: RowId) -> FileResponse:
    """A version as one zip: the model, its card, its pairs, its metrics."""
    with open_database(services.settings.database) as db:
        name = models.get_model(db, model_id).name
    folder = Path(mkdtemp(dir=services.settings.uploads))
    try:
        export_version(services.settings, model_id, folder / "version.zip")
    except BaseException:
        shutil.rmtree(folder)
        raise
    called = f"whetstone-{_file_name(name)}.zip"
    return SentFile(folder / "version.zip", removed=folder, headers={"Cache-Control": "no-store"}, filename=called)


def _take_in(services: Services, path: Path) -> tuple[ModelVersion, Job]:
    version = import_version(services.settings, path)
    with open_database(services.settings.database) as db:
        return version, queue_comparison(db, version.id)


def _switch(services: Services, params: dict[str, Any]) -> shapes.Switched:
    job = switch_now_or_later(services.settings, params)
    with open_database(services.settings.database) as db:
        return shapes.Switched.model_validate({"job": job, "active": models.active_model(db)})


def _file_name(name: str) -> str:
    return "".join(character if character.isalnum() or character in "-_." else "-" for character in name)
