"""The child processes that are started meanwhile, so that a test can end one where it would work for long."""

import subprocess
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch


@contextmanager
def noted_children() -> Iterator[list["subprocess.Popen[bytes]"]]:
    started: list[subprocess.Popen[bytes]] = []

    class Noted(subprocess.Popen):  # type: ignore[type-arg]
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            started.append(self)

    with patch("subprocess.Popen", Noted):
        yield started


def end_until_done(children: Sequence["subprocess.Popen[bytes]"], waiting: Sequence["Future[Any]"]) -> None:
    """End them, and those that are started in their place, until nobody waits for them any more."""
    while not all(one.done() for one in waiting):
        for child in children:
            child.kill()
        time.sleep(0.05)
