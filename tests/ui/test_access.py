"""The password over real HTTP: who has not logged in gets nothing, and guessing gets slower."""

import os
import stat
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import ui.login
from api.password import Password, PasswordFile, store_password
from api.tries import Tries
from app import open_listener, require_loopback
from core.errors import LibraryError, SettingsError
from core.settings import load_settings
from tests.ui.site import PASSWORD, Site, make_services, serve
from tests.warm import plain_environment, run_warm
from ui.guard import HostNames
from ui.login import _group_of

# A route of each kind: the page, its parts, ours, Gradio's, its queue, its files, and what is nothing at all.
ROUTES = [
    "/", "/config", "/theme.css", "/assets/index.js", "/api/health", "/api/v1/documents/1/pages/1.jpg",
    "/api/v1/documents/1/original.pdf", "/api/v1/models/1/archive.zip", "/api/openapi.json", "/api/docs",
    "/api/v1/library", "/api/v1/jobs/1/events", "/gradio_api/info", "/gradio_api/startup-events",
    "/gradio_api/queue/data?session_hash=a", "/gradio_api/heartbeat/a", "/gradio_api/upload_progress?upload_id=a",
]  # fmt: skip
WRITES = ["/gradio_api/run/predict", "/gradio_api/queue/join", "/gradio_api/component_server/", "/gradio_api/reset"]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with serve(make_services(tmp_path_factory.mktemp("locked") / "library"), PASSWORD) as site:
        yield site


@pytest.fixture
def site(served: Site) -> Site:
    """A visitor who has not logged in yet, after whatever the visitors before did."""
    store_password(served.settings.password, PASSWORD)
    return Site(served.settings, served.port)


