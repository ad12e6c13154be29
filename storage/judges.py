"""Whose verdict it is: each has one of their own on a question and a passage."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlite_utils import Database

from core.people import User, viewer
from core.words import tidy_name

_LONGEST_NAME = 80

# Of a row of `judgements`: whether it is that of one judge, by the parameters of `Judge.key`.
OF_ONE = "user_id IS :user AND away = :away AND (NOT away OR judge IS :judge)"
# The same for all verdicts of one judge, and for none of another.
GIVER = "ifnull(user_id, 0) || '/' || CASE WHEN away THEN judge ELSE '' END"


@dataclass(frozen=True, slots=True)
class Judge:
    """A user, or somebody who is `away`, known by name alone, or who uses a library without users, named or not."""

    user_id: int | None
    name: str | None
    away: bool = False

    @property
    def key(self) -> dict[str, Any]:
        return {"user": self.user_id, "away": int(self.away), "judge": self.name}

    @property
    def giver(self) -> str:
        """As the expression GIVER has it."""
        return f"{self.user_id or 0}/{self.name if self.away else ''}"


def present_judge(name: str | None = None) -> Judge:
    """Who judges now: the user who asks; where none does, the one who needs no account, under this name."""
    user = viewer()
    return Judge(None, clean_name(name)) if user is None else Judge(user.id, user.name)


def clean_name(name: str | None) -> str | None:
    return tidy_name(name or "")[:_LONGEST_NAME] or None


def take_over_verdicts(db: Database, user: User, is_theirs: Callable[[str], bool]) -> None:
    """What was judged before there were users, under no name or one that is theirs, is the first user's from now on.

    Under another name it is of somebody who is away.
    """
    found = db.conn.execute("SELECT DISTINCT judge FROM main.judgements WHERE user_id IS NULL AND NOT away").fetchall()
    for (name,) in found:
        if name is None or is_theirs(name):
            db.conn.execute(
                "UPDATE main.judgements SET user_id = ?, judge = ? WHERE user_id IS NULL AND NOT away AND judge IS ?",
                [user.id, clean_name(user.name), name],
            )
        else:
            _send_away(db, name, "user_id IS NULL AND NOT away AND judge = :name", {})


def leave_verdicts(db: Database, user: User, *, last: bool) -> None:
    """The verdicts of a user who goes stay, under their name alone; of the last one as of who needs no account."""
    if last:
        # Where a command has judged the same for nobody, both stay.
        db.conn.execute("UPDATE OR IGNORE main.judgements SET user_id = NULL WHERE user_id = ?", [user.id])
    _send_away(db, clean_name(user.name), "user_id = :user", {"user": user.id})


def _send_away(db: Database, name: str | None, which: str, values: dict[str, Any]) -> None:
    """Keep these verdicts under the name alone; where one of that name who went before judged the same, the later."""
    values = values | {"name": name}
    db.conn.execute(
        f"""
        WITH both AS (SELECT id, query_id, chunk_id, at FROM main.judgements WHERE {which} OR (away AND judge = :name))
        DELETE FROM main.judgements WHERE id IN (
            SELECT one.id FROM both one JOIN both other USING (query_id, chunk_id)
            WHERE (other.at, other.id) > (one.at, one.id))
        """,
        values,
    )
    db.conn.execute(f"UPDATE main.judgements SET user_id = NULL, away = 1, judge = :name WHERE {which}", values)
