"""The API over real HTTP: one shape of answers and of errors, the files it takes and gives, and its description."""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import core.errors
from api.bodies import file_name
from api.create import describe_api
from core.errors import WhetstoneError
from core.types import JobKind, JobState
from search.answer import result_as_json
from search.searcher import Searcher, SearchRequest
from storage import jobs, library, proposals
from storage.database import open_database
from storage.judgements import delete_judgements, list_judgements, store_judgement
from storage.judges import Judge
from storage.proposals import ProposalRow
from tests.libraries import add_version
from tests.papers import encrypt, make_paper
from tests.served import serve_library
from tests.ui.site import Answer, Site
from tests.ui.topics import TOPICS

API = "/api/v1"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with serve_library(tmp_path_factory.mktemp("api")) as site:
        for topic in TOPICS[:2]:
            add(site, topic.file_name, make_paper(topic.title, topic.paragraphs))
        yield site


def add(site: Site, name: str, content: bytes) -> int:
    """The id of the paper once it is ready or failed."""
    answer = site.ask("POST", f"{API}/documents?name={name}", body=content)
    assert answer.status == 201, answer.text
    (document,) = answer.json()["documents"]
    wait_until(site, document["id"], "ready", "failed")
    return document["id"]


def wait_until(site: Site, document_id: int, *states: str) -> None:
    end = time.monotonic() + 300
    with open_database(site.settings.database) as db:
        while (state := library.get_document(db, document_id).state) not in states:
            assert time.monotonic() < end, f"it is still {state}"
            time.sleep(0.05)


def error(answer: Answer) -> tuple[int, str]:
    assert set(answer.json()) == {"error"}
    assert set(answer.json()["error"]) == {"code", "message"}
    assert len(answer.json()["error"]["message"].splitlines()) == 1
    return answer.status, answer.json()["error"]["code"]


def test_each_class_of_error_has_a_code_of_its_own() -> None:
    kinds = [one for one in vars(core.errors).values() if isinstance(one, type) and issubclass(one, WhetstoneError)]
    codes = {kind.code() for kind in kinds}
    assert len(codes) == len(kinds)
    assert {"not_found", "import_format", "training", "promotion", "password", "cancelled"} <= codes
    assert all(re.fullmatch("[a-z_]+", code) for code in codes)


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "/documents/99", None, 404, "not_found"),
        ("DELETE", "/documents/99", None, 404, "not_found"),
        ("POST", "/documents/99/retry", None, 404, "not_found"),
        ("PATCH", "/documents/1", {"doi": "11.1/x"}, 400, "metadata"),
        ("PATCH", "/documents/1", {"colour": "red"}, 422, "invalid_request"),
        ("GET", "/documents/1/pages/9.jpg", None, 400, "read"),
        ("GET", "/documents/1/citation?format=docx", None, 422, "invalid_request"),
        ("GET", "/passages/99999", None, 404, "not_found"),
        ("POST", "/search", {"query": "why?", "filter": {"papers": [99]}}, 404, "not_found"),
        ("POST", "/search", {"query": "why?", "filter": {"collections": [99]}}, 404, "not_found"),
        ("POST", "/collections", {"name": " "}, 400, "collection"),
        ("POST", "/documents?name=empty.zip", None, 400, "read"),
        ("POST", "/search", {"query": "why?", "k": 51}, 422, "invalid_request"),
        ("POST", "/search", {"query": "x" * 2001}, 422, "invalid_request"),
        ("POST", "/search", {"query": "why?", "blind": True}, 404, "not_found"),
        ("POST", "/judgements", {"query": " ", "chunk_id": 1, "relevance": 1}, 400, "training"),
        ("POST", "/judgements", {"query": "why?", "chunk_id": 1, "relevance": 2}, 422, "invalid_request"),
        ("POST", "/judgements", {"query": "\ud800", "chunk_id": 1, "relevance": 1}, 422, "invalid_request"),
        ("DELETE", "/judgements/99", None, 404, "not_found"),
        ("POST", "/retrain", {"preset": "magic"}, 400, "training"),
        ("POST", "/retrain", {"epochs": 0}, 400, "training"),
        ("POST", "/retrain", {"base_model_id": 99}, 404, "not_found"),
        ("POST", "/models/99/promote", None, 404, "not_found"),
        ("POST", "/models/undo", None, 409, "promotion"),
        ("GET", "/models/1/archive.zip", None, 200, ""),
        ("GET", "/jobs/99", None, 404, "not_found"),
        ("GET", "/jobs/99/events", None, 404, "not_found"),
        ("GET", "/nothing", None, 404, "no_address"),
        ("PUT", "/documents", None, 404, "no_address"),
        ("GET", f"/documents/{10**20}", None, 422, "invalid_request"),
        ("GET", f"/citations?document_id={10**20}", None, 422, "invalid_request"),
        ("POST", "/retrain", {"preset": "\ud800"}, 400, "training"),
        ("GET", "/documents/one", None, 422, "invalid_request"),
    ],
)
def test_whatever_is_refused_has_its_code_and_one_sentence(
    site: Site, method: str, path: str, body: object, status: int, code: str
) -> None:
    sent = {"Content-Type": "application/json"} if body is not None else {}
    answer = site.ask(method, API + path, sent, None if body is None else json.dumps(body))
    assert (answer.status, "") == (status, code) if not code else error(answer) == (status, code)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("{query: why?", "The body is no JSON: expecting property name enclosed in double quotes, at character 1."),
        ('["why?"]', "The body is no JSON object. Send one, with the header 'Content-Type: application/json'."),
        ("", "The body is empty. Send a JSON object."),
        ("{}", "'query' is missing."),
        ('{"k": 3}', "'query' is missing."),
        ('{"query": "why?", "filter": {"colour": 1}}', "There is no 'filter.colour' here."),
        ('{"query": "why?", "k": 0}', "'k' is 0: input should be greater than or equal to 1."),
    ],
)
def test_a_body_that_is_not_as_described_is_told_what_is_wrong_with_it(site: Site, body: str, told: str) -> None:
    answer = site.ask("POST", f"{API}/search", {"Content-Type": "application/json"}, body)
    assert error(answer) == (422, "invalid_request")
    assert answer.json()["error"]["message"] == f"{told} See /api/docs."


