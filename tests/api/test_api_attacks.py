"""Attacks on the API over real HTTP: other sites, uploads that fill the disk, streams that never end."""

import re
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import pytest

from api.create import describe_api
from core.types import JobKind
from storage import jobs, library
from storage.database import open_database
from tests.ui.site import PASSWORD, Site, make_services, serve

# Every route there is, so that none comes that nobody attacks.
ROUTES = [
    (method.upper(), re.sub(r"\{[^}]*\}", "1", path).replace("/search/1", "/search/csv"))
    for path, methods in describe_api()["paths"].items()
    for method in methods
]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Without a password; a file is of 1 MB at most, and no worker reads it."""
    with serve(make_services(tmp_path_factory.mktemp("api") / "library", upload_megabytes=1)) as site:
        yield site


def files(site: Site) -> list[Path]:
    return [path for path in site.settings.uploads.rglob("*") if path.is_file()]


def documents(site: Site) -> int:
    with open_database(site.settings.database) as db:
        return library.count_documents(db)


@pytest.mark.parametrize(
    "sent",
    [
        {"Origin": "http://evil.example"}, {"Origin": "null"}, {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, {"Sec-Fetch-Site": "same-site"},
        {"Origin": "http://evil.example", "Content-Type": "text/plain"},
    ],
)  # fmt: skip
def test_a_page_of_another_site_can_write_nothing(site: Site, sent: dict[str, str]) -> None:
    for method, path in [*ROUTES, ("GET", "/api/openapi.json"), ("GET", "/api/docs"), ("GET", "/whetstone.id")]:
        answer = site.ask(method, path, sent, b"%PDF-1.7 evil")
        assert (answer.status, answer.json()["error"]["code"]) == (403, "other_site"), path
    assert documents(site) == 0


def test_under_another_name_the_api_is_not_there(site: Site) -> None:
    for method, path in [*ROUTES, ("GET", "/api/openapi.json"), ("GET", "/api/docs"), ("GET", "/whetstone.id")]:
        answer = site.ask(method, path, {"Host": "evil.example"}, b"{}")
        assert (answer.status, answer.json()["error"]["code"]) == (400, "host_unknown"), path


def test_where_a_password_is_set_no_route_answers_without_it(tmp_path: Path) -> None:
    services = make_services(tmp_path / "library")
    with serve(services, PASSWORD) as site:
        for method, path in [*ROUTES, ("GET", "/api/openapi.json"), ("GET", "/api/docs"), ("GET", "/api/nothing")]:
            answer = site.ask(method, path, {"Content-Type": "application/json"}, b"{}")
            assert (answer.status, answer.json()["error"]["code"]) == (401, "login_needed"), path
    services.drawer.close()


def test_a_form_that_any_page_could_send_is_no_request_of_the_api(site: Site) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded"):
        body = '{"query": "why?", "chunk_id": 1, "relevance": 1}'
        assert site.ask("POST", "/api/v1/judgements", {"Content-Type": kind}, body).status == 422
    form = {"Content-Type": "multipart/form-data; boundary=b"}
    assert site.ask("POST", "/api/v1/documents", form, b"--b--\r\n").status in (415, 422)
    assert site.ask("POST", "/api/v1/retrain", form, b"--b--\r\n").status == 415


def test_a_file_that_is_too_large_is_refused_before_it_is_sent(site: Site) -> None:
    for path in ("/api/v1/documents?name=a.pdf", "/api/v1/models", "/api/v1/judgements/import"):
        answer = site.ask("POST", path, {"Content-Length": str((1 << 20) + 1)})
        assert (answer.status, answer.json()["error"]["code"]) == (413, "too_large")
        assert answer.json()["error"]["message"].startswith("A file has more than 1 MB, so none was taken.")
    assert site.ask("POST", "/api/v1/search", {"Content-Length": str(9 << 20)}).status == 413
    chunked = {"Transfer-Encoding": "chunked"}
    assert site.ask("POST", "/api/v1/documents?name=a.pdf", chunked, b"0\r\n\r\n").json()["error"]["code"] == (
        "length_needed"
    )
    assert files(site) == []


def test_what_the_disk_has_no_room_for_is_refused_before_it_is_sent(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ui.upload_gate.shutil.disk_usage", lambda folder: SimpleNamespace(free=1 << 30))
    answer = site.ask("POST", "/api/v1/documents?name=a.pdf", {"Content-Length": "1000"})
    assert (answer.status, answer.json()["error"]["code"]) == (413, "too_large")


def test_a_file_that_is_broken_off_leaves_nothing(site: Site) -> None:
    request = (
        f"POST /api/v1/documents?name=a.pdf HTTP/1.1\r\nHost: 127.0.0.1:{site.port}\r\nContent-Length: 900000\r\n\r\n"
    ).encode()
    with socket.create_connection(("127.0.0.1", site.port)) as connection:
        connection.sendall(request + b"%PDF-" + b"x" * 500_000)
        _wait_until(lambda: files(site) != [])
    _wait_until(lambda: files(site) == [])
    assert documents(site) == 0


def test_a_file_of_nothing_is_no_paper(site: Site) -> None:
    for name in ("a.pdf", "a.html", "a.txt"):
        answer = site.ask("POST", f"/api/v1/documents?name={name}", {"Content-Length": "0"})
        assert (answer.status, answer.json()["error"]["code"]) == (400, "read")
        assert answer.json()["error"]["message"] == f"'{name}' is empty. Download it again."
    assert documents(site) == 0
    assert files(site) == []


def test_a_sender_that_falls_silent_is_given_up_and_its_room_given_back(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = (1 << 30) + (1 << 20)
    monkeypatch.setattr("ui.upload_gate.shutil.disk_usage", lambda folder: SimpleNamespace(free=room))
    monkeypatch.setattr("ui.upload_gate._SILENT_SECONDS", 5)
    request = (
        f"POST /api/v1/documents?name=a.pdf HTTP/1.1\r\nHost: 127.0.0.1:{site.port}\r\nContent-Length: 900000\r\n\r\n"
    ).encode()
    with socket.create_connection(("127.0.0.1", site.port), timeout=240) as connection:
        connection.sendall(request + b"%PDF-")
        _wait_until(lambda: files(site) != [])
        # What was claimed is kept free, less what came.
        refused = site.ask("POST", "/api/v1/documents?name=b.pdf", {"Content-Length": "200000"})
        assert "has room for 0 MB only" in refused.json()["error"]["message"]
        answer = b"".join(iter(lambda: connection.recv(10_000), b""))
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"The upload was given up, because nothing of it came for a while. Send it again." in answer
    _wait_until(lambda: files(site) == [])
    # What is no paper is refused as one, and not for want of room.
    body = b"\0" * 200_000
    assert site.ask("POST", "/api/v1/documents?name=b.zip", {}, body).json()["error"]["code"] == "read"


def test_fifty_may_follow_a_job_and_a_place_is_given_back(site: Site) -> None:
    with open_database(site.settings.database) as db:
        job = jobs.add_job(db, JobKind.INGEST)
    path = f"/api/v1/jobs/{job.id}/events"
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{site.port}\r\n\r\n".encode()
    with ExitStack() as stack:
        for _ in range(50):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", site.port), timeout=120))
            connection.sendall(request)
            assert b" 200 " in connection.recv(100)
        refused = site.get(path)
        assert (refused.status, refused.json()["error"]["code"]) == (503, "busy")
        assert site.get(f"/api/v1/jobs/{job.id}").status == 200

    def followed() -> bool:
        with socket.create_connection(("127.0.0.1", site.port), timeout=120) as connection:
            connection.sendall(request)
            return b" 200 " in connection.recv(100)

    _wait_until(followed)


def test_text_of_a_request_comes_back_as_json_only(site: Site) -> None:
    answer = site.get("/api/v1/documents/%3Cscript%3Ealert(1)%3C%2Fscript%3E")
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"


def _wait_until(holds: object) -> None:
    end = time.monotonic() + 120
    assert callable(holds)
    while not holds():
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(0.02)
