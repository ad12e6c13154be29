"""Where the app is found: over real HTTP, by a file that may be old, spoilt, or speak of another program's port."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from core.served import RUN_PATH, Served, announced, find_served, local_url, new_run
from core.settings import Settings


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == RUN_PATH else 404)
            self.end_headers()
            self.wfile.write(self.server.run)  # type: ignore[attr-defined]

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_what_is_announced_is_found_for_as_long_as_it_is(settings: Settings, server: ThreadingHTTPServer) -> None:
    served = Served(local_url("0.0.0.0", server.server_port), new_run())
    server.run = served.run.encode()  # type: ignore[attr-defined]
    assert find_served(settings) is None
    with announced(settings, served):
        assert find_served(settings) == served
    assert find_served(settings) is None
    assert not settings.app_address.exists()


def test_a_file_left_behind_is_not_believed(settings: Settings, server: ThreadingHTTPServer) -> None:
    url = local_url("127.0.0.1", server.server_port)
    server.run = new_run().encode()  # type: ignore[attr-defined]
    with announced(settings, Served(url, new_run())):
        assert find_served(settings) is None  # another library's, by now
    for text in ("", "[]", "{}", '{"url": 1, "run": 2}', '{"url": "file:///etc/passwd", "run": "x"}', "\0"):
        settings.app_address.write_text(text)
        assert find_served(settings) is None
    settings.app_address.write_text('{"url": "http://127.0.0.1:1", "run": "x"}')
    assert find_served(settings) is None


def test_an_address_is_one_that_this_machine_reaches() -> None:
    assert local_url("::", 80) == "http://[::1]:80"
    assert local_url("::1", 80) == "http://[::1]:80"
    assert local_url("192.168.0.2", 80) == "http://192.168.0.2:80"
