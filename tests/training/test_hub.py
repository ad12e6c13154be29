"""A push to the hub asks for a token, and says in one sentence what was refused. A server of our own is the hub."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import huggingface_hub.constants
import pytest
from sqlite_utils import Database

from core.errors import ModelError
from core.settings import Settings
from indexer.start import ensure_active_model
from training.hub import push_version


class _RefusingHub(BaseHTTPRequestHandler):
    asked: list[tuple[str, str | None]]

    def do_POST(self) -> None:
        self.asked.append((self.path, self.headers.get("Authorization")))
        self.send_response(403)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[_RefusingHub]]:
    _RefusingHub.asked = []
    server = HTTPServer(("127.0.0.1", 0), _RefusingHub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    yield _RefusingHub
    server.shutdown()
    server.server_close()


def test_without_a_token_nothing_is_sent(settings: Settings, db: Database, hub: type[_RefusingHub]) -> None:
    version = ensure_active_model(settings).version
    with pytest.raises(ModelError, match="Set HF_TOKEN"):
        push_version(settings, version.id, "me/model", None)
    assert hub.asked == []


def test_a_refusal_of_the_hub_is_one_sentence(settings: Settings, db: Database, hub: type[_RefusingHub]) -> None:
    version = ensure_active_model(settings).version
    with pytest.raises(ModelError, match=r"refused 'me/model' \(status 403\)"):
        push_version(settings, version.id, "me/model", "hf_secret")
    assert hub.asked == [("/api/repos/create", "Bearer hf_secret")]


def test_a_name_that_is_none_is_said_to_be(settings: Settings, db: Database, hub: type[_RefusingHub]) -> None:
    version = ensure_active_model(settings).version
    with pytest.raises(ModelError, match="no name of a repository"):
        push_version(settings, version.id, "me//mo del", "hf_secret")


def test_a_hub_out_of_reach_is_one_sentence(settings: Settings, db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    version = ensure_active_model(settings).version
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(ModelError, match="can't be reached"):
        push_version(settings, version.id, "me/model", "hf_secret")