@pytest.fixture(autouse=True)
def no_tries_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test begins with free tries: the addresses of those before are seen as others."""
    known = os.urandom(4).hex()
    monkeypatch.setattr(ui.login, "_group_of", lambda address: f"{known} {_group_of(address)}")


@pytest.mark.parametrize("path", ROUTES)
def test_nothing_is_served_before_the_login(site: Site, path: str) -> None:
    answer = site.get(path)
    assert answer.status == 401
    assert answer.json()["error"]["code"] == "login_needed"
    assert answer.json()["error"]["message"].startswith("A password is needed. Open the page and log in.")
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ["/manifest.json", "/icons/whetstone.svg", "/favicon.ico", "/whetstone.id"])
def test_what_makes_the_page_an_app_is_the_same_for_everybody(site: Site, path: str) -> None:
    before = site.get(path)
    site.log_in()
    assert before.status == site.get(path).status == 200
    assert before.body == site.get(path).body
    assert str(site.settings.home) not in before.text
    assert site.ask("POST", path).status != 200


@pytest.mark.parametrize("path", WRITES)
def test_nothing_is_done_before_the_login(site: Site, path: str) -> None:
    assert site.post(path, {"data": [], "fn_index": 0, "session_hash": "a"}).status == 401


def test_an_upload_before_the_login_leaves_nothing(site: Site) -> None:
    before = list(site.settings.uploads.iterdir())
    assert site.upload({"a.pdf": b"%PDF-"}).status == 401
    assert list(site.settings.uploads.iterdir()) == before


def test_the_login_page_needs_no_script_and_leads_back_to_what_was_asked(site: Site) -> None:
    page = site.get("/?q=why%20%22glaciers%22&k=10", Accept="text/html")
    assert page.status == 401
    assert '<form method="post" action="/login?next=%2F%3Fq%3Dwhy%2520%2522glaciers%2522%26k%3D10">' in page.text
    assert "<script" not in page.text
    assert page.headers["content-security-policy"].endswith("frame-ancestors 'none'")
    answer = site.log_in(path="/login?next=%2F%3Fq%3Dwhy%2520%2522glaciers%2522%26k%3D10")
    assert (answer.status, answer.headers["location"]) == (303, "/?q=why%20%22glaciers%22&k=10")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "secure" not in cookie
    assert site.get("/").status == 200
    assert site.get("/api/health").status == 200


@pytest.mark.parametrize(
    "asked",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "/%0d%0aSet-Cookie:%20a=b", "/\t/evil.example"],
)
def test_the_login_leads_to_no_other_site(site: Site, asked: str) -> None:
    answer = site.log_in(path=f"/login?next={asked}".replace("\t", "%09"))
    assert (answer.status, answer.headers["location"]) == (303, "/")
    assert "a=b" not in answer.headers["set-cookie"]


def test_behind_https_the_cookie_never_goes_without(site: Site) -> None:
    answer = site.log_in(Origin=f"https://127.0.0.1:{site.port}")
    assert "secure" in answer.headers["set-cookie"].lower()


def test_a_wrong_password_is_one_sentence_and_no_cookie(site: Site) -> None:
    for words in ("wrong", "", PASSWORD + " ", PASSWORD.upper(), "\0", "x" * 5000):
        answer = site.log_in(words, X_Forwarded_For=words[:3].strip("\0") or "a")
        assert answer.status in (400, 403), words
        assert "set-cookie" not in answer.headers
        site.log_in()  # takes the wrong tries back
        site.cookie = ""
    assert "That is not the password. Try again." in site.log_in("wrong").text


def test_after_five_wrong_tries_the_right_one_must_wait_too(site: Site) -> None:
    for number in range(5):
        # What a request says of its address does not make it another one.
        assert site.log_in("wrong", X_Forwarded_For=f"10.0.0.{number}", Forwarded=f"for=10.0.0.{number}").status == 403
    answer = site.log_in()
    assert answer.status == 429
    assert 1 <= int(answer.headers["retry-after"]) <= 2
    assert "Too many wrong passwords from your address. Try again in" in answer.text


def test_of_many_tries_at_once_five_are_looked_at(site: Site) -> None:
    with ThreadPoolExecutor(max_workers=12) as executor:
        statuses = list(executor.map(lambda _: site.log_in("wrong").status, range(12)))
    assert sorted(statuses) == [403] * 5 + [429] * 7


def test_the_wait_grows_to_a_quarter_of_an_hour_and_the_memory_does_not() -> None:
    now = 1000.0
    tries = Tries(lambda: now)
    waits = []
    for _ in range(20):
        waits.append(wait := tries.begin("a"))
        if wait:
            now += wait
            assert tries.begin("a") == 0
    assert waits[:9] == [0, 0, 0, 0, 0, 2, 4, 8, 16]
    assert waits[-1] == 900
    for number in range(30_000):
        assert tries.begin(f"b{number}") == 0
    assert len(tries._tries) == 10_000


def test_addresses_of_one_network_are_one() -> None:
    assert _group_of("2001:db8::1") == _group_of("2001:db8::ffff") != _group_of("2001:db8:0:1::1")
    assert _group_of("::ffff:10.0.0.1") == _group_of("10.0.0.1") != _group_of("10.0.0.2")


@pytest.mark.parametrize("spoil", ["key", "time", "empty", "letters", "another password"])
def test_a_forged_or_old_session_lets_nobody_in(site: Site, spoil: str) -> None:
    site.log_in()
    name, _, value = site.cookie.partition("=")
    expiry, nonce, signature = value.split(".")
    password = PasswordFile(site.settings.password).read()
    assert password is not None
    if spoil == "key":
        site.cookie = f"{name}={Password(password.salt, password.digest, b'0' * 32).open_session()}"
    elif spoil == "time":
        site.cookie = f"{name}={int(expiry) + 1}.{nonce}.{signature}"
    elif spoil == "empty":
        site.cookie = f"{name}="
    elif spoil == "letters":
        site.cookie = f"{name}=a.b.\xe9; {name}"
    else:
        store_password(site.settings.password, "another one")
    assert site.get("/api/health").status == 401


def test_a_session_ends_after_two_weeks(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.log_in()
    assert site.get("/api/health").status == 200
    later = time.time() + 14 * 86_400 + 1
    monkeypatch.setattr("api.password.time.time", lambda: later)
    assert site.get("/api/health").status == 401


def test_logging_out_takes_the_cookie_back_and_another_site_can_not(site: Site) -> None:
    site.log_in()
    assert "/logout" in site.get("/config").text
    # Else the way back would show it to the next person.
    assert {site.get(path).headers["cache-control"] for path in ("/", "/config")} == {"no-store"}
    assert site.ask("POST", "/logout", {"Origin": "http://evil.example"}).status == 403
    answer = site.ask("POST", "/logout")
    assert answer.status == 303
    assert "max-age=0" in answer.headers["set-cookie"].lower()


def test_a_password_is_kept_as_a_hash_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "password.json"
    store_password(path, PASSWORD)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert PASSWORD not in path.read_text()
    assert PASSWORD.encode().hex() not in path.read_text()
    password = PasswordFile(path).read()
    assert password is not None
    assert password.matches(PASSWORD)
    assert not password.matches(PASSWORD + "x")
    store_password(path, "Zoe\u0308 aus Kiel")
    changed = PasswordFile(path).read()
    assert changed is not None
    assert changed.matches("Zo\u00eb aus Kiel")
    with pytest.raises(SettingsError, match="has 3 characters; it needs 8 to 1000"):
        store_password(path, "abc")
    path.write_text("{}")
    with pytest.raises(LibraryError, match="can't be read. Set it anew"):
        PasswordFile(path).read()


def test_where_others_reach_it_a_password_that_is_gone_lets_nobody_in(tmp_path: Path) -> None:
    with serve(make_services(tmp_path / "library", host="0.0.0.0"), PASSWORD) as site:
        site.settings.password.unlink()
        assert site.get("/").status == 503
        site.settings.password.write_text("{}")
        answer = site.get("/api/health")
        assert answer.status == 503
        assert "Set it anew" in answer.text


def run_app(home: Path, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return run_warm(["app.py", "--home", str(home), *arguments], plain_environment(), stdin)


def test_the_command_sets_a_password_and_without_one_other_machines_are_not_served(tmp_path: Path) -> None:
    home = tmp_path / "library"
    refused = run_app(home, "--host", "0.0.0.0", "--port", "0")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.strip() == (
        "WHETSTONE_HOST is '0.0.0.0', which other machines may reach, and no password is set. "
        "Set one: python app.py --set-password"
    )
    assert "it needs 8 to 1000" in run_app(home, "--set-password", stdin="short\n").stderr
    done = run_app(home, "--set-password", stdin=f"{PASSWORD}\n")
    assert done.returncode == 0, done.stderr
    password = PasswordFile(load_settings(home=home).password).read()
    assert password is not None
    assert password.matches(PASSWORD)
    assert stat.S_IMODE(home.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("host", "names", "said"),
    [
        ("0.0.0.0", "", "WHETSTONE_HOST is '0.0.0.0', which other machines may reach"),
        ("::", "", "WHETSTONE_HOST is '::'"),
        ("192.168.0.2", "", "WHETSTONE_HOST is '192.168.0.2'"),
        ("127.0.0.1.evil.example", "", "WHETSTONE_HOST is"),
        ("127.0.0.1", "papers.example", "WHETSTONE_NAMES is 'papers.example', so others may reach the page"),
        ("127.0.0.1", "", ""),
        ("127.0.0.2", "", ""),
        ("::1", "", ""),
        ("localhost", "", ""),
    ],
)
def test_what_others_may_reach_needs_a_password(tmp_path: Path, host: str, names: str, said: str) -> None:
    settings = load_settings(home=tmp_path, host=host, names=names)
    if said:
        with pytest.raises(SettingsError, match=said):
            require_loopback(settings)
    else:
        require_loopback(settings)


def test_localhost_is_the_address_that_every_program_tries() -> None:
    listener = open_listener("localhost", 0)
    assert listener.getsockname()[0] == "127.0.0.1"
    listener.close()
    with pytest.raises(SettingsError, match="WHETSTONE_HOST is 'no such host', which is no address here"):
        open_listener("no such host", 0)


@pytest.mark.parametrize(
    ("host", "header", "allowed"),
    [
        ("127.0.0.1", "127.0.0.1:7860", True),
        ("127.0.0.1", "LOCALHOST", True),
        ("127.0.0.1", "[::1]:7860", True),
        ("127.0.0.1", "[0:0:0:0:0:0:0:1]", True),
        ("127.0.0.1", "localhost.:7860", False),
        ("127.0.0.1", "127.1", False),
        ("127.0.0.1", "2130706433", False),
        ("127.0.0.1", "0x7f000001", False),
        ("127.0.0.1", "::1", False),
        ("127.0.0.1", "[::1]x", False),
        ("127.0.0.1", "[::1", False),
        ("127.0.0.1", "user@127.0.0.1", False),
        ("127.0.0.1", "127.0.0.1:80:80", False),
        ("127.0.0.1", "127.0.0.1:port", False),
        ("127.0.0.1", "127.0.0.1.evil.example", False),
        ("127.0.0.1", "localhost, evil.example", False),
        ("127.0.0.1", "192.168.0.2", False),
        ("127.0.0.1", "", False),
        ("0.0.0.0", "192.168.0.2:7860", True),
        ("0.0.0.0", "[fe80::1]", True),
        ("0.0.0.0", "papers.example", True),
        ("0.0.0.0", "evil.example", False),
    ],
)
def test_only_names_of_this_app_are_answered(host: str, header: str, allowed: bool) -> None:
    names = () if host == "127.0.0.1" else ("papers.example",)
    assert HostNames(host, names).allow(header) is allowed
