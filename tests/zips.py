"""Zips as no program writes them."""

import struct
from pathlib import Path


def write_list_of_many(path: Path, many: int) -> None:
    """A zip that lists so many files, and tells of one."""
    entry = struct.pack("<4s4B4H3L5H2L", b"PK\1\2", 20, 0, 20, 0, 0, 0, 0, 33, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0) + b"a"
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1, 1, many * len(entry), 0, 0)
    path.write_bytes(entry * many + end)
