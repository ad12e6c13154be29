"""A worker that really dies, and a server that sees it."""

import sys
import time
from pathlib import Path

import pytest
from sqlite_utils import Database

from core.types import DocumentState, JobKind
from indexer.ingest import add_file
from jobs import supervisor
from storage import jobs, library
from storage.database import open_database
from tests.libraries import make_library, topic_paper
from tests.papers import write

# The worker as it is, but for one paper that takes its process along, as memory that runs out does.
WORKER = """
import os, signal, sys
from core.settings import load_settings
import indexer.ingest
from jobs.worker import Worker
chunk_pages = indexer.ingest.chunk_pages
def chunk_or_die(pages, *arguments):
    if "whales" in pages[0].text:
        os.kill(os.getpid(), signal.SIGKILL)
    return chunk_pages(pages, *arguments)
indexer.ingest.chunk_pages = chunk_or_die
Worker(load_settings(home=sys.argv[-1]), supervised=True).work_until(lambda: False)
"""


@pytest.mark.slow
def test_a_paper_that_kills_the_worker_fails_after_two_deaths_and_the_rest_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "_SECONDS_BEFORE_RESTART", (0.1,))
    settings = make_library(tmp_path / "library", tmp_path / "model")
    for number in (1, 2, 3):
        add_file(settings, write(tmp_path, f"{number}.pdf", topic_paper(number)))
    keeper = supervisor.Supervisor(settings, (sys.executable, "-c", WORKER))
    keeper.start()
    try:
        with open_database(settings.database) as db:
            _wait(db)
            states = {document.names[0]: document for document in library.list_documents(db)}
            assert jobs.last_job(db, JobKind.INGEST) is not None
    finally:
        keeper.stop()
    assert [states[f"{number}.pdf"].state for number in (1, 2, 3)] == [
        DocumentState.READY,
        DocumentState.FAILED,
        DocumentState.READY,
    ]
    assert "'2.pdf' ended the process that worked on it 2 times" in (states["2.pdf"].reason or "")


def _wait(db: Database, seconds: float = 600) -> None:
    end = time.monotonic() + seconds
    while library.has_unfinished_documents(db):
        assert time.monotonic() < end, "the rest did not go on"
        time.sleep(0.1)
