"""Zips that strangers made: what they list does not fill the memory."""

import tracemalloc
from pathlib import Path

import pytest

from core.errors import ImportFormatError
from core.zips import open_zip
from tests.zips import write_list_of_many

_MANY = 60_000


def test_a_list_of_very_many_entries_is_refused_before_it_is_read(tmp_path: Path) -> None:
    # That it tells of one entry only changes nothing: all that is listed is read.
    write_list_of_many(tmp_path / "many.zip", _MANY)
    tracemalloc.start()
    try:
        with (
            pytest.raises(ImportFormatError, match="lists far more than 1,000 files"),
            open_zip(tmp_path / "many.zip", 1000),
        ):
            pass
        assert tracemalloc.get_traced_memory()[1] < 2 << 20
    finally:
        tracemalloc.stop()
