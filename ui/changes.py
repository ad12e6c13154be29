"""What every open window asks each second: has anything changed, and how does it look now?"""

import hashlib
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Of the time of one processor, rendering takes at most one part in so many, however often the library changes.
_RESTS = 4


class ChangeWatch:
    """Counts the commits of all other handles on the database, in this process and in others."""

    def __init__(self, database: Path) -> None:
        # Kept open, because the count has a meaning within one handle only; it holds no lock and blocks nobody.
        self._connection = sqlite3.connect(database, check_same_thread=False)
        self._lock = threading.Lock()

    def mark(self) -> int:
        """A number that is another one after a commit."""
        with self._lock:
            return self._connection.execute("PRAGMA data_version").fetchone()[0]


@dataclass(frozen=True, slots=True)
class View:
    """How the parts of the page look that are the same in every window, at one mark; `digests` tell them apart."""

    mark: int
    values: Mapping[str, Any]
    digests: Mapping[str, str]


class SharedView:
    """Renders what is the same in every window once for all of them."""

    def __init__(self, watch: ChangeWatch, parts: Mapping[str, Callable[[], Any]]) -> None:
        self._watch = watch
        self._parts = parts
        self._lock = threading.Lock()
        self._view: View | None = None
        self._rest_until = 0.0

    def look(self, *, at_once: bool = False) -> View:
        """The view as it is; while commits come fast a little behind, unless it is asked for `at_once`."""
        with self._lock:
            # Before the rows are read: what is committed meanwhile makes the next look another one.
            mark = self._watch.mark()
            view = self._view
            if view is not None and (view.mark == mark or (not at_once and time.monotonic() < self._rest_until)):
                return view
            began = time.monotonic()
            values = {name: make() for name, make in self._parts.items()}
            self._view = View(mark, values, {name: digest(value) for name, value in values.items()})
            ended = time.monotonic()
            self._rest_until = ended + (_RESTS - 1) * (ended - began)
            return self._view


def digest(value: Any) -> str:
    """What is the same for values that look the same."""
    return hashlib.sha256(repr(value).encode("utf-8", "surrogatepass")).hexdigest()
