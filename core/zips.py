"""Unpack zips that strangers made: no entry leaves its folder, none is larger than it may be."""

import hashlib
import lzma
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from core.errors import ImportFormatError

# What reading a damaged, encrypted (RuntimeError) or strangely compressed zip raises, or one whose names are no text
# (ValueError).
UNREADABLE = (OSError, EOFError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, RuntimeError, ValueError)
_COPY_BYTES = 1 << 20


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
