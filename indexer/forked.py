"""Children that open one file each, forked from a process that has loaded its libraries already.

On Linux only: loading them takes longer than to read most papers, and a fork of them takes nothing. Elsewhere each
file is opened by a new process. Either way no file meets what another one has left behind.
"""

import contextlib
import json
import os
import select
import selectors
import signal
import struct
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any, BinaryIO, NoReturn

from core.errors import Cancelled
from indexer.child import ROOT, SECONDS_BETWEEN_LOOKS, Ended, ReadLimits, answer_of, run_child, too_slow

# How a child ended, and the bytes of what it said and of what it complained of.
_HEAD = struct.Struct(">iQQ")
_BLOCK_BYTES = 1 << 16


class ForkedChildren:
    """Runs a module's children one at a time; a context, at whose end the process that they are forked from ends."""

    def __init__(self, module: str) -> None:
        self._module = module
        self._origin: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "ForkedChildren":
        return self

    def __exit__(self, *exception: object) -> None:
        self._end()

    def run(self, request: Any, name: str, limits: ReadLimits, stopped: Callable[[], bool] | None = None) -> bytes:
        """As `indexer.child.run_child`."""
        if sys.platform != "linux":
            return run_child(self._module, request, name, limits, stopped)
        if self._origin is None or self._origin.poll() is not None:
            self._end()
            self._origin = _start(self._module)
        try:
            ended = _talk_to(self._origin, [limits.megabytes, limits.seconds, request], name, limits, stopped)
        except BaseException:
            # With the child, which may be at work still.
            self._end()
            raise
        return answer_of(ended, name, limits)

    def _end(self) -> None:
        origin, self._origin = self._origin, None
        if origin is None:
            return
        if origin.poll() is None:
            os.killpg(origin.pid, signal.SIGKILL)
        # Which closes its pipes and waits.
        with origin:
            pass


def _start(module: str) -> subprocess.Popen[bytes]:
    pipe = subprocess.PIPE
    # A group of its own, so that it can be ended together with its child.
    return subprocess.Popen([sys.executable, "-m", module], cwd=ROOT, stdin=pipe, stdout=pipe, start_new_session=True)


def _talk_to(
    origin: subprocess.Popen[bytes], request: Any, name: str, limits: ReadLimits, stopped: Callable[[], bool] | None
) -> Ended:
    assert origin.stdin is not None
    assert origin.stdout is not None
    last = time.monotonic() + limits.seconds
    answer = bytearray()
    try:
        origin.stdin.write(json.dumps(request).encode() + b"\n")
        origin.stdin.flush()
    except BrokenPipeError:
        return _died(origin)
    waiting = select.poll()
    waiting.register(origin.stdout, select.POLLIN)
    while not _is_whole(answer):
        left = max(last - time.monotonic(), 0)
        if waiting.poll(1000 * min(left, SECONDS_BETWEEN_LOOKS)):
            block = os.read(origin.stdout.fileno(), _BLOCK_BYTES)
            if not block:
                return _died(origin)
            answer += block
            continue
        if stopped is not None and stopped():
            raise Cancelled("The reading was stopped.")
        if time.monotonic() >= last:
            raise too_slow(name, limits)
    code, said, _ = _HEAD.unpack_from(answer)
    return Ended(code, bytes(answer[_HEAD.size : _HEAD.size + said]), bytes(answer[_HEAD.size + said :]))


def _died(origin: subprocess.Popen[bytes]) -> Ended:
    """How the process ended that is forked; its child, which nobody hears any more, ends too."""
    os.killpg(origin.pid, signal.SIGKILL)
    return Ended(origin.wait(), b"", b"")


def _is_whole(answer: bytearray) -> bool:
    return len(answer) >= _HEAD.size and len(answer) == _HEAD.size + sum(_HEAD.unpack_from(answer)[1:])


# --- in the process that is forked -------------------------------------------------------------


def fork_for_each(main: Callable[[str, str], int], requests: BinaryIO, answers: BinaryIO) -> int:
    """For each line, of limits and a request, run `main` in a fork with the request as stdin; tell how that ended."""
    # Where the one who asked is gone there is nobody to answer.
    with contextlib.suppress(BrokenPipeError):
        for line in requests:
            megabytes, seconds, request = json.loads(line)
            ended = _fork(main, str(megabytes), str(seconds), json.dumps(request).encode())
            head = _HEAD.pack(ended.code, len(ended.said), len(ended.complained))
            answers.write(head + ended.said + ended.complained)
            answers.flush()
    return 0


def _fork(main: Callable[[str, str], int], megabytes: str, seconds: str, request: bytes) -> Ended:
    source, said, complained = os.pipe(), os.pipe(), os.pipe()
    child = os.fork()
    if not child:
        for standard, end in enumerate((source[0], said[1], complained[1])):
            os.dup2(end, standard)
        for end in (*source, *said, *complained):
            os.close(end)
        _be_child(main, megabytes, seconds)
    for end in (source[0], said[1], complained[1]):
        os.close(end)
    # One that has ended already is told by how it did.
    with contextlib.suppress(BrokenPipeError), os.fdopen(source[1], "wb") as wanted:
        wanted.write(request)
    output = _read_both(said[0], complained[0])
    _, status = os.waitpid(child, 0)
    return Ended(os.waitstatus_to_exitcode(status), *output)


def _be_child(main: Callable[[str, str], int], megabytes: str, seconds: str) -> NoReturn:
    # Whatever comes, nothing of the process that it was forked from is run here.
    code = 1
    try:
        code = main(megabytes, seconds)
        sys.stdout.flush()
    except Exception:  # noqa: BLE001 - the parent tells it, as that of any other child
        traceback.print_exc()
    finally:
        os._exit(code)


def _read_both(*pipes: int) -> tuple[bytes, bytes]:
    found = {pipe: bytearray() for pipe in pipes}
    with selectors.DefaultSelector() as selector:
        for pipe in pipes:
            selector.register(pipe, selectors.EVENT_READ)
        while selector.get_map():
            for key, _ in selector.select():
                block = os.read(key.fd, _BLOCK_BYTES)
                found[key.fd] += block
                if not block:
                    selector.unregister(key.fd)
                    os.close(key.fd)
    said, complained = (bytes(content) for content in found.values())
    return said, complained
