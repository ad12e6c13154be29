"""Folders for what is half done. A lock in each tells whether the process that made it lives; if not, it is removed."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkdtemp

from filelock import FileLock, Timeout

# What is not ours has another name, or no lock in it.
PREFIX = ".half-done-"
_LOCK, _CONTENT = "lock", "content"


@contextmanager
def held_folder(parent: Path) -> Iterator[Path]:
    """A new, empty folder below `parent`, which only its owner can read; gone at the end. Raises OSError."""
    outer, lock = _make(parent)
    try:
        content = outer / _CONTENT
        content.mkdir()
        yield content
    finally:
        if lock is not None:
            lock.release()
        shutil.rmtree(outer, ignore_errors=True)


def find_abandoned(parent: Path) -> list[Path]:
    """The folders that processes left in `parent` which are no more."""
    return [folder for folder in sorted(parent.glob(f"{PREFIX}*")) if _is_abandoned(folder)]


def remove_abandoned(parent: Path) -> int:
    """Remove what processes left in `parent` which are no more; how many there were."""
    return sum(_remove_if_abandoned(folder) for folder in sorted(parent.glob(f"{PREFIX}*")))


def _make(parent: Path) -> tuple[Path, FileLock | None]:
    while True:
        outer = Path(mkdtemp(dir=parent, prefix=PREFIX))
        lock = FileLock(outer / _LOCK)
        try:
            lock.acquire(blocking=False)
        except (Timeout, FileNotFoundError):
            # Another process took it for a dead one's before it was locked.
            continue
        except OSError:
            # A disk without locks, on which nobody can take it for a dead one's either.
            return outer, None
        return outer, lock


def _is_abandoned(folder: Path) -> bool:
    lock = _take_over(folder)
    if lock is not None:
        lock.release()
    return lock is not None


def _remove_if_abandoned(folder: Path) -> bool:
    lock = _take_over(folder)
    if lock is None:
        return False
    try:
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        lock.release()
    # An open file can't be removed on Windows.
    shutil.rmtree(folder, ignore_errors=True)
    return True


def _take_over(folder: Path) -> FileLock | None:
    """The lock of a dead process's folder; None where its process lives, or it is none of ours."""
    if folder.is_symlink() or not folder.is_dir():
        return None
    if not (folder / _LOCK).is_file():
        # Its process died before it locked it, or is about to, and then makes another.
        with suppress(OSError):
            folder.rmdir()
        return None
    lock = FileLock(folder / _LOCK)
    try:
        lock.acquire(blocking=False)
    except (Timeout, OSError):
        return None
    return lock
