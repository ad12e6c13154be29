from dataclasses import replace
from pathlib import Path

import pytest
from sqlite_utils import Database

from core.errors import ModelError
from core.settings import PACKAGED_MODEL, SEED_MODEL, Settings, load_settings
from core.types import JobKind
from indexer.model_sources import ModelChoice
from indexer.start import ensure_active_model
from storage import jobs, models
from tests.models import make_seed_like_model


def test_a_new_library_begins_with_the_packaged_model_without_a_network(settings: Settings, db: Database) -> None:
    start = ensure_active_model(settings)
    assert start.version.source == PACKAGED_MODEL
    assert "no NVIDIA GPU" in start.why
    assert models.active_model(db) == start.version


def test_on_a_gpu_the_seeds_model_is_tried_and_the_packaged_one_serves_where_the_hub_is_out_of_reach(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("indexer.start.choose_model", lambda *_: ModelChoice(SEED_MODEL, "there is a GPU"))
    start = ensure_active_model(settings)
    assert start.version.source == PACKAGED_MODEL
    assert SEED_MODEL in start.why
    assert "could not be fetched" in start.why


@pytest.mark.parametrize(("argument", "named"), [(PACKAGED_MODEL, "--model"), (None, "WHETSTONE_MODEL")])
def test_the_reason_names_where_the_model_was_asked_for(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, argument: str | None, named: str
) -> None:
    monkeypatch.setenv("WHETSTONE_MODEL", PACKAGED_MODEL)
    asked = load_settings(home=settings.home, model=argument)
    assert ensure_active_model(asked).why == f"{named} asks for it"
    assert ensure_active_model(asked).why == f"{named} asks for {PACKAGED_MODEL}, from which it comes"


def test_a_folder_asked_for_by_name_is_what_a_new_library_begins_with(settings: Settings, tmp_path: Path) -> None:
    make_seed_like_model(tmp_path / "mine")
    start = ensure_active_model(replace(settings, model=str(tmp_path / "mine")))
    assert (start.version.dimension, start.version.window) == (1024, 512)


def test_a_model_asked_for_by_name_that_can_not_be_had_stops_a_new_library(settings: Settings, db: Database) -> None:
    with pytest.raises(ModelError, match="could not be fetched"):
        ensure_active_model(replace(settings, model="nobody/nothing"))
    assert models.active_model(db) is None


def test_a_library_with_a_model_keeps_it_and_queues_the_switch_to_another(settings: Settings, db: Database) -> None:
    first = ensure_active_model(settings).version
    # A question or a retrain changes nothing; the app and 'indexer add' do.
    assert ensure_active_model(replace(settings, model="nobody/nothing")).version == first
    assert jobs.open_jobs(db) == []
    start = ensure_active_model(replace(settings, model="nobody/nothing"), switch=True)
    assert start.version == first
    assert [(job.kind, job.params) for job in jobs.open_jobs(db)] == [(JobKind.SWITCH, {"source": "nobody/nothing"})]


def test_a_version_trained_from_the_model_asked_for_stays(settings: Settings, db: Database) -> None:
    base = ensure_active_model(settings).version
    trained = models.add_model(
        db, name="v2", source="models/v2", dimension=384, window=256, fingerprint="x", parent_id=base.id
    )
    models.activate_model(db, trained.id)
    assert ensure_active_model(replace(settings, model=PACKAGED_MODEL), switch=True).version == trained
    assert jobs.open_jobs(db) == []
