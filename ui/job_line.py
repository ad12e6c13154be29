"""The line of a job: how far it is, with a button to stop it, or how it failed, with one to dismiss that."""

from typing import Any

from sqlite_utils import Database

from api.services import Services
from core.types import Job, JobKind, JobState
from jobs.terminal import describe_job
from storage import jobs
from storage.database import open_database
from ui.messages import answer_script
from ui.render import render

TITLES = {
    JobKind.INGEST: "Adding papers",
    JobKind.RETRAIN: "Retraining",
    JobKind.SWITCH: "Switching the model",
    JobKind.COMPARE: "Comparing",
    JobKind.MAP: "Drawing the map",
    JobKind.PROPOSE: "Looking for what to judge",
}


def render_job(db: Database, job: Job | None) -> str:
    """How far a job is, with a button to stop it; how it failed; nothing once it is done."""
    if job is None or job.dismissed or not (job.open or job.reason):
        return ""
    line = _wait_of(db, job) if job.state is JobState.QUEUED else describe_job(job) if job.open else job.reason
    return render("job.html", job=job, title=TITLES[job.kind], line=line)


def _wait_of(db: Database, job: Job) -> str:
    """What a queued job waits for: the worker does one at a time."""
    running = running_job(db)
    return f"waits until “{TITLES[running.kind]}” is done" if running else describe_job(job)


def running_job(db: Database) -> Job | None:
    return next((job for job in jobs.open_jobs(db) if job.state is JobState.RUNNING), None)


def current_job(db: Database, kind: JobKind) -> Job | None:
    """The open job of a kind, else the last one if it did not end well."""
    return next((job for job in jobs.open_jobs(db) if job.kind is kind), None) or jobs.last_job(db, kind)


def make_cancel(services: Services) -> Any:
    @answer_script
    def cancel_job(arguments: list) -> dict:
        with open_database(services.settings.database) as db:
            jobs.request_cancel(db, int(arguments[0]))
        return {}

    return cancel_job


def make_dismiss(services: Services) -> Any:
    @answer_script
    def dismiss_job(arguments: list) -> dict:
        with open_database(services.settings.database) as db:
            jobs.dismiss_job(db, int(arguments[0]))
        return {}

    return dismiss_job
