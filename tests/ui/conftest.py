"""The real app in a process of its own, and real Chromium to look at it with."""

import os
import shutil
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Request, expect, sync_playwright

from core.settings import Settings, load_settings
from core.types import DocumentState
from indexer.ingest import add_file
from storage.database import open_database
from storage.library import list_documents
from tests.served import serve_library
from tests.ui.site import Site
from tests.ui.topics import write_hostile_paper, write_topics
from tests.warm import plain_environment, start_warm

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# Patience only: what comes, comes at once where the machine has nothing else to do.
_SECONDS_TO_START = 240
_SECONDS_TO_READ = 300
_PATIENCE_MS = 60_000
# What is said to the user goes after some seconds; here it is remembered.
_REMEMBER_WHAT_IS_SAID = """window.told = [];
new MutationObserver(changes => changes.forEach(({ addedNodes }) => addedNodes.forEach(node => {
  if (node.parentElement?.closest('#said') || node.id === 'said') window.told.push(node.textContent);
}))).observe(document, { childList: true, subtree: true });"""

expect.set_options(timeout=_PATIENCE_MS)


@dataclass(frozen=True, slots=True)
class App:
    """A running app: where its page is, and its library."""

    url: str
    settings: Settings


def as_app(site: Site) -> App:
    return App(f"http://127.0.0.1:{site.port}", site.settings)


@contextmanager
def serve_app(folder: Path) -> Iterator[App]:
    """One with a small model and a library of its own in this process, which is there in a second."""
    with serve_library(folder) as site:
        yield as_app(site)


@contextmanager
def run_app(home: Path, chunk_tokens: int = 64, end: signal.Signals = signal.SIGTERM) -> Iterator[App]:
    """The app on a free port with its own library; ended at the end by a signal, of which it says nothing but that.

    Passages are short: small papers have several.
    """
    log = home.with_suffix(".log")
    process = start_warm(
        ["app.py", "--home", str(home), "--port", "0", "--model", "packaged-minilm"],
        plain_environment() | {"WHETSTONE_CHUNK_TOKENS": str(chunk_tokens)},
        log,
        log,
    )
    try:
        yield App(_wait_for_page(process, log), load_settings(home=home))
    finally:
        assert process.pid is not None
        os.kill(process.pid, end)
        process.join(timeout=120)
        assert process.exitcode is not None, "the app did not end within 120 s"
    said = log.read_text()
    assert (process.exitcode, said.splitlines()[-1]) == (0, "Whetstone has ended."), said
    assert "Traceback" not in said, said


def _wait_for_page(process: ForkServerProcess, log: Path) -> str:
    end = time.monotonic() + _SECONDS_TO_START
    while time.monotonic() < end and process.exitcode is None:
        for line in log.read_text().splitlines() if log.exists() else ():
            if line.startswith("Whetstone") and _answers(url := line.split()[-1]):
                return url
        time.sleep(0.2)
    pytest.fail(f"The app did not start:\n{log.read_text()}")


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/api/health", timeout=5) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


def wait_until_read(app: App, count: int) -> None:
    """Wait until the library has so many papers, all of them ready or failed."""
    end = time.monotonic() + _SECONDS_TO_READ
    while time.monotonic() < end:
        with open_database(app.settings.database) as db:
            states = [document.state for document in list_documents(db)]
        if len(states) >= count and all(state in (DocumentState.READY, DocumentState.FAILED) for state in states):
            return
        time.sleep(0.2)
    pytest.fail(f"The papers were not read in time: {states}")


def add_papers(app: App, paths: Sequence[Path]) -> None:
    """Put files into the library as an upload does, and wait for them."""
    with open_database(app.settings.database) as db:
        known = len(list_documents(db))
    new = sum(add_file(app.settings, path)[1] for path in paths)
    wait_until_read(app, known + new)


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """An app with three small papers, and one whose text is hostile."""
    folder = tmp_path_factory.mktemp("app")
    with run_app(folder / "library") as app:
        add_papers(app, [*write_topics(folder), write_hostile_paper(folder)])
        yield app


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        pytest.skip("Chromium is not installed (Debian: apt install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, headless=True, args=FLAGS)
        yield browser
        browser.close()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, None]:
    """Add to a failed browser test what its page showed: an address, a picture, the passages' HTML."""
    outcome = yield
    report = outcome.get_result()
    page = getattr(item, "funcargs", {}).get("page")
    if report.when == "call" and report.failed and isinstance(page, Page) and not page.is_closed():
        picture = Path(gettempdir()) / f"{item.name}.png"
        page.screenshot(path=picture)
        shown = page.locator("#desk").inner_html() if page.locator("#desk").count() else ""
        report.sections.append(("page", f"{page.url}\n{picture}\n{shown}"))


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A fresh window. At the end: no error in its scripts, and no request to anyone but the app."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(_PATIENCE_MS)
    context.add_init_script(_REMEMBER_WHAT_IS_SAID)
    page = context.new_page()
    errors: list[str] = []
    foreign: list[str] = []

    def note_request(request: Request) -> None:
        if not request.url.startswith(("http://127.0.0.1:", "data:", "blob:")):
            foreign.append(request.url)

    page.on("pageerror", lambda error: errors.append(str(error)))
    context.on("request", note_request)
    yield page
    context.close()
    assert errors == []
    assert foreign == []
