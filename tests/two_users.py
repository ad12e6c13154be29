"""Two users of one library, and all that one of them can ask for when the other has done something."""

import itertools
import json
import os
import random
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import quote

import gradio as gr
from fastapi.testclient import TestClient
from httpx import Response
from sqlite_utils import Database
from starlette.types import ASGIApp

from api.accounts import add_user
from api.create import describe_api
from api.services import Services
from core.people import Role
from core.settings import Settings
from indexer.drawing import Drawer
from search.gpu import find_device
from search.searcher import Searcher
from storage.database import open_database
from tests.libraries import make_library, work
from tests.papers import make_paper, zipped
from ui.interface import BuiltPage, build_parts
from ui.server import create_app

PASSWORD = "long enough"
# What everybody may know of the papers; the secrets stand between these words, so that such a question finds them.
SUBJECT = "the harvest of quinces in the northern valleys"
_ABSENT = 987_654
_SESSION = "a" * 10


@dataclass
class Person:
    """One of the users, with a browser of their own; `secrets` are words that only they may ever be shown."""

    name: str
    client: TestClient
    number: int
    secrets: list[str] = field(default_factory=list)
    papers: list[int] = field(default_factory=list)
    collection: int = 0

    def new_secret(self) -> str:
        # Letters only, so that it is one word in a paper, a name and an address.
        letters = "".join(chr(ord("a") + int(digit)) for digit in str(len(self.secrets)))
        self.secrets.append(f"zq{self.name}{letters}x")
        return self.secrets[-1]

    def post(self, path: str, value: Any) -> Response:
        return self.client.post(f"/api/v1{path}", json=value)

    def call(self, page: gr.Blocks, name: str, arguments: list[Any]) -> Response:
        """One of the functions that the page's script calls."""
        for block in page.blocks.values():
            if any(function.__name__ == name for function in getattr(block, "server_fns", None) or ()):
                body = {"data": arguments, "component_id": block._id, "fn_name": name, "session_hash": _SESSION}
                return self.client.post("/gradio_api/component_server/", json=body)
        raise AssertionError(f"the page has no function {name}")

    def run(self, page: gr.Blocks, name: str, data: dict[str, Any]) -> Response:
        """One of the page's events, with these values in the components of these ids."""
        for number, function in page.fns.items():
            if function.fn is not None and function.fn.__name__ == name:
                values = [data.get(part.elem_id or "", _value_of(part)) for part in function.inputs]
                body = {"data": values, "fn_index": number, "session_hash": f"{_SESSION}{self.name}"}
                return self.client.post("/gradio_api/run/predict", json=body)
        raise AssertionError(f"the page has no event {name}")


def _value_of(part: Any) -> Any:
    return None if isinstance(part, gr.State) else part.value


@dataclass
class Both:
    """The library, its app as each of the two uses it, and a page of the same build, to know what it can call."""

    settings: Settings
    services: Services
    page: gr.Blocks
    people: tuple[Person, Person]
    admin: Person

    def work(self) -> None:
        work(self.settings)

    @property
    def db(self) -> Any:
        return open_database(self.settings.database)


def app_and_page(services: Services) -> tuple[ASGIApp, gr.Blocks]:
    """The app as it is served, and the very page in it: what it calls is known by the ids of that one."""
    built: list[BuiltPage] = []

    def build(services: Services) -> BuiltPage:
        built.append(build_parts(services))
        return built[-1]

    with patch("ui.server.build_parts", build):
        app = create_app(services)
    return app, built[0].blocks


