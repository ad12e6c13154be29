"""Who stops a job waits for seconds at most, whatever is at work just then: with the real model and engine."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from core.settings import Settings
from core.types import DocumentState, Job, JobKind, JobState
from indexer.ingest import add_file
from indexer.start import ensure_active_model
from jobs.worker import run_or_wait
from storage import jobs, library
from storage.database import open_database
from tests.papers import Text, lines_down, make_pdf, scan, write

# Of the processor, where this process does the work; of the clock, where another does, and would for a minute or more.
_MOST_SECONDS = 5


def cancel_when(settings: Settings, at_work: Callable[[Job], bool], clock: Callable[[], float]) -> float:
    """Let papers be read until something is at work, and ask for the end; the seconds by this clock until it comes."""
    with open_database(settings.database) as db:
        job = jobs.add_job(db, JobKind.INGEST)
    working = threading.Thread(target=run_or_wait, args=(settings, job))
    working.start()
    with open_database(settings.database) as db:
        while not at_work(now := jobs.get_job(db, job.id)):
            assert now.open, now.reason
            time.sleep(0.02)
        began = clock()
        jobs.request_cancel(db, job.id)
        while (now := jobs.get_job(db, job.id)).open:
            time.sleep(0.02)
        took = clock() - began
        assert (now.state, now.reason) == (JobState.CANCELLED, "Stopped.")
        (document,) = library.list_documents(db)
        assert (document.state, document.reason) == (DocumentState.FAILED, "Stopped. Retry it to go on.")
    working.join()
    return took


@pytest.mark.slow
def test_a_job_that_embeds_is_cancelled_within_seconds(settings: Settings, tmp_path: Path) -> None:
    settings = replace(settings, model="packaged-minilm")
    ensure_active_model(settings)
    lines = [
        f"Sentence {n} of this very long paper tells one more thing about whales, bread and glass." for n in range(46)
    ]
    pages = [lines_down([f"{line} It stands on page {number}." for line in lines]) for number in range(60)]
    add_file(settings, write(tmp_path, "long.pdf", make_pdf(pages)))
    took = cancel_when(settings, lambda job: job.step == "embedding" and job.done > 0, time.process_time)
    assert took < _MOST_SECONDS


@pytest.mark.slow
def test_a_job_that_recognises_a_page_is_cancelled_within_seconds(settings: Settings, tmp_path: Path) -> None:
    settings = replace(settings, model="packaged-minilm")
    ensure_active_model(settings)
    words = "of light near stars"
    crowded = [
        Text(f"{column} {row} {words}", x=20 + 95 * column, y=770 - 8 * row, size=6)
        for column in range(6)
        for row in range(94)
    ]
    add_file(settings, write(tmp_path, "scan.pdf", scan(make_pdf([crowded]))))
    began: list[float] = []

    def recognising(job: Job) -> bool:
        if "recognising page 1" in job.item and not began:
            began.append(time.monotonic())
        # The engine is loaded by then, and at the page.
        return bool(began) and time.monotonic() - began[0] > 6

    assert cancel_when(settings, recognising, time.monotonic) < _MOST_SECONDS
