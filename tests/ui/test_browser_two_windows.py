"""Two browsers on one library: what is done in one, or by a command, stands in the other within two looks.

A window looks each second (`tests/ui/test_two_windows.py`), so within two seconds, however slow the machine may be.
"""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from core.types import JobState
from indexer.ingest import add_file, remove_documents
from storage import jobs, library
from storage.database import open_database
from tests.papers import lines_down, make_paper, make_pdf, write
from tests.ui.conftest import App
from tests.ui.steps import hit, open_page, search, wait_for
from tests.ui.topics import TOPICS

pytestmark = pytest.mark.slow

# One that was under way at the change may be counted too.
_MOST_LOOKS = 2 + 1
# Where a machine does other things as well, rendering rests now and then; a page that looks too seldom always does.
_TRIES = 4
_COUNT_LOOKS = "performance.getEntriesByType('resource').filter(one => one.name.includes('/run/predict')).length"


@pytest.fixture
def other(browser: Browser) -> Iterator[Page]:
    """A window of another browser, with nothing in common with the first."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    yield context.new_page()
    context.close()


@pytest.fixture
def own(app: App) -> Iterator[App]:
    """The app, whose library is afterwards as it was."""
    with open_database(app.settings.database) as db:
        before = {document.id for document in library.list_documents(db)}
    yield app
    with open_database(app.settings.database) as db:
        wait_for(lambda: not library.has_unfinished_documents(db) and not jobs.open_jobs(db))
        remove_documents(app.settings, [one.id for one in library.list_documents(db) if one.id not in before])


def require_soon(window: Page, changes: Iterable[tuple[Callable[[], object], Locator]]) -> None:
    """One of these changes is seen in the window within two looks from then on; all are seen that were tried."""
    looks = []
    for change, seen in changes:
        expect(seen).to_have_count(0)
        change()
        window.evaluate("performance.clearResourceTimings()")
        expect(seen.first).to_be_attached()
        looks.append(window.evaluate(_COUNT_LOOKS))
        if looks[-1] <= _MOST_LOOKS:
            return
    pytest.fail(f"It was seen after so many looks: {looks}")


def test_a_paper_that_was_added_stands_in_the_other_window(own: App, other: Page, tmp_path: Path) -> None:
    def additions() -> Iterator[tuple[Callable[[], object], Locator]]:
        for number in range(_TRIES):
            pdf = make_paper(f"Newcomer {number}", [f"It is number {number}."])
            path = write(tmp_path, f"newcomer-{number}.pdf", pdf)
            yield lambda path=path: add_file(own.settings, path), other.get_by_text(path.name)  # type: ignore[misc]

    open_page(other, own, "?tab=library")
    require_soon(other, additions())


def test_a_verdict_stands_in_the_other_window(own: App, page: Page, other: Page) -> None:
    def verdicts() -> Iterator[tuple[Callable[[], object], Locator]]:
        for topic in TOPICS:
            question = f"{topic.question} asked for another window"
            search(page, question)
            approve = hit(page, 1).get_by_role("button", name="Approve")
            yield approve.click, other.locator("#pairs").get_by_text(question)

    open_page(page, own)
    open_page(other, own, "?tab=training")
    require_soon(other, verdicts())


def test_a_job_that_began_stands_in_the_other_window(own: App, other: Page, tmp_path: Path) -> None:
    def stop_all() -> None:
        with open_database(own.settings.database) as db:
            for job in jobs.open_jobs(db):
                jobs.request_cancel(db, job.id)
        expect(running).to_have_count(0)

    def beginnings() -> Iterator[tuple[Callable[[], object], Locator]]:
        for number in range(_TRIES):
            pages = [lines_down([f"{line} {number}-{page}." for line in lines]) for page in range(60)]
            add_file(own.settings, write(tmp_path, f"long-{number}.pdf", make_pdf(pages)))
            yield lambda: wait_for(lambda: _embeds(own)), running
            stop_all()

    open_page(other, own, "?tab=library")
    lines = [f"Sentence {n} of this long paper tells one more thing about whales and bread." for n in range(40)]
    running = other.locator("#library .job").get_by_text("embedding")
    require_soon(other, beginnings())
    stop_all()


def _embeds(app: App) -> bool:
    with open_database(app.settings.database) as db:
        return any(job.state is JobState.RUNNING and job.step == "embedding" for job in jobs.open_jobs(db))
