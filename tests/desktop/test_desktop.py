"""The command that opens the window: the real app, real Chromium, and what a second start does."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from filelock import FileLock
from playwright.sync_api import Browser, sync_playwright

from core.served import find_served
from core.settings import Settings, load_settings
from core.types import DocumentState
from desktop.window import find_browsers
from storage import library
from storage.database import open_database
from tests.papers import make_paper, write
from tests.ui.conftest import FLAGS
from tests.warm import ROOT, plain_environment

pytestmark = pytest.mark.slow
_SECONDS = 300


def wait_for(holds: Callable[[], object]) -> None:
    end = time.monotonic() + _SECONDS
    while not holds():
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(0.1)


@pytest.fixture
def desktop(tmp_path: Path) -> Iterator["Desktop"]:
    desktop = Desktop(tmp_path)
    yield desktop
    desktop.end()


class Desktop:
    """`python -m desktop` on a library of its own; no window opens by chance, for the default browser is a note."""

    def __init__(self, folder: Path) -> None:
        self.settings: Settings = load_settings(home=folder / "library")
        self.opened = folder / "opened"
        note = write(folder, "note", f'#!/bin/sh\necho "$1" >> "{self.opened}"\n'.encode())
        browser = next(find_browsers(), "")
        flags = " ".join([*FLAGS, "--headless=new", "--remote-debugging-port=0"])
        self.headless = write(folder, "headless", f'#!/bin/sh\nexec "{browser}" {flags} "$@"\n'.encode())
        for script in (note, self.headless):
            script.chmod(0o700)
        self._environment = plain_environment() | {"BROWSER": str(note), "WHETSTONE_PORT": "0"}
        self._processes: list[subprocess.Popen[str]] = []

    def start(self, *arguments: object) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "desktop", "--home", str(self.settings.home), *map(str, arguments)]
        process = subprocess.Popen(
            command, cwd=ROOT, env=self._environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self._processes.append(process)
        return process

    def is_held(self) -> bool:
        lock = FileLock(self.settings.app_lock, timeout=0)
        try:
            with lock:
                return False
        except TimeoutError:
            return True

    def end(self) -> None:
        for process in self._processes:
            process.terminate()
            process.communicate(timeout=60)


def look_and_close(desktop: Desktop, first: "subprocess.Popen[str]", port: Path) -> None:
    """Find the paper in the window, start once more beside it, and close the window."""
    with sync_playwright() as playwright:
        browser: Browser = playwright.chromium.connect_over_cdp(f"http://127.0.0.1:{port.read_text().split()[0]}")
        (page,) = browser.contexts[0].pages
        served = find_served(desktop.settings)
        assert served is not None
        page.wait_for_url(f"{served.url}/?tab=library")
        page.locator("#library .title", has_text="On the Bending of Light").wait_for(timeout=_SECONDS * 1000)

        second = desktop.start("--browser", "default")
        said, _ = second.communicate(timeout=_SECONDS)
        assert (second.returncode, said) == (0, f"Whetstone runs already at {served.url}.\n")
        assert desktop.opened.read_text().splitlines() == [f"{served.url}/"]
        assert first.poll() is None
        browser.new_browser_cdp_session().send("Browser.close")


def test_a_window_opens_with_the_files_and_the_program_ends_with_it(desktop: Desktop, tmp_path: Path) -> None:
    if next(find_browsers(), None) is None:
        pytest.skip("Chromium is not installed (Debian: apt install chromium)")
    paper = write(tmp_path, "light.pdf", make_paper("On the Bending of Light", ["Gravity bends the path of light."]))
    first = desktop.start("--browser", desktop.headless, paper)
    port = desktop.settings.home / "window" / "DevToolsActivePort"
    wait_for(lambda: port.is_file() and port.read_text().strip())
    with ThreadPoolExecutor(1) as executor:
        # Of another thread: where a browser is open for other tests, Playwright's loop runs in this one.
        executor.submit(look_and_close, desktop, first, port).result()
    said, _ = first.communicate(timeout=_SECONDS)
    assert first.returncode == 0, said
    assert "1 paper added." in said
    assert find_served(desktop.settings) is None
    assert not desktop.settings.app_address.exists()
    assert not desktop.is_held()
    with open_database(desktop.settings.database) as db:
        # What was begun was done, though the window was closed.
        assert [document.state for document in library.list_documents(db)] == [DocumentState.READY]


def test_it_waits_for_one_that_is_about_to_end_and_told_to_end_takes_the_app_with_it(desktop: Desktop) -> None:
    desktop.settings.prepare_home()
    with FileLock(desktop.settings.app_lock):
        process = desktop.start("--browser", "default")
        assert process.stdout is not None
        said = process.stdout.readline()
        assert said == "Another Whetstone has this library in hand; its page is waited for.\n"
    wait_for(lambda: find_served(desktop.settings))
    wait_for(desktop.opened.exists)
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=_SECONDS)
    assert process.returncode == 1
    assert said.endswith("Stopped.\n")
    assert find_served(desktop.settings) is None
    assert not desktop.is_held()
