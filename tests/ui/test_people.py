"""Users over HTTP: who signs in, what a role allows, what a token opens."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from typing import Any

import pytest
from fastapi.testclient import TestClient
from starlette.types import ASGIApp

from api import accounts
from api.accounts import Accounts, add_user, set_password
from api.create import describe_api
from api.roles import PAGE, ROUTES
from api.services import Services
from api.tokens import list_tokens, make_token
from api.tries import Tries
from core.errors import NotFoundError, PeopleError, SettingsError
from core.people import Role, viewing
from core.settings import Settings
from core.types import KeptSearch
from indexer.start import ensure_active_model
from search.gpu import find_device
from search.searcher import Searcher
from storage import library
from storage.database import open_database
from storage.kept_searches import list_history, remember_search
from storage.people import find_user, remove_user, set_role
from tests.coroutines import run_to_its_end
from tests.makers import store_paper
from tests.two_users import PASSWORD, Person, app_and_page, sign_in
from ui.interface import build_page
from ui.server import create_app

_HTML = {"Accept": "text/html"}


@pytest.fixture
def services(settings: Settings) -> Services:
    ensure_active_model(settings)
    # However loaded the machine is, no time goes by between two tries.
    return Services(settings, Searcher(settings), find_device(), "a test", tries=Tries(lambda: 1000.0))


@pytest.fixture
def client(services: Services) -> Iterator[TestClient]:
    with TestClient(create_app(services), base_url="http://127.0.0.1", follow_redirects=False) as client:
        yield client


def people(settings: Settings) -> None:
    for role in reversed(Role):
        add_user(settings, f"of {role}", role, PASSWORD)


def test_without_users_nobody_is_asked_and_from_the_first_one_on_everybody_is(
    client: TestClient, services: Services
) -> None:
    assert client.get("/api/v1/library").status_code == 200
    assert client.get("/api/v1/account").json() == {"user": None, "tokens": []}
    old = make_token(services.settings.tokens, "old")
    assert client.get("/api/v1/library", headers={"Authorization": f"Bearer {old}"}).status_code == 200
    refused = client.post("/api/v1/users", json={"name": "anna", "role": "train", "password": PASSWORD})
    assert refused.json()["error"]["message"].startswith("The first user keeps the others")
    assert client.post("/api/v1/users", json={"name": "anna", "role": "admin", "password": PASSWORD}).status_code == 201
    for path in ("/", "/config", "/api/v1/library", "/api/docs", "/gradio_api/info", "/theme.css"):
        assert client.get(path).status_code == 401, path
    # What opened it before opens it no more.
    assert client.get("/api/v1/library", headers={"Authorization": f"Bearer {old}"}).json()["error"]["code"] == (
        "token_unknown"
    )
    page = client.get("/?q=a", headers=_HTML)
    assert page.status_code == 401
    assert 'name="name"' in page.text
    assert "<script" not in page.text
    assert client.post("/login", data={"name": "ANNA ", "password": PASSWORD}).status_code == 303
    assert client.get("/api/v1/account").json()["user"]["name"] == "anna"
    header = client.get("/", headers=_HTML)
    assert header.status_code == 200
    assert client.post("/logout").status_code == 303
    client.cookies.clear()
    assert client.get("/api/v1/account").status_code == 401


def test_a_wrong_name_and_a_wrong_password_are_told_alike(client: TestClient, services: Services) -> None:
    people(services.settings)
    said = set()
    for name, words in (("of admin", "wrong"), ("nobody", PASSWORD)):
        answer = client.post("/login", data={"name": name, "password": words})
        assert answer.status_code == 403
        assert "set-cookie" not in answer.headers
        said.add(answer.text)
    assert len(said) == 1
    assert "Nobody has this name and this password. Try again." in said.pop()
    assert client.post("/login", data={"password": PASSWORD}).status_code == 400


def test_who_has_an_account_can_not_guess_at_another_s_in_between(client: TestClient, services: Services) -> None:
    people(services.settings)
    for number in range(5):
        # However the name is written, and whoever signs in meanwhile.
        name = ("of admin", "OF  Admin")[number % 2]
        assert client.post("/login", data={"name": name, "password": "wrong"}).status_code == 403
        if number < 4:
            sign_in(client, "of read")
            client.cookies.clear()
    answer = client.post("/login", data={"name": "of admin", "password": PASSWORD})
    assert answer.status_code == 429
    assert "Too many wrong passwords from your address" in answer.text


def test_who_mistypes_and_then_signs_in_begins_anew(client: TestClient, services: Services) -> None:
    people(services.settings)
    for _ in range(3):
        for _ in range(4):
            assert client.post("/login", data={"name": "of read", "password": "wrong"}).status_code == 403
        sign_in(client, "Of  READ")
        client.cookies.clear()


def test_a_session_ends_with_a_new_password_another_id_and_the_user(client: TestClient, services: Services) -> None:
    people(services.settings)
    with open_database(services.settings.database) as db:
        reader, judge = find_user(db, "of read"), find_user(db, "of judge")
    sign_in(client, "of read")
    name, value = next(iter(client.cookies.items()))
    assert client.get("/api/v1/account").json()["user"]["id"] == reader.id
    client.cookies.clear()
    client.cookies.set(name, value.strip('"').replace(f"{reader.id}:", f"{judge.id}:", 1))
    assert client.get("/api/v1/account").status_code == 401
    client.cookies.clear()
    sign_in(client, "of read")
    set_password(services.settings, reader, "another one")
    assert client.get("/api/v1/account").status_code == 401
    client.cookies.clear()
    sign_in(client, "of read", "another one")
    with open_database(services.settings.database) as db:
        remove_user(db, reader.id)
    assert client.get("/api/v1/account").status_code == 401


def test_a_lost_file_of_passwords_lets_nobody_in(client: TestClient, services: Services) -> None:
    people(services.settings)
    sign_in(client, "of read")
    services.settings.user_passwords.unlink()
    assert client.get("/api/v1/account").status_code == 401
    assert client.post("/login", data={"name": "of read", "password": PASSWORD}).status_code == 403
    services.settings.user_passwords.write_text("{}")
    answer = client.get("/api/v1/account")
    assert answer.status_code == 503
    assert "python -m api users password NAME" in answer.text


def test_a_token_is_its_user_s_and_goes_with_them(client: TestClient, services: Services) -> None:
    people(services.settings)
    sign_in(client, "of judge")
    token = client.post("/api/v1/account/tokens", json={"name": "notebook"}).json()["token"]
    assert [one["name"] for one in client.get("/api/v1/account").json()["tokens"]] == ["notebook"]
    client.cookies.clear()
    shown = {"Authorization": f"Bearer {token}"}
    assert client.get("/api/v1/account", headers=shown).json()["user"]["name"] == "of judge"
    assert client.get("/", headers=shown).status_code == 401
    assert client.put("/api/v1/settings/ocr", json={"value": "on"}, headers=shown).status_code == 403
    assert token not in services.settings.tokens.read_text()
    # Another's of the same name is another token.
    sign_in(client, "of read")
    assert client.delete("/api/v1/account/tokens/notebook").status_code == 404
    client.cookies.clear()
    sign_in(client, "of judge")
    assert client.delete("/api/v1/account/tokens/notebook").json()["tokens"] == []
    client.cookies.clear()
    assert client.get("/api/v1/account", headers=shown).status_code == 401


def test_each_route_and_each_function_of_the_page_has_a_role(services: Services) -> None:
    routes = {one["operationId"] for methods in describe_api()["paths"].values() for one in methods.values()}
    assert set(ROUTES) == routes | {"docs", "_nothing"}
    page = build_page(services)
    events = {function.fn.__name__ for function in page.fns.values() if function.fn is not None}
    called = {one.__name__ for block in page.blocks.values() for one in getattr(block, "server_fns", None) or ()}
    assert set(PAGE) == events | called


@pytest.mark.parametrize("role", list(Role))
def test_a_role_opens_its_routes_and_no_others(client: TestClient, services: Services, role: Role) -> None:
    people(services.settings)
    sign_in(client, f"of {role}")
    for path, methods in describe_api()["paths"].items():
        address = path.replace("{form}", "csv").replace("{name}", "none").replace("/events", "")
        for parameter in ("document_id", "collection_id", "chunk_id", "search_id", "judgement_id", "model_id", "job_id",
                          "user_id", "number"):  # fmt: skip
            address = address.replace(f"{{{parameter}}}", "987654")
        for method, operation in methods.items():
            # Nothing that is asked for is there, and no body is right: whoever may ask is told that, and not of roles.
            answer = client.request(method.upper(), address)
            refused = answer.status_code == 403 and answer.json()["error"]["code"] == "role"
            assert refused == (not role.may(ROUTES[operation["operationId"]])), (method, path, answer.text)
            if refused:
                assert f"yours is {role}" in answer.json()["error"]["message"]


@pytest.mark.parametrize("role", list(Role)[:-1])
def test_a_role_opens_its_functions_of_the_page_and_no_others(services: Services, role: Role) -> None:
    people(services.settings)
    app, page = app_and_page(services)
    client = TestClient(app, base_url="http://127.0.0.1")
    sign_in(client, f"of {role}")
    person = Person("x", client, 0)
    names = {one.__name__ for block in page.blocks.values() for one in getattr(block, "server_fns", None) or ()}
    for name in sorted(names):
        if not role.may(PAGE[name]):
            answer = person.call(page, name, [])
            assert answer.json() == {
                "error": f"This needs the role {PAGE[name]}, and yours is {role}. An admin can change it."
            }
    for name in ("store_value", "add_person"):
        assert not role.may(PAGE[name])


def test_an_upload_and_gradios_queue_are_held_to_it_too(client: TestClient, services: Services) -> None:
    people(services.settings)
    sign_in(client, "of judge")
    answer = client.post("/gradio_api/upload", files={"files": ("a.pdf", b"%PDF-")})
    assert (answer.status_code, answer.text) == (
        403, "This needs the role train, and yours is judge. An admin can change it."
    )  # fmt: skip
    assert list(services.settings.uploads.iterdir()) == []
    for path in ("/gradio_api/queue/join", "/gradio_api/queue/data?session_hash=a"):
        assert client.request("POST" if "join" in path else "GET", path).status_code == 404


def test_the_page_of_before_the_first_user_shows_nothing_to_the_second(client: TestClient, services: Services) -> None:
    with open_database(services.settings.database) as db:
        store_paper(db, "ab" * 32, ["A text of one who was alone."])
        remember_search(db, KeptSearch("a question of one who was alone"))
    # As the app does at its start.
    with TestClient(create_app(services), base_url="http://127.0.0.1") as own:
        assert "a question of one who was alone" in own.get("/config").text
        add_user(services.settings, "anna", Role.ADMIN, PASSWORD)
        add_user(services.settings, "bert", Role.READ, PASSWORD)
        sign_in(own, "bert")
        for path in ("/config", "/"):
            text = own.get(path, headers=_HTML).text
            assert "a question of one who was alone" not in text
            assert str(services.settings.home) not in text
        assert own.get("/api/v1/history").json()["history"] == []
        # It is the first user's now.
        own.cookies.clear()
        sign_in(own, "anna")
        assert [one["question"] for one in own.get("/api/v1/history").json()["history"]] == [
            "a question of one who was alone"
        ]


def test_the_last_admin_stays_and_names_are_of_one_kind(settings: Settings) -> None:
    anna = add_user(settings, "anna", Role.ADMIN, PASSWORD)
    with pytest.raises(PeopleError, match="There is a user 'Anna' already"):
        add_user(settings, "Anna", Role.READ, PASSWORD)
    with pytest.raises(PeopleError, match="is not a name of a user"):
        add_user(settings, " ", Role.READ, PASSWORD)
    with pytest.raises(SettingsError, match="has 5 characters"):
        add_user(settings, "bert", Role.READ, "short")
    bert = add_user(settings, "bert", Role.READ, PASSWORD)
    with open_database(settings.database) as db:
        for wrong in (lambda: set_role(db, anna.id, Role.READ), lambda: remove_user(db, anna.id)):
            with pytest.raises(PeopleError, match="'anna' is the only admin"):
                wrong()
        set_role(db, bert.id, Role.ADMIN)
        remove_user(db, anna.id)
        with pytest.raises(NotFoundError):
            find_user(db, "anna")
        assert list_history(db) == []
    assert set(Accounts(settings).users()) == {bert.id}
    assert list_tokens(settings.tokens) == []
    assert PASSWORD not in settings.user_passwords.read_text()
    assert settings.user_passwords.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("how", ["pass", "share"])
def test_of_a_removed_user_s_papers_none_is_kept_twice_and_the_admin_is_not_told_which(
    settings: Settings, how: str
) -> None:
    root, anna, bert = (add_user(settings, name, Role.ADMIN, PASSWORD) for name in ("root", "anna", "bert"))
    other = bert if how == "pass" else None
    with open_database(settings.database) as db:
        for sha256, user in (("aa", anna), ("bb", anna), ("aa", other)):
            library.add_document(db, sha256, f"{sha256}.pdf", owner=user.id if user else None)
    with viewing(root):
        accounts.remove_user(settings, anna, share=how == "share", pass_to=other)
    with open_database(settings.database) as db:
        left = {(document.sha256, document.owner) for document in library.list_documents(db)}
    assert left == {("aa", other and other.id), ("bb", other and other.id)}


async def ask(
    app: ASGIApp, path: str, headers: dict[str, str], body: bytes, come: Callable[[], Awaitable[None]]
) -> int:
    """The status of a POST whose headers are there at once, and its body once that has `come`."""
    headers = {"host": "127.0.0.1", "content-length": str(len(body))} | headers
    scope = {
        "type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b"",
        "http_version": "1.1", "scheme": "http", "root_path": "", "client": ("127.0.0.1", 1), "server": ("a", 80),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }  # fmt: skip
    said: list[Any] = []

    async def receive() -> dict[str, Any]:
        await come()
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        said.append(message)

    await app(scope, receive, send)
    return said[0]["status"]


@pytest.mark.parametrize("meanwhile", ["the first user", "another role", "removal"])
def test_a_request_that_takes_its_time_is_answered_as_its_sender_is_by_then(
    services: Services, settings: Settings, meanwhile: str
) -> None:
    app = create_app(services)
    headers = {"content-type": "application/json"}
    if meanwhile != "the first user":
        people(settings)
        eve = add_user(settings, "eve", Role.ADMIN, PASSWORD)
        headers["cookie"] = f'{Accounts(settings).cookie}="{Accounts(settings).sign_in("eve", PASSWORD)}"'

    async def come() -> None:
        if meanwhile == "the first user":
            add_user(settings, "root", Role.ADMIN, PASSWORD)
        elif meanwhile == "removal":
            accounts.remove_user(settings, eve)
        else:
            with open_database(settings.database) as db:
                set_role(db, eve.id, Role.READ)

    body = b'{"name": "mallory", "role": "admin", "password": "long enough"}'
    assert run_to_its_end(ask(app, "/api/v1/users", headers, body, come)) == 403
    assert "mallory" not in {user.name for user in Accounts(settings).users().values()}


def test_who_holds_many_tries_back_and_sends_them_at_once_has_five_of_them(services: Services) -> None:
    people(services.settings)
    app, many = create_app(services), 12

    async def ask_at_once() -> list[int]:
        begun, all_begun = itertools.count(1), asyncio.Event()

        async def come() -> None:
            if next(begun) == many:
                all_begun.set()
            await all_begun.wait()

        kind = {"content-type": "application/x-www-form-urlencoded"}
        asked = (ask(app, "/login", kind, b"name=of+admin&password=wrong", come) for _ in range(many))
        return await asyncio.gather(*asked)

    assert sorted(run_to_its_end(ask_at_once())) == [403] * 5 + [429] * 7


def test_who_has_a_token_can_not_guess_at_the_password(client: TestClient, services: Services) -> None:
    people(services.settings)
    sign_in(client, "of read")
    said = []
    for old in [*["wrong one"] * 6, PASSWORD]:
        answer = client.put("/api/v1/account/password", json={"old": old, "new": "another one"})
        assert answer.status_code == 400
        said.append(answer.json()["error"]["message"])
    assert said[:5] == ["That is not your present password. Try again."] * 5
    assert all(one.startswith("Too many wrong passwords. Try again in ") for one in said[5:])
    assert client.get("/api/v1/account").status_code == 200