def test_a_body_sent_as_a_form_is_told_its_header(site: Site) -> None:
    """What `curl -d` sends unless it is told otherwise."""
    sent = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = site.ask("POST", f"{API}/search", sent, '{"query": "why?"}')
    assert "with the header 'Content-Type: application/json'" in answer.json()["error"]["message"]


def test_a_search_has_the_fields_and_the_hits_of_the_command(site: Site) -> None:
    answer = site.post(f"{API}/search", {"query": TOPICS[0].question, "k": 3}).json()
    expected = result_as_json(Searcher(site.settings).search(SearchRequest(TOPICS[0].question, 3)))
    for hit in answer["hits"]:
        assert (hit.pop("relevance"), hit.pop("others")) == (None, [])
    del answer["seconds"], expected["seconds"]
    assert answer == json.loads(json.dumps(expected))


def test_a_blind_search_tells_nothing_of_the_models(site: Site) -> None:
    with open_database(site.settings.database) as db:
        add_version(site.settings, db, 7)
    seen = site.post(f"{API}/search", {"query": "frost"}).json()["hits"]
    with open_database(site.settings.database) as db:
        for hit in seen:
            store_judgement(db, "frost", hit["chunk_id"], 1, giver=Judge(None, "Anna", away=True))
    seen = site.post(f"{API}/search", {"query": "frost"}).json()["hits"]
    assert [hit["others"] for hit in seen] == [[{"judge": "Anna", "relevance": 1}]] * len(seen)
    answer = site.post(f"{API}/search", {"query": "frost", "blind": True}).json()
    assert answer["model"] is None
    assert {hit["chunk_id"] for hit in answer["hits"]} & {hit["chunk_id"] for hit in seen}
    for hit in answer["hits"]:
        assert (hit["rank"], hit["score"], hit["dense_rank"], hit["lexical_rank"]) == (None,) * 4
        assert hit["others"] == []
    with open_database(site.settings.database) as db:
        delete_judgements(db, [one.id for one in list_judgements(db) if one.query == "frost"])


