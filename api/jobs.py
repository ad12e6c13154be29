"""Heavy work over HTTP: what waits and runs, how far it is as it moves, and its end on demand."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Annotated

import anyio
from anyio import to_thread
from fastapi import APIRouter, Depends, Query
from fastapi.sse import EventSourceResponse, ServerSentEvent

from api import shapes
from api.errors import Busy
from api.served import Followed, Served, StillLetIn
from api.services import Services
from api.shapes import RowId
from core.cli import count
from core.people import viewer
from core.types import Job, JobKind
from storage import jobs
from storage.database import open_database

router = APIRouter(tags=["jobs"])

_SECONDS_BETWEEN_LOOKS = 0.25
_LAST = 50


@router.get("/jobs")
def list_jobs(
    services: Served, open: Annotated[bool, Query(description="only what waits or runs")] = False
) -> shapes.Jobs:
    """Jobs that wait or run, oldest first, or the last fifty, newest first."""
    with open_database(services.settings.database) as db:
        found = jobs.open_jobs(db) if open else jobs.last_jobs(db, _LAST)
    return shapes.Jobs.model_validate({"jobs": [_without_private(job) for job in found]})


@router.get("/jobs/{job_id}")
def get_job(services: Served, job_id: RowId) -> shapes.Job:
    return shapes.Job.model_validate(_job(services, job_id))


@router.post("/jobs/{job_id}/cancel", status_code=202)
def cancel_job(services: Served, job_id: RowId) -> shapes.Job:
    """Ask for a job's end; it leaves nothing half done. What has ended stays as it is."""
    with open_database(services.settings.database) as db:
        jobs.get_job(db, job_id)
        jobs.request_cancel(db, job_id)
        return shapes.Job.model_validate(_without_private(jobs.get_job(db, job_id)))


@router.post("/jobs/{job_id}/dismiss")
def dismiss_job(services: Served, job_id: RowId) -> shapes.Job:
    """Show the end of this job on the page no more."""
    with open_database(services.settings.database) as db:
        jobs.get_job(db, job_id)
        jobs.dismiss_job(db, job_id)
        return shapes.Job.model_validate(_without_private(jobs.get_job(db, job_id)))


async def _take_place(services: Served, followed: Followed, job_id: RowId) -> AsyncIterator[None]:
    """A place among those who follow jobs, given back when the stream ends; refused before it begins."""
    await to_thread.run_sync(_job, services, job_id)
    follower = object()
    try:
        followed.acquire_on_behalf_of_nowait(follower)
    except anyio.WouldBlock:
        many = count(int(followed.total_tokens), "program")
        raise Busy(f"{many} follow jobs already. Try again later, or ask for the job itself.") from None
    try:
        yield
    finally:
        followed.release_on_behalf_of(follower)


@router.get("/jobs/{job_id}/events", response_class=EventSourceResponse, dependencies=[Depends(_take_place)])
async def follow_job(services: Served, still_let_in: StillLetIn, job_id: RowId) -> AsyncIterator[ServerSentEvent]:
    """The job whenever it has moved, as `progress`; its last state as `end`, then the stream ends.

    It ends without one once who follows is no longer let in: removed, or with a token that was withdrawn.
    """
    seen = None
    while await to_thread.run_sync(still_let_in):
        job = await to_thread.run_sync(_job, services, job_id)
        if not job.open:
            yield ServerSentEvent(data=shapes.Job.model_validate(job), event="end")
            return
        if job != seen:
            yield ServerSentEvent(data=shapes.Job.model_validate(job), event="progress")
            seen = job
        await anyio.sleep(_SECONDS_BETWEEN_LOOKS)


def _job(services: Services, job_id: int) -> Job:
    with open_database(services.settings.database) as db:
        return _without_private(jobs.get_job(db, job_id))


def _without_private(job: Job) -> Job:
    """Where there are users, without what an ingest counted in the end: private passages too."""
    hidden = viewer() is not None and job.kind is JobKind.INGEST
    return replace(job, result={}) if hidden else job
