"""The users of a library with their passwords: who signs in, and what becomes of an account."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from api.password import Password, hash_password, parse_password
from api.tokens import withdraw_all_tokens
from core.errors import LibraryError, PeopleError
from core.files import FreshFile, write_private
from core.people import Role, User, viewing
from core.settings import Settings
from core.words import same_name
from indexer.ingest import remove_documents
from storage import people
from storage.changes import ChangeWatch
from storage.database import open_database, transaction
from storage.privacy import pass_papers, share_papers


@dataclass(frozen=True, slots=True)
class _Kept:
    """What the file holds: passwords by the users' ids, and what the sessions' cookie is called."""

    cookie: str
    passwords: Mapping[int, Password]


class Accounts:
    """The users and their passwords as they are now. Where there is no user, the library is one person's."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._watch = ChangeWatch(settings.database)
        self._mark: int | None = None
        self._users: Mapping[int, User] = {}
        self._file = FreshFile(settings.user_passwords, _parse)

    def users(self) -> Mapping[int, User]:
        """By their ids; none where one person uses the library."""
        # Before the rows are read: what is committed meanwhile makes the next look another one.
        mark = self._watch.mark()
        if mark != self._mark:
            with open_database(self._settings.database, whole=True) as db:
                self._users = {user.id: user for user in people.list_users(db)}
            self._mark = mark
        return self._users

    @property
    def cookie(self) -> str:
        """The name of the sessions' cookie, for browsers keep one jar for all ports of a machine."""
        kept = self._kept()
        return kept.cookie if kept else "whetstone_user"

    def sign_in(self, name: str, words: str) -> str | None:
        """The session of who has this name and this password; takes the same time where nobody has that name."""
        wanted = " ".join(name.split())
        user = next((user for user in self.users().values() if same_name(user.name, wanted)), None)
        password = self._password_of(user)
        matches = (password or _NOBODYS).matches(words)
        return f"{user.id}:{password.open_session()}" if user and password and matches else None

    def user_of(self, session: str) -> User | None:
        """Who signed in with this session; None where it holds no more."""
        number, _, claim = session.partition(":")
        user = self.users().get(int(number)) if number.isdecimal() and len(number) < 19 else None
        password = self._password_of(user)
        return user if password is not None and password.is_session(claim) else None

    def is_password_of(self, user: User, words: str) -> bool:
        return (self._password_of(user) or _NOBODYS).matches(words)

    def _password_of(self, user: User | None) -> Password | None:
        kept = self._kept()
        return kept.passwords.get(user.id) if kept and user else None

    def _kept(self) -> _Kept | None:
        try:
            return self._file.read()
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise LibraryError(_unreadable(self._settings.user_passwords)) from error


# Nobody has it: so that an unknown name is as slow as a known one.
_NOBODYS = Password(b"0" * 16, b"", b"0" * 32)


def add_user(settings: Settings, name: str, role: Role, words: str) -> User:
    """A new user who signs in with this password. Raises PeopleError or SettingsError, and nothing is kept then."""
    hashed = hash_password(words)
    with open_database(settings.database, whole=True) as db, transaction(db):
        user = people.add_user(db, name, role)
        _change_passwords(settings, {user.id: hashed})
    return user


def set_password(settings: Settings, user: User, words: str) -> None:
    """A new password: whoever was signed in as this user no longer is."""
    _change_passwords(settings, {user.id: hash_password(words)})


def change_password(settings: Settings, user: User, old: str, new: str) -> None:
    """The user's own password, by who knows it. Raises PeopleError where they don't."""
    if not Accounts(settings).is_password_of(user, old):
        raise PeopleError("That is not your present password. Try again.")
    set_password(settings, user, new)


def remove_user(
    settings: Settings, user: User, *, delete_papers: bool = False, share: bool = False, pass_to: User | None = None
) -> None:
    """Remove a user, their tokens, searches and password; of their private papers what is said, which must be said.

    Raises PeopleError where it is not, or where no admin would be left.
    """
    if pass_to is not None and pass_to.id == user.id:
        raise PeopleError(f"'{user.name}' is to be removed, so the papers can't be passed to them. Name another.")
    with open_database(settings.database, whole=True) as db:
        owned = people.owned_papers(db, user.id)
        if delete_papers and owned:
            people.require_removable(db, user)
            # The admin does not see them, and is not to.
            with viewing(None):
                remove_documents(settings, owned)
        with transaction(db):
            if share:
                share_papers(db, owned)
            elif pass_to is not None:
                pass_papers(db, owned, pass_to.id)
            people.remove_user(db, user.id)
            # Before the row is gone for good: what opens the account goes first.
            withdraw_all_tokens(settings.tokens, user.id)
            _change_passwords(settings, {user.id: None})


def _change_passwords(settings: Settings, changes: Mapping[int, dict[str, str] | None]) -> None:
    path = settings.user_passwords
    with FileLock(f"{path}.lock"):
        try:
            value = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            value = {"library": secrets.token_hex(4), "users": {}}
        except (OSError, ValueError) as error:
            raise LibraryError(_unreadable(path)) from error
        for user_id, hashed in changes.items():
            value["users"].pop(str(user_id), None)
            if hashed is not None:
                value["users"][str(user_id)] = hashed
        try:
            write_private(path, json.dumps(value))
        except OSError as error:
            raise LibraryError(
                f"The passwords can't be kept in '{path}' ({error.strerror}). Look at the rights."
            ) from error


def _parse(path: Path) -> _Kept:
    value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    passwords = {int(user_id): parse_password(one) for user_id, one in value["users"].items()}
    return _Kept(f"whetstone_user_{int(value['library'], 16):08x}", passwords)


def _unreadable(path: Path) -> str:
    return (
        f"The users' passwords in '{path}' can't be read. Delete the file, then set each anew: "
        "python -m api users password NAME"
    )
