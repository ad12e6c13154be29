"""How a job's progress looks on a terminal."""

import sys

from core.cli import say
from core.types import Job

_WIDTH = 100
_UNITS = {"reading": "papers", "embedding": "passages", "training": "steps"}


def describe_job(job: Job) -> str:
    """One line: the step, how much of how much, the time left, and the file or model it is at."""
    item = f": {job.item}" if job.item else ""
    amount = f" {job.done} of {job.total} {_UNITS.get(job.step, '')}".rstrip() if job.total else ""
    left = f", about {describe_seconds(job.seconds_left)} left" if job.seconds_left else ""
    return f"{job.step or 'waiting'}{amount}{left}{item}"


def describe_seconds(seconds: float) -> str:
    """A duration as one would say it, rounded."""
    if seconds < 90:
        return f"{max(round(seconds), 1)} s"
    if seconds < 90 * 60:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"


def show_job(job: Job) -> None:
    """Redraw the progress line on a terminal; elsewhere say when a step is finished."""
    line = describe_job(job)
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{line[:_WIDTH]:<{_WIDTH}}")
        sys.stderr.flush()
    elif job.total and job.done >= job.total:
        say(line)