@contextmanager
def two_users(folder: Path, role: Role = Role.TRAIN) -> Iterator[Both]:
    """A library with an admin, who only looks, and two users of this role, all signed in."""
    settings = make_library(folder / "library", folder / "model")
    services = Services(settings, Searcher(settings), find_device(), "a test", Drawer())
    users = [add_user(settings, "root", Role.ADMIN, PASSWORD)]
    users += [add_user(settings, name, role, PASSWORD) for name in ("anna", "bert")]
    with ExitStack() as open_until_the_end:
        # As app.py does: uploads lie in the library.
        open_until_the_end.enter_context(patch.dict(os.environ, GRADIO_TEMP_DIR=str(settings.uploads)))
        app, page = app_and_page(services)
        people = []
        for user in users:
            client = open_until_the_end.enter_context(TestClient(app, base_url="http://127.0.0.1"))
            sign_in(client, user.name)
            people.append(Person(user.name, client, user.id))
        yield Both(settings, services, page, (people[1], people[2]), people[0])


def sign_in(client: TestClient, name: str, password: str = PASSWORD) -> Response:
    answer = client.post("/login", data={"name": name, "password": password}, follow_redirects=False)
    assert answer.status_code == 303, answer.text
    return answer


# --- what they do ---


# What one calls a shared paper for oneself, and says of it, is shown to nobody.
KEEPS_NOTHING = "do_keep_a_copy_of_what_another_shares"


