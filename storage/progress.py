"""How heavy work tells how far it is, and hears that it should stop."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from core.errors import Cancelled
from core.types import Job
from storage.database import open_database
from storage.jobs import get_job, update_job

# Often enough for a page that looks twice a second, seldom enough to cost nothing.
_SECONDS_BETWEEN_WRITES = 0.25

AT_THIS_RATE = -1.0


class Progress(Protocol):
    def report(
        self,
        step: str,
        *,
        item: str = "",
        done: int = 0,
        total: int = 0,
        result: Mapping[str, Any] | None = None,
        seconds_left: float | None = AT_THIS_RATE,
    ) -> None:
        """Say what goes on: `done` of `total` of `step`, at `item`. Raises Cancelled where the user wants the end.

        `seconds_left` is that of the step at its present rate, unless the work knows better, or can't say (None).
        """
        ...


class JobProgress:
    """Writes progress, with the time left, into a job's row.

    `watch` is shown the job after each write.
    """

    def __init__(self, database: Path, job_id: int, watch: Callable[[Job], None] | None = None) -> None:
        self._database = database
        self._job_id = job_id
        self._watch = watch
        self._step = ""
        self._step_began = 0.0
        self._done_at_begin = 0
        self._written_at = 0.0

    def report(
        self,
        step: str,
        *,
        item: str = "",
        done: int = 0,
        total: int = 0,
        result: Mapping[str, Any] | None = None,
        seconds_left: float | None = AT_THIS_RATE,
    ) -> None:
        now = time.monotonic()
        new_step = step != self._step or done < self._done_at_begin
        if new_step:
            self._step, self._step_began, self._done_at_begin = step, now, done
        finished = total > 0 and done >= total
        if not (new_step or finished or result is not None) and now - self._written_at < _SECONDS_BETWEEN_WRITES:
            return
        self._written_at = now
        with open_database(self._database) as db:
            cancelled = update_job(
                db,
                self._job_id,
                step=step,
                item=item,
                done=done,
                total=total,
                seconds_left=self._at_this_rate(now, done, total) if seconds_left == AT_THIS_RATE else seconds_left,
                result=result,
            )
            if self._watch is not None:
                self._watch(get_job(db, self._job_id))
        if cancelled:
            raise Cancelled("Stopped.")

    def _at_this_rate(self, now: float, done: int, total: int) -> float | None:
        fresh = done - self._done_at_begin
        if fresh <= 0 or not total:
            return None
        return (now - self._step_began) / fresh * max(total - done, 0)
