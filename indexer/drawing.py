"""Draw pages, and find passages on them, in child processes: a page made to be slow or to crash fails alone.

A child stays warm between pages. One that takes too long, dies or runs out of memory is replaced.
"""

import json
import struct
import subprocess
import sys
import threading
import time
import weakref
from collections import OrderedDict
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from core.cli import count
from core.errors import ReadError
from core.types import Box, PaperFile
from core.wire import file_from_json, file_to_json
from indexer.child import ROOT, limit_memory, limit_time, unlimit_time
from indexer.pdf import passage_boxes, render_page

_DONE, _REFUSED, _OUT_OF_MEMORY = b"d", b"r", b"m"
_LENGTH = struct.Struct(">cI")
# A page that was too slow is not tried again so soon, so that it can't keep the children from the others.
_SECONDS_REMEMBERED = 600
_MOST_REMEMBERED = 1000
_WAITING_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class DrawLimits:
    """The longest time one page may take, the most address space, and how many are drawn at once."""

    seconds: float = 10
    megabytes: int = 1500
    children: int = 2


class Drawer:
    """The children. Safe to call from several threads."""

    def __init__(self, limits: DrawLimits = DrawLimits()) -> None:
        self._limits = limits
        # None stands for a child that is started when it is needed.
        self._free: list[_Child | None] = [None] * limits.children
        self._drawn: set[Path] = set()
        self._changed = threading.Condition()
        self._slow: OrderedDict[tuple[Path, int], float] = OrderedDict()

    def draw(self, file: PaperFile, number: int, width_px: int) -> bytes:
        """As `indexer.pdf.render_page`; a crash, too long a time and too much memory are ReadErrors too."""
        return self._ask(file, number, {"width": width_px})

    def find_boxes(self, file: PaperFile, number: int, start: int, end: int) -> list[Box]:
        """As `indexer.pdf.passage_boxes`, with the limits of `draw`."""
        return [Box(**box) for box in json.loads(self._ask(file, number, {"start": start, "end": end}))]

    def warm(self) -> None:
        """Start a child before the first page is asked for."""
        with self._changed:
            if self._free and self._free[-1] is None:
                self._free[-1] = _Child(self._limits)

    def close(self) -> None:
        """End the children that wait; it goes on with new ones where it is asked again."""
        with self._changed:
            for number, child in enumerate(self._free):
                if child is not None:
                    child.end()
                    self._free[number] = None

    def _ask(self, file: PaperFile, number: int, what: dict[str, int]) -> bytes:
        self._refuse_slow(file, number)
        request = json.dumps({"file": file_to_json(file), "number": number, **what})
        child = self._take(file.path)
        try:
            if child is None or not child.usable:
                child = _Child(self._limits)
            kind, content = child.ask(request, self._limits.seconds)
        except _ChildDied as error:
            child = None
            if error.too_slow:
                self._remember_slow(file, number)
                raise self._too_slow(file, number) from None
            raise ReadError(
                f"Page {number} of '{file.name}' made the program that draws it crash. Open the PDF in another viewer."
            ) from None
        finally:
            self._give_back(file.path, child)
        if kind == _DONE:
            return content
        if kind == _OUT_OF_MEMORY:
            raise ReadError(
                f"Page {number} of '{file.name}' needs more than {self._limits.megabytes} MB of memory to be drawn. "
                "If you trust it, raise WHETSTONE_READ_MEGABYTES."
            )
        raise ReadError(content.decode())

    def _take(self, path: Path) -> "_Child | None":
        """A free child; waits for one as long as several slow pages may take.

        A file has one child at a time, so that one with many slow pages can't keep all of them from the others.
        """
        with self._changed:
            if not self._changed.wait_for(
                lambda: self._free and path not in self._drawn, _WAITING_ROUNDS * self._limits.seconds
            ):
                raise ReadError("Too many slow pages are being drawn at the moment. Try again in a minute.")
            self._drawn.add(path)
            return self._free.pop()

    def _give_back(self, path: Path, child: "_Child | None") -> None:
        with self._changed:
            self._drawn.discard(path)
            self._free.append(child if child and child.usable else None)
            self._changed.notify_all()

    def _refuse_slow(self, file: PaperFile, number: int) -> None:
        with self._changed:
            since = self._slow.get((file.path, number))
            if since is not None and time.monotonic() - since < _SECONDS_REMEMBERED:
                raise self._too_slow(file, number)

    def _remember_slow(self, file: PaperFile, number: int) -> None:
        with self._changed:
            self._slow[file.path, number] = time.monotonic()
            if len(self._slow) > _MOST_REMEMBERED:
                self._slow.popitem(last=False)

    def _too_slow(self, file: PaperFile, number: int) -> ReadError:
        return ReadError(
            f"Page {number} of '{file.name}' was not drawn within {count(round(self._limits.seconds), 'second')}. "
            "Open the PDF in another viewer."
        )


class _ChildDied(Exception):
    def __init__(self, too_slow: bool) -> None:
        super().__init__()
        self.too_slow = too_slow


class _Child:
    """A process that answers one request after the other, until its input ends."""

    def __init__(self, limits: DrawLimits) -> None:
        command = [sys.executable, "-m", "indexer.drawing", str(limits.megabytes), str(limits.seconds)]
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self.end = weakref.finalize(self, _end, self._process)

    @property
    def usable(self) -> bool:
        return self._process.poll() is None

    def ask(self, request: str, seconds: float) -> tuple[bytes, bytes]:
        """How it went, and the answer. Raises _ChildDied, and then it is of no more use."""
        killed = threading.Event()

        def kill() -> None:
            killed.set()
            self._process.kill()

        # Killed from outside, for PDFium can't be interrupted; the end of its output then ends the reading.
        clock = threading.Timer(seconds, kill)
        clock.daemon = True
        clock.start()
        assert self._process.stdin
        assert self._process.stdout
        try:
            self._process.stdin.write(f"{request}\n".encode())
            self._process.stdin.flush()
            kind, length = _LENGTH.unpack(_read(self._process.stdout, _LENGTH.size))
            content = _read(self._process.stdout, length)
        except (OSError, EOFError):
            self.end()
            raise _ChildDied(too_slow=killed.is_set()) from None
        finally:
            clock.cancel()
        if killed.is_set() or kind == _OUT_OF_MEMORY:
            # Killed in the very moment of its answer, or with memory that may be in pieces: the next one is new.
            self.end()
        return kind, content


def _read(stream: IO[bytes], length: int) -> bytes:
    content = stream.read(length)
    if len(content) < length:
        raise EOFError
    return content


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout):
        if stream:
            stream.close()


def main(megabytes: str, seconds: str) -> int:
    """In the child: a line of JSON in, how it went and the answer out, again and again."""
    limit_memory(int(megabytes))
    answers = sys.stdout.buffer
    for line in sys.stdin.buffer:
        limit_time(int(float(seconds)))
        kind, content = _answer(json.loads(line))
        unlimit_time()
        answers.write(_LENGTH.pack(kind, len(content)) + content)
        answers.flush()
    return 0


def _answer(request: dict) -> tuple[bytes, bytes]:
    file, number = file_from_json(request["file"]), request["number"]
    try:
        if "width" in request:
            return _DONE, render_page(file, number, request["width"])
        boxes = passage_boxes(file, number, request["start"], request["end"])
        return _DONE, json.dumps([asdict(box) for box in boxes]).encode()
    except ReadError as error:
        return _REFUSED, str(error).encode()
    except MemoryError:
        return _OUT_OF_MEMORY, b""


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
