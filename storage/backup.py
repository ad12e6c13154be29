"""A whole library as one zip while it is in use, and a library from such a zip."""

import errno
import hashlib
import json
import os
import re
import shutil
import sqlite3
import zipfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from sqlite_utils import Database

from core.cli import count
from core.errors import ImportFormatError, LibraryError
from core.files import written_whole
from core.held import held_folder, remove_abandoned
from core.settings import MODELS_FOLDER, Settings, load_settings
from core.types import JobState, ModelState
from core.zips import UNREADABLE, most_unpacked, open_zip, place_of, unpack_entry
from storage import library, models
from storage.database import now, open_database, prepare_database, transaction
from storage.jobs import open_jobs
from storage.migrations import migrations
from storage.strange import lower_unknown_roles, tame
from storage.words import forget_removed_words

_FORMAT = 1
_MANIFEST, _DATABASE, _ORIGINALS = "manifest.json", "library.db", "originals"
_MOST_MANIFEST_BYTES = 64 << 20
# With what the manifest tells of each, and how long its name is here.
_MOST_FILES, _BYTES_AN_ENTRY = 250_000, 256
# As many as SQLite and the file systems know.
_MOST_BYTES = (1 << 63) - 1
_ORIGINAL = re.compile(r"[0-9a-f]{64}\.\w+")
# What is told of a file whose name can't be one beside those of the others.
_NAMES = (errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ENAMETOOLONG)
_COPY_BYTES = 1 << 20
# The manifest and what the file system needs for folders.
_SPARE_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class Contents:
    """What an archive holds, and a sentence for each thing that it could not hold."""

    papers: int
    models: int
    bytes: int
    lacking: tuple[str, ...] = ()


def back_up(settings: Settings, target: Path) -> Contents:
    """Write the library as it is at this moment to `target`, whole or not at all; the app may run on.

    Raises SettingsError where the file can't be written, LibraryError where the library can't be read.
    """
    settings.require_outside(target)
    with (
        written_whole(target) as half_done,
        held_folder(target.parent) as beside,
        _frozen(settings, beside / _DATABASE) as frozen,
    ):
        files: dict[str, dict[str, Any]] = {}
        paths = sorted(path for path in frozen.rglob("*") if path.is_file())
        if len(paths) >= _MOST_FILES:
            raise LibraryError(
                f"The library has {len(paths):,} files, more than the {_MOST_FILES:,} that a backup can hold. "
                "Copy its folder as a whole while the app is stopped."
            )
        with zipfile.ZipFile(half_done, "w") as archive:
            files[_DATABASE] = _pack(archive, beside / _DATABASE, _DATABASE)
            for path in paths:
                name = path.relative_to(frozen).as_posix()
                files[name] = _pack(archive, path, name)
            with open_database(beside / _DATABASE) as db:
                contents = _describe(db, settings, files)
            manifest = {
                "format": _FORMAT,
                "schema": [migration.name for migration in migrations._migrations],
                "written_at": now(),
                "files": files,
            }
            archive.writestr(_MANIFEST, json.dumps(manifest, indent=1))
        with half_done.open("rb+") as file:
            os.fsync(file.fileno())
    return contents


def restore(source: Path, home: Path) -> Contents:
    """Make the library of an archive in a folder that is new or empty; where this fails, nothing of it stays.

    Raises ImportFormatError for a file that is no sound archive, LibraryError where the folder can't be used or the
    library was written by a newer version.
    """
    if home.exists() and (not home.is_dir() or any(home.iterdir())):
        raise LibraryError(f"'{home}' is not an empty folder. Give a new one; nothing there is overwritten.")
    home = home.absolute()
    beside = next(folder for folder in home.parents if folder.is_dir())
    try:
        remove_abandoned(beside)
        with held_folder(beside) as folder:
            unpacked = load_settings(home=folder / "library")
            unpacked.prepare_home()
            _unpack(source, unpacked.home)
            contents = _take_up(unpacked, source.name)
            if home.exists():
                home.rmdir()
            home.parent.mkdir(parents=True, exist_ok=True)
            unpacked.home.rename(home)
    except OSError as error:
        raise LibraryError(
            f"The library can't be written to '{home}' ({error.strerror}). Give another folder."
        ) from error
    return contents


# --- out ---------------------------------------------------------------------------------------