class Steps:
    """What a user may do at random; each step that keeps something to oneself has a new secret in it."""

    def __init__(self, both: Both, seed: int) -> None:
        self._both = both
        self._chance = random.Random(seed)
        self._numbers = itertools.count()

    def names(self) -> list[str]:
        return [name for name in dir(self) if name.startswith("do_")]

    def do(self, person: Person, name: str) -> None:
        getattr(self, name)(person)

    def any(self, person: Person) -> str:
        name = self._chance.choice(self.names())
        self.do(person, name)
        return name

    def do_upload_privately(self, person: Person) -> None:
        if not person.collection:
            made = person.post("/collections", {"name": person.new_secret(), "private": True})
            person.collection = made.json()["id"]
        name, title, text = (person.new_secret() for _ in range(3))
        body = make_paper(f"Notes {title} on quinces", [f"About {SUBJECT} we know {text} and nothing besides it."] * 3)
        path = f"/api/v1/documents?name={name}.pdf&collection_id={person.collection}"
        answer = person.client.post(path, content=body)
        assert answer.status_code == 201, answer.text
        person.papers += [document["id"] for document in answer.json()["documents"]]
        self._both.work()

    def do_upload_for_all(self, person: Person) -> None:
        self._upload_for_all(person)

    def do_keep_a_copy_of_what_another_shares(self, person: Person) -> None:
        """Under a name of one's own, into a collection of one's own, with a bibliography of one's own."""
        other = next(one for one in self._both.people if one is not person)
        title, body = self._upload_for_all(other)
        path = f"/api/v1/documents?collection_id={person.collection}&name={person.new_secret()}"
        entry = f"@article{{{person.new_secret()}, title = {{{title}}}, author = {{{person.new_secret()}}}}}"
        for form, content in (("pdf", body), ("zip", zipped({"papers.bib": entry.encode()}))):
            answer = person.client.post(f"{path}.{form}", content=content)
            assert answer.status_code == 201, answer.text
            assert (len(answer.json()["known"]), answer.json()["documents"][0]["private"]) == (1, False)

    def do_make_private(self, person: Person) -> None:
        """What was shared before, and is written upon since."""
        title, _ = self._upload_for_all(person)
        listed = person.client.get("/api/v1/documents").json()["documents"]
        (paper,) = [one["id"] for one in listed if one["title"] == title]
        assert person.client.put(f"/api/v1/documents/{paper}/privacy", json={"private": True}).status_code == 200
        person.papers.append(paper)
        self.do_edit(person)
        self.do_judge_own(person)

    def do_upload_what_fails(self, person: Person) -> None:
        path = f"/api/v1/documents?name={person.new_secret()}.pdf&collection_id={person.collection}"
        answer = person.client.post(path, content=f"%PDF-1.4 {person.secrets[-1]}".encode())
        assert answer.status_code == 201, answer.text
        self._both.work()
        (paper,) = answer.json()["documents"]
        state = person.client.get(f"/api/v1/documents/{paper['id']}").json()
        assert (state["state"], state["private"]) == ("failed", True)
        assert person.secrets[-1] in state["reason"]
        person.papers.insert(1, paper["id"])

    def do_drop_what_is_left_out(self, person: Person) -> None:
        name = f"{person.new_secret()}.zip"
        sent = person.client.post("/gradio_api/upload", files={"files": (name, zipped({"a.xyz": b"no paper"}))})
        assert sent.status_code == 200, sent.text
        file = {"path": sent.json()[0], "orig_name": name, "meta": {"_type": "gradio.FileData"}}
        person.run(self._both.page, "take_uploads", {"upload": [file]}).raise_for_status()
        told = person.client.get("/api/v1/documents/left-out").json()["left_out"]
        assert person.secrets[-1] in told[0]

    def _upload_for_all(self, person: Person) -> tuple[str, bytes]:
        """The paper's title, and its file."""
        number = next(self._numbers)
        title = f"Shared work {number}"
        body = make_paper(title, [f"Of {SUBJECT} work {number} tells in passing, as all know."] * 3)
        assert person.client.post(f"/api/v1/documents?name=work{number}.pdf", content=body).status_code == 201
        self._both.work()
        return title, body

    def do_judge_own(self, person: Person) -> None:
        for chunk in self._chunks_of(person)[:2]:
            question = f"what is {person.new_secret()} of quinces?"
            verdict = {"query": question, "chunk_id": chunk, "relevance": self._chance.randint(0, 1)}
            assert person.post("/judgements", verdict).status_code == 200

    def do_judge_shared(self, person: Person) -> None:
        with self._both.db as db:
            rows = db.conn.execute(
                "SELECT c.id FROM chunks c JOIN documents d ON d.id = c.document_id WHERE d.owner_id IS NULL"
            ).fetchall()
        for (chunk,) in self._chance.sample(rows, min(2, len(rows))):
            verdict = {"query": f"question {next(self._numbers)} for all?", "chunk_id": chunk, "relevance": 1}
            assert person.post("/judgements", verdict).status_code == 200

    def do_ask(self, person: Person) -> None:
        question = f"where is {person.new_secret()}?"
        person.call(self._both.page, "remember", [f"q={quote(question)}"]).raise_for_status()
        assert person.post("/search", {"query": question}).status_code == 200
        assert person.post("/search/csv", {"query": question}).status_code == 200

    def do_save(self, person: Person) -> None:
        search = {"name": person.new_secret(), "query": f"is {person.new_secret()} there?"}
        assert person.post("/searches", search).status_code == 201

    def do_edit(self, person: Person) -> None:
        for paper in person.papers[-1:]:
            title = {"title": f"My {person.new_secret()}", "authors": f"A. {person.new_secret()}"}
            assert person.client.patch(f"/api/v1/documents/{paper}", json=title).status_code == 200

    def do_draw_and_propose(self, person: Person) -> None:
        assert person.post("/map/draw", {"anew": True}).status_code == 202
        assert person.post("/proposals/look", {}).status_code == 202
        self._both.work()

    def do_make_a_token(self, person: Person) -> None:
        assert person.post("/account/tokens", {"name": person.new_secret()}).status_code == 201

    def do_read_again(self, person: Person) -> None:
        for paper in person.papers[-1:]:
            assert person.client.post(f"/api/v1/documents/{paper}/read-again").status_code == 202

    def _chunks_of(self, person: Person) -> list[int]:
        with self._both.db as db:
            rows = db.conn.execute(
                "SELECT c.id FROM chunks c JOIN documents d ON d.id = c.document_id WHERE d.owner_id = ? ORDER BY c.id",
                [person.number],
            ).fetchall()
        return [row[0] for row in rows]


# --- what the other is told ---


