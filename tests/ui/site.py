"""The app over real HTTP on loopback, in a thread of the test, and requests no browser would send."""

import json
import os
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import uvicorn

from api.password import store_password
from api.services import Services
from app import SERVER
from core.settings import Settings, load_settings
from indexer.start import ensure_active_model
from search.gpu import find_device
from search.searcher import Searcher
from storage.database import prepare_database
from ui.server import create_app

PASSWORD = "long enough"


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Site:
    """A served library; `cookie` goes along with every request."""

    settings: Settings
    port: int
    cookie: str = field(default="")

    def ask(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes | str | None = None
    ) -> Answer:
        """The path goes out as it is written."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=180)
        sent = ({"Cookie": self.cookie} if self.cookie else {}) | dict(headers or {})
        try:
            connection.putrequest(method, path, skip_host="Host" in sent, skip_accept_encoding=True)
            if body is not None and "Content-Length" not in sent and "Transfer-Encoding" not in sent:
                sent["Content-Length"] = str(len(body))
            for name, value in sent.items():
                connection.putheader(name, value)
            connection.endheaders(body.encode() if isinstance(body, str) else body)
            answer = connection.getresponse()
            return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Answer:
        return self.ask("GET", path, _named(headers))

    def post(self, path: str, value: Any, **headers: str) -> Answer:
        return self.ask("POST", path, {"Content-Type": "application/json"} | _named(headers), json.dumps(value))

    def upload(self, files: Mapping[str, bytes], **headers: str) -> Answer:
        body = b"".join(
            f'--b\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'.encode()
            + content
            + b"\r\n"
            for name, content in files.items()
        )
        kind = {"Content-Type": "multipart/form-data; boundary=b"}
        return self.ask("POST", "/gradio_api/upload", kind | _named(headers), body + b"--b--\r\n")

    def log_in(self, words: str = PASSWORD, path: str = "/login", **headers: str) -> Answer:
        """Try a password; where it is right, all that follows is logged in."""
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = self.ask("POST", path, kind | _named(headers), urlencode({"password": words}))
        if answer.status == 303:
            self.cookie = answer.headers["set-cookie"].split(";")[0]
        return answer

    def send_raw(self, request: bytes) -> bytes:
        """The first bytes of the answer to these bytes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=120) as connection:
            connection.sendall(request)
            return connection.recv(4096)


def _named(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


def make_services(home: Path, **overrides: Any) -> Services:
    """A library with its first model, whatever the environment says."""
    kept = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("WHETSTONE_")}
    settings = load_settings(home=home, **overrides)
    os.environ.update(kept)
    settings.prepare_home()
    prepare_database(settings.database)
    ensure_active_model(settings)
    return Services(settings, Searcher(settings), find_device(), "a test")


@contextmanager
def serve(services: Services, password: str = "") -> Iterator[Site]:
    """The app, served as app.py serves it, whatever its settings name as host."""
    if password:
        store_password(services.settings.password, password)
    before = os.environ.get("GRADIO_TEMP_DIR")
    # As app.py does: uploads lie in the library.
    os.environ["GRADIO_TEMP_DIR"] = str(services.settings.uploads)
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(create_app(services), **SERVER))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
        assert thread.is_alive(), "the server did not start"
    try:
        yield Site(services.settings, listener.getsockname()[1])
    finally:
        server.should_exit = True
        thread.join(30)
        listener.close()
        os.environ.pop("GRADIO_TEMP_DIR")
        if before is not None:
            os.environ["GRADIO_TEMP_DIR"] = before
