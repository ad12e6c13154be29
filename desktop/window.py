"""A window of its own for the page: an installed Chromium, Chrome or Edge in app mode, else the default browser."""

import os
import shutil
import subprocess
import sys
import webbrowser
from collections.abc import Iterator
from pathlib import Path

from core.cli import say
from core.settings import Settings

DEFAULT_BROWSER = "default"
# Those from a package manager first: a snap may not write where a library usually lies.
_ON_LINUX = (
    "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge", "microsoft-edge-stable",
)  # fmt: skip
_ON_MAC = ("Google Chrome", "Chromium", "Microsoft Edge")
_ON_WINDOWS = (r"Google\Chrome\Application\chrome.exe", r"Microsoft\Edge\Application\msedge.exe")
_SECONDS_TO_FAIL = 2.0


def open_window(settings: Settings, url: str, browser: str | None = None) -> subprocess.Popen[bytes] | None:
    """Open the page in a window of its own, or where no browser can do that, in the default browser.

    The process of the window comes back, unless another one has it: all windows of a library belong to one browser
    process, which ends with the last of them.
    """
    programs = [] if browser == DEFAULT_BROWSER else [browser] if browser else list(find_browsers())
    for program in programs:
        process = _start(program, url, settings.home / "window")
        if process is not None:
            return process if process.poll() is None else None
    if not webbrowser.open(url):
        say(f"No browser could be opened. Open {url} in one yourself.")
    return None


def find_browsers() -> Iterator[str]:
    """The installed browsers that have windows without tabs and an address bar, the best first."""
    if sys.platform == "darwin":
        places = [Path("/Applications", f"{name}.app", "Contents", "MacOS", name) for name in _ON_MAC]
        yield from (str(place) for place in places if place.is_file())
    elif sys.platform == "win32":
        folders = [os.environ.get(name) for name in ("PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA")]
        places = [Path(folder, name) for name in _ON_WINDOWS for folder in folders if folder]
        yield from (str(place) for place in places if place.is_file())
    else:
        yield from filter(None, map(shutil.which, _ON_LINUX))


def _start(program: str, url: str, profile: Path) -> subprocess.Popen[bytes] | None:
    """The browser that opened the window, or None where it did not, as far as can be told at once."""
    command = [
        program,
        f"--app={url}",
        # Of its own, so that the window is nobody else's tab, and closing it is the end of this browser process.
        f"--user-data-dir={profile}",
        "--class=whetstone",
        "--no-first-run",
        "--no-default-browser-check",
        "--disable-background-mode",
        # Pictures of pages are not to outlive the paper in a cache.
        "--disk-cache-size=1",
        # It shows this page only, so it has nothing to ask of its maker.
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-domain-reliability",
        "--disable-sync",
        "--no-pings",
    ]
    try:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
    except OSError as error:
        say(f"'{program}' can't be started ({error.strerror}).")
        return None
    try:
        code = process.wait(_SECONDS_TO_FAIL)
    except subprocess.TimeoutExpired:
        return process
    # Where a window of this library is open already, that browser opens this one too, and the new process ends well.
    if code:
        say(f"'{program}' ended with code {code} instead of opening a window.")
    return None if code else process
