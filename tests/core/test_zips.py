"""Zips that strangers made: what they list does not fill the memory."""

import struct
import tracemalloc
from pathlib import Path

import pytest

from core.errors import ImportFormatError
from core.zips import open_zip

_MANY = 60_000


def test_a_list_of_very_many_entries_is_refused_before_it_is_read(tmp_path: Path) -> None:
    entry = struct.pack("<4s4B4H3L5H2L", b"PK\1\2", 20, 0, 20, 0, 0, 0, 0, 33, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0) + b"a"
    # That it tells of one entry only changes nothing: all that is listed is read.
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1, 1, _MANY * len(entry), 0, 0)
    (tmp_path / "many.zip").write_bytes(entry * _MANY + end)
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
