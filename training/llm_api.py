"""One request to an OpenAI-compatible API: to the address that is set and no other, and over within its time."""

import json
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from core.deadline import Deadline

_MOST_ANSWERED = 200_000


def ask_api(address: str, path: str, body: dict[str, Any] | None, seconds: float) -> Any:
    """The JSON that is answered below the address, to a POST where there is a body.

    Neither a redirect nor a proxy of the environment takes it elsewhere. Raises OSError, HTTPException or ValueError
    where nothing comes, or not all of it within so many seconds, however slowly it drips.
    """
    parts = urlsplit(address)
    target = f"{parts.path.rstrip('/')}/{path}" + (f"?{parts.query}" if parts.query else "")
    with _connected(parts, seconds) as connection, Deadline(seconds) as deadline:
        try:
            deadline.hold(connection.sock)
            connection.request(
                "GET" if body is None else "POST",
                target,
                None if body is None else json.dumps(body).encode(),
                {"Content-Type": "application/json", "Accept": "application/json"} | _credentials(parts),
            )
            return json.loads(_read(connection.getresponse()))
        except (OSError, HTTPException, ValueError):
            # What a connection says that the deadline ended is beside the point.
            deadline.check()
            raise


@contextmanager
def _connected(parts: SplitResult, seconds: float) -> Iterator[HTTPConnection]:
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=seconds)
    try:
        connection.connect()
        yield connection
    finally:
        connection.close()


def _read(answer: HTTPResponse) -> bytes:
    if answer.status != 200:
        raise OSError(f"HTTP {answer.status} {answer.reason}")
    return answer.read(_MOST_ANSWERED)


def _credentials(parts: SplitResult) -> dict[str, str]:
    """The name and password that stand before the host."""
    if parts.username is None and parts.password is None:
        return {}
    words = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
    return {"Authorization": f"Basic {b64encode(words.encode()).decode()}"}
