"""The last warnings of the log, without what they speak of, for a report of a fault."""

import logging
import time
import traceback
from collections import deque
from pathlib import Path
from types import TracebackType
from typing import Any

from core.names import without_names

_KEPT = 20
_ROOT = Path(__file__).resolve().parent.parent


class RecentWarnings(logging.Handler):
    """Keeps the sentence of each warning as the code has it: of the values in it, numbers only."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._lines: deque[str] = deque(maxlen=_KEPT)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            args = record.args if isinstance(record.args, tuple) else ()
            said = str(record.msg) % tuple(map(_plain, args)) if args else str(record.msg)
        except (TypeError, ValueError):
            said = str(record.msg)
        said = without_names(said.splitlines()[0] if said else said)
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(record.created))
        where = _where(record.exc_info[0], record.exc_info[2]) if record.exc_info else ""
        self._lines.append(f"{when} {record.levelname} {record.name}: {said}{where}")

    def lines(self) -> list[str]:
        """The oldest first."""
        return list(self._lines)


def _plain(value: Any) -> Any:
    if isinstance(value, int | float):
        return value
    return type(value).__name__ if isinstance(value, BaseException) else "…"


def _where(kind: type[BaseException] | None, trace: TracebackType | None) -> str:
    """The kind of an exception, and the places of our own code it came through."""
    frames = [frame for frame in traceback.extract_tb(trace) if Path(frame.filename).is_relative_to(_ROOT)]
    places = [f"{Path(frame.filename).relative_to(_ROOT).as_posix()}:{frame.lineno}" for frame in frames]
    own = [place for place in places if not place.startswith(".venv")]
    return f" [{kind.__name__ if kind else 'no exception'} in {' > '.join(own) or 'a library'}]"
