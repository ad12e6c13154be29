"""Where the app that serves a library is: told in a file beside its lock, and believed once it has answered."""

import json
import secrets
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException

from core.files import write_private
from core.settings import Settings

# Answered before any login, with a number that means nothing to anyone but the owner of the library's folder.
RUN_PATH = "/whetstone.id"
_SECONDS_TO_ANSWER = 3
# Never by a proxy: the answer comes from this machine.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True, slots=True)
class Served:
    """The address of a library's page as this machine reaches it; `run` is another one at each start."""

    url: str
    run: str


def new_run() -> str:
    return secrets.token_hex(16)


def local_url(host: str, port: int) -> str:
    """The address at which this machine reaches what is served on this host, which may be all there are."""
    reached = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{reached}]:{port}" if ":" in reached else f"http://{reached}:{port}"


@contextmanager
def announced(settings: Settings, served: Served) -> Iterator[None]:
    """While this lasts, `find_served` finds it. Only the holder of the app's lock may say so."""
    file = settings.app_address
    try:
        write_private(file, json.dumps({"url": served.url, "run": served.run}))
        yield
    finally:
        file.unlink(missing_ok=True)


def find_served(settings: Settings) -> Served | None:
    """The app that serves this library now; None where there is none, or where another program has its port by now."""
    try:
        value = json.loads(settings.app_address.read_text(encoding="utf-8"))
        served = Served(str(value["url"]), str(value["run"]))
        with _OPENER.open(served.url + RUN_PATH, timeout=_SECONDS_TO_ANSWER) as answer:
            said = answer.read(len(served.run) + 1).decode("ascii", "replace")
    except (OSError, ValueError, KeyError, TypeError, HTTPException, urllib.error.URLError):
        # No file, an old or spoilt one, nobody there, or somebody else.
        return None
    return served if secrets.compare_digest(said.encode(), served.run.encode()) else None
