"""Folders whose new papers are added by themselves, and which of their files were looked at."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlite_utils import Database

from core.errors import NotFoundError
from storage.database import now, transaction


@dataclass(frozen=True, slots=True)
class WatchedFolder:
    """`problem` is why it could not be looked at the last time, or what in it could not be added."""

    path: str
    added_at: str
    problem: str | None


def list_folders(db: Database) -> list[WatchedFolder]:
    return [WatchedFolder(*row) for row in db.conn.execute("SELECT path, added_at, problem FROM watched_folders")]


def add_folder(db: Database, path: str) -> bool:
    """Watch a folder; False where it is watched already."""
    with transaction(db):
        added = db.conn.execute("INSERT OR IGNORE INTO watched_folders (path, added_at) VALUES (?, ?)", [path, now()])
        return bool(added.rowcount)


def remove_folder(db: Database, path: str) -> None:
    """Watch a folder no more; its papers stay. Raises NotFoundError where it is not watched."""
    with transaction(db):
        if not db.conn.execute("DELETE FROM watched_folders WHERE path = ?", [path]).rowcount:
            raise NotFoundError(f"'{path}' is not watched. 'python -m indexer watched' shows the folders that are.")


def set_problem(db: Database, path: str, problem: str | None) -> None:
    with transaction(db):
        db.conn.execute("UPDATE watched_folders SET problem = ? WHERE path = ?", [problem, path])


def seen_files(db: Database, path: str) -> Mapping[str, str]:
    """The state in which each file of the folder was looked at, by the hash of the file's path."""
    return dict(db.conn.execute("SELECT file, state FROM watched_files WHERE folder = ?", [path]).fetchall())


def mark_seen(db: Database, path: str, file: str, state: str) -> None:
    with transaction(db):
        db.conn.execute(
            """
            INSERT INTO watched_files (folder, file, state) SELECT path, ?, ? FROM watched_folders WHERE path = ?
            ON CONFLICT (folder, file) DO UPDATE SET state = excluded.state
            """,
            [file, state, path],
        )
