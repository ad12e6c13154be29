"""The map of a real library, drawn by the worker."""

import json

import pytest
from sqlite_utils import Database

from core.cli import run_command
from core.errors import NotFoundError
from core.settings import Settings
from core.types import Job, JobKind, JobState
from indexer.encoder import load_version
from indexer.ingest import embed_missing
from jobs.worker import run_or_wait
from search.map.command import build_map_parser, show_map
from search.map.queue import queue_map
from search.map.view import compare_maps, describe_map, nearest_papers, place_passages
from storage import jobs, library, maps, models
from storage.database import open_database
from tests.libraries import TOPICS, Silent, add_rows, add_version, make_library
from tests.makers import register_model

_PAPERS = 8


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("map")
    settings = make_library(folder / "library", folder / "model")
    with open_database(settings.database) as db:
        for number in range(_PAPERS):
            add_paper(settings, db, number)
    return settings


def add_paper(settings: Settings, db: Database, number: int) -> int:
    return add_rows(settings, db, f"{number:064x}", [f"{TOPICS[number % len(TOPICS)]} of kind {number}"])


@pytest.fixture
def db(settings: Settings) -> Database:
    with open_database(settings.database) as db:
        yield db


def draw(settings: Settings, db: Database, model_id: int | None = None, **how: bool) -> Job | None:
    job = queue_map(db, model_id, **how)
    if job is not None:
        job = run_or_wait(settings, job)
        assert job.state is JobState.DONE, job.reason
    return job


def places(db: Database, model_id: int = 1) -> dict[int, tuple[float, float]]:
    stored = maps.load_map(db, model_id)
    assert stored is not None
    return {paper.document_id: (paper.x, paper.y) for paper in stored.papers}


def test_every_paper_is_on_the_map_and_it_is_drawn_once(settings: Settings, db: Database) -> None:
    version = models.active_model(db)
    assert version is not None
    assert draw(settings, db) is not None
    assert draw(settings, db) is None
    shown = describe_map(db, version)
    assert shown["up_to_date"]
    assert {paper["id"] for paper in shown["papers"]} == {document.id for document in library.list_documents(db)}
    assert {passage["paper"] for passage in shown["passages"]} == {paper["id"] for paper in shown["papers"]}
    assert sum(group["papers"] for group in shown["groups"]) == len(shown["papers"])
    assert all(group["name"] for group in shown["groups"])


def test_a_new_paper_comes_in_and_the_others_stay_where_they_are(settings: Settings, db: Database) -> None:
    draw(settings, db)
    before = places(db)
    new = add_paper(settings, db, 50)
    assert draw(settings, db) is not None
    after = places(db)
    assert set(after) == {*before, new}
    assert all(after[paper] == pytest.approx(place, abs=1e-5) for paper, place in before.items())
    (told,) = [paper for paper in describe_map(db, models.get_model(db, 1))["papers"] if paper["id"] == new]
    assert told["new"]
    library.remove_documents(db, [new])


def test_many_new_papers_make_the_whole_map_anew(settings: Settings, db: Database) -> None:
    draw(settings, db)
    new = [add_paper(settings, db, number) for number in range(60, 64)]
    draw(settings, db)
    assert not any(paper["new"] for paper in describe_map(db, models.get_model(db, 1))["papers"])
    library.remove_documents(db, new)


def test_a_removed_paper_leaves_the_map_and_the_names_with_its_transaction(settings: Settings, db: Database) -> None:
    gone = add_paper(settings, db, 70)
    draw(settings, db)
    library.remove_documents(db, [gone])
    stored = maps.load_map(db, 1)
    assert stored is not None
    assert gone not in {paper.document_id for paper in stored.papers}
    assert gone not in {passage.document_id for passage in stored.passages}
    # They are words of the papers: what the removed one gave them must not stay.
    assert stored.names == {}
    assert not maps.is_up_to_date(db, models.get_model(db, 1))
    draw(settings, db)
    assert maps.load_map(db, 1).names


