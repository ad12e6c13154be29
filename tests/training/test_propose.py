"""What is worth a verdict, found by the real job on a library with two models."""

from pathlib import Path

import pytest
from sqlite_utils import Database

from core.settings import Settings
from core.types import JobKind, JobState
from jobs.worker import run_or_wait
from storage import jobs, judgements, library, models, proposals
from storage.database import open_database
from tests.libraries import add_paper, add_version, make_library
from training.data.worth_judging import ProposalKind
from training.propose import propose_mark, queue_propose


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Four papers, two of them judged, and a second version of the model."""
    folder = tmp_path_factory.mktemp("propose")
    settings = make_library(folder / "library", folder / "model")
    for number in range(4):
        add_paper(settings, folder, number)
    with open_database(settings.database) as db:
        for paper in (1, 2):
            for chunk in library.chunks_of_document(db, paper)[:1]:
                judgements.store_judgement(db, f"what is told about kind {paper - 1}?", chunk.id, 1)
        add_version(settings, db, 7)
    return settings


@pytest.fixture
def db(settings: Settings) -> Database:
    with open_database(settings.database) as db:
        yield db


def look(settings: Settings, db: Database) -> dict:
    job = queue_propose(db, anew=True)
    assert job is not None
    job = run_or_wait(settings, job)
    assert job.state is JobState.DONE, job.reason
    return job.result


def test_proposals_are_of_judged_questions_and_of_papers_without_a_judgement(settings: Settings, db: Database) -> None:
    result = look(settings, db)
    waiting = proposals.list_proposals(db)
    judged = {(one.query, one.chunk_id) for one in judgements.list_judgements(db)}
    assert not judged & {(one.query, one.chunk.id) for one in waiting}
    assert {one.kind for one in waiting} <= set(ProposalKind)
    assert {one.model_id for one in waiting} == {models.active_model(db).id}
    # The best ten of each judged question, for the share of them that is judged.
    assert len(result["tops"]) == 2
    assert all(set(top) <= set(library.chunk_ids(db, [1, 2, 3, 4])) for top in result["tops"].values())


def test_a_look_is_asked_for_once_until_something_changes(settings: Settings, db: Database) -> None:
    look(settings, db)
    last = jobs.last_job(db, JobKind.PROPOSE)
    jobs.finish_job(db, last.id, JobState.DONE)
    db.conn.execute("UPDATE jobs SET params = json_set(params, '$.mark', ?) WHERE id = ?", [propose_mark(db), last.id])
    db.conn.commit()
    assert queue_propose(db) is None


def test_what_is_judged_or_skipped_waits_no_more(db: Database) -> None:
    first, second = library.chunks_of_document(db, 3)[0], library.chunks_of_document(db, 4)[0]
    rows = [proposals.ProposalRow("border", "what of it?", chunk.id, "near", 2) for chunk in (first, second)]
    proposals.replace_proposals(db, 1, rows)
    assert [one.chunk.id for one in proposals.list_proposals(db)] == [first.id, second.id]
    judgements.store_judgement(db, "what of it?", first.id, 0)
    (left,) = proposals.list_proposals(db)
    assert left.chunk.id == second.id
    proposals.skip_proposals(db, [left.id])
    judgements.take_back_judgement(db, "what of it?", first.id)
    assert [one.chunk.id for one in proposals.list_proposals(db)] == [first.id]


def test_a_question_or_passage_that_goes_takes_its_proposals_along(
    settings: Settings, db: Database, tmp_path: Path
) -> None:
    document = add_paper(settings, tmp_path, 9)
    chunk = library.chunks_of_document(db, document.id)[0]
    other = library.chunks_of_document(db, 4)[0]
    judgements.store_judgement(db, "of kind 9?", chunk.id, 1)
    rows = [("of kind 9?", other.id), ("not judged", chunk.id), ("not judged", other.id)]
    proposals.replace_proposals(db, 1, [proposals.ProposalRow("border", *row, "near", None) for row in rows])
    assert len(proposals.list_proposals(db)) == 3
    library.remove_documents(db, [document.id])
    (left,) = proposals.list_proposals(db)
    assert (left.query, left.chunk.id) == ("not judged", other.id)
    assert db["proposals"].count == 1
