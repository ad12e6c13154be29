"""Saved searches, by name, and the questions asked lately, without; whether these are kept at all.

Each user has their own, and nobody sees another's; those of a library without users, and of its commands, are nobody's.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from sqlite_utils import Database

from core.cli import count
from core.errors import NotFoundError, QuestionError
from core.people import personal, viewer
from core.types import ChunkKind, Filter, KeptSearch, SearchMode
from core.words import same_name, tidy_name
from storage.database import now, transaction
from storage.integrity import Problem

LONGEST_NAME = 80
# How many questions asked lately are kept.
MOST_PAST = 200


def save_search(db: Database, name: str, search: KeptSearch) -> KeptSearch:
    """Keep the search under this name, in place of an earlier one.

    Raises QuestionError where the name can't be one, and for a search that can find nothing.
    """
    cleaned = tidy_name(name)
    if not cleaned:
        raise QuestionError("A saved search needs a name. Give one, such as 'Attention since 2017'.")
    if len(cleaned) > LONGEST_NAME:
        raise QuestionError(f"A name of {len(cleaned)} characters is too long. Give one of {LONGEST_NAME} at most.")
    if not search.question.strip():
        raise QuestionError("A search is saved with its question, and this one has none. Ask first.")
    if empty := next((name for name, part in asdict(search.filter).items() if part == ()), None):
        raise QuestionError(f"With no {empty} to choose from this search finds nothing. Name some, or leave them out.")
    with transaction(db):
        for earlier in _named(db, cleaned)[:1]:
            db.conn.execute("DELETE FROM main.kept_searches WHERE id = ?", [earlier["id"]])
        _insert(db, cleaned, search)
    return find_saved(db, cleaned)


def find_saved(db: Database, name: str) -> KeptSearch:
    """The saved search of this name, whatever its case."""
    found = _named(db, tidy_name(name))
    if not found:
        raise NotFoundError(f"There is no saved search '{name}'. 'python -m search saved' shows those there are.")
    return _kept(found[0])


def list_saved(db: Database) -> list[KeptSearch]:
    return [_kept(row) for row in _saved(db)]


def _named(db: Database, name: str) -> list[dict[str, Any]]:
    """Those of this name, whatever its case; of several, which an earlier version kept apart, the nearest first."""
    # SQLite knows the case of ASCII letters only, as `bytes` do.
    spelled = [(row["name"] != name, row["name"].encode().lower() != name.encode().lower(), row) for row in _saved(db)]
    same = [one for one in spelled if same_name(one[2]["name"], name)]
    return [row for _, _, row in sorted(same, key=lambda one: one[:2])]


def _saved(db: Database) -> Iterator[dict[str, Any]]:
    sql = "SELECT * FROM kept_searches WHERE name IS NOT NULL AND user_id IS ? ORDER BY name"
    return db.query(sql, [_mine()])


def delete_saved(db: Database, search_id: int) -> None:
    with transaction(db):
        sql = "DELETE FROM main.kept_searches WHERE id = ? AND name IS NOT NULL AND user_id IS ?"
        if not db.conn.execute(sql, [search_id, _mine()]).rowcount:
            raise NotFoundError(f"There is no saved search with id {search_id}; it may have been deleted.")


def remember_search(db: Database, search: KeptSearch) -> None:
    """Keep what was asked as the latest; nothing where the history is turned off."""
    if not keeps_history(db):
        return
    with transaction(db):
        db.conn.execute(
            """
            DELETE FROM main.kept_searches WHERE name IS NULL AND (question, filter, mode) = (?, ?, ?) AND spread IS ?
                AND user_id IS ?
            """,
            [search.question, filter_to_json(search.filter), search.mode, search.spread, _mine()],
        )
        _insert(db, None, search)
        db.conn.execute(
            """
            DELETE FROM main.kept_searches WHERE name IS NULL AND user_id IS :me AND id NOT IN (
                SELECT id FROM main.kept_searches WHERE name IS NULL AND user_id IS :me ORDER BY id DESC LIMIT :most)
            """,
            {"me": _mine(), "most": MOST_PAST},
        )


def list_history(db: Database, most: int = MOST_PAST) -> list[KeptSearch]:
    """What was asked, the latest first."""
    sql = "SELECT * FROM kept_searches WHERE name IS NULL AND user_id IS ? ORDER BY id DESC LIMIT ?"
    rows = db.query(sql, [_mine(), most])
    return [_kept(row) for row in rows]


def clear_history(db: Database) -> int:
    """Forget what was asked; how many questions that were. Saved searches stay."""
    with transaction(db):
        sql = "DELETE FROM main.kept_searches WHERE name IS NULL AND user_id IS ?"
        return db.conn.execute(sql, [_mine()]).rowcount


def keeps_history(db: Database) -> bool:
    row = db.conn.execute("SELECT value FROM preferences WHERE name = ?", [personal("history")]).fetchone()
    return row is None or row[0] == "on"


def keep_history(db: Database, keep: bool) -> None:
    """Whether questions are kept from now on; those there are stay until they are cleared."""
    with transaction(db):
        db.conn.execute(
            "INSERT OR REPLACE INTO preferences VALUES (?, ?)", [personal("history"), "on" if keep else "off"]
        )


def _mine() -> int | None:
    """The id of whose searches these are."""
    user = viewer()
    return None if user is None else user.id


def filter_to_json(filter: Filter) -> str:
    """The parts that are given; equal filters have equal texts."""
    return json.dumps({name: part for name, part in asdict(filter).items() if part not in (None, "")}, sort_keys=True)


def filter_from_json(text: str) -> Filter:
    parts: dict[str, Any] = json.loads(text)
    values: dict[str, Any] = {name: tuple(part) if isinstance(part, list) else part for name, part in parts.items()}
    if "kinds" in values:
        values["kinds"] = tuple(ChunkKind(kind) for kind in values["kinds"])
    return Filter(**values)


def check_kept_searches(db: Database) -> Iterator[Problem]:
    """A filter that can't be read keeps every search from being shown."""
    broken = [row["id"] for row in db.query("SELECT id, filter FROM kept_searches") if not _is_filter(row["filter"])]
    if broken:

        def take_off(db: Database) -> str:
            with transaction(db):
                db.conn.executemany("UPDATE kept_searches SET filter = '{}' WHERE id = ?", [(one,) for one in broken])
            return "The question stays, without the filter."

        yield Problem("rows", f"{count(len(broken), 'question')} kept with a filter that is none.", take_off)


def _is_filter(text: str) -> bool:
    try:
        filter_from_json(text)
    except (ValueError, TypeError, AttributeError, RecursionError):
        return False
    return True


def _insert(db: Database, name: str | None, search: KeptSearch) -> None:
    db.conn.execute(
        """
        INSERT INTO main.kept_searches (name, question, filter, mode, spread, at, user_id)
        VALUES (?, ?, ?, ?, ?, ?, ?)
        """,
        [name, search.question, filter_to_json(search.filter), search.mode, search.spread, now(), _mine()],
    )


def _kept(row: dict[str, Any]) -> KeptSearch:
    return KeptSearch(
        row["question"],
        filter_from_json(row["filter"]),
        SearchMode(row["mode"]),
        row["spread"],
        id=row["id"],
        name=row["name"],
        at=row["at"],
    )
