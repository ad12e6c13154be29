"""What files that were dropped onto the page held, and could not be added: told to who dropped them, until it is
dismissed."""

import json
from collections.abc import Sequence

from sqlite_utils import Database

from core.people import personal
from storage.database import transaction

MOST = 200
_LONGEST = 500
_NAME = "left out"


def keep_left_out(db: Database, sentences: Sequence[str]) -> None:
    """Tell these before those there are; what is said again is told once."""
    if not sentences:
        return
    with transaction(db):
        told = list(dict.fromkeys([*(sentence[:_LONGEST] for sentence in sentences), *list_left_out(db)]))[:MOST]
        db.conn.execute("INSERT OR REPLACE INTO preferences VALUES (?, ?)", [personal(_NAME), json.dumps(told)])


def list_left_out(db: Database) -> list[str]:
    """The sentences, the latest first; none where somebody else's backup holds what are none."""
    row = db.conn.execute("SELECT value FROM preferences WHERE name = ?", [personal(_NAME)]).fetchone()
    try:
        told = json.loads(row[0]) if row else []
    except (ValueError, RecursionError):
        return []
    sentences = [one[:_LONGEST] for one in told if isinstance(one, str)] if isinstance(told, list) else []
    return sentences[:MOST]


def dismiss_left_out(db: Database) -> int:
    """Tell them no longer; how many there were."""
    with transaction(db):
        many = len(list_left_out(db))
        db.conn.execute("DELETE FROM preferences WHERE name = ?", [personal(_NAME)])
    return many