def test_two_versions_are_compared_paper_by_paper(settings: Settings, db: Database) -> None:
    draw(settings, db)
    first = models.get_model(db, 1)
    other = add_version(settings, db, 3)
    draw(settings, db, other.id)
    changed = compare_maps(db, first, other)
    assert {row["paper"] for row in changed} == set(places(db))
    assert [row["kept"] for row in changed] == sorted(row["kept"] for row in changed)
    assert {row["kept"] for row in compare_maps(db, first, first)} == {1.0}
    nearest = nearest_papers(db, first, changed[0]["paper"])
    assert changed[0]["paper"] not in nearest
    assert len(nearest) == 5


def test_a_version_that_lacked_vectors_is_drawn_once_more_when_it_has_them(settings: Settings, db: Database) -> None:
    other = add_version(settings, db, 5)
    added = add_paper(settings, db, 90)
    assert draw(settings, db, other.id) is not None
    assert added not in places(db, other.id)
    assert draw(settings, db, other.id) is None
    embed_missing(settings, load_version(other, settings.home), other, Silent())
    assert draw(settings, db, other.id) is not None
    assert added in places(db, other.id)
    assert draw(settings, db, other.id) is None
    library.remove_documents(db, [added])


def test_hits_have_a_place_and_what_is_gone_has_none(settings: Settings, db: Database) -> None:
    draw(settings, db)
    version = models.get_model(db, 1)
    chunk = library.chunks_of_document(db, 1)[0]
    (shown,) = [one for one in describe_map(db, version)["passages"] if one["id"] == chunk.id]
    assert place_passages(db, version, [chunk.id, 10**6]) == [
        {"id": chunk.id, "paper": 1, "x": shown["x"], "y": shown["y"]}
    ]
    # One that is not among those shown is placed by its neighbours.
    db.conn.execute("DELETE FROM map_passages WHERE chunk_id = ?", [chunk.id])
    (placed,) = place_passages(db, version, [chunk.id])
    db.conn.rollback()
    assert placed["paper"] == 1


def test_a_version_without_a_map_says_how_to_get_one(settings: Settings, db: Database) -> None:
    version = register_model(db)
    with pytest.raises(NotFoundError, match="There is no map of 'four' yet"):
        describe_map(db, version)


def test_the_map_waits_until_papers_are_in(settings: Settings, db: Database) -> None:
    queue_map(db, anew=True)
    (job,) = [job for job in jobs.open_jobs(db) if job.kind is JobKind.MAP]
    other = jobs.add_job(db, JobKind.SWITCH, {"model_id": 1})
    run_or_wait(settings, other)
    assert jobs.get_job(db, job.id).state is JobState.QUEUED
    assert run_or_wait(settings, job).state is JobState.DONE


def test_each_version_has_its_map_drawn_and_what_is_to_be_anew_is(settings: Settings, db: Database) -> None:
    one, other = (add_version(settings, db, seed).id for seed in (11, 12))
    asked = [queue_map(db, one), queue_map(db, one), queue_map(db, other), queue_map(db, one, anew=True)]
    queued = [job for job in asked if job is not None]
    assert [job.params for job in queued] == [
        {"model_id": one, "anew": False},
        {"model_id": one, "anew": False},
        {"model_id": other, "anew": False},
        {"model_id": one, "anew": True},
    ]
    assert queued[0] == queued[1]
    jobs.request_cancel(db, queued[0].id)
    # What is drawn anew is up to date besides.
    assert queue_map(db, one) == queued[3]
    for job in queued:
        jobs.request_cancel(db, job.id)


def test_the_command_prints_one_document(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(show_map, build_map_parser(), ["--home", str(settings.home), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert {"model", "groups", "papers", "passages"} <= set(shown)
    assert run_command(show_map, build_map_parser(), ["--home", str(settings.home)]) == 0
    assert "000007" in capsys.readouterr().out