@dataclass(frozen=True, slots=True)
class Foreign:
    """Ids of rows that one of the two has to themselves, by what a route or a function calls them."""

    ids: dict[str, list[int]]

    def of(self, name: str) -> list[int]:
        return self.ids.get(name, [])


def foreign_to(db: Database, owner: int) -> Foreign:
    """The last one of each kind that belongs to this user alone."""

    def last(sql: str) -> list[int]:
        return [row[0] for row in db.conn.execute(f"{sql} ORDER BY 1 DESC LIMIT 1", [owner])]

    own_chunks = "SELECT c.id FROM chunks c JOIN documents d ON d.id = c.document_id WHERE d.owner_id = ?"
    return Foreign(
        {
            # One that was read: of others there is less to tell.
            "document_id": last(
                "SELECT id FROM documents WHERE owner_id = ? AND id IN (SELECT document_id FROM chunks)"
            ),
            "chunk_id": last(own_chunks),
            "collection_id": last("SELECT id FROM collections WHERE owner_id = ?"),
            "search_id": last("SELECT id FROM kept_searches WHERE user_id = ?"),
            "judgement_id": last(f"SELECT id FROM judgements WHERE chunk_id IN ({own_chunks})"),
        }
    )


@cache
def get_routes() -> list[str]:
    """The path of each route that is read with GET, with its parameters, and one for each format."""
    found = []
    for path, methods in describe_api()["paths"].items():
        if "get" not in methods:
            continue
        found.append(path)
        if any(parameter["name"] == "format" for parameter in methods["get"].get("parameters", ())):
            found += [f"{path}?format={form}" for form in ("ris", "csl")]
    return found


# Where a route takes an id, which of them; those of models and jobs belong to nobody.
SHARED_IDS = {"model_id": 1, "number": 1, "job_id": 1, "name": "ocr", "form": "json"}


def read_all(both: Both, reader: Person, foreign: Foreign) -> Iterator[tuple[str, Response, bool]]:
    """Every GET route: its path, the answer, and whether it was asked for something that is another's alone."""
    for route in get_routes():
        names = re.findall(r"\{(\w+)\}", route)
        kinds = [name for name in names if name not in SHARED_IDS]
        assert len(kinds) <= 1, route
        for number in foreign.of(kinds[0]) if kinds else [None]:
            values = SHARED_IDS | ({kinds[0]: number} if kinds else {})
            path = route.format(**values)
            if path.endswith("/events") or path.endswith("/map/changes"):
                path += "" if path.endswith("/events") else "?model_id=1&beside=1"
            yield path, reader.client.get(path), bool(kinds)
    for number in foreign.of("document_id"):
        yield "/citations", reader.client.get(f"/api/v1/citations?document_id={number}"), True
    yield "/config", reader.client.get("/config"), False
    yield "/", reader.client.get("/", headers={"Accept": "text/html"}), False


@dataclass(frozen=True, slots=True)
class Write:
    """A route that changes something, with an id of this kind for each # in its path and body; how it answers."""

    kind: str
    path: str
    body: str = ""
    status: int = 404


