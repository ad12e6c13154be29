import time

import pytest
from sqlite_utils import Database

from core.errors import Cancelled
from core.settings import Settings
from core.types import JobKind, JobState
from storage import jobs
from storage.progress import JobProgress


def test_a_second_job_of_a_kind_that_is_open_is_the_first_one(db: Database) -> None:
    first = jobs.add_job(db, JobKind.RETRAIN, {"epochs": 1})
    assert jobs.add_job(db, JobKind.RETRAIN, {"epochs": 2}) == first
    assert jobs.add_job(db, JobKind.SWITCH) != first


def test_a_job_whose_process_dies_is_queued_again_three_times_at_most(db: Database) -> None:
    job = jobs.add_job(db, JobKind.RETRAIN)
    for _ in range(3):
        assert jobs.start_job(db, job.id)
        jobs.requeue_interrupted(db)
    dead = jobs.get_job(db, job.id)
    assert dead.state is JobState.FAILED
    assert "died 3 times" in (dead.reason or "")


def test_a_cancelled_job_that_had_not_started_never_starts(db: Database) -> None:
    job = jobs.add_job(db, JobKind.RETRAIN)
    assert not jobs.get_job(db, job.id).stopping
    jobs.request_cancel(db, job.id)
    assert jobs.get_job(db, job.id).stopping
    assert not jobs.start_job(db, job.id)
    assert jobs.get_job(db, job.id).state is JobState.CANCELLED


def test_progress_is_written_with_the_time_left_and_hears_a_cancel(settings: Settings, db: Database) -> None:
    job = jobs.add_job(db, JobKind.RETRAIN)
    jobs.start_job(db, job.id)
    progress = JobProgress(settings.database, job.id)
    before = time.monotonic()
    progress.report("training", total=10)
    begun = time.monotonic()
    time.sleep(0.3)
    half_done = time.monotonic()
    progress.report("training", item="v2", done=5, total=10)
    after = time.monotonic()
    running = jobs.get_job(db, job.id)
    assert (running.step, running.item, running.done, running.total) == ("training", "v2", 5, 10)
    # As long as it took so far.
    assert running.seconds_left is not None
    assert half_done - begun <= running.seconds_left <= after - before
    jobs.request_cancel(db, job.id)
    with pytest.raises(Cancelled):
        progress.report("training", done=10, total=10)
