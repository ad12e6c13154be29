"""A language model is asked only where its address is set, and whatever answers there does no harm."""

import json
import socket
import threading
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, ClassVar

import pytest
from sqlite_utils import Database

from api.diagnostics import diagnose
from core.errors import SettingsError
from core.settings import Settings, load_settings
from core.stored_settings import list_knobs
from search.gpu import find_device
from storage import library
from tests.makers import store_paper
from training.llm_questions import ask_for_questions


class _Api(BaseHTTPRequestHandler):
    answer: Any = None
    asked: ClassVar[list[Any]] = []
    allowed: ClassVar[list[str | None]] = []

    def do_GET(self) -> None:
        self.allowed.append(self.headers["Authorization"])
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
    _Api.asked, _Api.allowed = [], []
    yield replace(settings, llm_url=f"http://127.0.0.1:{server.server_address[1]}/v1")
    server.shutdown()
    server.server_close()
    thread.join()


def said(text: str) -> dict[str, Any]:
    return {"choices": [{"message": {"content": text}}]}


def questions(settings: Settings, db: Database, seconds: float = 60) -> list[str]:
    document = store_paper(db, "aa", ["Gravity bends light.", "Mass tells space how to curve."])
    chunks = library.chunks_of_document(db, document.id)
    return [one.query for one in ask_for_questions(settings, document, chunks, seconds)]


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
    for wrong in ("file:///etc/passwd", "http://", "http://host:port/v1", "http://[::1/v1", "127.0.0.1:11434/v1"):
        monkeypatch.setenv("WHETSTONE_LLM_URL", wrong)
        with pytest.raises(SettingsError, match=r"begins with http:// or https://, or empty\.$"):
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


def test_a_name_and_a_password_in_the_address_open_it_and_are_shown_nowhere(
    api: Settings, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = api.llm_url.replace("http://", "http://me:zanz%40ibar@") + "?key=zanzibar"
    _Api.answer = said("What bends light?")
    assert questions(replace(api, llm_url=url), db) == ["What bends light?"]
    assert _Api.allowed == ["Basic " + b64encode(b"me:zanz@ibar").decode()]

    told = []
    for answer in ([], "http://127.0.0.1:9/elsewhere"):
        _Api.answer = answer
        with pytest.raises(SettingsError) as error:
            questions(replace(api, llm_url=url), db)
        told.append(str(error.value))
    for wrong in ("ftp://me:zanzibar@host", "me:zanzibar@host", "http://me:zanz/ibar@host:port", "http://h:x?zanzibar"):
        monkeypatch.setenv("WHETSTONE_LLM_URL", wrong)
        with pytest.raises(SettingsError, match="WHETSTONE_LLM_URL is ") as error:
            load_settings()
        told.append(str(error.value))
    monkeypatch.setenv("WHETSTONE_LLM_URL", url)
    running = load_settings(home=api.home)
    knobs = {knob.variable.key: knob.value for knob in list_knobs(running)}
    port = api.llm_url.split(":")[2]
    assert knobs["llm_url"] == f"http://***@127.0.0.1:{port}?***"
    told += [str(knobs), json.dumps(diagnose(running, find_device()))]
    assert [one for one in told if "zanz" in one or "ibar" in one] == []


@pytest.mark.parametrize("head", ["", "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", "HTTP/1.0 200 OK\r\n\r\n"])
def test_a_server_that_drips_is_given_up_in_time(settings: Settings, db: Database, head: str) -> None:
    """Each byte comes long before a socket's own timeout, in the head of the answer or behind it."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def drip() -> None:
            with listener.accept()[0] as connection:
                connection.recv(1000)
                connection.sendall(head.encode())
                with suppress(OSError):
                    while not over.wait(0.05):
                        connection.sendall(b"x")

        dripping = threading.Thread(target=drip)
        dripping.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        began = time.monotonic()
        with pytest.raises(SettingsError, match=r"did not answer \(no whole answer within 1 seconds\)"):
            questions(replace(settings, llm_url=url), db, seconds=1)
        assert time.monotonic() - began < 20
        over.set()
        dripping.join()
