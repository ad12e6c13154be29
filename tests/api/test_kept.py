"""Saved searches, the history and exported results over real HTTP."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.types import KeptSearch
from storage.collections import create_collection
from storage.database import open_database
from storage.kept_searches import remember_search
from tests.makers import store_paper
from tests.served import serve_library
from tests.ui.site import Site

API = "/api/v1"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder: Path = tmp_path_factory.mktemp("kept")
    with serve_library(folder) as site:
        with open_database(site.settings.database) as db:
            store_paper(db, "aa", ["Gravity bends light."])
            create_collection(db, "Light")
        yield site


def ask(site: Site, method: str, path: str, body: str | None = None) -> tuple[int, dict]:
    answer = site.ask(method, f"{API}{path}", {"Content-Type": "application/json"}, body)
    return answer.status, answer.json()


def test_a_search_is_saved_replaced_and_deleted(site: Site) -> None:
    named = {"name": "Mine", "query": "why?", "filter": {"collections": [1], "kinds": ["body"]}, "mode": "words"}
    saved = site.post(f"{API}/searches", named)
    assert (saved.status, saved.json()["filter"]["collections"], saved.json()["spread"]) == (201, [1], None)
    site.post(f"{API}/searches", named | {"name": "MINE", "spread": 2})
    (only,) = ask(site, "GET", "/searches")[1]["saved"]
    assert (only["name"], only["question"], only["mode"], only["spread"]) == ("MINE", "why?", "words", 2)
    assert ask(site, "DELETE", f"/searches/{only['id']}") == (200, {"removed": [only["id"]]})
    assert ask(site, "DELETE", f"/searches/{only['id']}")[0] == 404
    unknown = site.post(f"{API}/searches", named | {"filter": {"collections": [9]}})
    assert unknown.status == 404
    assert site.post(f"{API}/searches", named | {"name": " "}).json()["error"]["code"] == "question"


def test_the_history_is_shown_turned_off_and_cleared(site: Site) -> None:
    with open_database(site.settings.database) as db:
        remember_search(db, KeptSearch("what bends light?"))
    status, history = ask(site, "GET", "/history")
    assert (status, history["kept"], [one["question"] for one in history["history"]]) == (
        200,
        True,
        ["what bends light?"],
    )
    assert ask(site, "PUT", "/history", '{"keep": false}')[1]["kept"] is False
    assert ask(site, "DELETE", "/history") == (200, {"forgotten": 1})
    assert ask(site, "GET", "/history")[1] == {"kept": False, "history": []}


def test_results_are_exported_in_each_format(site: Site) -> None:
    for form, kind in (("csv", "text/csv"), ("bibtex", "application/x-bibtex"), ("json", "application/json")):
        answer = site.post(f"{API}/search/{form}", {"query": "light"})
        assert (answer.status, answer.headers["content-type"].split(";")[0]) == (200, kind)
    assert site.post(f"{API}/search/docx", {"query": "light"}).status == 422


def test_a_search_that_can_find_nothing_and_years_that_can_not_be_are_refused(site: Site) -> None:
    named = {"name": "None", "query": "why?", "filter": {"papers": []}}
    refused = site.post(f"{API}/searches", named).json()["error"]
    assert (refused["code"], refused["message"].split(".")[0]) == (
        "question",
        "With no papers to choose from this search finds nothing",
    )
    backwards = {"query": "why?", "filter": {"year_from": 2019, "year_to": 2015}}
    for path, body in (("/search", backwards), ("/search/csv", backwards), ("/searches", backwards | {"name": "x"})):
        answer = site.post(f"{API}{path}", body)
        assert (answer.status, answer.json()["error"]["code"]) == (400, "question")
    assert ask(site, "GET", "/searches")[1]["saved"] == []


def test_a_blind_search_is_not_exported_nor_one_for_passages_like_another(site: Site) -> None:
    for path, body in (("/search/csv", {"blind": True}), ("/search", {"blind": True, "like": 1})):
        answer = site.post(f"{API}{path}", {"query": "light", **body})
        assert (answer.status, answer.json()["error"]["code"]) == (400, "question")


def test_what_stands_in_no_passage_is_told(site: Site) -> None:
    answer = site.post(f"{API}/search", {"query": "is XYZ-12 light?"}).json()
    assert answer["missing"] == ["XYZ-12"]


def test_each_of_thousands_of_papers_in_a_filter_must_be_there(site: Site) -> None:
    many = {"query": "light", "filter": {"papers": [1] * 9_999 + [(1 << 63) - 1]}}
    refused = site.post(f"{API}/search", many)
    assert (refused.status, refused.json()["error"]["code"]) == (404, "not_found")
    assert str((1 << 63) - 1) in refused.json()["error"]["message"]
    assert site.post(f"{API}/search", many | {"filter": {"papers": [1] * 10_000}}).status == 200
