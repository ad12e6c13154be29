"""What is removed is gone, whatever was done before and after: see tests/deletion.py, and benchmarks/deletion.py."""

from pathlib import Path

import pytest

import indexer.ingest
from tests.deletion import Walk


def test_after_every_step_the_library_holds_what_it_must_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexer.ingest, "read_paper_isolated", indexer.ingest.read_paper_isolated)
    monkeypatch.setattr(indexer.ingest, "_SECONDS_BETWEEN_LOOKS", indexer.ingest._SECONDS_BETWEEN_LOOKS)
    walk = Walk(tmp_path, seed=1)
    for _ in range(200):
        walk.step()
    assert set(walk.taken) >= {"add", "remove", "remove_and_die", "judge", "leave", "train", "undo", "restart"}, (
        walk.taken
    )
