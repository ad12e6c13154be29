"""The end of a whole exchange over the net: the connection is broken off then, whatever is waited for."""

import socket
import threading
import time
from contextlib import suppress
from types import TracebackType


class Deadline:
    """So many seconds from when it is entered.

    A host that sends a byte now and then is never late for a single read, so a socket's own timeout does not do: it
    begins anew with each byte. Who waits for the next one is woken by the connection's end.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._end = time.monotonic() + seconds
        self._lock = threading.Lock()
        self._broken_off = False
        self._held: socket.socket | None = None
        self._timer = threading.Timer(seconds, self._break_off)
        self._timer.daemon = True

    def __enter__(self) -> "Deadline":
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        self._let_go()

    @property
    def passed(self) -> bool:
        return self._broken_off or time.monotonic() > self._end

    def hold(self, opened: socket.socket) -> None:
        """Break off this connection at the end, instead of the one before. Raises TimeoutError after the end."""
        self._let_go()
        with self._lock:
            # One of our own, since TLS and the answer take the socket over, and its number may be another's later.
            self._held = socket.fromfd(opened.fileno(), opened.family, opened.type)
        self.check()

    def seconds_left(self, most: float) -> float:
        """Seconds to wait for one thing, so many at most. Raises TimeoutError where none are left."""
        self.check()
        return max(0.001, min(most, self._end - time.monotonic()))

    def check(self) -> None:
        """Raises TimeoutError after the end."""
        if self.passed:
            raise TimeoutError(f"no whole answer within {self._seconds:.0f} seconds")

    def _break_off(self) -> None:
        self._broken_off = True
        # A connection that is not open yet, or no more, can't be shut.
        with self._lock, suppress(OSError):
            if self._held is not None:
                self._held.shutdown(socket.SHUT_RDWR)

    def _let_go(self) -> None:
        with self._lock:
            if self._held is not None:
                self._held.close()
            self._held = None
