"""Heavy work as rows: what waits, what runs and how far it is, how it ended."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from sqlite_utils import Database

from core.errors import NotFoundError
from core.types import Job, JobKind, JobState
from storage.at_work import tell_at_work
from storage.database import now, transaction
from storage.deaths import settle_deaths

_OPEN = (JobState.QUEUED, JobState.RUNNING)
_TOLD = 10


def add_job(
    db: Database,
    kind: JobKind,
    params: Mapping[str, Any] | None = None,
    does_as_well: Callable[[Job], bool] = lambda job: True,
) -> Job:
    """A new job, queued. Where one of this kind is open already that `does_as_well`, that one comes back instead."""
    with transaction(db):
        for job in open_jobs(db):
            if job.kind is kind and does_as_well(job):
                return job
        job_id = db.conn.execute(
            "INSERT INTO jobs (kind, params, state, created_at) VALUES (?, ?, ?, ?)",
            [kind, json.dumps(params or {}), JobState.QUEUED, now()],
        ).lastrowid
        assert job_id is not None
        return get_job(db, job_id)


def get_job(db: Database, job_id: int) -> Job:
    for row in db.query("SELECT * FROM jobs WHERE id = ?", [job_id]):
        return _job(db, row)
    raise NotFoundError(f"There is no job with id {job_id}.")


def open_jobs(db: Database) -> list[Job]:
    """Jobs that wait or run, oldest first."""
    return [_job(db, row) for row in db.query("SELECT * FROM jobs WHERE state IN (?, ?) ORDER BY id", _OPEN)]


def last_job(db: Database, kind: JobKind) -> Job | None:
    for row in db.query("SELECT * FROM jobs WHERE kind = ? ORDER BY id DESC LIMIT 1", [kind]):
        return _job(db, row)
    return None


def last_jobs(db: Database, most: int) -> list[Job]:
    """The newest jobs, newest first."""
    return [_job(db, row) for row in db.query("SELECT * FROM jobs ORDER BY id DESC LIMIT ?", [most])]


def last_done(db: Database, kind: JobKind) -> list[Job]:
    """The last jobs of a kind that ended well, the newest first."""
    sql = "SELECT * FROM jobs WHERE kind = ? AND state = ? ORDER BY id DESC LIMIT ?"
    return [_job(db, row) for row in db.query(sql, [kind, JobState.DONE, _TOLD])]


def last_failed(db: Database) -> list[Job]:
    """The last jobs that failed, the newest first."""
    sql = "SELECT * FROM jobs WHERE state = ? ORDER BY id DESC LIMIT ?"
    return [_job(db, row) for row in db.query(sql, [JobState.FAILED, _TOLD])]


def start_job(db: Database, job_id: int, *, supervised: bool = False) -> bool:
    """Take a queued job on; False where it was cancelled or taken meanwhile.

    A process that is `supervised` has another that counts its death.
    """
    with transaction(db):
        return bool(
            db.conn.execute(
                """
                UPDATE jobs SET state = ?, reason = NULL, starts = starts + 1, supervised = ?
                WHERE id = ? AND state = ?
                """,
                [JobState.RUNNING, supervised, job_id, JobState.QUEUED],
            ).rowcount
        )


def put_down_job(db: Database, job_id: int) -> None:
    """Queue a running job again whose process was told to end."""
    with transaction(db):
        db.conn.execute("UPDATE jobs SET state = ? WHERE id = ?", [JobState.QUEUED, job_id])


def update_job(
    db: Database,
    job_id: int,
    *,
    step: str,
    item: str = "",
    done: int = 0,
    total: int = 0,
    seconds_left: float | None = None,
    result: Mapping[str, Any] | None = None,
) -> bool:
    """Write how far a job is; True where the user asked for its end."""
    with transaction(db):
        db.conn.execute(
            """
            UPDATE jobs SET step = ?, item = ?, done = ?, total = ?, seconds_left = ?, result = coalesce(?, result)
            WHERE id = ?
            """,
            [step, item, done, total, seconds_left, None if result is None else json.dumps(result), job_id],
        )
        return bool(db.conn.execute("SELECT cancel_requested FROM jobs WHERE id = ?", [job_id]).fetchone()[0])


def finish_job(
    db: Database, job_id: int, state: JobState, reason: str | None = None, result: Mapping[str, Any] | None = None
) -> None:
    with transaction(db):
        db.conn.execute(
            """
            UPDATE jobs SET state = ?, reason = ?, result = coalesce(?, result), item = '', seconds_left = NULL,
                finished_at = ?
            WHERE id = ?
            """,
            [state, reason, None if result is None else json.dumps(result), now(), job_id],
        )


def request_cancel(db: Database, job_id: int) -> None:
    """Ask for a job's end; one that has not started ends at once."""
    with transaction(db):
        db.conn.execute("UPDATE jobs SET cancel_requested = 1 WHERE id = ?", [job_id])
        db.conn.execute(
            "UPDATE jobs SET state = ?, finished_at = ? WHERE id = ? AND state = ?",
            [JobState.CANCELLED, now(), job_id, JobState.QUEUED],
        )


def dismiss_job(db: Database, job_id: int) -> None:
    """Show the end of this job no more; its row stays."""
    with transaction(db):
        db.conn.execute("UPDATE jobs SET dismissed_at = ? WHERE id = ? AND finished_at IS NOT NULL", [now(), job_id])


def requeue_interrupted(db: Database) -> None:
    """Queue again what was running when its process ended, or end it if that was asked for or it has died too often.

    Only the holder of the work lock may call this.
    """
    with transaction(db):
        settle_deaths(db)
        db.conn.execute(
            # A stopped ingest is taken up once more, to give its papers up with a reason.
            "UPDATE jobs SET state = ?, finished_at = ? WHERE state = ? AND cancel_requested AND kind != ?",
            [JobState.CANCELLED, now(), JobState.RUNNING, JobKind.INGEST],
        )
        db.conn.execute("UPDATE jobs SET state = ? WHERE state = ?", [JobState.QUEUED, JobState.RUNNING])


def _job(db: Database, row: dict[str, Any]) -> Job:
    kind = JobKind(row["kind"])
    item, total = row["item"], row["total"]
    if kind is JobKind.INGEST:
        item, total = tell_at_work(db, row["step"], item, row["done"], total)
    return Job(
        id=row["id"],
        kind=kind,
        params=json.loads(row["params"]),
        state=JobState(row["state"]),
        step=row["step"],
        item=item,
        done=row["done"],
        total=total,
        seconds_left=row["seconds_left"],
        reason=row["reason"],
        result=json.loads(row["result"]),
        created_at=row["created_at"],
        finished_at=row["finished_at"],
        dismissed=row["dismissed_at"] is not None,
        stopping=bool(row["cancel_requested"]),
    )
