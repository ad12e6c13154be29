"""Attacks over real HTTP on loopback: names, other sites, files by path, uploads that fill the disk."""

import shutil
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from html import unescape
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import pytest

from core.settings import Settings
from core.types import DocumentState, Metadata
from indexer.drawing import Drawer, DrawLimits
from indexer.ingest import add_file
from indexer.pdf import read_paper
from storage import library
from storage.database import open_database
from storage.readings import store_reading
from tests.children import end_until_done, noted_children
from tests.papers import make_paper, make_slow_pdf, write, zipped
from tests.ui.site import Site, make_services, serve
from ui.guard import is_open


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A library with one paper, without a password; files are of 1 MB and 3 at once at most."""
    folder = tmp_path_factory.mktemp("attacked")
    services = make_services(folder / "library", upload_megabytes=1, upload_files=3)
    path = write(folder, "light.pdf", make_paper("On Light", ["Gravity bends the path of light."]))
    document, _ = add_file(services.settings, path)
    with open_database(services.settings.database) as db:
        store_reading(db, document.id, Metadata(), read_paper(path).pages, [])
        library.set_document_state(db, document.id, DocumentState.READY)
    (folder / "secret.pdf").write_bytes(b"%PDF- SECRET")
    with serve(services) as site:
        yield site


def leftovers(settings: Settings) -> list[Path]:
    """What takes room; Gradio's spool files of nothing are swept away later."""
    return [path for path in settings.uploads.rglob("*") if path.is_file() and path.stat().st_size]


def drop(site: Site, files: dict[str, bytes]) -> str:
    """Upload files as the Library tab does; its answer."""
    paths = site.upload(files).json()
    config = site.get("/config").json()
    component = next(part["id"] for part in config["components"] if part["props"].get("elem_id") == "upload")
    event = next(one["id"] for one in config["dependencies"] if component in one["inputs"])
    sent = [{"path": path, "meta": {"_type": "gradio.FileData"}, "orig_name": "a.pdf"} for path in paths]
    answer = site.post("/gradio_api/run/predict", {"data": [sent, 0, "", None], "fn_index": event, "session_hash": "a"})
    assert answer.status == 200
    return unescape(answer.text)


# --- another name, another site ---


@pytest.mark.parametrize(
    "host",
    [
        "evil.example", "127.0.0.1.evil.example", "localhost.", "127.1", "2130706433", "user@127.0.0.1", "[::1",
        "localhost,evil.example", "10.0.0.1", "[::ffff:10.0.0.1]", "", "127.0.0.1:99999999",
    ],
)  # fmt: skip
def test_under_another_name_nothing_is_served(site: Site, host: str) -> None:
    for path in ("/", "/api/health", "/gradio_api/info", "/assets/x.js"):
        assert site.get(path, Host=host).status == 400


@pytest.mark.parametrize("host", ["LOCALHOST", "localhost:1", "[::1]:7860", "127.0.0.1"])
def test_each_way_to_write_loopback_is_this_app(site: Site, host: str) -> None:
    assert site.get("/api/health", Host=host).status == 200


def test_two_hosts_or_none_are_refused(site: Site) -> None:
    two = b"GET /api/health HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
    none = b"GET /api/health HTTP/1.0\r\n\r\n"
    elsewhere = b"GET http://evil.example/api/health HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
    for request in (two, none, elsewhere):
        assert site.send_raw(request).split(b" ")[1] == b"400", request


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example", "null", "NULL", "", "http://", "http://[", "file://", "http://127.0.0.1",
        "http://127.0.0.1:{port}.evil.example", "http://evil.example@127.0.0.1:{port}", "ws://127.0.0.1:{port}",
        "http://127.0.0.1:{port}/", "http://localhost:{port}", "http://[::1]:{port}", "chrome-extension://127.0.0.1:{port}",
    ],
)  # fmt: skip
def test_a_page_of_another_origin_can_do_nothing(site: Site, origin: str) -> None:
    headers = {"Origin": origin.replace("{port}", str(site.port))}
    before = leftovers(site.settings)
    body = {"data": [], "fn_index": 0, "session_hash": "a"}
    assert site.post("/gradio_api/run/predict", body, **headers).status == 403
    assert site.post("/gradio_api/queue/join", body, **headers).status == 403
    assert site.upload({"a.pdf": b"%PDF-"}, **headers).status == 403
    assert site.get("/config", **headers).status == 403
    preflight = site.ask("OPTIONS", "/gradio_api/run/predict", headers | {"Access-Control-Request-Method": "POST"})
    assert preflight.status == 403
    assert "access-control-allow-origin" not in preflight.headers
    assert leftovers(site.settings) == before


