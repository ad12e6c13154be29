"""Tokens over real HTTP: what opens the API where a password is set, and what opens nothing."""

import json
import socket
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from api import shapes
from api.accounts import add_user, remove_user
from api.password import store_password
from api.tokens import TokenFile, list_tokens, make_token, withdraw_token
from client.answers import Job, build
from client.whetstone import ApiError, Whetstone
from core.errors import LibraryError, NotFoundError, SettingsError
from core.people import Role
from core.types import JobKind
from storage import jobs
from storage.database import open_database
from tests.ui.site import PASSWORD, Site, make_services, serve
from tests.warm import plain_environment, run_warm


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with serve(make_services(tmp_path_factory.mktemp("tokens") / "library"), PASSWORD) as site:
        yield site


@pytest.fixture
def token(site: Site) -> Iterator[str]:
    yield make_token(site.settings.tokens, "notebook")
    if list_tokens(site.settings.tokens):
        withdraw_token(site.settings.tokens, "notebook")


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_a_token_opens_the_api_without_cookie_and_origin(site: Site, token: str) -> None:
    assert site.get("/api/v1/library").json()["error"]["code"] == "login_needed"
    assert site.get("/api/v1/library", **bearer(token)).status == 200
    assert site.get("/api/openapi.json", **bearer(token)).status == 200
    verdict = {"query": "why?", "chunk_id": 1, "relevance": 1}
    assert site.post("/api/v1/judgements", verdict, **bearer(token)).json()["error"]["code"] == "not_found"


@pytest.mark.parametrize("path", ["/", "/config", "/gradio_api/info", "/logout", "/gradio_api/upload"])
def test_a_token_opens_nothing_but_the_api(site: Site, token: str, path: str) -> None:
    assert site.get(path, **bearer(token)).status == 401


