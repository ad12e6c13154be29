"""Addresses on the net that may hold a secret: what may be shown of one."""

import re
from urllib.parse import urlsplit

_HIDDEN = "***"
_BEFORE_THE_HOST = re.compile(r"^(\w+://)?.*@", re.DOTALL)
_BEHIND_THE_PATH = re.compile(r"[?#].*", re.DOTALL)


def without_secrets(address: str) -> str:
    """The address without name, password and query: `http://***@host/v1?***`. What is none loses more, never less."""
    shown = _BEFORE_THE_HOST.sub(rf"\1{_HIDDEN}@", address)
    return _BEHIND_THE_PATH.sub(f"?{_HIDDEN}", shown)


def is_web_address(text: str) -> bool:
    """Whether a request could be sent there."""
    try:
        parts = urlsplit(text)
        # Of a port that is none, this tells by a ValueError.
        return (
            parts.scheme in ("http", "https")
            and bool(parts.hostname)
            and parts.port != 0
            and re.search(r"\s", text) is None
        )
    except ValueError:
        return False
