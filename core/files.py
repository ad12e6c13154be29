"""Files that are written whole or not at all, and the sweeping up of what was left half done."""

import shutil
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Generic, TypeVar

from core.errors import SettingsError
from core.held import held_folder, remove_abandoned

T = TypeVar("T")


class FreshFile(Generic[T]):
    """What a file holds now, read again only where it is another one or was written since."""

    def __init__(self, path: Path, parse: Callable[[Path], T]) -> None:
        self._path = path
        self._parse = parse
        self._lock = threading.Lock()
        self._seen: tuple[int, int] | None = None
        self._held: T | None = None

    def read(self) -> T | None:
        """None where there is no file. Raises OSError, and what `parse` raises."""
        with self._lock:
            try:
                status = self._path.stat()
                seen = (status.st_mtime_ns, status.st_ino)
                if seen != self._seen:
                    self._held = self._parse(self._path)
                    self._seen = seen
            except (FileNotFoundError, NotADirectoryError):
                self._seen = self._held = None
            return self._held


@contextmanager
def written_whole(target: Path) -> Iterator[Path]:
    """A file to write to, which takes the place of `target` at the end; after an error `target` is as it was.

    What a killed process left beside `target` is removed first. Raises SettingsError where it can't be written.
    """
    try:
        with _half_done(target) as half_done:
            yield half_done
    except OSError as error:
        raise SettingsError(f"'{target}' can't be written ({error.strerror}). Give another file.") from error


def write_private(target: Path, text: str) -> None:
    """Write a file whole, readable to its owner only at any moment. Raises OSError."""
    with _half_done(target) as half_done:
        half_done.write_text(text, encoding="utf-8")


@contextmanager
def _half_done(target: Path) -> Iterator[Path]:
    """An empty file that only its owner can read, and that takes the place of `target` at the end."""
    remove_abandoned(target.parent)
    with held_folder(target.parent) as folder:
        # Without an ending, so that nobody who looks through the folder takes it for a paper.
        half_done = folder / "half-done"
        half_done.touch(mode=0o600)
        yield half_done
        half_done.replace(target)


def stale(paths: Iterable[Path], seconds: float) -> list[Path]:
    """Those of the files and folders that were last written so long ago."""
    oldest = time.time() - seconds
    old = []
    for path in paths:
        # What another process has just moved or removed is not stale.
        with suppress(FileNotFoundError):
            if path.stat().st_mtime < oldest:
                old.append(path)
    return old


def remove_all(paths: Iterable[Path]) -> None:
    """Remove these files and folders, and of a link the link alone."""
    for path in paths:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