def test_a_paper_is_corrected_reported_and_cited(site: Site) -> None:
    answer = site.ask(
        "PATCH",
        f"{API}/documents/1",
        {"Content-Type": "application/json"},
        '{"authors": "Ada A; Bo B", "year": "1919"}',
    )
    assert (answer.json()["authors"], sorted(answer.json()["corrected"])) == (["Ada A", "Bo B"], ["authors", "year"])
    assert "author = {A, Ada and B, Bo}" in site.get(f"{API}/documents/1/citation").text
    both = site.get(f"{API}/citations?document_id=2&document_id=1&format=csl")
    assert both.headers["content-type"].startswith("application/vnd.citationstyles.csl+json")
    assert len(json.loads(both.text)) == 2
    report = site.get(f"{API}/documents/1/report").json()
    assert (report["tokens_past_window"], report["pages"][0]["source"]) == (0, "text")
    back = site.ask("PATCH", f"{API}/documents/1", {"Content-Type": "application/json"}, '{"as_read": true}').json()
    assert (back["corrected"], back["year"]) == ([], None)


def test_a_locked_paper_is_read_with_its_password(site: Site) -> None:
    locked = add(site, "locked.pdf", encrypt(make_paper("Locked", ["A secret about doors."]), "open"))
    assert site.get(f"{API}/documents/{locked}").json()["locked"]
    answer = site.post(f"{API}/documents/{locked}/retry", {"password": "open"})
    assert (answer.status, "open" in answer.text) == (202, False)
    wait_until(site, locked, "ready")
    assert site.post(f"{API}/documents/{locked}/read-again", None).status == 202
    assert site.ask("DELETE", f"{API}/documents/{locked}").json() == {"removed": [locked]}


def test_a_file_that_comes_under_a_path_keeps_its_last_name_only(site: Site) -> None:
    number = add(site, "..%2F..%2Fetc%2Fpasswd", make_paper("On Doors", ["Doors swing on hinges."]))
    assert site.get(f"{API}/documents/{number}").json()["names"] == ["passwd"]
    site.ask("DELETE", f"{API}/documents/{number}")
    assert [path for path in site.settings.uploads.rglob("*") if path.is_file()] == []


def test_judgements_go_out_and_come_in_as_lines(site: Site) -> None:
    hit = site.post(f"{API}/search", {"query": "ice"}).json()["hits"][0]
    assert site.post(f"{API}/judgements", {"query": "ice", "chunk_id": hit["chunk_id"], "relevance": 1}).json() == {
        "stored": True
    }
    lines = site.get(f"{API}/judgements/export").text
    (given,) = site.get(f"{API}/judgements?query=ice").json()["judgements"]
    assert site.ask("DELETE", f"{API}/judgements/{given['id']}").json() == {"withdrawn": 1}
    taken = site.ask("POST", f"{API}/judgements/import", body=lines + "not JSON\n").json()
    assert (taken["stored"], taken["known"], len(taken["refused"])) == (1, 0, 1)
    again = site.ask("DELETE", f"{API}/judgements?query=ice&chunk_id={hit['chunk_id']}")
    assert again.json() == {"withdrawn": 1}
    assert error(site.ask("POST", f"{API}/judgements/import", body=b"\xff\xfe")) == (400, "import_format")


def test_a_version_goes_out_as_a_zip_and_one_that_is_known_is_not_taken_in_twice(site: Site) -> None:
    models = site.get(f"{API}/models").json()
    assert models["active"] == models["models"][0]["id"]
    archive = site.get(f"{API}/models/{models['active']}/archive.zip").body
    assert archive[:2] == b"PK"
    assert error(site.ask("POST", f"{API}/models", body=archive)) == (400, "import_format")
    assert error(site.ask("POST", f"{API}/models", body=b"no zip")) == (400, "import_format")


def test_a_range_that_cannot_be_had_is_told_as_any_error_and_leaves_no_archive(site: Site) -> None:
    active = site.get(f"{API}/models").json()["active"]
    before = sorted(site.settings.uploads.iterdir())
    for path in (f"models/{active}/archive.zip", "documents/1/original", "documents/1/original.pdf"):
        whole = site.get(f"{API}/{path}").body
        assert site.get(f"{API}/{path}", Range="bytes=0-9").body == whole[:10]
        assert error(site.get(f"{API}/{path}", Range="bytes=nine")) == (400, "invalid_request")
        beyond = site.get(f"{API}/{path}", Range=f"bytes={2 * len(whole)}-")
        assert error(beyond) == (416, "invalid_request")
        assert re.fullmatch(r"bytes \*/\d+", beyond.headers["content-range"])
    assert sorted(site.settings.uploads.iterdir()) == before


