"""How the child that opens a file ends is told as what it is."""

import pytest

from core.errors import ReadError
from indexer.child import ReadLimits, run_child

LIMITS = ReadLimits(seconds=30, megabytes=400)


@pytest.mark.parametrize(
    ("end", "said"),
    [
        ("answer", None),
        ("fill the memory", "'a.pdf' needs more than 400 MB of memory to be read."),
        ("abort in silence", "'a.pdf' needs more than 400 MB of memory to be read."),
        ("abort with a complaint", "'a.pdf' made the program that reads it crash."),
        ("SIGSEGV", "'a.pdf' made the program that reads it crash."),
        ("SIGILL", "'a.pdf' made the program that reads it crash."),
        ("SIGTRAP", "'a.pdf' made the program that reads it crash."),
    ],
)
def test_an_end_for_want_of_memory_is_told_from_a_crash(end: str, said: str | None) -> None:
    if said is None:
        assert run_child("tests.ending_child", end, "a.pdf", LIMITS) == b"answered"
        return
    with pytest.raises(ReadError) as refused:
        run_child("tests.ending_child", end, "a.pdf", LIMITS)
    assert str(refused.value).startswith(said)
