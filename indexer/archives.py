"""Zips of papers, unpacked within the limits of an upload: no entry leaves its folder, and none fills the disk."""

import shutil
from pathlib import Path, PurePosixPath

from core.errors import ImportFormatError, ReadError
from core.formats import SUFFIXES
from core.settings import Settings
from core.zips import UNREADABLE, most_unpacked, open_zip, place_of, unpack_entry

# What an export or the sources of a paper are made of; pictures and styles are left out.
_SUFFIXES = frozenset({*SUFFIXES, ".bib", ".ris", ".json", ".bbl"})
_RESERVED_BYTES = 1 << 30


def is_archive(path: Path) -> bool:
    return path.suffix.lower() == ".zip"


def unpack_papers(settings: Settings, path: Path, folder: Path) -> None:
    """Unpack the papers and bibliographies of a zip. Raises ReadError, in one sentence, where it can't be taken in."""
    most = settings.upload_files
    try:
        with open_zip(path, most) as archive:
            entries = archive.infolist()
            if len(entries) > most:
                raise ReadError(
                    f"'{path.name}' holds {len(entries):,} files, more than {most:,}. Make several zips of it, "
                    "or raise WHETSTONE_UPLOAD_FILES."
                )
            left = _most_bytes(path, folder)
            for entry in entries:
                place = place_of(entry, path.name)
                if entry.is_dir() or not _is_wanted(place):
                    continue
                largest = settings.upload_megabytes << 20
                written = unpack_entry(archive, entry, folder / place, min(left, largest))
                if written is None:
                    raise ReadError(_too_large(path.name, entry.filename, settings, left > largest))
                left -= written[0]
    except ImportFormatError as error:
        raise ReadError(str(error)) from error
    except UNREADABLE as error:
        raise ReadError(
            f"'{path.name}' can't be read as a zip ({error}). Make it again, without a password."
        ) from error


def _is_wanted(place: PurePosixPath) -> bool:
    hidden = any(part.startswith((".", "__MACOSX")) for part in place.parts)
    return not hidden and place.suffix.lower() in _SUFFIXES


def _most_bytes(path: Path, folder: Path) -> int:
    """What the zip may unpack to: so many times its size, and what the disk has room for."""
    # Its papers are copied once more when they are taken in.
    by_disk = max(0, shutil.disk_usage(folder).free - _RESERVED_BYTES) // 2
    return min(most_unpacked(path), by_disk)


def _too_large(name: str, entry: str, settings: Settings, by_file: bool) -> str:
    if by_file:
        most = settings.upload_megabytes
        return (
            f"'{entry}' in '{name}' has more than {most} MB, so none of it was taken. Raise WHETSTONE_UPLOAD_MEGABYTES."
        )
    return f"'{name}' unpacks to far more than papers do, or than the disk has room for. It is not taken in."
