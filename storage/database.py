"""Open the library's SQLite database; one handle a thread, one write transaction at a time."""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from sqlite_utils import Database

from core.cjk import pair_cjk
from core.errors import LibraryError
from core.people import viewer
from storage.migrations import migrations
from storage.viewing import is_narrowed, show_only

BUSY_SECONDS = 30
_LOG_MILLISECONDS = 500
_LEAST_SPACE = 1 << 18


def prepare_database(path: Path) -> None:
    """Create the database or bring its schema up to date."""
    with open_database(path, whole=True) as db:
        unknown = {m.name for m in migrations.applied(db)} - {m.name for m in migrations._migrations}
        if unknown:
            raise LibraryError(
                f"The library at '{path}' was written by a newer version (it has {min(unknown)}). Update this program."
            )
        db.enable_wal()
        if migrations.pending(db):
            # Else a table that is made anew would take what refers to it along; inside a transaction this is no longer
            # possible.
            db.conn.execute("PRAGMA foreign_keys = OFF")
            # Two programs may start on one new library: the second waits here, then finds nothing to do.
            with transaction(db):
                migrations.apply(db)


@contextmanager
def open_database(path: Path, *, whole: bool = False) -> Iterator[Database]:
    """A handle on the database for this thread, closed at the end. Raises LibraryError where it can't be opened.

    Where there is a viewer, it holds what they may see and nothing else, unless the `whole` is asked for.
    """
    user = None if whole else viewer()
    try:
        connection = sqlite3.connect(path, timeout=BUSY_SECONDS)
        add_functions(connection)
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = NORMAL")
        # What is removed is overwritten, not only unlinked.
        connection.execute("PRAGMA secure_delete = ON")
        if user is not None:
            show_only(connection, user)
    except sqlite3.Error as error:
        raise LibraryError(f"The library's database '{path}' can't be opened: {error}.{_reason(path)}") from error
    with closing(connection):
        yield Database(connection, execute_plugins=False)


@contextmanager
def whole_database(db: Database) -> Iterator[Database]:
    """The handle itself, or where that is one person's, another one with nothing hidden in it.

    For what all share, such as the index of vectors; its answers are looked up in the first.
    """
    if not is_narrowed(db.conn):
        yield db
        return
    (path,) = [row[2] for row in db.conn.execute("PRAGMA database_list") if row[1] == "main"]
    with open_database(Path(path), whole=True) as whole:
        yield whole


def add_functions(connection: sqlite3.Connection) -> None:
    """What the schema's triggers and views call; a handle without them can read, but neither add nor remove chunks."""
    connection.create_function("pair_cjk", 1, pair_cjk, deterministic=True)


def _reason(path: Path) -> str:
    """The reason that SQLite does not give: to be read even, a database needs a file beside it for its log's index."""
    if not path.parent.is_dir():
        return ""
    if not os.access(path.parent, os.W_OK):
        return " Its folder can't be written. Look at its rights and its disk."
    return " The disk is full. Free some space." if shutil.disk_usage(path.parent).free < _LEAST_SPACE else ""


@contextmanager
def transaction(db: Database) -> Iterator[Database]:
    """All or nothing. Takes the write lock at the start, so that what was read inside is still true at the end."""
    if db.conn.in_transaction:
        with db.atomic():
            yield db
        return
    db.conn.execute("BEGIN IMMEDIATE")
    try:
        yield db
    except BaseException:
        db.conn.rollback()
        raise
    db.conn.commit()


def empty_log(db: Database) -> None:
    """Take what the log holds of removed rows off the disk; where somebody reads just now, the next one does."""
    db.conn.execute(f"PRAGMA busy_timeout = {_LOG_MILLISECONDS}")
    db.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    db.conn.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}")


def now() -> str:
    """The time in UTC, ISO 8601 to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
