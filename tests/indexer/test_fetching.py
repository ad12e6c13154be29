"""Papers fetched by arXiv id or DOI, from a server of our own that stands for arXiv, doi.org and a publisher."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote

import pytest
from sqlite_utils import Database

from core.errors import FetchError, NotFoundError
from core.people import Role, require_user, viewing
from core.settings import Settings, load_settings
from indexer import download
from indexer.download import WebRules, download_pdf
from indexer.fetching import Wanted, fetch_paper, parse_identifier
from storage import library
from storage.collections import create_collection, get_collection
from storage.database import open_database
from storage.half_done import sweep_library
from storage.people import add_user
from storage.privacy import make_private
from tests.papers import make_paper
from tests.ui.site import make_services, serve

SICI = "10.1002/(SICI)1097-4571(199806)49:8<693::AID-ASI4>3.0.CO;2-#"
PAPER = make_paper("On the Bending of Light", ["Gravity bends the path of light."])


@dataclass
class Web:
    """A server by what it answers to each path: a PDF, a page, or where to go on; and what it was asked."""

    port: int
    answers: dict[str, tuple[int, dict[str, str], bytes]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    # What happens, instead of an answer, or before one.
    acts: dict[str, Callable[[BaseHTTPRequestHandler], None]] = field(default_factory=dict)
    stopped: threading.Event = field(default_factory=threading.Event)

    def drip(self, write: Callable[[bytes], object], byte: bytes) -> None:
        """This byte again and again, so that no single read is late; until the test ends, or 25 seconds."""
        with suppress(OSError):
            for _ in range(100):
                write(byte)
                if self.stopped.wait(0.25):
                    return
            self.asked.append("dripped to the end")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def has(self, path: str, body: bytes = PAPER, status: int = 200, **headers: str) -> None:
        self.answers[path] = (status, headers, body)


@pytest.fixture
def web() -> Iterator[Web]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.asked.append(self.path)
            if self.path in site.acts:
                site.acts[self.path](self)
            if self.path not in site.answers and self.path in site.acts:
                return
            status, headers, body = site.answers.get(self.path, (404, {}, b"none"))
            self.send_response(status)
            for name, value in ({"Content-Length": str(len(body))} | headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site = Web(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield site
    site.stopped.set()
    server.shutdown()
    thread.join(10)
    server.server_close()


@pytest.fixture
def online(settings: Settings, web: Web) -> Settings:
    return replace(settings, arxiv_url=web.url, doi_url=f"{web.url}/doi")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("1706.03762", Wanted("arxiv_id", "1706.03762")),
        (" arXiv:1706.03762v5 ", Wanted("arxiv_id", "1706.03762", "v5")),
        ("https://arxiv.org/abs/1706.03762?context=cs", Wanted("arxiv_id", "1706.03762")),
        ("https://www.arxiv.org/pdf/1706.03762v2.pdf", Wanted("arxiv_id", "1706.03762", "v2")),
        ("https://arxiv.org/html/2401.00001v1#S1", Wanted("arxiv_id", "2401.00001", "v1")),
        ("hep-th/9901001", Wanted("arxiv_id", "hep-th/9901001")),
        ("10.1000/182", Wanted("doi", "10.1000/182")),
        ("https://doi.org/10.1145/3292500.3330701", Wanted("doi", "10.1145/3292500.3330701")),
        ("doi:10.48550/arXiv.1706.03762", Wanted("arxiv_id", "1706.03762")),
        # Only a link has a query and a fragment; a DOI may have their marks in it.
        (SICI, Wanted("doi", SICI)),
        (f"doi:{SICI}", Wanted("doi", SICI)),
        (f"HTTPS://doi.org/{quote(SICI)}?via=x#top", Wanted("doi", SICI)),
        ("10.1000/what?-1", Wanted("doi", "10.1000/what?-1")),
    ],
)
def test_an_identifier_is_understood_as_people_paste_it(text: str, wanted: Wanted) -> None:
    assert parse_identifier(text) == wanted


@pytest.mark.parametrize("text", ["", "attention", "http://127.0.0.1/x.pdf", "file:///etc/passwd", "10.1/x", "1" * 900])
def test_anything_else_is_refused_and_nothing_is_asked(online: Settings, web: Web, text: str) -> None:
    with pytest.raises(FetchError, match=r"is no arXiv id and no DOI. Give one such as 1706.03762"):
        fetch_paper(online, text)
    assert web.asked == []


def test_an_arxiv_paper_is_fetched_once_and_known_by_its_id(online: Settings, web: Web, db: Database) -> None:
    web.has("/pdf/1706.03762")
    added = fetch_paper(online, "https://arxiv.org/abs/1706.03762")
    (document,) = added.documents.values()
    assert (document.names, document.arxiv_id) == (("1706.03762.pdf",), "1706.03762")
    assert online.original(document.sha256, document.format).read_bytes() == PAPER
    assert fetch_paper(online, "1706.03762").known == {document.id}
    assert web.asked == ["/pdf/1706.03762"]
    assert list(online.uploads.iterdir()) == []


def test_a_doi_leads_by_way_of_the_publishers_page_to_its_pdf(online: Settings, web: Web) -> None:
    web.has("/doi/10.1000/182", b"", 302, Location="/landing?id=182")
    web.has("/landing?id=182", b'<html><META NAME="citation_pdf_url" content="/files/182.pdf">')
    web.has("/files/182.pdf")
    (document,) = fetch_paper(online, "10.1000/182").documents.values()
    assert (document.names, document.doi) == (("10.1000_182.pdf",), "10.1000/182")


def test_a_page_that_names_no_pdf_and_a_paper_that_is_not_there_are_told(online: Settings, web: Web) -> None:
    web.has("/doi/10.1000/182", b"<html>Log in to read it.")
    with pytest.raises(FetchError, match="is a page that names no PDF. Download the PDF in a browser"):
        fetch_paper(online, "10.1000/182")
    # A page of a page is not followed further.
    web.has("/doi/10.1000/1", b'<meta name="citation_pdf_url" content="/doi/10.1000/1">')
    with pytest.raises(FetchError, match="names no PDF"):
        fetch_paper(online, "10.1000/1")
    with pytest.raises(FetchError, match="has no such paper"):
        fetch_paper(online, "1706.03762")
    web.has("/pdf/1706.03763", b"", 503)
    with pytest.raises(FetchError, match="answered with status 503"):
        fetch_paper(online, "1706.03763")


@pytest.mark.parametrize("to", ["https://evil.example/x.pdf", "http://localhost:{port}/x", "http://127.0.0.1:9/x"])
def test_no_redirect_leads_to_a_host_that_is_not_named(online: Settings, web: Web, to: str) -> None:
    web.has("/pdf/1706.03762", b"", 302, Location=to.format(port=web.port))
    with pytest.raises(FetchError, match="not among the hosts that papers are fetched from"):
        fetch_paper(online, "1706.03762")
    assert web.asked == ["/pdf/1706.03762"]


@pytest.mark.parametrize(
    "to", ["file:///etc/passwd", "ftp://127.0.0.1/x", "http://a@127.0.0.1/x", "http://[::1", "//\n"]
)
def test_no_redirect_leads_to_another_kind_of_address(online: Settings, web: Web, to: str) -> None:
    with pytest.raises(FetchError, match="is not an address"):
        download_pdf(to, online.uploads / "x", WebRules({"127.0.0.1", "::1"}, (), 1 << 20))
    web.has("/pdf/1706.03762", b"", 302, Location="file:///etc/passwd")
    with pytest.raises(FetchError, match="is not an address that a paper is fetched from"):
        fetch_paper(online, "1706.03762")


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "127.0.0.1",
        "10.0.0.1",
        "169.254.169.254",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::127.0.0.1]",
        "[64:ff9b::10.0.0.1]",
        "[64:ff9b::169.254.169.254]",
        "[64:ff9b:1::8.8.8.8]",
        "[::127.0.0.1]",
        "[::8.8.8.8]",
        "[2002:7f00:1::]",
    ],
)
def test_a_named_host_at_a_private_address_is_not_asked(
    online: Settings, web: Web, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    # Named, and at the usual port: where it leads to alone is wrong. Nothing may be opened then.
    monkeypatch.setattr(download, "_open_socket", lambda *found: pytest.fail("a private address was asked"))
    web_rules = WebRules({host.strip("[]")}, (), 1 << 20)
    with pytest.raises(FetchError, match="leads to an address of a private network"):
        download_pdf(f"http://{host}/x.pdf", online.uploads / "x", web_rules)


@pytest.mark.parametrize("host", ["8.8.8.8", "[2606:4700::1111]", "[64:ff9b::8.8.8.8]", "[::ffff:8.8.8.8]"])
def test_a_named_host_at_a_public_address_is_asked(
    online: Settings, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    def refuse(*found: object) -> None:
        raise ConnectionRefusedError("it was asked")

    monkeypatch.setattr(download, "_open_socket", refuse)
    with pytest.raises(FetchError, match="it was asked"):
        download_pdf(f"http://{host}/x.pdf", online.uploads / "x", WebRules({host.strip("[]")}, (), 1 << 20))


def test_a_download_that_is_cut_off_is_no_paper(online: Settings, web: Web, db: Database) -> None:
    web.has("/pdf/1706.03762", PAPER.ljust(50_009), **{"Content-Length": "100000"})
    with pytest.raises(FetchError, match=r"127.0.0.1 broke off before the whole paper had come. Try again later."):
        fetch_paper(online, "1706.03762")
    # Nor in pieces: of one of 256 bytes there come a few.
    web.has("/pdf/1706.03763", b"100\r\n%PDF-1.7", **{"Transfer-Encoding": "chunked"})
    with pytest.raises(FetchError, match="broke off before the whole paper had come"):
        fetch_paper(online, "1706.03763")
    assert library.list_documents(db) == []
    assert list(online.uploads.iterdir()) == []


@pytest.mark.parametrize(
    ("start", "byte"),
    [
        (b"", b"H"),
        (b"HTTP/1.0 200 OK\r\nX-Slow: ", b"x"),
        (b"HTTP/1.0 200 OK\r\nContent-Type: application/pdf\r\n\r\n%PDF-1.7", b" "),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 90000\r\n\r\n<html>", b" "),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"0"),
    ],
)
def test_a_host_that_drips_is_broken_off(
    online: Settings, web: Web, monkeypatch: pytest.MonkeyPatch, start: bytes, byte: bytes
) -> None:
    def act(request: BaseHTTPRequestHandler) -> None:
        request.wfile.write(start)
        web.drip(request.wfile.write, byte)

    monkeypatch.setattr(download, "_SECONDS", 1)
    web.acts["/pdf/1706.03762"] = act
    with pytest.raises(FetchError, match="The paper had not come after 1 seconds. Try again later."):
        fetch_paper(online, "1706.03762")
    assert web.asked == ["/pdf/1706.03762"]
    assert list(online.uploads.iterdir()) == []


def test_a_host_that_drips_its_greeting_is_broken_off(
    online: Settings, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    greeted = threading.Event()
    # The start of a record of TLS that goes on for 16 KB: the handshake waits for its end.
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def greet() -> None:
            with server.accept()[0] as opened:
                opened.sendall(b"\x16\x03\x03\x40\x00")
                greeted.set()
                web.drip(opened.sendall, b"\x02")

        thread = threading.Thread(target=greet, daemon=True)
        thread.start()
        monkeypatch.setattr(download, "_SECONDS", 1)
        rules = WebRules({"127.0.0.1"}, {("127.0.0.1", port)}, 1 << 20)
        with pytest.raises(FetchError, match="The paper had not come after 1 seconds"):
            download_pdf(f"https://127.0.0.1:{port}/x", online.uploads / "x", rules)
        assert greeted.is_set()
        assert web.asked == []
        web.stopped.set()
        thread.join(10)


def test_a_start_of_the_app_leaves_a_fetch_alone(online: Settings, web: Web) -> None:
    web.has("/pdf/1706.03762")
    web.acts["/pdf/1706.03762"] = lambda request: sweep_library(online)
    (document,) = fetch_paper(online, "1706.03762").documents.values()
    assert online.original(document.sha256, document.format).read_bytes() == PAPER
    assert list(online.uploads.iterdir()) == []


def test_a_doi_is_sent_whole_whatever_is_in_it(online: Settings, web: Web) -> None:
    asked = f"/doi/{quote(SICI)}"
    web.has(asked)
    (document,) = fetch_paper(online, SICI).documents.values()
    assert document.doi == SICI
    assert web.asked == [asked]
    assert asked.endswith("2-%23")


@pytest.mark.parametrize(
    ("body", "headers", "said"),
    [
        (b"", {"Location": "http://["}, r"^'http://\[' is not an address. Download the PDF in a browser"),
        (b'<meta name="citation_pdf_url" content="http://[">', {}, r"^'http://\[' is not an address. Download"),
        (b"<html><![foo[ bar ]]>", {}, r"^What 127.0.0.1 sent is a page that can't be read. Download the PDF in"),
    ],
)
def test_what_makes_no_sense_is_told_in_a_sentence(
    online: Settings, web: Web, body: bytes, headers: dict[str, str], said: str
) -> None:
    web.has("/pdf/1706.03762", body, 302 if headers else 200, **headers)
    with pytest.raises(FetchError, match=said):
        fetch_paper(online, "1706.03762")


@pytest.mark.parametrize(
    ("body", "kind"),
    [(b"<html>%PDF-</html>", "text/html"), (b"<html>%PDF-</html>", ""), (b"A %PDF- begins so", "text/plain")],
)
def test_a_page_that_speaks_of_pdfs_is_none(online: Settings, web: Web, body: bytes, kind: str) -> None:
    web.has("/pdf/1706.03762", body, **({"Content-Type": kind} if kind else {}))
    with pytest.raises(FetchError, match="is a page that names no PDF"):
        fetch_paper(online, "1706.03762")


@pytest.mark.parametrize(
    ("before", "kind"),
    [
        (b"\xef\xbb\xbf\r\n", "application/octet-stream"),
        (b"", "text/html"),
        (b"<!-- a server's word -->\n", "application/pdf; charset=binary"),
    ],
)
def test_a_pdf_with_something_before_its_header_is_taken(online: Settings, web: Web, before: bytes, kind: str) -> None:
    web.has("/pdf/1706.03762", before + PAPER, **{"Content-Type": kind})
    (document,) = fetch_paper(online, "1706.03762").documents.values()
    assert online.original(document.sha256, document.format).read_bytes() == before + PAPER


def test_a_file_beyond_the_limit_leaves_nothing(online: Settings, web: Web, db: Database) -> None:
    small = replace(online, upload_megabytes=1)
    large = PAPER + b" " * (1 << 20)
    web.has("/pdf/1706.03762", large)
    with pytest.raises(FetchError, match="larger than 1 MB"):
        fetch_paper(small, "1706.03762")
    # Nor one that does not say how long it is.
    with pytest.raises(FetchError, match="larger than 1 MB"):
        target = online.uploads / "x.pdf"
        web.answers["/pdf/1706.03763"] = (200, {"Content-Length": str(len(large))}, large)
        monkey = WebRules({"127.0.0.1"}, {("127.0.0.1", web.port)}, 1 << 20)
        download_pdf(f"{web.url}/pdf/1706.03763", target, monkey)
    assert library.list_documents(db) == []
    assert [path for path in online.uploads.iterdir() if path.is_dir()] == []


def test_without_a_network_it_is_one_clear_sentence(settings: Settings) -> None:
    away = replace(settings, arxiv_url="http://127.0.0.1:9")
    with pytest.raises(FetchError, match=r"127.0.0.1 does not answer from here \(.*refused.*\). Download the PDF in a"):
        fetch_paper(away, "1706.03762")
    with pytest.raises(FetchError, match="WHETSTONE_ARXIV_URL is off"):
        fetch_paper(replace(settings, arxiv_url=""), "1706.03762")


def test_what_is_set_decides_whom_is_asked(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (settings.arxiv_url, settings.doi_url) == ("https://arxiv.org", "https://doi.org")
    monkeypatch.setenv("WHETSTONE_ARXIV_URL", "off")
    monkeypatch.setenv("WHETSTONE_FETCH_HOSTS", "a.example b.example")
    changed = load_settings(home=settings.home)
    assert (changed.arxiv_url, changed.fetch_hosts) == ("", ("a.example", "b.example"))
    (settings.home / "settings.json").write_text(
        json.dumps({"arxiv_url": "http://evil.example", "doi_url": "http://x"})
    )
    monkeypatch.delenv("WHETSTONE_ARXIV_URL")
    assert load_settings(home=settings.home).arxiv_url == "https://arxiv.org"


def test_the_api_fetches_and_refuses_in_a_sentence(tmp_path: object, web: Web, settings: Settings) -> None:
    web.has("/pdf/1706.03762")
    services = make_services(settings.home, arxiv_url=web.url)
    with serve(services) as site:
        answer = site.post("/api/v1/documents/fetch", {"identifier": "arxiv:1706.03762"})
        assert answer.status == 201
        assert answer.json()["documents"][0]["arxiv_id"] == "1706.03762"
        refused = site.post("/api/v1/documents/fetch", {"identifier": "http://127.0.0.1/"})
        assert (refused.status, refused.json()["error"]["code"]) == (400, "fetch")


def test_what_is_fetched_into_a_private_collection_is_ones_own(online: Settings, web: Web, db: Database) -> None:
    web.has("/pdf/1706.03762")
    with viewing(add_user(db, "anna", Role.ADMIN)), open_database(online.database) as hers:
        plans = create_collection(hers, "Plans", private=True)
        (document,) = fetch_paper(online, "1706.03762", plans.id).documents.values()
        assert (document.private, document.arxiv_id) == (True, "1706.03762")
        assert get_collection(hers, plans.id).papers == 1
        more = create_collection(hers, "More", private=True)
        assert fetch_paper(online, "1706.03762", more.id).known == {document.id}
        assert get_collection(hers, more.id).papers == 1
    with viewing(add_user(db, "bert", Role.TRAIN)), pytest.raises(NotFoundError, match="no collection with id"):
        fetch_paper(online, "1706.03763", plans.id)
    assert web.asked == ["/pdf/1706.03762"]


def test_a_command_fetches_for_all_what_one_has_to_oneself(online: Settings, web: Web, db: Database) -> None:
    web.has("/pdf/1706.03762")
    with viewing(add_user(db, "anna", Role.ADMIN)):
        (own,) = fetch_paper(online, "1706.03762").documents
        with open_database(online.database) as hers:
            make_private(hers, [own], require_user())
        assert fetch_paper(online, "1706.03762").known == {own}
    added = fetch_paper(online, "1706.03762")
    (document,) = added.documents.values()
    assert (added.known, document.private) == (set(), False)
