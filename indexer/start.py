"""Which model a library begins with."""

from dataclasses import dataclass

from sqlite_utils import Database

from core.errors import ModelError
from core.settings import PACKAGED_MODEL, Settings, Source
from core.types import JobKind, ModelVersion
from indexer.encoder import Encoder, load_encoder
from indexer.model_sources import choose_model
from storage import models
from storage.database import open_database
from storage.jobs import add_job


@dataclass(frozen=True, slots=True)
class StartModel:
    """The active model, and why it is that one, in words."""

    version: ModelVersion
    why: str


def ensure_active_model(settings: Settings, *, switch: bool = False) -> StartModel:
    """The library's active model; a new library gets the one the settings ask for.

    Where the settings ask for another model than the library has, the present one serves; with `switch` the switch is
    queued. Raises ModelError where a new library's model, asked for by name, can't be loaded.
    """
    asked_by = "--model" if settings.sources.get("model") is Source.ARGUMENT else "WHETSTONE_MODEL"
    with open_database(settings.database) as db:
        active = models.active_model(db)
        if active is not None and settings.model == "auto":
            return StartModel(active, "it is the one this library was last switched to")
        choice = choose_model(settings.model, asked_by)
        if active is None:
            return _activate_first(db, settings, choice.source, choice.why)
        if choice.source in _lineage(db, active):
            return StartModel(active, f"{asked_by} asks for {choice.source}, from which it comes")
        if not switch:
            return StartModel(active, f"it is the library's; {choice.source}, which {asked_by} asks for, is not")
        add_job(db, JobKind.SWITCH, {"source": choice.source})
        return StartModel(active, f"it serves until {choice.source}, which {asked_by} asks for, has taken over")


def register_encoder(db: Database, source: str, encoder: Encoder) -> ModelVersion:
    """The model version of a loaded base model."""
    return models.add_model(
        db,
        name=_display_name(source),
        source=source,
        dimension=encoder.dimension,
        window=encoder.window,
        fingerprint=encoder.fingerprint,
    )


def _activate_first(db: Database, settings: Settings, source: str, why: str) -> StartModel:
    try:
        encoder = load_encoder(source, settings.home)
    except ModelError as error:
        if settings.model != "auto":
            raise
        source, why = PACKAGED_MODEL, f"the packaged model serves, because {error}"
        encoder = load_encoder(source, settings.home)
    version = register_encoder(db, source, encoder)
    models.activate_model(db, version.id)
    return StartModel(version, why)


def _lineage(db: Database, version: ModelVersion) -> list[str]:
    """The sources of a version and of all those it was trained from."""
    sources = [version.source]
    while version.parent_id is not None:
        version = models.get_model(db, version.parent_id)
        sources.append(version.source)
    return sources


def _display_name(source: str) -> str:
    return "all-MiniLM-L6-v2 (packaged)" if source == PACKAGED_MODEL else source.rstrip("/").rsplit("/", 1)[-1]
