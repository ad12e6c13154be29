"""Folders that are watched: what is new in them is added, such as what Zotero or a scanner puts there.

A file is looked at once in each state it has, so a paper that was removed from the library does not come back;
nothing that vanishes from a folder is removed; and no link leads out of it.
"""

import hashlib
import logging
import os
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from core.errors import LibraryError, SettingsError
from core.settings import Settings
from indexer.added import Added
from indexer.additions import add_paths, papers_of_folder
from storage import watched
from storage.database import open_database
from storage.watched import WatchedFolder

logger = logging.getLogger(__name__)

_SECONDS_BETWEEN_LOOKS = 10.0
# A file that was written less long ago may still be growing.
_SECONDS_TO_SETTLE = 3.0
# One that lacks its end may be written slowly, as by a scanner; so many times as long is waited for that.
_TIMES_WITHOUT_END = 200
_END, _END_BYTES = b"%%EOF", 2048


def watch_folder(settings: Settings, folder: Path) -> WatchedFolder:
    """Watch a folder from now on. Raises SettingsError where it is none, or holds the library itself."""
    path = folder.expanduser().resolve()
    if not path.is_dir():
        raise SettingsError(f"'{folder}' is not a folder. Give one that holds papers.")
    home = settings.home.resolve()
    if home.is_relative_to(path) or path.is_relative_to(home):
        raise SettingsError(f"'{folder}' holds the library itself, or lies in it. Give a folder apart from it.")
    with open_database(settings.database) as db:
        watched.add_folder(db, str(path))
        return next(one for one in watched.list_folders(db) if one.path == str(path))


def unwatch_folder(settings: Settings, folder: Path) -> None:
    """Watch a folder no more, whether it is there or not; its papers stay."""
    path = folder.expanduser()
    with open_database(settings.database) as db:
        known = {one.path for one in watched.list_folders(db)}
        written = str(path) if str(path) in known else str(path.resolve())
        watched.remove_folder(db, written)


def look_at_folders(settings: Settings, settle: float = _SECONDS_TO_SETTLE) -> Added:
    """Add what is new in the watched folders; what is wrong with one is kept with it, and stops no other."""
    added = Added()
    with open_database(settings.database) as db:
        folders = watched.list_folders(db)
    for folder in folders:
        found = Added()
        problem = _look_at(settings, folder.path, found, settle)
        if problem != folder.problem:
            with open_database(settings.database) as db:
                watched.set_problem(db, folder.path, problem)
        added.merge(found)
    return added


def _look_at(settings: Settings, folder: str, added: Added, settle: float) -> str | None:
    """Add the folder's new papers; why that could not be done, if so."""
    if not os.path.isdir(folder):
        return f"The folder '{folder}' is not there. Plug in its disk, or stop watching it."
    try:
        with open_database(settings.database) as db:
            seen = watched.seen_files(db, folder)
        for path, file, state in _new_files(Path(folder), seen, settle):
            # The folder itself may have become a link since it was named, too.
            if not path.resolve().is_relative_to(folder):
                # Whoever may write there, such as another one who shares it, is not to have any file here read.
                added.refused.append(
                    f"'{path.name}' leads to a file outside of '{folder}', so it is not added by itself. "
                    "Add it by name: python -m indexer add"
                )
                continue
            one = add_paths(settings, [path])
            added.merge(one)
            if not one.refused:
                with open_database(settings.database) as db:
                    watched.mark_seen(db, folder, file, state)
    except OSError as error:
        return f"The folder '{folder}' can't be read ({error.strerror}). Look at its rights."
    return added.refused[0] if added.refused else None


def _new_files(folder: Path, seen: Mapping[str, str], settle: float) -> Iterator[tuple[Path, str, str]]:
    """Papers that have not been looked at in the state they have, with the hash of their path, and that state."""
    for path in papers_of_folder(folder, Added()):
        try:
            status = path.stat()
        except OSError:
            continue  # gone since the folder was listed
        file = hashlib.sha256(os.fsencode(path)).hexdigest()
        state = f"{status.st_size} {status.st_mtime_ns}"
        if seen.get(file) != state and not _may_grow(path, time.time() - status.st_mtime, settle):
            yield path, file, state


def _may_grow(path: Path, age: float, settle: float) -> bool:
    """Whether a file that was written so many seconds ago may not be whole yet."""
    # What is of the future tells no age.
    return 0 <= age < settle or (0 <= age < _TIMES_WITHOUT_END * settle and not _has_end(path))


def _has_end(path: Path) -> bool:
    """Whether all of the file is there, as far as its kind tells that; what can't be read has nothing to wait for."""
    if path.suffix.lower() != ".pdf":
        return True
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _END_BYTES))
            return _END in file.read(_END_BYTES)
    except OSError:
        return True


class FolderWatch:
    """Looks at the watched folders every few seconds, in a thread that ends with its process."""

    def __init__(self, settings: Settings, seconds: float = _SECONDS_BETWEEN_LOOKS) -> None:
        self._settings = settings
        self._seconds = seconds
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watch folders", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stopped.is_set():
            try:
                look_at_folders(self._settings)
            except LibraryError as error:
                logger.warning("watched folders: %s", error)
            except Exception:  # whatever it is, the next look may go well; the log has the rest
                logger.exception("watched folders")
            self._stopped.wait(self._seconds)