@contextmanager
def _frozen(settings: Settings, database: Path) -> Iterator[Path]:
    """The library as it was at one moment: a copy of the rows in `database`, and a folder with the files they speak of.

    While the write lock is held no paper comes or goes, so the files are linked, which takes no time; the rows are
    copied afterwards, as a reader sees them who began to read at that moment.
    """
    remove_abandoned(settings.uploads)
    with held_folder(settings.uploads) as folder:
        with open_database(settings.database) as reading:
            with open_database(settings.database) as db, transaction(db):
                reading.conn.execute("BEGIN")
                reading.conn.execute("SELECT count(*) FROM documents").fetchone()
                _link_files(settings, db, folder)
            with closing(sqlite3.connect(database)) as copy:
                reading.conn.backup(copy)
            reading.conn.rollback()
        _settle(database)
        yield folder


def _link_files(settings: Settings, db: Database, folder: Path) -> None:
    (folder / _ORIGINALS).mkdir()
    for document in library.list_documents(db):
        original = settings.original(document.sha256, document.format)
        if original.is_file():
            _link(original, folder / _ORIGINALS / original.name)
    for version in models.list_models(db):
        kept = settings.home / version.source
        if version.source.startswith(f"{MODELS_FOLDER}/") and version.state is ModelState.READY:
            for path in kept.rglob("*"):
                if path.is_file():
                    _link(path, folder / version.source / path.relative_to(kept))


