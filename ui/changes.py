"""What every open window asks each second: has anything changed, and how does it look now?"""

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from core.people import User, viewer
from storage.changes import ChangeWatch

# Of the time of one processor, rendering takes at most one part in so many, however often the library changes.
_RESTS = 4
# Whose windows are open at a time; the view of one more is made anew.
_MOST_VIEWERS = 50


@dataclass(frozen=True, slots=True)
class View:
    """How the parts of the page look that are the same in every window, at one mark; `digests` tell them apart."""

    mark: int
    values: Mapping[str, Any]
    digests: Mapping[str, str]


class SharedView:
    """Renders what is the same in every window of one person once for all of them."""

    def __init__(self, watch: ChangeWatch, parts: Mapping[str, Callable[[], Any]]) -> None:
        self._watch = watch
        self._parts = parts
        self._lock = threading.Lock()
        # By whom it is shown to; None where nobody needs a name.
        self._views: OrderedDict[User | None, _ViewOfOne] = OrderedDict()

    def look(self, *, at_once: bool = False) -> View:
        """The view as it is; while commits come fast a little behind, unless it is asked for `at_once`."""
        with self._lock:
            view = self._views.pop(viewer(), None) or _ViewOfOne(self._watch, self._parts)
            self._views[viewer()] = view
            if len(self._views) > _MOST_VIEWERS:
                self._views.popitem(last=False)
        return view.look(at_once=at_once)


class _ViewOfOne:
    def __init__(self, watch: ChangeWatch, parts: Mapping[str, Callable[[], Any]]) -> None:
        self._watch = watch
        self._parts = parts
        self._lock = threading.Lock()
        self._view: View | None = None
        self._rest_until = 0.0

    def look(self, *, at_once: bool) -> View:
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
