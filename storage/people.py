"""The people of a library: none where one person uses it, who then needs no name."""

import unicodedata
from collections.abc import Iterable
from pathlib import Path

from sqlite_utils import Database

from core.errors import NotFoundError, PeopleError
from core.people import Role, User
from storage.database import now, open_database, transaction
from storage.judges import leave_verdicts, take_over_verdicts

LONGEST_NAME = 60

_USERS = "SELECT id, name, role, created_at FROM users"


def list_users(db: Database) -> list[User]:
    """Every user, by name."""
    return [_user(row) for row in db.conn.execute(f"{_USERS} ORDER BY name, id")]


def get_user(db: Database, user_id: int) -> User:
    row = db.conn.execute(f"{_USERS} WHERE id = ?", [user_id]).fetchone()
    if row is None:
        raise NotFoundError(f"There is no user with id {user_id}. 'python -m api users list' shows those there are.")
    return _user(row)


def find_user(db: Database, name: str) -> User:
    """The user of this name, whatever its case."""
    user = with_name(list_users(db), name)
    if user is None:
        raise NotFoundError(f"There is no user '{_clean(name)}'. 'python -m api users list' shows those there are.")
    return user


def with_name(users: Iterable[User], name: str) -> User | None:
    """Who of them has this name; of any letters capitals and small ones are the same, which SQLite knows of A to Z."""
    wanted, exact = fold_name(name), _clean(name)
    # An older version let "Änne" and "änne" both in.
    found = sorted((user for user in users if fold_name(user.name) == wanted), key=lambda user: user.name != exact)
    return found[0] if found else None


def fold_name(name: str) -> str:
    """What is the same for all writings of one name, also with characters in it that nobody sees."""
    seen = "".join(one for one in name if unicodedata.category(one) not in ("Cc", "Cf") or one.isspace())
    return unicodedata.normalize("NFKC", _clean(seen)).casefold()


def add_user(db: Database, name: str, role: Role) -> User:
    """A new user. The first is an admin; what was asked, saved and judged becomes theirs, and how they wanted it.

    Raises PeopleError where the name can't be used, or is taken.
    """
    with transaction(db):
        cleaned = _free_name(db, name)
        first = not list_users(db)
        if first and role is not Role.ADMIN:
            raise PeopleError("The first user keeps the others, so their role must be admin. Say --role admin.")
        added = db.conn.execute(
            "INSERT INTO users (name, role, created_at) VALUES (?, ?, ?)", [cleaned, role, now()]
        ).lastrowid
        assert added is not None
        if first:
            db.conn.execute("UPDATE main.kept_searches SET user_id = ?", [added])
            take_over_verdicts(db, get_user(db, added), lambda name: fold_name(name) == fold_name(cleaned))
            # They stay those of commands too: a history that was turned off must not begin anew there.
            db.conn.execute(
                "INSERT INTO main.preferences SELECT name || ':' || ?, value FROM main.preferences "
                "WHERE instr(name, ':') = 0",
                [added],
            )
        return get_user(db, added)


def set_role(db: Database, user_id: int, role: Role) -> User:
    """Raises PeopleError where no admin would be left."""
    with transaction(db):
        user = get_user(db, user_id)
        if role is not Role.ADMIN:
            _require_another_admin(db, user)
        db.conn.execute("UPDATE users SET role = ? WHERE id = ?", [role, user_id])
        return get_user(db, user_id)


def remove_user(db: Database, user_id: int) -> None:
    """Forget a user, who owns no paper any more, with their searches; their verdicts on shared papers stay.

    Raises PeopleError where papers are theirs alone, or others would be left without an admin.
    """
    with transaction(db):
        user = get_user(db, user_id)
        require_removable(db, user)
        if owned := owned_papers(db, user_id):
            papers = "1 paper is" if len(owned) == 1 else f"{len(owned)} papers are"
            raise PeopleError(
                f"{papers} private to '{user.name}'. Say what becomes of them: --delete-papers, --share-papers, or "
                "--pass-papers-to NAME."
            )
        leave_verdicts(db, user, last=len(list_users(db)) == 1)
        db.conn.execute("DELETE FROM main.collections WHERE owner_id = ?", [user_id])
        db.conn.execute("DELETE FROM main.preferences WHERE name LIKE ?", [f"%:{user_id}"])
        db.conn.execute("DELETE FROM users WHERE id = ?", [user_id])


def require_removable(db: Database, user: User) -> None:
    """Raise PeopleError where others would be left without an admin."""
    if len(list_users(db)) > 1:
        _require_another_admin(db, user)


def owned_papers(db: Database, user_id: int) -> list[int]:
    """The ids of the papers that are private to a user."""
    rows = db.conn.execute("SELECT id FROM main.documents WHERE owner_id = ? ORDER BY id", [user_id])
    return [row[0] for row in rows]


def has_users(database: Path) -> bool:
    """Whether the library in this file has users; one that is not there yet, or of an earlier schema, has none."""
    if not database.is_file():
        return False
    with open_database(database, whole=True) as db:
        return "users" in db.table_names() and bool(list_users(db))


def _require_another_admin(db: Database, user: User) -> None:
    admins = [one for one in list_users(db) if one.role is Role.ADMIN and one.id != user.id]
    if user.role is Role.ADMIN and not admins:
        raise PeopleError(f"'{user.name}' is the only admin. Make another user admin first.")


def _free_name(db: Database, name: str) -> str:
    cleaned = _clean(name)
    if not (cleaned and cleaned.isprintable() and len(cleaned) <= LONGEST_NAME):
        raise PeopleError(f"'{cleaned[:LONGEST_NAME]}' is not a name of a user. Give 1 to {LONGEST_NAME} letters.")
    if with_name(list_users(db), cleaned) is not None:
        raise PeopleError(f"There is a user '{cleaned}' already. Choose another name.")
    return cleaned


def _clean(name: str) -> str:
    return " ".join(name.split())


def _user(row: tuple[int, str, str, str]) -> User:
    return User(row[0], row[1], Role.of(row[2]), row[3])
