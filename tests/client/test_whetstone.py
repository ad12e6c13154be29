"""The client against an app that is served, with a worker and a real, small model."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

from api.create import describe_api
from client import answers
from client.answers import Document
from client.whetstone import ApiError, Whetstone
from tests.papers import make_paper, write
from tests.served import serve_library
from tests.ui.topics import TOPICS, write_topics
from tests.warm import ROOT


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whetstone]:
    with serve_library(tmp_path_factory.mktemp("client")) as site:
        yield Whetstone(f"http://127.0.0.1:{site.port}")


@pytest.fixture(scope="module")
def papers(library: Whetstone, tmp_path_factory: pytest.TempPathFactory) -> list[Document]:
    return [library.wait(library.upload(path).documents[0]) for path in write_topics(tmp_path_factory.mktemp("papers"))]


def test_a_paper_is_added_found_opened_on_its_page_and_cited(library: Whetstone, papers: list[Document]) -> None:
    assert [paper.state for paper in papers] == ["ready"] * 3
    assert {paper.id for paper in library.documents()} == {paper.id for paper in papers}
    answer = library.search("Lactic acid bacteria make the dough sour", k=3, mode="words")
    first = answer.hits[0]
    assert (first.title, first.page, first.relevance) == ("Microbes of Sourdough Bread", 1, None)
    assert len(library.search("ice", papers=[papers[0].id]).hits) > 0
    opened = library.open_passage(first.chunk_id)
    assert opened.passage.text == first.text
    assert opened.boxes
    assert all(0 <= box.left <= 1 and 0 <= box.top + box.height <= 1 for box in opened.boxes)
    assert opened.citation.startswith("“")
    assert "Microbes of Sourdough Bread, p. 1)" in opened.citation
    assert library.page_picture(first.document_id, opened.page)[:2] == b"\xff\xd8"
    assert "title = {{Microbes of Sourdough Bread}}" in library.cite(first.document_id)


def test_a_search_is_spread_saved_asked_again_and_exported(library: Whetstone, papers: list[Document]) -> None:
    question = "Lactic acid bacteria make the dough sour"
    one_each = library.search(question, k=3, spread=1)
    assert len({hit.document_id for hit in one_each.hits}) == 3
    assert one_each.missing == ()
    assert library.search("what is XYZ-12?").missing == ("XYZ-12",)
    first = one_each.hits[0]
    like = library.like(first.chunk_id, k=5, papers=[first.document_id])
    assert {hit.document_id for hit in like.hits} == {first.document_id}
    assert first.chunk_id not in {hit.chunk_id for hit in like.hits}
    kept = library.save_search("Sour", question, mode="words", spread=1, papers=[first.document_id])
    (saved,) = library.saved_searches()
    assert saved == kept
    again = library.search(saved.question, mode=saved.mode, spread=saved.spread, **saved.filter)
    assert {hit.document_id for hit in again.hits} == {first.document_id}
    library.delete_search(saved.id)
    assert library.saved_searches() == []
    assert library.export(question, "csv", k=1).splitlines()[0].startswith("rank,score,title")
    with pytest.raises(ApiError):
        library.export(question, "x/../y")


def test_the_history_is_read_turned_off_and_cleared(library: Whetstone) -> None:
    assert library.history().kept
    assert not library.keep_history(False).kept
    assert library.keep_history(True).kept
    assert library.clear_history() == 0
    assert library.history().history == ()


def test_a_verdict_is_given_seen_and_taken_back(library: Whetstone, papers: list[Document]) -> None:
    hit = library.search("why?").hits[0]
    assert library.judge("why?", hit.chunk_id, True, rank=hit.rank)
    assert not library.judge("why?", hit.chunk_id, True)
    assert library.search("why?").hits[0].relevance == 1
    assert [one.chunk_id for one in library.judgements("why?")] == [hit.chunk_id]
    assert library.take_back("why?", hit.chunk_id)
    assert not library.take_back("why?", hit.chunk_id)


def test_a_retrain_is_followed_to_its_end_and_its_version_promoted(library: Whetstone, papers: list[Document]) -> None:
    with pytest.raises(ApiError, match="Approve passages for at least 2 different questions first"):
        library.retrain()
    for topic in TOPICS:
        hit = library.search(topic.question).hits[0]
        library.judge(topic.question, hit.chunk_id, True)
    job = library.retrain(epochs=1, batch_size=2, matryoshka_dims=[16])
    seen = list(library.follow(job))
    assert {one.id for one in seen} == {job.id}
    assert (seen[-1].state, seen[-1].reason) == ("done", None)
    assert all(one.open for one in seen[:-1])
    version = next(one for one in library.models() if one.id == seen[-1].result["model_id"])
    assert version.report["decision"]
    switched = library.promote(version.id, against_advice=True)
    assert switched.active is not None
    assert (switched.active.id, switched.job) == (version.id, None)
    back = library.undo()
    assert back.active is not None
    assert back.active.id != version.id


def test_a_paper_that_can_not_be_read_says_why_and_one_that_is_removed_is_gone(
    library: Whetstone, tmp_path: Path
) -> None:
    bad = library.wait(library.upload(write(tmp_path, "bad.pdf", b"not a PDF at all")).documents[0])
    assert (bad.state, bad.reason is not None and bad.reason.startswith("'bad.pdf' is not a PDF")) == ("failed", True)
    good = library.wait(
        library.upload(write(tmp_path, "gone.pdf", make_paper("On Fog", ["Fog is a low cloud."]))).documents[0]
    )
    library.remove(good.id)
    with pytest.raises(ApiError, match=f"There is no paper with id {good.id}") as refused:
        library.document(good.id)
    assert (refused.value.code, refused.value.status) == ("not_found", 404)


def test_what_the_app_refuses_has_its_code_and_an_app_that_is_not_there_is_one_sentence(library: Whetstone) -> None:
    with pytest.raises(ApiError, match="'k' is 90: ") as refused:
        library.search("why?", k=90)
    assert refused.value.code == "invalid_request"
    with pytest.raises(ConnectionError, match=r"No app answers at http://127.0.0.1:1 .* Start it: python app.py"):
        Whetstone("http://127.0.0.1:1").documents()
    with pytest.raises(ValueError, match="'localhost:7860' is not an address of an app"):
        Whetstone("localhost:7860")


def test_every_field_the_client_reads_is_one_the_api_answers() -> None:
    shapes = describe_api()["components"]["schemas"]
    for name, kind in vars(answers).items():
        if isinstance(kind, type) and kind.__module__ == answers.__name__:
            assert {field.name for field in fields(kind)} <= set(shapes[name]["properties"]), name


def test_the_client_needs_nothing_but_python() -> None:
    loaded = "import sys, client.whetstone; print(sorted({name.split('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-S", "-c", loaded], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not {"numpy", "torch", "pydantic", "core", "api"} & set(ast.literal_eval(done.stdout))