# What is asked of each route that names a row of one person, by the route's name.
WRITES = {
    "edit_document": [Write("document_id", "/documents/#", '{"title": "mine"}')],
    "remove_document": [Write("document_id", "/documents/#")],
    "retry_document": [Write("document_id", "/documents/#/retry")],
    "read_document_again": [Write("document_id", "/documents/#/read-again")],
    "set_privacy": [Write("document_id", "/documents/#/privacy", f'{{"private": {one}}}') for one in ("true", "false")],
    "add_document": [Write("collection_id", "/documents?name=a.pdf&collection_id=#")],
    "rename_collection": [Write("collection_id", "/collections/#", '{"name": "mine"}')],
    "delete_collection": [Write("collection_id", "/collections/#")],
    "collect": [
        Write("collection_id", "/collections/#/papers", '{"papers": []}'),
        Write("document_id", "/collections/OWN/papers", '{"papers": [#]}'),
    ],
    "take_out": [
        Write("collection_id", "/collections/#/papers/1"),
        Write("document_id", "/collections/OWN/papers/#", status=200),
    ],
    "search": [
        Write("document_id", "/search", '{"query": "a", "filter": {"papers": [#]}}'),
        Write("collection_id", "/search", '{"query": "a", "filter": {"collections": [#]}}'),
        Write("chunk_id", "/search", '{"query": "", "like": #}'),
    ],
    "export_results": [Write("document_id", "/search/csv", '{"query": "a", "filter": {"papers": [#]}}')],
    "save_search": [Write("document_id", "/searches", '{"name": "a", "query": "a", "filter": {"papers": [#]}}')],
    "delete_saved_search": [Write("search_id", "/searches/#")],
    "judge": [Write("chunk_id", "/judgements", '{"query": "a", "chunk_id": #, "relevance": 1}')],
    "take_back": [Write("chunk_id", "/judgements?query=a&chunk_id=#", status=200)],
    "delete_judgement": [Write("judgement_id", "/judgements/#")],
    # No map is drawn.
    "place_on_map": [Write("chunk_id", "/map/places", '{"passages": [#]}')],
}
# These name no row that one person has to themselves.
WRITES_OF_NOBODY = """
    fetch_document dismiss_left_out_files create_collection keep_history clear_history take_in look_for_proposals
    skip_proposals draw_map retrain take_version_in undo promote compare cancel_job dismiss_job use_source set_setting
    unset_setting change_own_password make_own_token withdraw_own_token add_person change_role set_new_password
    remove_person
"""


@cache
def methods_of_writes() -> Mapping[str, str]:
    """The method of each route that is not read with GET, by the route's name."""
    return {
        operation["operationId"]: method.upper()
        for methods in describe_api()["paths"].values()
        for method, operation in methods.items()
        if method != "get"
    }


def write_on(reader: Person, name: str, write: Write, number: int) -> Response:
    path = write.path.replace("OWN", str(reader.collection)).replace("#", str(number))
    body = write.body.replace("#", str(number)).encode() or None
    headers = {"Content-Type": "application/json"} if body else {}
    return reader.client.request(methods_of_writes()[name], f"/api/v1{path}", content=body, headers=headers)


def ask_all(reader: Person, foreign: Foreign) -> Iterator[tuple[str, Response]]:
    """What is asked by a body: searches of every kind, exports, the map."""
    ways: list[dict[str, Any]] = [{"mode": mode} for mode in ("both", "meaning", "words")]
    ways += [{"spread": 1}, {"filter": {"author": "A"}}, {"filter": {"kinds": ["body"]}}]
    for way in ways:
        yield f"search {way}", reader.post("/search", {"query": SUBJECT, "k": 50} | way)
    for form in ("csv", "bibtex", "json"):
        yield f"export {form}", reader.post(f"/search/{form}", {"query": SUBJECT, "k": 50})
    yield "map", reader.post("/map/places", {"passages": foreign.of("chunk_id")})
    for number in foreign.of("chunk_id"):
        yield "like", reader.post("/search", {"query": "", "like": number})
    for number in foreign.of("document_id"):
        yield "filter", reader.post("/search", {"query": SUBJECT, "filter": {"papers": [number]}})
    for number in foreign.of("collection_id"):
        yield "filter", reader.post("/search", {"query": SUBJECT, "filter": {"collections": [number]}})