def _link(path: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        target.hardlink_to(path)
    except OSError:
        # A file system without links.
        shutil.copyfile(path, target)


def _settle(database: Path) -> None:
    """Leave nothing in the copy that is under way in the library: jobs, and versions that are not finished."""
    with open_database(database) as db:
        with transaction(db):
            for version in models.list_models(db):
                if version.state is ModelState.PREPARING:
                    models.remove_model(db, version.id)
            for job in open_jobs(db):
                db.conn.execute(
                    "UPDATE jobs SET state = ?, finished_at = ? WHERE id = ?", [JobState.CANCELLED, now(), job.id]
                )
        # The worker may not have come to it yet.
        forget_removed_words(db)
        # One file, without the log beside it.
        db.conn.execute("PRAGMA journal_mode = DELETE")


def _pack(archive: zipfile.ZipFile, path: Path, name: str) -> dict[str, Any]:
    """Store one file; its size and SHA-256."""
    size, digest = 0, hashlib.sha256()
    with path.open("rb") as file, archive.open(name, "w", force_zip64=True) as packed:
        while block := file.read(_COPY_BYTES):
            packed.write(block)
            digest.update(block)
            size += len(block)
    return {"bytes": size, "sha256": digest.hexdigest()}


def _describe(db: Database, settings: Settings, files: dict[str, dict[str, Any]]) -> Contents:
    lacking = []
    for document in library.list_documents(db):
        file = files.get(f"{_ORIGINALS}/{document.sha256}.{document.format}")
        if file is None:
            lacking.append(f"The file of '{document.title}' is gone from the library, so the archive lacks it too.")
        elif file["sha256"] != document.sha256:
            lacking.append(f"The file of '{document.title}' is damaged, in the archive as well.")
    kept = 0
    for version in models.list_models(db):
        if version.source.startswith(f"{MODELS_FOLDER}/"):
            kept += 1
        elif Path(version.source).is_absolute():
            lacking.append(f"'{version.name}' lies in '{version.source}', outside the library: keep that folder too.")
    return Contents(library.count_documents(db), kept, sum(file["bytes"] for file in files.values()), tuple(lacking))


# --- in ----------------------------------------------------------------------------------------


def _unpack(source: Path, folder: Path) -> None:
    """Every file of the archive, each with the bytes that the manifest tells of."""
    try:
        with open_zip(source, _MOST_FILES, _BYTES_AN_ENTRY) as archive:
            if len(archive.infolist()) > _MOST_FILES:
                raise ImportFormatError(f"'{source.name}' holds more than {_MOST_FILES:,} files. It is not taken in.")
            files = _read_manifest(archive, source.name)
            _require_room(source, folder, sum(file["bytes"] for file in files.values()))
            entries = {entry.filename: entry for entry in archive.infolist() if entry.filename != _MANIFEST}
            if set(entries) != set(files) or len(entries) + 1 != len(archive.infolist()):
                raise ImportFormatError(f"'{source.name}' does not hold the files its manifest tells of.")
            for name, entry in entries.items():
                place = place_of(entry, source.name)
                if entry.file_size != files[name]["bytes"]:
                    raise ImportFormatError(f"'{name}' in '{source.name}' is damaged. Take another backup.")
                if not _is_of_a_library(place):
                    raise ImportFormatError(f"'{source.name}' holds '{name}', which no library has.")
                written = unpack_entry(archive, entry, folder / place, files[name]["bytes"])
                if written != (files[name]["bytes"], files[name]["sha256"]):
                    raise ImportFormatError(f"'{name}' in '{source.name}' is damaged. Take another backup.")
    except UNREADABLE as error:
        if isinstance(error, OSError) and error.filename != str(source) and error.errno not in _NAMES:
            raise  # of the folder that is written to
        raise ImportFormatError(f"'{source.name}' can't be read as a backup ({error}). Take another one.") from error


def _is_of_a_library(place: PurePosixPath) -> bool:
    first, *below = place.parts
    if first == _ORIGINALS:
        return len(below) == 1 and _ORIGINAL.fullmatch(below[0]) is not None
    return bool(below) if first == MODELS_FOLDER else str(place) == _DATABASE


def _require_room(source: Path, folder: Path, size: int) -> None:
    """Raise WhetstoneError where the disk has no room for so many bytes, or a backup of this size never holds them."""
    if shutil.disk_usage(folder).free < size + _SPARE_BYTES:
        raise LibraryError(f"The library takes {size >> 20:,} MB, which are not free beside '{folder}'.")
    if size > most_unpacked(source):
        raise ImportFormatError(
            f"'{source.name}' unpacks to {size >> 20:,} MB, far more than a backup of its size holds. "
            "It is not taken in."
        )


def _read_manifest(archive: zipfile.ZipFile, name: str) -> dict[str, dict[str, Any]]:
    problem = f"'{name}' is not a backup of a library"
    try:
        entry = archive.getinfo(_MANIFEST)
        if entry.file_size > _MOST_MANIFEST_BYTES:
            raise ImportFormatError(f"{problem}: its {_MANIFEST} is too large.")
        manifest = json.loads(archive.read(entry))
        files, schema, kind = manifest["files"], manifest["schema"], manifest["format"]
        sound = _DATABASE in files and all(
            isinstance(file["bytes"], int) and 0 <= file["bytes"] <= _MOST_BYTES and isinstance(file["sha256"], str)
            for file in files.values()
        )
        newer = sorted({str(one) for one in schema} - {migration.name for migration in migrations._migrations})
    except (KeyError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise ImportFormatError(f"{problem}: it has no {_MANIFEST} that can be read.") from error
    if kind != _FORMAT or newer:
        what = newer[0] if newer else f"format {kind}"
        raise LibraryError(f"'{name}' was written by a newer version (it has {what}). Update this program.")
    if not sound:
        raise ImportFormatError(f"{problem}: its {_MANIFEST} does not tell of a {_DATABASE}.")
    return dict(files)


def _take_up(unpacked: Settings, name: str) -> Contents:
    """Bring the unpacked database to this version's schema, and see that it is sound and none but a library's."""
    try:
        prepare_database(unpacked.database)
        with open_database(unpacked.database) as db:
            if db.conn.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
                raise ImportFormatError(f"The database in '{name}' is damaged. Take another backup.")
            watched = tame(db, name)
            lacking = lower_unknown_roles(db)
        _settle(unpacked.database)
        with open_database(unpacked.database) as db:
            papers, kept = library.count_documents(db), len(list(unpacked.models.iterdir()))
    except (sqlite3.DatabaseError, ValueError, KeyError, TypeError) as error:
        raise ImportFormatError(f"The database in '{name}' is damaged ({error}). Take another backup.") from error
    size = sum(path.stat().st_size for path in unpacked.home.rglob("*") if path.is_file())
    if watched:
        # They are folders of the machine it was made on, and only a command names one.
        there = f"{count(watched, 'folder')} watched there: name what is to be watched here with 'indexer watch'."
        lacking.insert(0, there)
    return Contents(papers, kept, size, tuple(lacking))


def count_contents(contents: Contents) -> str:
    """`3 papers and 1 model version, 12 MB`."""
    held = f"{count(contents.papers, 'paper')} and {count(contents.models, 'model version')}"
    return f"{held}, {max(contents.bytes >> 20, 1):,} MB"