def test_a_version_that_was_not_recommended_is_promoted_only_where_that_is_said(site: Site) -> None:
    with open_database(site.settings.database) as db:
        version = add_version(site.settings, db, 8, {"recommended": False})
    assert error(site.post(f"{API}/models/{version.id}/promote", None)) == (409, "promotion")
    answer = site.post(f"{API}/models/{version.id}/promote", {"against_advice": True}).json()
    assert (answer["active"]["id"], answer["job"]) == (version.id, None)
    assert site.post(f"{API}/models/undo", None).json()["active"]["id"] != version.id


def test_a_job_is_stopped_followed_to_its_end_and_dismissed(site: Site) -> None:
    with open_database(site.settings.database) as db:
        job = jobs.add_job(db, JobKind.SWITCH, {"source": str(site.settings.home / "nowhere")})
    site.post(f"{API}/jobs/{job.id}/cancel", None)
    stream = site.get(f"{API}/jobs/{job.id}/events")
    assert stream.headers["content-type"].startswith("text/event-stream")
    last = [line for line in stream.text.splitlines() if line.startswith("data:")][-1]
    assert stream.text.rstrip().splitlines()[-2:].count("event: end") == 1
    assert json.loads(last.removeprefix("data:"))["state"] in (JobState.CANCELLED, JobState.FAILED)
    assert site.post(f"{API}/jobs/{job.id}/dismiss", None).json()["dismissed"]
    assert site.get(f"{API}/jobs").json()["jobs"][0]["id"] == job.id
    assert site.get(f"{API}/jobs?open=true").json() == {"jobs": []}


def test_papers_are_collected_and_a_search_stays_in_their_collection(site: Site) -> None:
    made = site.post(f"{API}/collections", {"name": "Ice"}).json()
    assert site.post(f"{API}/collections/{made['id']}/papers", {"papers": [1]}).json()["papers"] == 1
    found = site.post(f"{API}/search", {"query": "yeast", "filter": {"collections": [made["id"]]}}).json()["hits"]
    assert {hit["document_id"] for hit in found} == {1}
    listed = {document["id"]: document["collections"] for document in site.get(f"{API}/documents").json()["documents"]}
    assert listed == {1: [made["id"]], 2: []}
    named = site.ask(
        "PATCH", f"{API}/collections/{made['id']}", {"Content-Type": "application/json"}, '{"name": "Icy"}'
    )
    assert named.json()["name"] == "Icy"
    assert site.ask("DELETE", f"{API}/collections/{made['id']}/papers/1").json()["papers"] == 0
    assert site.ask("DELETE", f"{API}/collections/{made['id']}").status == 200
    assert site.get(f"{API}/collections").json() == {"collections": []}


@pytest.mark.parametrize(
    "name", ["..", ".", "...", "/", "\\..\\", "a" * 500 + ".pdf", "\U0001f4c4" * 200 + ".pdf", "\0a.pdf"]
)
def test_a_name_of_a_file_stays_in_its_folder_and_fits_any_disk(name: str, tmp_path: Path) -> None:
    (tmp_path / "inside").mkdir()
    path = tmp_path / "inside" / file_name(name)
    path.write_bytes(b"")
    assert list((tmp_path / "inside").iterdir()) == [path]
    assert path.suffix == ".pdf" or not name.endswith(".pdf")


def wait_for(site: Site, answer: Answer) -> dict[str, Any]:
    """The job that was begun, at its end."""
    assert answer.status == 202, answer.text
    end = site.get(f"{API}/jobs/{answer.json()['job']['id']}/events").text
    return json.loads([line for line in end.splitlines() if line.startswith("data:")][-1].removeprefix("data:"))


