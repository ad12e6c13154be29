"""Passwords, each kept as a scrypt hash that only the owner of the files may read, and the sessions they open."""

import base64
import hashlib
import hmac
import json
import secrets
import time
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from core.errors import LibraryError, SettingsError
from core.files import FreshFile, write_private

_SHORTEST, _LONGEST = 8, 1000
# 32 MB and about a tenth of a second for each try.
_COST = {"n": 1 << 15, "r": 8, "p": 1}
_MEMORY = 64 << 20
SESSION_SECONDS = 14 * 86_400


@dataclass(frozen=True, slots=True)
class Password:
    """The hash of a password, and the key its sessions are signed with: a new password ends the old one's sessions."""

    salt: bytes
    digest: bytes
    session_key: bytes

    def matches(self, words: str) -> bool:
        """Whether these are the words; takes the same time whatever they are."""
        return hmac.compare_digest(_digest(words[:_LONGEST], self.salt), self.digest)

    @property
    def cookie(self) -> str:
        """The name of its sessions' cookie, for browsers keep one jar for all ports of a machine."""
        return f"whetstone_{self.salt[:4].hex()}"

    def open_session(self) -> str:
        """The value of a cookie that `is_session` knows again for two weeks."""
        claim = f"{int(time.time()) + SESSION_SECONDS}.{secrets.token_urlsafe(16)}"
        return f"{claim}.{self._sign(claim)}"

    def is_session(self, cookie: str) -> bool:
        claim, _, signature = cookie.rpartition(".")
        if not hmac.compare_digest(signature.encode("utf-8", "replace"), self._sign(claim).encode()):
            return False
        return int(claim.split(".")[0]) > time.time()

    def _sign(self, claim: str) -> str:
        signature = hmac.digest(self.session_key, claim.encode("utf-8", "replace"), "sha256")
        return base64.urlsafe_b64encode(signature).decode().rstrip("=")


class PasswordFile:
    """The password as the file has it now, so that a new one counts at once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = FreshFile(path, lambda file: parse_password(json.loads(file.read_text(encoding="utf-8"))))

    def read(self) -> Password | None:
        """None where no password is set. Raises LibraryError where the file can't be read as one."""
        try:
            return self._file.read()
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise LibraryError(
                f"The password in '{self._path}' can't be read. Set it anew: python app.py --set-password"
            ) from error


def store_password(path: Path, words: str) -> None:
    """Keep the hash of a new password, readable to its owner only; whoever was logged in no longer is.

    Raises SettingsError where it is too short or too long.
    """
    try:
        write_private(path, json.dumps(hash_password(words)))
    except OSError as error:
        raise LibraryError(f"The password can't be kept in '{path}' ({error.strerror}). Look at the rights.") from error


def hash_password(words: str) -> dict[str, str]:
    """A new password as it is kept, which `parse_password` reads. Raises SettingsError as `store_password` does."""
    if not _SHORTEST <= len(words) <= _LONGEST:
        raise SettingsError(
            f"The password has {len(words)} characters; it needs {_SHORTEST} to {_LONGEST}. Choose another."
        )
    salt = secrets.token_bytes(16)
    parts = {"salt": salt, "digest": _digest(words, salt), "session_key": secrets.token_bytes(32)}
    return {name: part.hex() for name, part in parts.items()}


def parse_password(value: Mapping[str, str]) -> Password:
    """Raises ValueError, KeyError or TypeError where it is none."""
    parts = {name: bytes.fromhex(value[name]) for name in ("salt", "digest", "session_key")}
    if not all(len(part) >= 16 for part in parts.values()):
        raise ValueError("a part is too short")
    return Password(**parts)


def _digest(words: str, salt: bytes) -> bytes:
    # The same letters are other bytes from another keyboard.
    typed = unicodedata.normalize("NFC", words).encode("utf-8", "replace")
    return hashlib.scrypt(typed, salt=salt, maxmem=_MEMORY, dklen=32, **_COST)