def test_a_token_does_not_make_another_name_or_another_site_this_app(site: Site, token: str) -> None:
    assert site.get("/api/v1/library", Host="evil.example", **bearer(token)).json()["error"]["code"] == "host_unknown"
    for sent in ({"Origin": "http://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
        for method in ("GET", "POST", "PATCH", "DELETE", "OPTIONS"):
            answer = site.ask(method, "/api/v1/documents/1", sent | bearer(token))
            assert (answer.status, answer.json()["error"]["code"]) == (403, "other_site")
            assert "access-control-allow-origin" not in answer.headers


def test_a_withdrawn_token_opens_nothing_from_then_on(site: Site, token: str) -> None:
    assert site.get("/api/v1/library", **bearer(token)).status == 200
    withdraw_token(site.settings.tokens, "notebook")
    answer = site.get("/api/v1/library", **bearer(token))
    assert (answer.status, answer.json()["error"]["code"]) == (401, "token_unknown")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.headers["cache-control"] == "no-store"


def follow(site: Site, **headers: str) -> socket.socket:
    """Who follows a job that does not end, once the stream has begun."""
    with open_database(site.settings.database) as db:
        job = jobs.add_job(db, JobKind.INGEST)
    stream = socket.create_connection(("127.0.0.1", site.port), timeout=120)
    lines = [f"GET /api/v1/jobs/{job.id}/events HTTP/1.1", f"Host: 127.0.0.1:{site.port}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    stream.sendall("\r\n".join([*lines, "", ""]).encode())
    received = b""
    while b"event: progress" not in received:
        block = stream.recv(4096)
        assert block, received
        received += block
    return stream


def ends(stream: socket.socket) -> bool:
    """Whether the stream ends; one that goes on sends a ping in a while."""
    received = b""
    with stream:
        while block := stream.recv(4096):
            received += block
            if b": ping" in received:
                return False
    return b"event: end" not in received


def test_who_follows_a_job_is_told_no_more_once_their_token_is_withdrawn(site: Site, token: str) -> None:
    stream = follow(site, **bearer(token))
    withdraw_token(site.settings.tokens, "notebook")
    assert ends(stream)


def test_a_program_that_follows_a_job_hears_why_it_is_told_no_more(site: Site, token: str) -> None:
    with open_database(site.settings.database) as db:
        jobs.add_job(db, JobKind.INGEST)
        job = build(Job, shapes.Job.model_validate(jobs.open_jobs(db)[0]).model_dump())
    following = Whetstone(f"http://127.0.0.1:{site.port}", token).follow(job)
    assert next(following).id == job.id
    withdraw_token(site.settings.tokens, "notebook")
    with pytest.raises(ApiError, match="was withdrawn") as refused:
        list(following)
    assert refused.value.code == "token_unknown"


def test_who_follows_a_job_is_told_no_more_once_the_password_is_another_one(tmp_path: Path) -> None:
    with serve(make_services(tmp_path / "library"), PASSWORD) as site:
        site.log_in()
        stream = follow(site, Cookie=site.cookie)
        store_password(site.settings.password, f"{PASSWORD} too")
        assert ends(stream)


def test_who_follows_a_job_is_told_no_more_once_they_are_removed_or_there_are_users(tmp_path: Path) -> None:
    with serve(make_services(tmp_path / "library")) as site:
        nobody = follow(site)
        add_user(site.settings, "root", Role.ADMIN, PASSWORD)
        assert ends(nobody)
        anna = add_user(site.settings, "anna", Role.READ, PASSWORD)
        stream = follow(site, **bearer(make_token(site.settings.tokens, "a", anna.id)))
        remove_user(site.settings, anna)
        assert ends(stream)


@pytest.mark.parametrize(
    "sent",
    [
        "Bearer", "Bearer ", "Bearer x", "Bearer \xe9", "Bearer {name}", "Bearer {digest}", "Bearer {token}x",
        "Bearer {token} {token}", "Basic {token}", "{token}", "Token {token}", f"Bearer {PASSWORD}",
    ],
)  # fmt: skip
def test_what_is_no_token_opens_nothing(site: Site, token: str, sent: str) -> None:
    (kept,) = list_tokens(site.settings.tokens)
    shown = sent.format(token=token, name=kept.name, digest=kept.digest)
    assert site.get("/api/v1/library", Authorization=shown).status == 401


def test_a_wrong_token_is_refused_even_to_who_is_logged_in_or_needs_no_login(site: Site, tmp_path: Path) -> None:
    site.log_in()
    assert site.get("/api/v1/library").status == 200
    assert site.get("/api/v1/library", **bearer("x")).status == 401
    site.cookie = ""
    with serve(make_services(tmp_path / "open")) as unlocked:
        assert unlocked.get("/api/v1/library").status == 200
        assert unlocked.get("/api/v1/library", **bearer("x")).status == 401


def test_where_others_reach_it_and_the_password_is_gone_a_token_opens_nothing(tmp_path: Path) -> None:
    services = make_services(tmp_path / "library", host="0.0.0.0")
    token = make_token(services.settings.tokens, "a")
    with serve(services, PASSWORD) as site:
        assert site.get("/api/v1/library", **bearer(token)).status == 200
        site.settings.password.unlink()
        assert site.get("/api/v1/library", **bearer(token)).status == 503


def test_a_token_is_kept_as_a_hash_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    token = make_token(path, "Zoë's notebook")
    assert len(token) > 40
    assert token.removeprefix("whetstone_") not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    tokens = TokenFile(path)
    assert tokens.knows(token)
    for spoilt in ("{}", "[" * 100_000, '[{"name": "a", "digest": ["x"], "made_at": "x"}]'):
        path.write_text(spoilt)
        with pytest.raises(LibraryError, match="can't be read. Delete the file"):
            tokens.knows(token)
    path.unlink()
    assert not tokens.knows(token)


def test_names_are_plain_and_stand_once_and_none_is_lost_when_two_are_made_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    with ThreadPoolExecutor() as executor:
        made = list(executor.map(lambda number: make_token(path, f"t{number}"), range(8)))
    assert len(set(made)) == len(list_tokens(path)) == 8
    # What can stand in no address could not be withdrawn by one.
    for name in ("", " ", "x" * 61, "a\nb", "a\x1b[2J", "a/b", "a\\b", "a%b", ".", ".."):
        with pytest.raises(SettingsError, match="is not a name of a token"):
            make_token(path, name)
    with pytest.raises(SettingsError, match="There is a token 't1' already"):
        make_token(path, "t1")
    with pytest.raises(NotFoundError, match="There is no token 'u'"):
        withdraw_token(path, "u")


def test_tokens_are_made_and_withdrawn_on_the_command_line_and_stay_out_of_backups(tmp_path: Path) -> None:
    def run(*arguments: str) -> str:
        done = run_warm(["-m", *arguments, "--home", str(tmp_path / "library")], plain_environment())
        assert done.returncode == 0, done.stderr
        return done.stdout

    token = run("api", "make-token", "notebook").strip()
    assert TokenFile(tmp_path / "library" / "tokens.json").knows(token)
    (listed,) = json.loads(run("api", "tokens", "--json"))["tokens"]
    assert (listed["name"], set(listed)) == ("notebook", {"name", "made_at"})
    run("indexer", "backup", str(tmp_path / "backup.zip"))
    assert b"notebook" not in (tmp_path / "backup.zip").read_bytes()
    assert run("api", "withdraw-token", "notebook") == "Withdrawn.\n"
    assert run("api", "tokens").startswith("There is no token.")
