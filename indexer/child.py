"""What the child processes that open a file share: how one is run, and its limits on memory and time."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import Cancelled, PasswordError, ReadError

ROOT = Path(__file__).resolve().parent.parent
# How a child ends that has a sentence to tell, that ran out of memory, and that lacks a password.
REFUSED, OUT_OF_MEMORY, LOCKED = 3, 4, 5

# The parent measures the time; this is for the case that it is gone.
_SECONDS_AFTER_THE_PARENT = 2
SECONDS_BETWEEN_LOOKS = 0.25


@dataclass(frozen=True, slots=True)
class ReadLimits:
    """The longest time and the most address space one file may take."""

    seconds: int = 60
    megabytes: int = 1500


def run_child(
    module: str, request: Any, name: str, limits: ReadLimits, stopped: Callable[[], bool] | None = None
) -> bytes:
    """What the module answers on stdout. Raises ReadError, also for a crash, too long a time or too much memory.

    Raises Cancelled, the child ended, soon after it is `stopped`.

    It is given the limits as arguments and the request as JSON, by stdin, because other users of the machine can read
    what a command is given.
    """
    command = [sys.executable, "-m", module, str(limits.megabytes), str(limits.seconds)]
    pipe = subprocess.PIPE
    try:
        with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe) as child:
            output = _talk_to(child, json.dumps(request).encode(), limits.seconds, stopped)
    except subprocess.TimeoutExpired:
        raise too_slow(name, limits) from None
    return answer_of(Ended(child.returncode, *output), name, limits)


@dataclass(frozen=True, slots=True)
class Ended:
    """A child's exit code, or the negative signal that ended it; what it wrote to stdout and to stderr."""

    code: int
    said: bytes
    complained: bytes


def answer_of(child: Ended, name: str, limits: ReadLimits) -> bytes:
    """What the child said where all went well, else the ReadError that tells why it did not."""
    if child.code == 0:
        return child.said
    if child.code == REFUSED:
        raise ReadError(child.said.decode())
    if child.code == LOCKED:
        raise PasswordError(child.said.decode())
    if _ran_out_of_memory(child.code, child.complained):
        raise ReadError(
            f"'{name}' needs more than {limits.megabytes} MB of memory to be read. "
            "If you trust it, raise WHETSTONE_READ_MEGABYTES and retry it."
        )
    raise ReadError(f"'{name}' made the program that reads it crash. Save or print it anew, then add that.")


def too_slow(name: str, limits: ReadLimits) -> ReadError:
    """That the file was not read in time."""
    return ReadError(
        f"'{name}' was not read within {limits.seconds} seconds. "
        "If it is only large, raise WHETSTONE_READ_SECONDS and retry it."
    )


def _ran_out_of_memory(code: int, complained: bytes) -> bool:
    """Whether the child ended for want of memory, by its own word or by how it ended."""
    if code == OUT_OF_MEMORY or b"MemoryError" in complained or -code == signal.SIGKILL:
        return True
    # What PDFium does where it gets none. Its own checks end by another signal, and the C library says what it found.
    return sys.platform == "linux" and -code == signal.SIGABRT and not complained.strip()


def _talk_to(
    child: subprocess.Popen[bytes], request: bytes, seconds: float, stopped: Callable[[], bool] | None
) -> tuple[bytes, bytes]:
    """What it answers and what it complains of; it does not outlive this."""
    last = time.monotonic() + seconds
    unsent: bytes | None = request
    try:
        while True:
            try:
                left = max(last - time.monotonic(), 0)
                return child.communicate(unsent, timeout=min(left, SECONDS_BETWEEN_LOOKS))
            except subprocess.TimeoutExpired:
                # It keeps what it has of the request, and goes on sending that.
                unsent = None
                if stopped is not None and stopped():
                    raise Cancelled("The reading was stopped.") from None
                if time.monotonic() >= last:
                    raise
    except BaseException:
        child.kill()
        raise


def limit_memory(megabytes: int) -> None:
    """Let this process have so much address space and no more."""
    if sys.platform == "win32":
        return  # it has no such limit; the one on time still holds
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = megabytes << 20
    resource.setrlimit(resource.RLIMIT_AS, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))


def limit_time(seconds: int) -> None:
    """Let this process end so long from now, a little after its parent would have ended it."""
    if hasattr(signal, "alarm"):
        signal.alarm(seconds + _SECONDS_AFTER_THE_PARENT)


def unlimit_time() -> None:
    """Take the limit back while there is nothing to do."""
    if hasattr(signal, "alarm"):
        signal.alarm(0)
