"""Files in, searchable passages out, with the real reader and the packaged model."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlite_utils import Database

import indexer.ingest
from core.errors import ReadError
from core.formats import DocumentFormat
from core.people import Role, User, viewing
from core.settings import Settings
from core.stored_settings import store_setting
from core.types import Chunk, DocumentState, JobKind, JobState, Page, PaperFile, PaperText
from indexer.child import ReadLimits
from indexer.chunking import chunk_pages
from indexer.encoder import load_version
from indexer.ingest import add_file, clean_name, paper_file, remove_documents, run_ingest
from indexer.pdf import render_page
from indexer.start import ensure_active_model
from jobs.terminal import describe_job
from jobs.worker import Worker
from search.searcher import Searcher, SearchRequest
from storage import jobs, library, models, vectors
from storage.collections import create_collection
from storage.database import open_database
from storage.judgements import relevance_by_chunk, store_judgement
from storage.people import add_user
from storage.privacy import make_private
from storage.progress import JobProgress
from tests.papers import encrypt, make_paper, write

ROOT = Path(__file__).resolve().parents[2]


def paper(number: int, sentences: int = 12) -> bytes:
    words = ["gravity", "bread", "whales", "glass", "music", "iron", "maps", "tides", "chess", "rain"]
    topic = f"{words[number % 10]} of kind {number}"
    sentence = "of this paper tells one more thing about"
    text = [f"Sentence {n} {sentence} {topic} and why it matters." for n in range(sentences)]
    return make_paper(f"A Paper About {topic.title()}", [" ".join(text)])


def work(settings: Settings) -> None:
    """Let a worker do all there is to do."""
    with open_database(settings.database) as db:

        def finished() -> bool:
            return not library.has_unfinished_documents(db) and not jobs.open_jobs(db)

        Worker(settings).work_until(finished)


@pytest.fixture
def ready(settings: Settings) -> Settings:
    ensure_active_model(settings)
    return settings


def test_a_file_is_kept_read_embedded_and_found(ready: Settings, db: Database, tmp_path: Path) -> None:
    content = paper(0)
    document, new = add_file(ready, write(tmp_path, "gravity.pdf", content))
    assert (new, document.state) == (True, DocumentState.QUEUED)
    work(ready)
    document = library.get_document(db, document.id)
    assert document.state is DocumentState.READY
    assert (document.title, document.pages) == ("A Paper About Gravity Of Kind 0", 1)
    assert document.chunks > 0
    assert ready.original(document.sha256, document.format).read_bytes() == content
    hits = Searcher(ready).search(SearchRequest("what about gravity?")).hits
    assert {hit.chunk.document_id for hit in hits} == {document.id}
    page = db.conn.execute("SELECT text FROM pages").fetchone()[0]
    assert page[hits[0].chunk.start : hits[0].chunk.end].split()[:3] == hits[0].chunk.text.split()[:3]


def test_what_is_set_while_the_worker_runs_counts_for_the_next_paper(
    ready: Settings, db: Database, tmp_path: Path
) -> None:
    worker = Worker(ready)
    chunks, measured = [], []
    for number, tokens in ((1, None), (2, "32")):
        if tokens:
            store_setting(ready.home, "chunk_tokens", tokens)
        document, _ = add_file(ready, write(tmp_path, f"{number}.pdf", paper(number)))
        worker.work_until(lambda: not library.has_unfinished_documents(db) and not jobs.open_jobs(db))
        chunks.append(library.get_document(db, document.id).chunks)
        measured.append(jobs.last_done(db, JobKind.INGEST)[0].result)
    assert chunks[0] < chunks[1]
    # How fast it was is told by the job.
    assert [result["passages"] for result in measured] == chunks
    assert all(result["seconds"] > 0 for result in measured)


def test_the_same_bytes_under_another_name_are_read_once(ready: Settings, db: Database, tmp_path: Path) -> None:
    first, _ = add_file(ready, write(tmp_path, "a.pdf", paper(1)))
    second, new = add_file(ready, write(tmp_path, "b.pdf", paper(1)))
    assert (second.id, second.names, new) == (first.id, ("a.pdf", "b.pdf"), False)
    assert len(list(ready.originals.iterdir())) == 1


def test_what_fails_says_why_and_the_others_go_on(ready: Settings, db: Database, tmp_path: Path) -> None:
    for name, content in {
        "page.pdf": b"<html>",
        "locked.pdf": encrypt(paper(2), "secret"),
        "good.pdf": paper(3),
    }.items():
        add_file(ready, write(tmp_path, name, content))
    with pytest.raises(ReadError, match=r"'empty.pdf' is empty. Download it again."):
        add_file(ready, write(tmp_path, "empty.pdf", b""))
    work(ready)
    states = {document.names[0]: (document.state, document.reason) for document in library.list_documents(db)}
    assert states["good.pdf"] == (DocumentState.READY, None)
    for name, reason in {"page.pdf": "not a PDF", "locked.pdf": "encrypted"}.items():
        assert states[name][0] is DocumentState.FAILED
        assert name in (states[name][1] or "")
        assert reason in (states[name][1] or "")
    assert "empty.pdf" not in states


def test_what_is_no_paper_by_name_and_content_is_refused_and_a_pdf_of_any_name_is_not(
    ready: Settings, db: Database, tmp_path: Path
) -> None:
    with pytest.raises(
        ReadError, match=r"'x.exe' is no paper: it is no PDF, and its name ends in none of .pdf, .docx,"
    ):
        add_file(ready, write(tmp_path, "x.exe", b"MZ and more"))
    assert library.list_documents(db) == []
    assert not any(ready.originals.iterdir())
    document, _ = add_file(ready, write(tmp_path, "1706.03762v7", paper(1)))
    assert document.names == ("1706.03762v7",)


def test_a_removed_paper_is_gone_from_rows_files_and_results(ready: Settings, db: Database, tmp_path: Path) -> None:
    searcher = Searcher(ready)
    kept, _ = add_file(ready, write(tmp_path, "a.pdf", paper(1)))
    gone, _ = add_file(ready, write(tmp_path, "b.pdf", paper(2)))
    work(ready)
    assert gone.id in {hit.chunk.document_id for hit in searcher.search(SearchRequest("whales", k=50)).hits}
    remove_documents(ready, [gone.id])
    assert {hit.chunk.document_id for hit in searcher.search(SearchRequest("whales", k=50)).hits} == {kept.id}
    assert not ready.original(gone.sha256, gone.format).exists()
    assert db["embeddings"].count == db.conn.execute("SELECT count(DISTINCT content_hash) FROM chunks").fetchone()[0]


def test_a_paper_removed_and_added_again_is_whole(ready: Settings, db: Database, tmp_path: Path) -> None:
    path = write(tmp_path, "a.pdf", paper(1))
    first, _ = add_file(ready, path)
    work(ready)
    remove_documents(ready, [first.id])
    second, new = add_file(ready, path)
    work(ready)
    assert new
    assert library.get_document(db, second.id).state is DocumentState.READY
    assert ready.original(second.sha256, second.format).exists()


def test_a_stopped_ingest_leaves_papers_that_can_be_retried(ready: Settings, db: Database, tmp_path: Path) -> None:
    document, _ = add_file(ready, write(tmp_path, "a.pdf", paper(1)))
    job = jobs.add_job(db, JobKind.INGEST)
    jobs.start_job(db, job.id)
    jobs.request_cancel(db, job.id)
    jobs.requeue_interrupted(db)
    work(ready)
    assert library.get_document(db, document.id).state is DocumentState.FAILED
    library.retry_document(db, document.id)
    work(ready)
    assert library.get_document(db, document.id).state is DocumentState.READY


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="a file that is read for ever is a pipe here")
def test_a_stop_does_not_wait_for_a_paper_that_is_read_for_long(ready: Settings, db: Database, tmp_path: Path) -> None:
    document, _ = add_file(ready, write(tmp_path, "a.pdf", paper(1)))
    original = ready.original(document.sha256, document.format)
    original.unlink()
    os.mkfifo(original)
    job = jobs.add_job(db, JobKind.INGEST)

    def stop_while_it_is_read() -> None:
        with open_database(ready.database) as other:
            while library.get_document(other, document.id).state is not DocumentState.READING:
                time.sleep(0.05)
            jobs.request_cancel(other, job.id)

    stopping = threading.Thread(target=stop_while_it_is_read)
    stopping.start()
    work(replace(ready, read_seconds=30))
    stopping.join()
    assert jobs.get_job(db, job.id).state is JobState.CANCELLED
    # Had it been waited for, it would have failed for its own reason.
    assert library.get_document(db, document.id).reason == "Stopped. Retry it to go on."


def test_a_file_that_is_not_there_is_one_sentence(ready: Settings, tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="'nowhere.pdf' can't be opened"):
        add_file(ready, tmp_path / "nowhere.pdf")
    assert list(ready.originals.iterdir()) == []


def test_a_defect_that_one_paper_brings_out_fails_it_alone(
    ready: Settings, db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut_with_a_defect(pages: Sequence[Page], *rest: Any) -> list[Chunk]:
        if "whales" in pages[0].text:
            raise IndexError("list index out of range")
        return chunk_pages(pages, *rest)

    monkeypatch.setattr(indexer.ingest, "chunk_pages", cut_with_a_defect)
    for number in (1, 2, 3):
        add_file(ready, write(tmp_path, f"{number}.pdf", paper(number)))
    work(ready)
    states = {document.names[0]: (document.state, document.reason) for document in library.list_documents(db)}
    reason = "'2.pdf' could not be read (IndexError: list index out of range). Retry it."
    assert states.pop("2.pdf") == (DocumentState.FAILED, reason)
    assert set(states.values()) == {(DocumentState.READY, None)}


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\papers\\a.pdf", "a.pdf"),
        ("a\x00b\u202efdp.exe\n.pdf", "abfdp.exe.pdf"),
        ("", "unnamed.pdf"),
        ("/", "unnamed.pdf"),
        ("x" * 500, "x" * 200),
    ],
)
def test_a_name_is_stored_without_tricks(name: str, clean: str) -> None:
    assert clean_name(name) == clean


def run_worker(settings: Settings) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "jobs", "--home", str(settings.home)],
        stdin=subprocess.PIPE,
        cwd=ROOT,
        env=os.environ | {"HF_HUB_OFFLINE": "1"},
    )


def count_ready(db: Database) -> int:
    return db["documents"].count_where("state = 'ready'")


def wait_until_ready(db: Database, wanted: int, seconds: float = 600) -> None:
    end = time.monotonic() + seconds
    while count_ready(db) < wanted:
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(0.05)


@pytest.mark.slow
def test_an_ingest_killed_in_the_middle_goes_on_where_it_was(ready: Settings, db: Database, tmp_path: Path) -> None:
    for number in range(20):
        add_file(ready, write(tmp_path, f"{number}.pdf", paper(number, sentences=60)))

    for wanted in (3, 9):
        worker = run_worker(ready)
        wait_until_ready(db, wanted)
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait()
    done_before = {row["id"]: row["vector"] for row in db["embeddings"].rows}
    assert 9 <= count_ready(db) < 20
    work(ready)
    documents = library.list_documents(db)
    assert [document.state for document in documents] == [DocumentState.READY] * 20
    model = models.active_model(db)
    assert model is not None
    assert vectors.count_missing(db, model.id) == 0
    rows = {row["id"]: row["vector"] for row in db["embeddings"].rows}
    assert {key: rows[key] for key in done_before} == done_before
    assert len(rows) == db.conn.execute("SELECT count(DISTINCT content_hash) FROM chunks").fetchone()[0]
    for document in documents:
        (number,) = (int(name.removesuffix(".pdf")) for name in document.names)
        texts = " ".join(chunk.text for chunk in library.chunks_of_document(db, document.id))
        assert "Sentence 59 of this paper tells one more thing about" in texts
        assert f"of kind {number} " in texts
    assert jobs.open_jobs(db) == []


def test_a_file_that_can_not_be_copied_leaves_no_half_of_it(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="is not a file"):
        add_file(settings, Path("/dev/null"))
    with pytest.raises(ReadError, match="can't be opened"):
        add_file(settings, tmp_path / "missing.pdf")
    assert list(settings.originals.iterdir()) == []


def test_an_encrypted_paper_waits_for_its_password_and_is_shown_with_it(
    ready: Settings, db: Database, tmp_path: Path
) -> None:
    document, _ = add_file(ready, write(tmp_path, "secret.pdf", encrypt(paper(1), "open sesame")))
    for given, said in ((None, "is encrypted"), ("sesame", "The password given does not open 'secret.pdf'")):
        library.retry_document(db, document.id, given)
        work(ready)
        found = library.get_document(db, document.id)
        assert (found.state, found.locked) == (DocumentState.FAILED, True)
        assert said in (found.reason or "")
    library.retry_document(db, document.id, "open sesame")
    work(ready)
    found = library.get_document(db, document.id)
    assert (found.state, found.locked, found.reason) == (DocumentState.READY, False, None)
    assert render_page(paper_file(ready, db, found), 1, 400).startswith(b"\xff\xd8")
    assert "open sesame" not in repr(found) + repr(paper_file(ready, db, found))


def test_a_paper_read_again_keeps_its_judgements_and_is_found_meanwhile(
    ready: Settings, db: Database, tmp_path: Path
) -> None:
    document, _ = add_file(ready, write(tmp_path, "a.pdf", paper(2)))
    work(ready)
    before = library.chunks_of_document(db, document.id)
    store_judgement(db, "what of whales?", before[0].id, 1)
    library.read_again(db, [document.id])
    assert Searcher(ready).search(SearchRequest("whales", 1)).hits[0].chunk.id in {chunk.id for chunk in before}
    work(ready)
    after = library.chunks_of_document(db, document.id)
    assert library.get_document(db, document.id).state is DocumentState.READY
    assert [chunk.text for chunk in after] == [chunk.text for chunk in before]
    assert relevance_by_chunk(db, "what of whales?") == {after[0].id: 1}
    assert vectors.count_missing(db, models.active_model(db).id) == 0  # type: ignore[union-attr]
    assert {hit.chunk.id for hit in Searcher(ready).search(SearchRequest("whales", 9)).hits} <= {c.id for c in after}


def test_a_text_in_another_format_is_found_by_its_own_words(ready: Settings, db: Database, tmp_path: Path) -> None:
    text = b"# Of Eels\n\nEels swim to the Sargasso Sea to spawn, and nobody has seen them do so yet.\n"
    document, _ = add_file(ready, write(tmp_path, "eels.md", text))
    work(ready)
    found = library.get_document(db, document.id)
    assert (found.state, found.format, found.title) == (DocumentState.READY, DocumentFormat.MARKDOWN, "Of Eels")
    (hit,) = Searcher(ready).search(SearchRequest("where do eels spawn?", 1)).hits
    assert "Sargasso" in hit.chunk.text
    remove_documents(ready, [document.id])
    assert list(ready.originals.iterdir()) == []


def test_bytes_that_are_there_are_not_copied_again_and_a_damaged_original_is_put_back(
    ready: Settings, db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, "a.pdf", paper(1))
    document, _ = add_file(ready, path)
    work(ready)
    original = ready.original(document.sha256, document.format)
    with monkeypatch.context() as patch:
        patch.setattr("indexer.ingest._copy", lambda *_: pytest.fail("copied"))
        again, new = add_file(ready, path, "b.pdf")
        assert (again.id, again.names, again.state, new) == (
            document.id,
            ("a.pdf", "b.pdf"),
            DocumentState.READY,
            False,
        )
    original.write_bytes(b"x" * original.stat().st_size)
    add_file(ready, path)
    assert original.read_bytes() == path.read_bytes()
    original.unlink()
    add_file(ready, path)
    assert original.read_bytes() == path.read_bytes()
    assert not library.has_unfinished_documents(db)


def test_several_papers_are_read_at_once_each_once(
    ready: Settings, db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("indexer.ingest._readers", lambda: 3)
    started: list[str] = []
    together = threading.Barrier(3)
    read = indexer.ingest.read_paper_isolated

    def read_with_others(file: PaperFile, limits: ReadLimits, *stopped: Any) -> PaperText:
        started.append(file.name)
        # Passes only where three are here at the same time.
        together.wait(timeout=600)
        return read(file, limits, *stopped)

    monkeypatch.setattr("indexer.ingest.read_paper_isolated", read_with_others)
    for number in range(6):
        add_file(ready, write(tmp_path, f"{number}.pdf", paper(number)))
    work(ready)
    assert sorted(started) == [f"{number}.pdf" for number in range(6)]
    assert [document.state for document in library.list_documents(db)] == [DocumentState.READY] * 6


def test_one_s_copy_goes_whole_where_another_has_the_bytes_as_another_format(
    ready: Settings, db: Database, tmp_path: Path
) -> None:
    users = [add_user(db, name, Role.ADMIN) for name in ("anna", "bert")]
    documents = []
    for user, name in zip(users, ("notes.md", "notes.txt"), strict=True):
        # A connection sees what its opener may see.
        with viewing(user), open_database(ready.database) as own:
            into = create_collection(own, "Mine", private=True).id
            documents.append(add_file(ready, write(tmp_path, name, b"# Some notes on quinces"), into=into)[0])
    assert {path.suffix for path in ready.originals.iterdir()} == {".md", ".txt"}
    remove_documents(ready, [documents[0].id])
    assert [path.suffix for path in ready.originals.iterdir()] == [".txt"]


def test_a_job_names_no_paper_any_more_that_was_made_private_while_it_was_read(
    ready: Settings, db: Database, tmp_path: Path
) -> None:
    anna, bert = (add_user(db, name, Role.ADMIN) for name in ("anna", "bert"))
    with viewing(anna):
        document, _ = add_file(ready, write(tmp_path, "plans.pdf", paper(0)))
    version = models.active_model(db)
    assert version is not None
    job = jobs.add_job(db, JobKind.INGEST)
    jobs.start_job(db, job.id)
    told: dict[str, list[str]] = {"anna": [], "bert": [], "before": []}

    def ask(user: User) -> str:
        with viewing(user), open_database(ready.database) as seen:
            return describe_job(jobs.get_job(seen, job.id))

    class MadePrivate(JobProgress):
        """Progress during which the paper is made private, once it has been told that it is read."""

        def report(self, step: str, **more: Any) -> None:
            # Called by whichever thread has something to tell.
            super().report(step, **more)
            with open_database(ready.database) as db:
                if not library.get_document(db, document.id).private:
                    told["before"].append(ask(bert))
                    make_private(db, [document.id], anna)
            # Nothing was told anew by then.
            told["anna"].append(ask(anna))
            told["bert"].append(ask(bert))

    run_ingest(ready, load_version(version, ready.home), version, MadePrivate(ready.database, job.id))
    assert library.get_document(db, document.id).state is DocumentState.READY
    assert told["before"] == ["reading 0 of 1 papers: plans.pdf"]
    # What was counted before it was private stays counted; nothing more is.
    assert {"plans.pdf" in line or "loading" in line for line in told["anna"]} == {True}
    assert [line for line in told["bert"] if "plans" in line or "passages" in line] == []


def test_nobody_else_is_told_a_name_or_a_number_of_private_papers(
    ready: Settings, db: Database, tmp_path: Path
) -> None:
    anna, bert = (add_user(db, name, Role.ADMIN) for name in ("anna", "bert"))
    with viewing(anna), open_database(ready.database) as own:
        into = create_collection(own, "Mine", private=True).id
        for number in range(2):
            add_file(ready, write(tmp_path, f"plan{number}.pdf", paper(number)), into=into)
    version = models.active_model(db)
    assert version is not None
    job = jobs.add_job(db, JobKind.INGEST)
    jobs.start_job(db, job.id)
    told: dict[str, set[str]] = {"anna": set(), "bert": set()}

    class Listened(JobProgress):
        def report(self, step: str, **more: Any) -> None:
            super().report(step, **more)
            for user in (anna, bert):
                with viewing(user), open_database(ready.database) as seen:
                    told[user.name].add(describe_job(jobs.get_job(seen, job.id)))

    run_ingest(ready, load_version(version, ready.home), version, Listened(ready.database, job.id))
    assert told["bert"] <= {"reading", "embedding"}
    assert any("plan0.pdf" in line or "plan1.pdf" in line for line in told["anna"])
    assert not any("of" in line.split(":")[0] for line in told["anna"])
