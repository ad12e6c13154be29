from pathlib import Path

from filelock import FileLock
from sqlite_utils import Database

from core.people import Role, viewing
from core.settings import Settings
from core.types import DocumentState, Job, JobKind, JobState
from indexer.ingest import add_file, remove_documents
from indexer.start import ensure_active_model
from jobs.terminal import describe_job
from jobs.worker import Worker, run_or_wait, settle_interrupted
from storage import jobs, library
from storage.at_work import AtWork
from storage.database import open_database
from storage.people import add_user
from storage.words import removed_words_stand
from tests.makers import store_paper
from tests.papers import make_paper, write


def test_a_job_that_can_not_be_done_fails_with_its_sentence_and_changes_nothing(
    settings: Settings, db: Database
) -> None:
    start = ensure_active_model(settings)
    job = jobs.add_job(db, JobKind.SWITCH, {"source": "nobody/nothing"})
    done = run_or_wait(settings, job)
    assert done.state is JobState.FAILED
    assert "'nobody/nothing' could not be fetched" in (done.reason or "")
    assert ensure_active_model(settings).version == start.version


def test_a_defect_of_a_job_is_told_and_the_next_job_is_done(settings: Settings, db: Database, tmp_path: Path) -> None:
    ensure_active_model(settings)
    broken = jobs.add_job(db, JobKind.SWITCH, {"no such": "parameter"})
    document, _ = add_file(settings, write(tmp_path, "a.pdf", make_paper("On Light", ["Gravity bends light."])))
    Worker(settings).work_until(lambda: library.get_document(db, document.id).state is DocumentState.READY)
    assert jobs.get_job(db, broken.id).state is JobState.FAILED
    assert "KeyError" in (jobs.get_job(db, broken.id).reason or "")


def test_what_a_page_removed_is_overwritten_by_the_worker(settings: Settings, db: Database) -> None:
    gone = store_paper(db, "aa", ["The zyzzyva eats palms."])
    store_paper(db, "bb", ["Whales sing."])
    word = "SELECT count(*) FROM chunk_words_data WHERE instr(block, CAST('zyzzyva' AS BLOB))"
    with open_database(settings.database) as other:
        remove_documents(settings, [gone.id], wait=False)
        assert other.conn.execute(word).fetchone()[0] > 0
        with FileLock(settings.work_lock):
            looks = iter(range(2))
            Worker(settings).work_until(lambda: next(looks, None) is None)
            assert removed_words_stand(other), "only who holds the lock works"
        set_all_ready(other)
        Worker(settings).work_until(lambda: not removed_words_stand(other))
        assert other.conn.execute(word).fetchone()[0] == 0


def set_all_ready(db: Database) -> None:
    for document in library.list_documents(db):
        library.set_document_state(db, document.id, DocumentState.READY)


def test_only_the_holder_of_the_lock_works(settings: Settings, db: Database) -> None:
    ensure_active_model(settings)
    job = jobs.add_job(db, JobKind.SWITCH, {"undo": True})
    seen: list[Job] = []
    looks = iter(range(3))
    with FileLock(settings.work_lock):
        Worker(settings, seen.append).work_until(lambda: next(looks, None) is None)
    assert jobs.get_job(db, job.id).state is JobState.QUEUED
    assert [one.id for one in seen] == [job.id] * 3
    assert run_or_wait(settings, job).state is JobState.FAILED


def test_a_job_is_described_with_amount_and_time_left(db: Database) -> None:
    job = jobs.add_job(db, JobKind.INGEST)
    item = AtWork(embedding=store_paper(db, "a", ["one"]).id).to_item()
    jobs.update_job(db, job.id, step="embedding", item=item, done=3, total=9, seconds_left=200.0)
    assert describe_job(jobs.get_job(db, job.id)) == "embedding 3 of 9 passages, about 3 min left: a.pdf"


def test_what_was_interrupted_is_settled_whoever_s_command_it_is(settings: Settings, db: Database) -> None:
    job = jobs.add_job(db, JobKind.RETRAIN)
    assert jobs.start_job(db, job.id)
    with viewing(add_user(db, "anna", Role.ADMIN)):
        settle_interrupted(settings)
    assert jobs.get_job(db, job.id).state is JobState.QUEUED