def calls_on(foreign: Foreign) -> dict[str, list[list[Any]]]:
    """For each function that the page's script calls what it may be called with on another's rows."""
    papers, chunks = foreign.of("document_id"), foreign.of("chunk_id")
    collections = foreign.of("collection_id")
    address = f"q={quote(SUBJECT)}&k=50"
    return {
        "open_page": [["why?", chunk, *how] for chunk in chunks for how in ([None, [], False], [1, chunks, False])],
        "remember": [[f"{address}&paper={paper}"] for paper in papers],
        "save": [["mine", f"{address}&paper={paper}"] for paper in papers],
        "export": [[address, form] for form in ("csv", "bibtex", "json")],
        "delete_search": [[number] for number in foreign.of("search_id")],
        "clear_past": [[]],
        "keep_past": [[True]],
        "judge_many": [[[["why?", chunk, None, None, None]], 1, None] for chunk in chunks],
        "skip_many": [[]],
        "look_again": [[False]],
        "cancel_job": [[_ABSENT]],
        "dismiss_job": [[_ABSENT]],
        "load_map": [[None, None], [1, 1]],
        "redraw_map": [[None]],
        "place_hits": [[1, chunks]],
        "show_point": [[1, "paper", paper] for paper in papers] + [[1, "passage", chunk] for chunk in chunks],
        # Of no identifier that there is, so nothing is asked of the network.
        "fetch": [["no identifier", collection] for collection in (None, *collections)],
        "dismiss_left_out_files": [[]],
        "remove_papers": [[paper] for paper in papers],
        "retry_paper": [[paper, None] for paper in papers],
        "read_again": [[paper] for paper in papers],
        "report_reading": [[paper] for paper in papers],
        "show_form": [[paper] for paper in papers],
        "save_form": [[paper, {"title": "mine"}] for paper in papers],
        "forget_form": [[paper] for paper in papers],
        "set_privacy": [[paper, False] for paper in papers] + [[paper, True] for paper in papers],
        "collect": [
            *(["put", number, "", []] for number in collections),
            *(["rename", number, "mine", []] for number in collections),
            *(["delete", number, "", []] for number in collections),
            *(["take", number, "", papers] for number in collections),
        ],
        "switch_model": [[_ABSENT]],
        "compare_version": [[_ABSENT]],
        "delete_pairs": [foreign.of("judgement_id")],
        "store_value": [["ocr", "on"]],
        "forget_value": [["ocr"]],
        "change_own_password": [["wrong words", "other words"]],
        "make_own_token": [["mine"]],
        "withdraw_own_token": [["none"]],
        "add_person": [["eve", "admin", PASSWORD]],
        "change_role": [[1, "read"]],
        "set_new_password": [[1, PASSWORD]],
        "remove_person": [[1, ""]],
    }


def call_all(both: Both, reader: Person, foreign: Foreign) -> Iterator[tuple[str, Response]]:
    """Every function and every event of the page."""
    for name, calls in calls_on(foreign).items():
        for arguments in calls:
            yield f"{name} {arguments}", reader.call(both.page, name, arguments)
    papers = foreign.of("document_id")
    events: list[tuple[str, dict[str, Any]]] = [
        ("look", {}),
        ("look_at_once", {}),
        *(("search", {"question": SUBJECT, "k": 50, "mode": mode}) for mode in ("both", "meaning", "words")),
        ("search", {"question": SUBJECT, "k": 50, "blind": True}),
        ("ask_again", {"address": f"q={quote(SUBJECT)}&k=50"}),
        ("show_settings", {}),
        ("show_diagnostics", {}),
        ("show_account", {}),
        ("show_pairs", {}),
        *(("show_papers", {"paper-words": words}) for words in ("", SUBJECT)),
        ("fill_in", {}),
        ("fill_in_dimensions", {}),
        *(("show", {"ask-of": paper}) for paper in papers),
        *(("search", {"question": SUBJECT, "papers": [paper]}) for paper in papers),
    ]
    for name, data in events:
        yield name, reader.run(both.page, name, data)


# Events that take in files or begin a training: they show nothing, and have tests of their own.
NOT_ASKED = {"take_uploads", "take_in", "start", "use"}


def as_text(answer: Response) -> str:
    """The answer with its headers, and what stands in JSON written as a person reads it."""
    text = answer.content.decode("utf-8", "replace")
    with suppress(ValueError):
        text += json.dumps(answer.json(), ensure_ascii=False)
    return f"{text}\n{answer.headers}"
