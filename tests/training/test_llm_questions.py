"""A language model is asked only where its address is set, and whatever answers there does no harm."""

import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, ClassVar

import pytest
from sqlite_utils import Database

from core.errors import SettingsError
from core.settings import Settings, load_settings
from storage import library
from tests.makers import store_paper
from training.llm_questions import ask_for_questions


class _Api(BaseHTTPRequestHandler):
    answer: Any = None
    asked: ClassVar[list[Any]] = []

    def do_GET(self) -> None:
        self._send({"data": [{"id": "tiny"}]})

    def do_POST(self) -> None:
        self.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self._send(self.answer)

    def _send(self, value: Any) -> None:
        if isinstance(value, str):
            self.send_response(302)
            self.send_header("Location", value)
            self.end_headers()
            return
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: Any) -> None:
        pass


@pytest.fixture
def api(settings: Settings) -> Iterator[Settings]:
    server = HTTPServer(("127.0.0.1", 0), _Api)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    _Api.asked = []
    yield replace(settings, llm_url=f"http://127.0.0.1:{server.server_address[1]}/v1")
    server.shutdown()
    server.server_close()
    thread.join()


def said(text: str) -> dict[str, Any]:
    return {"choices": [{"message": {"content": text}}]}


def questions(settings: Settings, db: Database) -> list[str]:
    document = store_paper(db, "aa", ["Gravity bends light.", "Mass tells space how to curve."])
    return [one.query for one in ask_for_questions(settings, document, library.chunks_of_document(db, document.id))]


def test_the_lines_that_are_questions_come_back_without_their_bullets(api: Settings, db: Database) -> None:
    _Api.answer = said("Sure!\n1. What bends light?\n- What bends light?\n* How does space curve?\nDone.")
    assert questions(api, db) == ["What bends light?", "How does space curve?"]
    (asked,) = _Api.asked
    assert asked["model"] == "tiny"
    assert "Gravity bends light." in asked["messages"][0]["content"]


@pytest.mark.parametrize("answer", [{"error": "no"}, [], {"choices": []}, 7])
def test_what_is_no_such_api_is_one_sentence(api: Settings, db: Database, answer: Any) -> None:
    _Api.answer = answer
    with pytest.raises(SettingsError, match="is no OpenAI-compatible API"):
        questions(api, db)


def test_a_redirect_is_not_followed_and_nobody_answering_is_one_sentence(api: Settings, db: Database) -> None:
    _Api.answer = "http://127.0.0.1:9/elsewhere"
    with pytest.raises(SettingsError, match="did not answer"):
        questions(api, db)
    with pytest.raises(SettingsError, match="did not answer"):
        questions(replace(api, llm_url="http://127.0.0.1:9"), db)


def test_no_address_is_set_by_default_and_a_wrong_one_is_refused(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert settings.llm_url == ""
    monkeypatch.setenv("WHETSTONE_LLM_URL", "file:///etc/passwd")
    with pytest.raises(SettingsError, match="must begin with http"):
        load_settings()


def test_what_speaks_another_protocol_is_one_sentence(settings: Settings, db: Database) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def greet() -> None:
            with listener.accept()[0] as connection:
                connection.recv(1000)
                connection.sendall(b"SSH-2.0-OpenSSH\r\n" + b"x" * 1000 + b"\r\n")

        greeting = threading.Thread(target=greet)
        greeting.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        with pytest.raises(SettingsError, match="did not answer") as told:
            questions(replace(settings, llm_url=url), db)
        greeting.join()
    assert len(str(told.value).splitlines()) == 1
