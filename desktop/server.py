"""The app behind the window: the one that serves the library already, or a new one."""

import socket
import subprocess
import sys
import time
from pathlib import Path

from filelock import FileLock, Timeout

from core.cli import say
from core.errors import LibraryError
from core.served import Served, find_served
from core.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
_SECONDS_TO_START = 180
_SECONDS_BETWEEN_LOOKS = 0.2
_SECONDS_TO_END = 30


def find_or_start(settings: Settings) -> tuple[Served, subprocess.Popen[bytes] | None]:
    """The app that serves the library, and its process where it had to be started.

    Raises LibraryError where it can't be started, or another process holds the library but no page answers.
    """
    if served := find_served(settings):
        return served, None
    settings.prepare_home()
    if _is_held(settings):
        # By one that is only just starting, or about to end.
        say("Another Whetstone has this library in hand; its page is waited for.")
    process: subprocess.Popen[bytes] | None = None
    end_of_patience = time.monotonic() + _SECONDS_TO_START
    try:
        while time.monotonic() < end_of_patience:
            if served := find_served(settings):
                return served, process if process is not None and process.poll() is None else None
            if process is None and not _is_held(settings):
                process = _start(settings)
            elif process is not None and process.poll() is not None and not _is_held(settings):
                # It has said why.
                raise LibraryError("Whetstone could not be started. What it said stands above.")
            time.sleep(_SECONDS_BETWEEN_LOOKS)
        raise LibraryError(
            f"The library '{settings.home}' is in use by a Whetstone whose page does not answer. End that one, then "
            "start again."
        )
    except BaseException:
        if process is not None:
            end(process)
        raise


def end(process: subprocess.Popen[bytes]) -> None:
    """End the app and its workers, as Ctrl-C does: what is under way goes on at the next start."""
    process.terminate()
    try:
        process.wait(_SECONDS_TO_END)
    except subprocess.TimeoutExpired:
        # Its workers end with it, for they see the pipe to it close.
        process.kill()
        process.wait()


def _start(settings: Settings) -> subprocess.Popen[bytes]:
    command = [sys.executable, "app.py", "--while-open", "--home", str(settings.home)]
    # A window has no need of a certain port.
    return subprocess.Popen(command if _port_is_free(settings) else [*command, "--port", "0"], cwd=ROOT)


def _port_is_free(settings: Settings) -> bool:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError:
            return False
    return True


def _is_held(settings: Settings) -> bool:
    """Whether a process has the right to serve the library."""
    try:
        with FileLock(settings.app_lock).acquire(timeout=0):
            return False
    except Timeout:
        return True
