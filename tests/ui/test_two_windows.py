"""Two windows on one library: each is told what goes on, whoever asked for it."""

import json
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient
from sqlite_utils import Database

from core.settings import Settings
from core.types import JobKind
from indexer.start import ensure_active_model
from storage import jobs
from storage.progress import JobProgress
from tests.ui.site import make_services
from tests.ui.steps import wait_for
from ui.server import create_app


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    ensure_active_model(settings)
    with TestClient(create_app(make_services(settings.home)), base_url="http://localhost") as client:
        yield client


def test_both_windows_look_each_second_and_are_told_of_a_jobs_progress(
    client: TestClient, settings: Settings, db: Database
) -> None:
    config = client.get("/config").json()
    timers = {part["id"]: part["props"]["value"] for part in config["components"] if part["type"] == "timer"}
    look = next(
        event
        for event in config["dependencies"]
        if any(component in timers and kind == "tick" for component, kind in event["targets"])
    )
    assert [timers[component] for component, kind in look["targets"] if kind == "tick"] == [1.0]

    # A window that has just been opened: each field with what it begins with, and nothing seen yet.
    begins_with = {part["id"]: part["props"].get("value") for part in config["components"]}

    def seen_by(window: str) -> str:
        asked = {
            "data": [begins_with[field] for field in look["inputs"]],
            "fn_index": look["id"],
            "session_hash": window,
        }
        return json.dumps(client.post("/gradio_api/run/predict", json=asked).json())

    for window in ("first", "second"):
        assert "lenses.pdf" not in seen_by(window)
    progress = JobProgress(settings.database, jobs.add_job(db, JobKind.INGEST).id)
    for step in ("polishing", "mounting"):
        progress.report(f"{step} lenses", item="lenses.pdf", done=1, total=7)
        for window in ("first", "second"):
            # Where rendering is slow, the view is a look or two behind.
            wait_for(lambda window=window, step=step: step in seen_by(window).lower())  # type: ignore[misc]
