"""What programs show in place of the password: long random words, of which the library keeps the hashes only."""

import hashlib
import json
import secrets
import threading
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock

from core.errors import LibraryError, NotFoundError, SettingsError
from core.files import write_private
from storage.database import now

_LONGEST_NAME = 60
# Told apart from other secrets, where one is found in a place it should not be.
_PREFIX = "whetstone_"


@dataclass(frozen=True, slots=True)
class Token:
    """A token by its name. Of 256 random bits a plain hash gives nothing away, so `digest` is SHA-256."""

    name: str
    digest: str
    made_at: str


class TokenFile:
    """The tokens as the file has them now, so that one that was withdrawn opens nothing from then on."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._seen: tuple[int, int] | None = None
        self._digests: frozenset[str] = frozenset()

    def knows(self, secret: str) -> bool:
        """Whether this is a token. Raises LibraryError where the file can't be read."""
        with self._lock:
            try:
                status = self._path.stat()
            except FileNotFoundError:
                self._seen, self._digests = None, frozenset()
            else:
                seen = (status.st_mtime_ns, status.st_ino)
                if seen != self._seen:
                    self._digests = frozenset(token.digest for token in list_tokens(self._path))
                    self._seen = seen
            # Looked up by hash: how long that takes tells nothing of a token.
            return _digest(secret) in self._digests


def list_tokens(path: Path) -> list[Token]:
    """Every token, in the order they were made. Raises LibraryError where the file can't be read."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(values, list):
            raise ValueError("it is no list")
        tokens = [Token(**value) for value in values]
        if not all(isinstance(token.digest, str) for token in tokens):
            raise ValueError("a digest is no text")
        return tokens
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise LibraryError(
            f"The tokens in '{path}' can't be read. Delete the file, then make them anew: python -m api make-token NAME"
        ) from error


def make_token(path: Path, name: str) -> str:
    """A new token of this name, which is told this once only. Raises SettingsError where the name can't be used."""
    if not (name.strip() and name.isprintable() and len(name) <= _LONGEST_NAME):
        raise SettingsError(f"'{name[:_LONGEST_NAME]}' is not a name of a token. Give 1 to {_LONGEST_NAME} letters.")
    with FileLock(f"{path}.lock"):
        tokens = list_tokens(path)
        if any(token.name == name for token in tokens):
            raise SettingsError(f"There is a token '{name}' already. Withdraw it first, or give another name.")
        secret = _PREFIX + secrets.token_urlsafe(32)
        _store(path, [*tokens, Token(name, _digest(secret), now())])
    return secret


def withdraw_token(path: Path, name: str) -> None:
    """Let the token of this name open nothing any more. Raises NotFoundError where there is none."""
    with FileLock(f"{path}.lock"):
        tokens = list_tokens(path)
        left = [token for token in tokens if token.name != name]
        if len(left) == len(tokens):
            raise NotFoundError(f"There is no token '{name}'. 'python -m api tokens' shows their names.")
        _store(path, left)


def _store(path: Path, tokens: list[Token]) -> None:
    try:
        write_private(path, json.dumps([asdict(token) for token in tokens]))
    except OSError as error:
        raise LibraryError(f"The tokens can't be kept in '{path}' ({error.strerror}). Look at the rights.") from error


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
