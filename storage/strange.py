"""A database that came from elsewhere: what in it could reach beyond its library, or do something by itself, goes."""

import re
import sqlite3
from contextlib import closing

from sqlite_utils import Database

from core.errors import ImportFormatError
from core.formats import DocumentFormat
from core.people import Role
from core.settings import MODELS_FOLDER
from storage import models
from storage.database import add_functions, transaction
from storage.migrations import migrations

_HASH = re.compile(r"[0-9a-f]{64}")
_FOLDER = re.compile(r"(?!\.{1,2}$)[^/\\:\0]+")


def tame(db: Database, name: str) -> int:
    """Leave no trigger or view but our own, and no folder of the machine to be watched; how many of these there were.

    Raises ImportFormatError where a row names a file outside of the library's folders.
    """
    _renew_triggers_and_views(db)
    with transaction(db):
        _require_own_files(db, name)
        return db.conn.execute("DELETE FROM watched_folders").rowcount


def lower_unknown_roles(db: Database) -> list[str]:
    """Give users whose role does not exist here the least one; a sentence for each."""
    with transaction(db):
        unknown = [row for row in db.conn.execute("SELECT id, name, role FROM users") if row[2] not in set(Role)]
        db.conn.executemany("UPDATE users SET role = ? WHERE id = ?", [(Role.READ, row[0]) for row in unknown])
    return [
        f"The role '{role}' of '{name}' does not exist, so it is '{Role.READ}' now: give another with "
        "'python -m api users role'."
        for _, name, role in unknown
    ]


def is_own_folder(source: str) -> bool:
    """Whether this source of a version is one folder in the library's folder of models."""
    above, _, folder = source.partition("/")
    return above == MODELS_FOLDER and _FOLDER.fullmatch(folder) is not None


def _renew_triggers_and_views(db: Database) -> None:
    with closing(sqlite3.connect(":memory:")) as fresh:
        add_functions(fresh)
        migrations.apply(Database(fresh, execute_plugins=False))
        ours = _triggers_and_views(fresh)
    with transaction(db):
        for kind, name, _ in _triggers_and_views(db.conn):
            quoted = name.replace('"', '""')
            # A trigger of a view goes with it.
            db.conn.execute(f'DROP {kind} IF EXISTS "{quoted}"')
        for _, _, sql in ours:
            db.conn.execute(sql)


def _triggers_and_views(connection: sqlite3.Connection) -> list[tuple[str, str, str]]:
    return connection.execute(
        "SELECT type, name, sql FROM sqlite_master WHERE type IN ('trigger', 'view') ORDER BY rowid"
    ).fetchall()


def _require_own_files(db: Database, name: str) -> None:
    for sha256, kind in db.conn.execute("SELECT sha256, format FROM documents"):
        if not _HASH.fullmatch(sha256) or kind not in set(DocumentFormat):
            raise ImportFormatError(f"'{name}' tells of a paper in the file '{sha256}.{kind}', which no library has.")
    for version in models.list_models(db):
        if version.source.startswith(f"{MODELS_FOLDER}/") and not is_own_folder(version.source):
            raise ImportFormatError(f"'{name}' tells of a model in '{version.source}', which no library has.")
