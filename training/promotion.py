"""Switch the active model: promote a version, take on a base model, undo."""

from collections.abc import Mapping
from typing import Any

from core.errors import PromotionError
from core.settings import Settings
from core.types import Job, JobKind, ModelVersion
from indexer.encoder import load_encoder
from indexer.ingest import embed_missing
from indexer.model_sources import absolute_source, find_model_folder, fingerprint_folder
from indexer.start import register_encoder
from storage import models
from storage.database import open_database, transaction
from storage.jobs import add_job, open_jobs
from storage.progress import Progress
from storage.vectors import count_missing

# Papers may come in between the last embedding and the switch; a library that gains papers that fast is waited for.
_MOST_ROUNDS = 20


def switch_now_or_later(settings: Settings, params: Mapping[str, Any]) -> Job | None:
    """Switch at once where no vector lacks, and return None; else queue the job that embeds and then switches.

    `params` is one of {"model_id": id}, {"source": hub id, folder or packaged-minilm}, {"undo": True}.
    Raises PromotionError while another switch is under way.
    """
    params = dict(params)
    with open_database(settings.database) as db:
        if "source" in params:
            params["source"] = absolute_source(str(params["source"]))
        version = _find_target(db, params)
        if params.get("undo") and version is not None:
            # Named, so that a job that is run twice does not go back twice.
            params["model_id"] = version.id
        unchanged = version is not None and _files_unchanged(settings, version)
        with transaction(db):
            if any(job.kind is JobKind.SWITCH and job.params != params for job in open_jobs(db)):
                raise PromotionError(
                    "Another switch of models is under way. Stop it, or wait for its end, then try again."
                )
            if version is None or not unchanged or count_missing(db, version.id):
                return add_job(db, JobKind.SWITCH, params)
            _activate(db, version, params)
    return None


def run_switch(settings: Settings, job: Job, progress: Progress) -> dict[str, Any]:
    """Load the model, embed what lacks its vectors, switch; `{"model_id": id}`. Until then the old one serves.

    A model that can't be loaded leaves the one in use as it is.
    """
    with open_database(settings.database) as db:
        version = _find_target(db, job.params)
        source = version.source if version is not None else str(job.params["source"])
        progress.report("loading the model", item=source)
        encoder = load_encoder(source, settings.home, on_step=lambda step: progress.report(step))
        if version is None or version.fingerprint != encoder.fingerprint:
            if version is not None and version.parent_id is not None:
                raise PromotionError(f"The files of '{version.name}' were changed. Retrain it, or put them back.")
            version = register_encoder(db, source, encoder)
        for _ in range(_MOST_ROUNDS):
            embed_missing(settings, encoder, version, progress)
            with transaction(db):
                if count_missing(db, version.id) == 0:
                    _activate(db, version, job.params)
                    return {"model_id": version.id}
    raise PromotionError("Papers are being added faster than they can be embedded. Try again when they are ready.")


def _files_unchanged(settings: Settings, version: ModelVersion) -> bool:
    folder = find_model_folder(version.source, settings.home)
    return folder is None or fingerprint_folder(folder) == version.fingerprint


def _find_target(db: models.Database, params: Mapping[str, Any]) -> ModelVersion | None:
    """The version asked for; None for a source that is not registered yet."""
    if params.get("undo") and "model_id" not in params:
        before = models.previous_model(db)
        if before is None:
            raise PromotionError("There is no earlier model to go back to.")
        return before
    if "model_id" in params:
        return models.get_model(db, int(params["model_id"]))
    return models.find_model(db, str(params["source"]))


def _activate(db: models.Database, version: ModelVersion, params: Mapping[str, Any]) -> None:
    active = models.active_model(db)
    if active is not None and active.id == version.id:
        return
    if params.get("undo"):
        before = models.previous_model(db)
        if before is None or before.id != version.id:
            raise PromotionError(f"'{version.name}' is no longer the model before this one. Look, then undo again.")
        models.undo_activation(db)
    else:
        models.activate_model(db, version.id)
