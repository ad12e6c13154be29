"""Files changed at random: see tests/fuzz.py, and benchmarks/fuzz.py for as many as there is time for."""

from tests.fuzz import run_all


def test_a_file_changed_at_random_is_a_paper_or_a_sentence() -> None:
    ends = run_all(0, 150)
    assert sum(ends.values()) == 150
    # Neither all too harmless nor all beyond reading.
    assert min(ends["read"], ends["refused"]) > 20, ends
