"""How far the reading and embedding of papers is, which go on at once, and how long both may yet take."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

# Before so much is embedded a rate says little.
_FEWEST_PASSAGES = 64
_SHORTEST = 2.0


@dataclass(slots=True)
class Pace:
    """Counts of shared papers and of their passages; `to_embed` grows with each paper that is read.

    `waiting` are the passages of papers that were read before this run.
    """

    papers_to_read: int = 0
    waiting: int = 0
    papers_read: int = 0
    to_embed: int = 0
    embedded: int = 0
    clock: Callable[[], float] = time.monotonic
    _began: float | None = field(default=None, init=False)

    @property
    def papers(self) -> int:
        """Those of this run; more may have come in since it began."""
        return max(self.papers_to_read, self.papers_read)

    @property
    def passages(self) -> int:
        """Those that are known by now."""
        return max(self.waiting + self.to_embed, self.embedded)

    def begin_embedding(self) -> None:
        """From here on passages are counted in time."""
        if self._began is None:
            self._began = self.clock()

    def seconds_left(self) -> float | None:
        """Of the run, if papers still to be read have as many passages as those that were; None where it is unknown."""
        papers_left = self.papers - self.papers_read
        if self._began is None or self.embedded < _FEWEST_PASSAGES or (papers_left and not self.papers_read):
            return None
        elapsed = self.clock() - self._began
        if elapsed < _SHORTEST:
            return None
        expected = papers_left * self.to_embed / max(self.papers_read, 1)
        return elapsed / self.embedded * (self.passages - self.embedded + expected)
