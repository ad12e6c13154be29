import pytest
from sqlite_utils import Database

from core.settings import Settings
from core.types import DocumentState, JobKind, JobState
from storage import jobs, library
from storage.deaths import count_death, in_hand, suspects
from tests.makers import store_paper


def start(db: Database, kind: JobKind, *, supervised: bool = True) -> int:
    job = jobs.add_job(db, kind)
    assert jobs.start_job(db, job.id, supervised=supervised)
    return job.id


def pick_up(db: Database, document_id: int) -> None:
    """As `in_hand` does, without ever putting it down."""
    with db.conn:
        db.conn.execute("UPDATE documents SET in_hand = 1 WHERE id = ?", [document_id])


def die_with(db: Database, *document_ids: int) -> None:
    """As if the process had died with these in hand, with a server that saw it."""
    start(db, JobKind.INGEST)
    for document_id in document_ids:
        pick_up(db, document_id)
    count_death(db)
    jobs.requeue_interrupted(db)


def test_restarts_of_the_app_are_no_deaths(db: Database) -> None:
    job = jobs.add_job(db, JobKind.RETRAIN)
    for _ in range(7):
        assert jobs.start_job(db, job.id, supervised=True)
        jobs.requeue_interrupted(db)
    assert jobs.get_job(db, job.id).state is JobState.QUEUED


def test_a_retrain_that_kills_its_worker_three_times_fails(db: Database) -> None:
    job_id = 0
    for _ in range(3):
        job_id = start(db, JobKind.RETRAIN)
        count_death(db)
        jobs.requeue_interrupted(db)
    job = jobs.get_job(db, job_id)
    assert job.state is JobState.FAILED
    assert job.reason == "Its process died 3 times; the machine may lack the memory for it. Try smaller batches."


def test_only_the_paper_that_kills_twice_is_given_up(settings: Settings, db: Database) -> None:
    killer, beside = (store_paper(db, name, [f"text of {name}"]).id for name in ("aa", "bb"))
    die_with(db, killer, beside)
    assert [document.id for document in suspects(db)] == [killer, beside]
    with in_hand(settings.database, beside):
        pass
    die_with(db, killer)
    states = {document.id: document for document in library.list_documents(db)}
    assert (states[killer].state, states[beside].state) == (DocumentState.FAILED, DocumentState.EMBEDDING)
    assert "'aa.pdf' ended the process that worked on it 2 times" in (states[killer].reason or "")
    library.retry_document(db, killer)
    assert [document.id for document in suspects(db)] == [beside]


def test_a_paper_that_raises_is_put_down(settings: Settings, db: Database) -> None:
    paper = store_paper(db, "aa", ["alpha"])
    start(db, JobKind.INGEST)
    with pytest.raises(KeyboardInterrupt), in_hand(settings.database, paper.id):
        raise KeyboardInterrupt
    count_death(db)
    assert suspects(db) == []


def test_an_ingest_that_dies_without_a_paper_ends_with_its_papers_failed(db: Database) -> None:
    paper = store_paper(db, "aa", ["alpha"])
    for _ in range(3):
        assert library.has_unfinished_documents(db)
        die_with(db)
    assert "Its process died 3 times" in (library.get_document(db, paper.id).reason or "")
    assert not library.has_unfinished_documents(db)
    assert jobs.open_jobs(db) == []


def test_a_command_that_is_killed_counts_once_and_a_stopped_one_does_not(db: Database) -> None:
    paper = store_paper(db, "aa", ["alpha"])
    start(db, JobKind.INGEST, supervised=False)
    pick_up(db, paper.id)
    jobs.requeue_interrupted(db)
    assert [document.id for document in suspects(db)] == [paper.id]
    job_id = start(db, JobKind.INGEST, supervised=False)
    jobs.put_down_job(db, job_id)
    jobs.requeue_interrupted(db)
    assert library.get_document(db, paper.id).state is DocumentState.EMBEDDING