def test_the_page_itself_may_ask_in_whatever_case_its_name_is_written(site: Site) -> None:
    for host in (f"127.0.0.1:{site.port}", f"LOCALHOST:{site.port}"):
        headers = {"Host": host, "Origin": f"http://{host.lower()}", "Sec-Fetch-Site": "same-origin"}
        assert site.ask("POST", "/gradio_api/queue/join", headers, "{}").status != 403


@pytest.mark.parametrize("of", ["cross-site", "same-site"])
def test_another_sites_page_may_link_to_this_one_and_no_more(site: Site, of: str) -> None:
    follow = {"Sec-Fetch-Site": of, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert site.ask("GET", "/?q=light", follow).status == 200
    assert site.ask("POST", "/", follow).status == 403
    assert site.ask("GET", "/", follow | {"Sec-Fetch-Dest": "iframe"}).status == 403
    for path in ("/api/v1/documents/1/pages/1.jpg", "/api/v1/documents/1/original.pdf", "/config", "/assets/x.js"):
        assert site.ask("GET", path, {"Sec-Fetch-Site": of, "Sec-Fetch-Mode": "no-cors"}).status == 403


def test_a_websocket_is_not_opened(site: Site) -> None:
    for origin in ("http://evil.example", f"http://127.0.0.1:{site.port}"):
        handshake = (
            f"GET /gradio_api/queue/join HTTP/1.1\r\nHost: 127.0.0.1:{site.port}\r\nOrigin: {origin}\r\n"
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        status = int(site.send_raw(handshake.encode()).split(b" ")[1])
        assert status >= 400, status


@pytest.mark.parametrize("path", ["/", "/api/health", "/nothing", "/api/v1/documents/99/original.pdf", "/theme.css"])
def test_every_answer_has_the_security_headers(site: Site, path: str) -> None:
    headers = site.get(path).headers
    policy = headers["content-security-policy"]
    for part in ("default-src 'self'", "connect-src 'self'", "object-src 'none'", "frame-ancestors 'none'"):
        assert part in policy
    assert "http" not in policy
    assert "*" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "same-origin"
    assert "server" not in headers


# --- files by path ---


def file_paths(settings: Settings) -> list[str]:
    outside = [settings.database, settings.home.parent / "secret.pdf", Path("/etc/passwd"), Path(__file__)]
    return [str(path) for path in (*outside, *settings.originals.iterdir())]


def test_no_file_is_served_by_its_path(site: Site) -> None:
    link = site.settings.uploads / "link.txt"
    link.symlink_to("/etc/passwd")
    upload = site.upload({"mine.pdf": b"%PDF- mine"})
    assert upload.status == 200
    other = upload.json()[0]
    for target in [*file_paths(site.settings), str(link), other, "../../../../etc/passwd", "file:///etc/passwd"]:
        for written in (target, quote(target, safe=""), quote(quote(target, safe=""), safe=""), target + "%00.png"):
            for route in (
                "/gradio_api/file=",
                "/gradio_api/file/",
                "/file=",
                "/gradio_api/proxy=",
                "/gradio_api/stream/",
            ):
                answer = site.get(route + written)
                assert answer.status in (404, 400), (route, written)
                assert b"root:" not in answer.body
                assert b"SECRET" not in answer.body
                assert b"SQLite" not in answer.body
    link.unlink()
    shutil.rmtree(Path(other).parent)


@pytest.mark.parametrize("route", ["/assets/", "/static/", "/svelte/", "/api/v1/documents/", "/api/v1/models/", "/"])
def test_no_route_climbs_out_of_its_folder(site: Site, route: str) -> None:
    for up in ("../", "..%2f", "%2e%2e/", "..%5c", "..\\", "....//", "%252e%252e%252f", "/", "a" * 300):
        for target in ("etc/passwd", "%65tc/passwd", "etc/passwd%00.css"):
            answer = site.get(route + up * 12 + target)
            assert answer.status in (400, 404, 422), (route, up, answer.status)
            assert b"root:" not in answer.body


def test_what_gradio_has_and_the_page_does_not_need_is_closed(site: Site) -> None:
    closed = [
        "/gradio_api/file=x", "/gradio_api/file/x", "/gradio_api/proxy=x", "/gradio_api/stream/a/b/c/playlist.m3u8",
        "/gradio_api/runs", "/gradio_api/run-history/buckets", "/gradio_api/deep_link", "/gradio_api/openapi.json",
        "/gradio_api/custom_component/a/b/c/d", "/gradio_api/mcp/", "/gradio_api/token", "/gradio_api/vibe-code/",
        "/gradio_api/dev/reload", "/monitoring", "/monitoring/summary", "/pwa_icon", "/docs", "/openapi.json",
        "/gradio_api/process_recording", "/gradio_api/upload/", "/GRADIO_API/FILE=/etc/passwd", "/login/",
    ]  # fmt: skip
    for path in closed:
        assert not is_open(path)
        for method in ("GET", "HEAD", "POST", "PUT", "DELETE"):
            assert site.ask(method, path).status == 404, (method, path)


def test_an_event_can_not_be_given_a_file_of_the_machine(site: Site) -> None:
    config = site.get("/config").json()
    for field, many in (("upload", True), ("import-model", False)):
        component = next(part["id"] for part in config["components"] if part["props"].get("elem_id") == field)
        for target in file_paths(site.settings):
            for wanted in (target, f"{site.settings.uploads}/../../secret.pdf"):
                forged: Any = {"path": wanted, "meta": {"_type": "gradio.FileData"}, "orig_name": "a.pdf"}
                for event in (one for one in config["dependencies"] if component in one["inputs"]):
                    values = [[forged] if many else forged, *[0] * (len(event["inputs"]) - 1)]
                    data = {"data": values, "fn_index": event["id"], "session_hash": "a"}
                    assert site.post("/gradio_api/run/predict", data).status == 500
    with open_database(site.settings.database) as db:
        assert len(library.list_documents(db)) == 1


# --- what fills the disk, or the memory ---


def test_a_file_that_is_too_large_is_one_sentence_and_leaves_nothing(site: Site) -> None:
    answer = site.upload({"small.pdf": b"%PDF-", "large.pdf": b"%PDF-" + b"x" * (1 << 20)})
    assert answer.status == 413
    assert answer.text == "A file has more than 1 MB, so none was taken. Raise WHETSTONE_UPLOAD_MEGABYTES."
    assert leftovers(site.settings) == []


def test_more_than_all_files_may_have_is_refused_before_it_is_sent(site: Site) -> None:
    kind = {"Content-Type": "multipart/form-data; boundary=b", "Content-Length": str(8 << 20)}
    answer = site.ask("POST", "/gradio_api/upload", kind)
    assert answer.status == 413
    assert answer.text == "The upload has 8 MB, more than 3 files of 1 MB. Add fewer at once."


def test_what_the_disk_has_no_room_for_is_refused_before_it_is_sent(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ui.upload_gate.shutil.disk_usage", lambda folder: SimpleNamespace(free=(1 << 30) + (1 << 20)))
    kind = {"Content-Type": "multipart/form-data; boundary=b", "Content-Length": str(2 << 20)}
    answer = site.ask("POST", "/gradio_api/upload", kind)
    assert answer.status == 413
    assert answer.text == "The upload has 2 MB, but the library's disk has room for 1 MB only. Make room first."


def test_an_upload_that_is_broken_off_leaves_nothing(site: Site) -> None:
    head = b'--b\r\nContent-Disposition: form-data; name="files"; filename="a.pdf"\r\n\r\n%PDF-'
    request = (
        f"POST /gradio_api/upload HTTP/1.1\r\nHost: 127.0.0.1:{site.port}\r\nContent-Length: 900000\r\n"
        "Content-Type: multipart/form-data; boundary=b\r\n\r\n"
    ).encode() + head
    with socket.create_connection(("127.0.0.1", site.port)) as connection:
        connection.sendall(request + b"x" * 500_000)
        _wait_until(lambda: leftovers(site.settings) != [])
    _wait_until(lambda: leftovers(site.settings) == [])


def test_an_upload_that_falls_silent_is_given_up_and_leaves_nothing(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ui.upload_gate._SILENT_SECONDS", 1)
    request = (
        f"POST /gradio_api/upload HTTP/1.1\r\nHost: 127.0.0.1:{site.port}\r\nContent-Length: 900000\r\n"
        "Content-Type: multipart/form-data; boundary=b\r\n\r\n"
        '--b\r\nContent-Disposition: form-data; name="files"; filename="a.pdf"\r\n\r\n%PDF-'
    ).encode()
    with socket.create_connection(("127.0.0.1", site.port), timeout=120) as connection:
        connection.sendall(request + b"x" * 500_000)
        _wait_until(lambda: leftovers(site.settings) != [])
        assert connection.recv(10_000).split(b" ")[1] == b"400"
    _wait_until(lambda: leftovers(site.settings) == [])


def test_too_many_files_at_once_are_one_sentence_and_leave_nothing(site: Site) -> None:
    said = drop(site, {f"{number}.pdf": f"%PDF- {number}".encode() for number in range(4)})
    assert "4 files came at once, more than 3, so none was taken. Add them in parts" in said
    assert leftovers(site.settings) == []
    with open_database(site.settings.database) as db:
        assert len(library.list_documents(db)) == 1


def test_a_zip_or_a_bibliography_takes_in_nothing_from_outside_and_leaves_nothing(site: Site) -> None:
    secret = site.settings.home.parent / "secret.pdf"
    bib = f"@misc{{a, title = {{A}}, file = {{:{secret}:PDF}}}}".encode()
    tex = rf"\documentclass{{article}}\begin{{document}}\input{{{secret}}}\end{{document}}".encode()
    tricks: dict[str, tuple[str, dict[str, bytes]]] = {
        "lies outside of it": ("up.zip", {"../../../escaped.pdf": b"%PDF- x"}),
        "holds 4 files, more than 3": ("many.zip", {f"{number}.pdf": b"%PDF- y" for number in range(4)}),
        "has more than 1 MB": ("bomb.zip", {"a.pdf": bytes(8 << 20)}),
        "its file 'secret.pdf' is not there": ("export.zip", {"export.bib": bib}),
    }
    for wanted, (name, files) in tricks.items():
        assert wanted in drop(site, {name: zipped(files)})
    assert "its file 'secret.pdf' is not there" in drop(site, {"export.bib": bib})
    assert "can't be read as a zip" in drop(site, {"none.zip": b"PK nothing"})
    assert "1 file that did not come with it" in drop(site, {"a.tex": tex})
    assert leftovers(site.settings) == []
    assert not list(site.settings.home.parent.rglob("escaped.pdf"))
    with open_database(site.settings.database) as db:
        (paper,) = [
            one for one in library.list_documents(db) if one.title != "On Light" and one.names != ("light.pdf",)
        ]
        assert site.settings.original(paper.sha256, paper.format).read_bytes() == tex
        library.remove_documents(db, [paper.id])


def test_a_body_without_a_length_or_of_no_end_is_refused(site: Site) -> None:
    chunked = {"Transfer-Encoding": "chunked", "Content-Type": "application/json"}
    for path in ("/gradio_api/run/predict", "/gradio_api/upload", "/login"):
        assert site.ask("POST", path, chunked, b"0\r\n\r\n").status == 411
    large = {"Content-Length": str(9 << 20), "Content-Type": "application/json"}
    assert site.ask("POST", "/gradio_api/run/predict", large).status == 413
    form = {"Content-Type": "multipart/form-data; boundary=b"}
    assert site.ask("POST", "/gradio_api/component_server/", form, b"--b--\r\n").status == 415


# --- pages that are slow ---


def test_a_slow_page_fails_alone_while_other_pages_and_searches_are_answered(
    tmp_path: Path,
) -> None:
    services = make_services(tmp_path / "library")
    services = replace(services, drawer=Drawer(DrawLimits(seconds=120)))
    paper = write(tmp_path, "light.pdf", make_paper("On Light", ["Gravity bends the path of light."]))
    good, _ = add_file(services.settings, paper)
    slow, _ = add_file(services.settings, write(tmp_path, "slow.pdf", make_slow_pdf(levels=6)))
    with noted_children() as started, serve(services) as site, ThreadPoolExecutor() as executor:
        failures = [
            executor.submit(site.get, f"/api/v1/documents/{slow.id}/pages/1.jpg?width={w}") for w in (500, 600, 700)
        ]
        _wait_until(lambda: started)
        for path in (f"/api/v1/documents/{good.id}/pages/1.jpg", "/api/health"):
            assert site.get(path).status == 200
        assert not any(failure.done() for failure in failures)
        end_until_done(started, failures)
        for failure in failures:
            answer = failure.result()
            assert answer.status == 400
            assert answer.json()["error"]["message"].startswith("Page 1 of 'slow.pdf' made the program that draws it")
    services.drawer.close()


def _wait_until(holds: Any) -> None:
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(0.02)
