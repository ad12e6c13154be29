"""What programs show in place of the password: long random words, of which the library keeps the hashes only."""

import hashlib
import json
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock

from core.errors import LibraryError, NotFoundError, SettingsError
from core.files import FreshFile, write_private
from storage.database import now

_LONGEST_NAME = 60
# The name stands in the address by which a program withdraws it.
_NOT_IN_A_NAME = frozenset("/\\%")
# Told apart from other secrets, where one is found in a place it should not be.
_PREFIX = "whetstone_"


@dataclass(frozen=True, slots=True)
class Token:
    """A token by its name. Of 256 random bits a plain hash gives nothing away, so `digest` is SHA-256.

    `user` is the id of whose it is, None where it is of a library without users.
    """

    name: str
    digest: str
    made_at: str
    user: int | None = None


class TokenFile:
    """The tokens as the file has them now, so that one that was withdrawn opens nothing from then on."""

    def __init__(self, path: Path) -> None:
        self._file = FreshFile(path, lambda file: {token.digest: token for token in list_tokens(file)})

    def find(self, secret: str) -> Token | None:
        """The token that this is, None where it is none. Raises LibraryError where the file can't be read."""
        # Looked up by hash: how long that takes tells nothing of a token.
        return (self._file.read() or {}).get(_digest(secret))

    def knows(self, secret: str) -> bool:
        """Whether this is a token. Raises LibraryError where the file can't be read."""
        return self.find(secret) is not None


def list_tokens(path: Path) -> list[Token]:
    """Every token, in the order they were made. Raises LibraryError where the file can't be read."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(values, list):
            raise ValueError("it is no list")
        tokens = [Token(**value) for value in values]
        if not all(isinstance(token.digest, str) and isinstance(token.user, int | None) for token in tokens):
            raise ValueError("a digest is no text, or a user no id")
        return tokens
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise LibraryError(
            f"The tokens in '{path}' can't be read. Delete the file, then make them anew: python -m api make-token NAME"
        ) from error


def make_token(path: Path, name: str, user: int | None = None) -> str:
    """A new token of this name, of this user where there are users, which is told this once only.

    Raises SettingsError where the name can't be used, or the user has one of it.
    """
    if not (name.strip(". ") and name.isprintable() and len(name) <= _LONGEST_NAME and not _NOT_IN_A_NAME & set(name)):
        raise SettingsError(
            f"'{name[:_LONGEST_NAME]}' is not a name of a token. Give 1 to {_LONGEST_NAME} letters, and none of / \\ %."
        )
    with FileLock(f"{path}.lock"):
        tokens = list_tokens(path)
        if any((token.name, token.user) == (name, user) for token in tokens):
            raise SettingsError(f"There is a token '{name}' already. Withdraw it first, or give another name.")
        secret = _PREFIX + secrets.token_urlsafe(32)
        _store(path, [*tokens, Token(name, _digest(secret), now(), user)])
    return secret


def withdraw_token(path: Path, name: str, user: int | None = None) -> None:
    """Let the user's token of this name open nothing any more. Raises NotFoundError where there is none."""
    with FileLock(f"{path}.lock"):
        tokens = list_tokens(path)
        left = [token for token in tokens if (token.name, token.user) != (name, user)]
        if len(left) == len(tokens):
            raise NotFoundError(f"There is no token '{name}'. 'python -m api tokens' shows their names.")
        _store(path, left)


def withdraw_all_tokens(path: Path, user: int) -> None:
    """Let no token of this user open anything any more."""
    with FileLock(f"{path}.lock"):
        tokens = list_tokens(path)
        left = [token for token in tokens if token.user != user]
        if len(left) < len(tokens):
            _store(path, left)


def _store(path: Path, tokens: list[Token]) -> None:
    try:
        write_private(path, json.dumps([asdict(token) for token in tokens]))
    except OSError as error:
        raise LibraryError(f"The tokens can't be kept in '{path}' ({error.strerror}). Look at the rights.") from error


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
