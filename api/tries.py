"""How often a password was tried in vain, and how long whoever tries must wait."""

import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable

from storage.people import LONGEST_NAME

_FREE_TRIES = 5
_LONGEST_WAIT = 900.0
_FORGOTTEN_AFTER = 3600.0
_MOST_ADDRESSES = 10_000


class Tries:
    """How often each address has tried in vain, and how long it must wait; of at most so many addresses.

    Counted by the name that was tried with: who has an account may not guess at another's and sign in between.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._tries: OrderedDict[str, tuple[Counter[str], float]] = OrderedDict()
        self._lock = threading.Lock()

    def begin(self, address: str, name: str = "") -> float:
        """How many seconds to wait before a try; 0 where it may be made, which is counted then.

        Before its outcome is known: of a hundred at once, five are looked at.
        """
        with self._lock:
            if wait := self._seconds_to_wait(address):
                return wait
            names, last = self._tries.pop(address, (Counter(), 0.0))
            now = self._clock()
            if now - last > _FORGOTTEN_AFTER:
                names.clear()
            names[name[:LONGEST_NAME]] += 1
            self._tries[address] = (names, now)
            if len(self._tries) > _MOST_ADDRESSES:
                self._tries.popitem(last=False)
            return 0.0

    def forget(self, address: str, name: str = "") -> None:
        """Take back the tries of a name."""
        with self._lock:
            names, _ = self._tries.get(address, (Counter(), 0.0))
            names.pop(name[:LONGEST_NAME], None)

    def _seconds_to_wait(self, address: str) -> float:
        names, last = self._tries.get(address, (Counter(), 0.0))
        if names.total() < _FREE_TRIES:
            return 0.0
        wait = min(2.0 ** (names.total() - _FREE_TRIES + 1), _LONGEST_WAIT)
        return max(0.0, last + wait - self._clock())