def test_the_map_is_drawn_told_and_compared(site: Site) -> None:
    assert error(site.get(f"{API}/map")) == (404, "not_found")
    assert wait_for(site, site.post(f"{API}/map/draw", {}))["state"] == JobState.DONE
    assert site.post(f"{API}/map/draw", {}).json() == {"job": None}
    shown = site.get(f"{API}/map").json()
    assert ({paper["id"] for paper in shown["papers"]}, shown["up_to_date"]) == ({1, 2}, True)
    passage = shown["passages"][0]["id"]
    (place,) = site.post(f"{API}/map/places", {"passages": [passage, 99999]}).json()["places"]
    assert place["id"] == passage
    assert site.get(f"{API}/documents/1/nearest").json() == {"papers": [2]}
    version = shown["model"]["id"]
    changes = site.get(f"{API}/map/changes?model_id={version}&beside={version}").json()["papers"]
    assert [change["kept"] for change in changes] == [1.0, 1.0]


def test_what_is_worth_judging_is_looked_for_judged_and_skipped(site: Site) -> None:
    hits = site.post(f"{API}/search", {"query": "why does ice flow?", "k": 2}).json()["hits"]
    verdict = {"query": "why does ice flow?", "chunk_id": hits[0]["chunk_id"], "relevance": 1}
    part = " ".join(hits[0]["text"].split()[:8])
    assert site.post(f"{API}/judgements", verdict | {"part": part}).json() == {"stored": True}
    assert site.get(f"{API}/judgements?query=why+does+ice+flow%3F").json()["judgements"][0]["text"] == part
    assert wait_for(site, site.post(f"{API}/proposals/look", None))["state"] == JobState.DONE
    with open_database(site.settings.database) as db:
        row = ProposalRow("border", "why does ice flow?", hits[1]["chunk_id"], "its score is near the border", 2)
        proposals.replace_proposals(db, 1, [row])
    (found,) = site.get(f"{API}/proposals").json()["proposals"]
    assert (found["chunk"]["text"], found["rank"]) == (hits[1]["text"], 2)
    site.post(f"{API}/proposals/skip", {"ids": [found["id"]]})
    assert site.get(f"{API}/proposals").json() == {"proposals": []}
    site.ask("DELETE", f"{API}/judgements?query=why+does+ice+flow%3F&chunk_id={hits[0]['chunk_id']}")
    suggested = site.get(f"{API}/documents/1/questions").json()
    assert suggested["source"].startswith("Made from the paper's own terms")


def test_the_folders_that_are_watched_are_told_and_no_request_names_one(site: Site) -> None:
    assert site.get(f"{API}/watched").json() == {"folders": []}
    assert error(site.post(f"{API}/watched", {"path": "/etc"})) == (404, "no_address")


def test_the_library_at_a_glance(site: Site) -> None:
    glance = site.get(f"{API}/library").json()
    assert (glance["papers"], glance["busy"], glance["start"]) == (2, False, "a test")


def test_the_description_tells_of_every_route_its_answer_and_its_errors(site: Site) -> None:
    described = site.get("/api/openapi.json").json()
    assert described == json.loads(json.dumps(describe_api()))
    for path, methods in described["paths"].items():
        assert path.startswith(API) or path == "/api/health"
        for operation in methods.values():
            refused = operation["responses"]["4XX"]["content"]["application/json"]["schema"]
            assert refused == {"$ref": "#/components/schemas/ErrorAnswer"}
            assert "422" not in operation["responses"]
            assert operation["tags"]


def test_the_page_of_the_description_needs_no_script_and_nobody_else(site: Site) -> None:
    page = site.get("/api/docs")
    assert page.headers["content-type"].startswith("text/html")
    for path, methods in describe_api()["paths"].items():
        for method in methods:
            assert re.search(rf"{method.upper()}\b[^/]*{re.escape(path)}(?![\w/{{])", page.text), (method, path)
    assert "<script" not in page.text
    assert not re.search(r"(?:src|href)=.(?!#|/api/)", page.text)
    # Read by people: code is set as code, limits are told, and each part of the contents is there.
    assert "`" not in page.text
    assert re.search(r"<code>k</code></td><td>integer, 1 to 50, 10 unless given", page.text)
    parts = re.findall(r'<a href="#(of-[^"]+)"', page.text)
    assert len(parts) > 5
    assert all(f'id="{part}"' in page.text for part in parts)
    assert f"http://127.0.0.1:{site.port}/api/v1/search" in page.text


def test_nothing_that_was_sent_is_left_behind(site: Site, tmp_path: Path) -> None:
    assert [path for path in site.settings.uploads.rglob("*") if path.is_file()] == []
