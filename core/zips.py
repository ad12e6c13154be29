"""Unpack zips that strangers made: no entry leaves its folder, none is larger than it may be."""

import hashlib
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from core.errors import ImportFormatError

# What reading a damaged, encrypted (RuntimeError) or strangely compressed zip raises, or one whose names are no text
# (ValueError).
UNREADABLE = (OSError, EOFError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, RuntimeError, ValueError)
_COPY_BYTES = 1 << 20
# Text packs to a tenth; what unpacks to so many times its size was made to fill the disk.
_MOST_TIMES = 50
_SMALLEST_LIMIT = 64 << 20
# With a long name. All of a zip's list of entries is read before the first is looked at, which could fill the memory.
_BYTES_AN_ENTRY = 1 << 10


@contextmanager
def open_zip(path: Path, most: int, bytes_an_entry: int = _BYTES_AN_ENTRY) -> Iterator[zipfile.ZipFile]:
    """The zip. Raises ImportFormatError where its list of entries is longer than one of `most` entries can be."""
    with path.open("rb") as file:
        # As ZipFile itself finds it, so that both speak of the same list.
        end = zipfile._EndRecData(file)  # type: ignore[attr-defined]
        if end and end[zipfile._ECD_SIZE] > most * bytes_an_entry:  # type: ignore[attr-defined]
            raise ImportFormatError(f"'{path.name}' lists far more than {most:,} files. It is not taken in.")
        with zipfile.ZipFile(file) as archive:
            yield archive


def most_unpacked(path: Path) -> int:
    """The bytes that a zip of this size may unpack to."""
    return max(_SMALLEST_LIMIT, _MOST_TIMES * path.stat().st_size)


def place_of(entry: zipfile.ZipInfo, name: str) -> PurePosixPath:
    """The entry's place below the folder it is unpacked into. Raises ImportFormatError where that is outside of it."""
    path = PurePosixPath(entry.filename)
    # A colon is a drive or a second stream on Windows.
    outside = path.is_absolute() or ".." in path.parts or not path.parts or set(entry.filename) & set("\\:\0")
    if outside:
        raise ImportFormatError(f"'{name}' holds '{entry.filename}', which lies outside of it. It is not taken in.")
    return path


def unpack_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path, most: int) -> tuple[int, str] | None:
    """Write one file of at most so many bytes, whatever its header claims: its size and SHA-256; None for more."""
    target.parent.mkdir(parents=True, exist_ok=True)
    size, digest = 0, hashlib.sha256()
    with archive.open(entry) as packed, target.open("wb") as file:
        while block := packed.read(_COPY_BYTES):
            size += len(block)
            if size > most:
                return None
            digest.update(block)
            file.write(block)
    return size, digest.hexdigest()
