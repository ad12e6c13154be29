"""Searching while everything changes: see tests/together.py, and benchmarks/concurrency.py."""

from pathlib import Path

import pytest

from tests.together import read_and_write

CHANGES = {"add", "remove", "judge", "switch"}


@pytest.mark.slow
def test_searches_during_changes_and_switches_are_whole_and_of_one_model(tmp_path: Path) -> None:
    seen = read_and_write(tmp_path, 4, lambda seen: not seen.steps.keys() >= CHANGES or len(seen.by_model) < 2)
    assert seen.scores > seen.searches > 0
