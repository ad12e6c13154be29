"""Files that are written whole or not at all, and the sweeping up of what was left half done."""

import os
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import NamedTemporaryFile

from core.errors import SettingsError


@contextmanager
def written_whole(target: Path) -> Iterator[Path]:
    """A file beside `target` to write to, which takes its place at the end; after an error `target` is as it was.

    Raises SettingsError where it can't be written.
    """
    try:
        with NamedTemporaryFile(dir=target.parent, prefix=f".{target.name}.", delete=False) as file:
            half_done = Path(file.name)
        try:
            yield half_done
            half_done.replace(target)
        finally:
            half_done.unlink(missing_ok=True)
    except OSError as error:
        raise SettingsError(f"'{target}' can't be written ({error.strerror}). Give another file.") from error


def write_private(target: Path, text: str) -> None:
    """Write a file whole, readable to its owner only at any moment. Raises OSError."""
    half_done = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        half_done.unlink(missing_ok=True)
        with os.fdopen(os.open(half_done, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        half_done.replace(target)
    finally:
        half_done.unlink(missing_ok=True)


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


def remove_stale(paths: Iterable[Path], seconds: float) -> int:
    """Remove those of the files and folders that were last written so long ago; how many there were."""
    old = stale(paths, seconds)
    for path in old:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    return len(old)
