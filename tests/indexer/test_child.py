"""How the child that opens a file ends is told as what it is, whether it is started or forked."""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import Cancelled, ReadError
from indexer.child import ReadLimits, run_child
from indexer.forked import ForkedChildren

LIMITS = ReadLimits(seconds=120, megabytes=400)
CHILD = "tests.ending_child"


def started(end: str) -> bytes:
    return run_child(CHILD, end, "a.pdf", LIMITS)


def forked(end: str) -> bytes:
    with ForkedChildren(CHILD) as children:
        return children.run(end, "a.pdf", LIMITS)


@pytest.mark.parametrize("run", [started, forked])
@pytest.mark.parametrize(
    ("end", "said"),
    [
        ("fill the memory", "'a.pdf' needs more than 400 MB of memory to be read."),
        ("abort in silence", "'a.pdf' needs more than 400 MB of memory to be read."),
        ("SIGKILL", "'a.pdf' needs more than 400 MB of memory to be read."),
        ("abort with a complaint", "'a.pdf' made the program that reads it crash."),
        ("raise", "'a.pdf' made the program that reads it crash."),
        ("SIGSEGV", "'a.pdf' made the program that reads it crash."),
        ("SIGILL", "'a.pdf' made the program that reads it crash."),
        ("SIGTRAP", "'a.pdf' made the program that reads it crash."),
    ],
)
def test_an_end_for_want_of_memory_is_told_from_a_crash(run: Callable[[str], bytes], end: str, said: str) -> None:
    with pytest.raises(ReadError) as refused:
        run(end)
    assert str(refused.value).startswith(said)


@pytest.mark.parametrize("run", [started, forked])
def test_an_answer_comes_whole_however_long_it_and_the_complaints_are(run: Callable[[str], bytes]) -> None:
    assert run("answer") == b"answered"
    assert run("answer much") == b"x" * (3 << 20)


@pytest.mark.skipif(sys.platform != "linux", reason="Forks are used on Linux only.")
def test_each_file_has_a_fork_of_its_own_whatever_the_one_before_came_to() -> None:
    with ForkedChildren(CHILD) as children:
        seen = []
        for end in ("fill the memory", "SIGSEGV", "SIGKILL"):
            with pytest.raises(ReadError):
                children.run(end, "a.pdf", LIMITS)
            seen.append(children.run("say who", "a.pdf", LIMITS))
    assert len(set(seen)) == 3


@pytest.mark.skipif(sys.platform != "linux", reason="Forks are used on Linux only.")
def test_where_what_is_forked_dies_that_file_is_told_of_and_the_next_is_read() -> None:
    with ForkedChildren(CHILD) as children:
        with pytest.raises(ReadError, match="'a.pdf' made the program that reads it crash"):
            children.run("end the parent", "a.pdf", LIMITS)
        assert children.run("answer", "a.pdf", LIMITS) == b"answered"


@pytest.mark.skipif(sys.platform != "linux", reason="Forks are used on Linux only.")
def test_a_fork_that_takes_too_long_or_is_stopped_does_not_outlive_it(tmp_path: Path) -> None:
    word = tmp_path / "word"
    with ForkedChildren(CHILD) as children:
        # So that the three seconds are those of a fork, and not of the start of what is forked from.
        assert children.run("answer", "a.pdf", LIMITS) == b"answered"
        with pytest.raises(ReadError, match="'a.pdf' was not read within 3 seconds"):
            children.run(f"hang, after a word in {word}", "a.pdf", ReadLimits(seconds=3))
        assert children.run("answer", "a.pdf", LIMITS) == b"answered"
        slow = int(word.read_text())
        word.unlink()
        with pytest.raises(Cancelled):
            children.run(f"hang, after a word in {word}", "a.pdf", LIMITS, word.exists)
        stopped = int(word.read_text())
        assert children.run("answer", "a.pdf", LIMITS) == b"answered"
    last = time.monotonic() + 120
    while any(map(is_running, (slow, stopped))) and time.monotonic() < last:
        time.sleep(0.05)
    assert not is_running(slow)
    assert not is_running(stopped)


def is_running(process: int) -> bool:
    """Whether it is there, and not only its exit code."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2][0] not in "ZX"
    except FileNotFoundError:
        return False
