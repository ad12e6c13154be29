"""Keeps a worker process alive beside the web process."""

import logging
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from filelock import FileLock, Timeout

from core.cli import REFUSED
from core.errors import LibraryError
from core.settings import Settings
from storage.database import open_database
from storage.deaths import count_death

logger = logging.getLogger(__name__)

_ROOT = Path(__file__).resolve().parent.parent
_SECONDS_BEFORE_RESTART = (0.5, 2, 10, 30)
_SECONDS_OF_HEALTH = 60


class Supervisor:
    """Starts the worker, starts it again when it dies, and ends it with this process.

    The worker holds the other end of a pipe: when this process ends in whatever way, the worker sees the pipe close.
    """

    def __init__(self, settings: Settings, command: Sequence[str] = (sys.executable, "-m", "jobs")) -> None:
        self._settings = settings
        self._command = command
        self._stopped = threading.Event()
        self._worker: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._keep_alive, name="keep the worker alive", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End the worker; what it was doing goes on at the next start."""
        self._stopped.set()
        if self._worker is not None:
            self._worker.terminate()
        self._thread.join(timeout=10)

    def _keep_alive(self) -> None:
        deaths = 0
        while not self._stopped.is_set():
            began = time.monotonic()
            # A session of its own: Ctrl-C is for the web process, which then ends the worker in its own time.
            self._worker = subprocess.Popen(
                [*self._command, "--home", str(self._settings.home)],
                stdin=subprocess.PIPE,
                cwd=_ROOT,
                start_new_session=True,
            )
            code = self._worker.wait()
            if self._stopped.is_set():
                return
            # A worker that could say why it ended, such as for a full disk, was not killed by what it had in hand.
            if code != REFUSED:
                self._count_death()
            deaths = 0 if time.monotonic() - began > _SECONDS_OF_HEALTH else deaths + 1
            pause = _SECONDS_BEFORE_RESTART[min(deaths, len(_SECONDS_BEFORE_RESTART) - 1)]
            logger.warning("the worker ended with code %s; it starts again in %s s", code, pause)
            self._stopped.wait(pause)

    def _count_death(self) -> None:
        """Count the worker's death against what it had in hand; where another process works, it had nothing."""
        try:
            with FileLock(self._settings.work_lock).acquire(timeout=0), open_database(self._settings.database) as db:
                count_death(db)
        except Timeout:
            return
        except (sqlite3.Error, LibraryError, OSError) as error:
            logger.warning("the worker's death could not be counted: %s", error)
