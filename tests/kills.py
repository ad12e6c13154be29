"""A library at work whose processes are killed: what is served meanwhile, and what it comes to in the end.

Worker and server are processes of their own, forked from one in which everything is imported already, so that a trial
takes a second or two. The server answers searches as the app's does; when it dies, its worker ends itself.
"""

import os
import random
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import torch
from filelock import FileLock
from sqlite_utils import Database

import indexer.ingest
from core.settings import Settings, load_settings
from core.types import UNFINISHED, Filter, JobKind
from indexer.ingest import add_file
from indexer.start import ensure_active_model
from jobs.__main__ import _end_with_parent
from jobs.check import check_library
from jobs.worker import Worker
from search.searcher import Searcher, SearchRequest
from storage import jobs, judgements, library, models
from storage.database import open_database, prepare_database
from storage.deaths import count_death
from storage.half_done import sweep_library
from tests.libraries import TOPICS, make_library, work
from tests.models import make_seed_like_model
from tests.papers import make_paper, write
from tests.warm import CONTEXT
from training.propose import queue_propose
from training.recipe.settings import PRESETS

KINDS = (JobKind.INGEST, JobKind.SWITCH, JobKind.RETRAIN, JobKind.COMPARE, JobKind.MAP, JobKind.PROPOSE)
PAPERS, PAPERS_TO_COME = 4, 3
QUESTIONS = tuple(f"why does one tell of {topic}?" for topic in TOPICS[:PAPERS])
RECIPE = replace(PRESETS["default"], epochs=1, batch_size=4, matryoshka_dims=(16,))
_SECONDS_TO_END = 600
_SECONDS_TO_FOLLOW_THE_SERVER = 60
# Vectors are embedded in other batches after a restart, which changes their last digits.
_TOLERANCE = 1e-4


class Victim(StrEnum):
    WORKER = "worker"
    SERVER = "server"
    BOTH = "both"


# What a search gave: the model's name, and the passages with their scores.
Answer = tuple[str, tuple[tuple[str, float], ...]]


@dataclass(frozen=True, slots=True)
class Undisturbed:
    """A run that nobody interrupts: what the library was, what it came to, and how long that took."""

    home: Path
    before: tuple[Answer, ...]
    after: tuple[Answer, ...]
    account: dict[str, Any]
    vectors: dict[tuple[str, str], np.ndarray]
    seconds: float


def in_a_process(work: Callable[..., None], *arguments: Any) -> None:
    """Done in a process of its own. Raises AssertionError where it fails there."""
    process = CONTEXT.Process(target=work, args=arguments)
    process.start()
    process.join()
    assert process.exitcode == 0, f"{work.__name__} ended with code {process.exitcode}"


def make_judged_library(home: Path) -> None:
    """Papers that are ready, and judgements on them; its model lies beside it."""
    _use_one_thread()
    folder = _beside(home)
    folder.mkdir()
    settings = make_library(home, folder / "model")
    for number in range(PAPERS):
        add_file(settings, write(folder, f"{number}.pdf", _paper(number)))
    work(settings)
    with open_database(settings.database) as db:
        _judge(db, QUESTIONS)


def queue_job(home: Path, kind: JobKind) -> None:
    """Let a job of this kind wait for a worker; for a comparison, a version is trained first, and more is judged."""
    _use_one_thread()
    settings, folder = load_settings(home=home), _beside(home)
    folder.mkdir(exist_ok=True)
    with open_database(settings.database) as db:
        if kind is JobKind.INGEST:
            for number in range(PAPERS, PAPERS + PAPERS_TO_COME):
                add_file(settings, write(folder, f"{number}.pdf", _paper(number)))
        elif kind is JobKind.SWITCH:
            make_seed_like_model(folder / "other", seed=7, dimension=32)
            jobs.add_job(db, kind, {"source": str(folder / "other")})
        elif kind is JobKind.MAP:
            jobs.add_job(db, kind, {"model_id": 1, "anew": False})
        elif kind is JobKind.PROPOSE:
            queue_propose(db)
        else:
            jobs.add_job(db, JobKind.RETRAIN, asdict(RECIPE))
        if kind is JobKind.COMPARE:
            work(settings)
            _judge(db, [f"what else is told of {topic}?" for topic in TOPICS[:PAPERS]])
            jobs.add_job(db, kind, {"model_id": models.list_models(db)[-1].id})


def _beside(home: Path) -> Path:
    return home.parent / f"{home.name}-parts"


def _use_one_thread() -> None:
    # Threads of before a fork are gone after it, and whoever waits for them waits for ever.
    torch.set_num_threads(1)
    faiss.omp_set_num_threads(1)


def _paper(number: int) -> bytes:
    topic = TOPICS[number]
    sections = [
        " ".join(
            f"In part {part} sentence {n} tells of {topic}, which is number {number * 100 + n}." for n in range(12)
        )
        for part in range(4)
    ]
    return make_paper(f"On {topic.title()}", sections)


def _judge(db: Database, questions: Sequence[str]) -> None:
    """For each of the first papers' questions one passage approved, one rejected."""
    for document in library.list_documents(db):
        chunks = library.chunks_of_document(db, document.id)
        for relevance in (1, 0):
            judgements.store_judgement(db, questions[document.id - 1], chunks[-1 - relevance].id, relevance)


def run_undisturbed(home: Path) -> Undisturbed:
    """Let the waiting job be done, in a copy of the library."""
    copied = home.parent / f"{home.name}-undisturbed"
    shutil.copytree(home, copied)
    settings = load_settings(home=copied)
    before = ask_all(settings)
    began = time.monotonic()
    with running_worker(settings):
        wait_for_end(settings)
    seconds = time.monotonic() - began
    account, vectors = give_account(settings)
    assert {job[1] for job in account["jobs"]} == {"done"}, account["jobs"]
    return Undisturbed(home, before, ask_all(settings), account, vectors, seconds)


def kill_once(undisturbed: Undisturbed, home: Path, victim: Victim, chance: random.Random) -> float:
    """Kill at a random moment, start again, and compare with the undisturbed run; the moment, in seconds.

    Raises AssertionError where anything is not as it must be.
    """
    shutil.copytree(undisturbed.home, home)
    settings = load_settings(home=home)
    moment = chance.uniform(0, undisturbed.seconds)
    server = Server(settings)
    time.sleep(moment)
    if victim is Victim.WORKER:
        server.worker.kill()
        server.worker.join()
        # As the app's supervisor does.
        with FileLock(settings.work_lock).acquire(timeout=60), open_database(settings.database) as db:
            count_death(db)
        server.start_worker()
    else:
        server.process.kill()
        if victim is Victim.BOTH:
            server.worker.kill()
        server.process.join()
        server.worker.join(_SECONDS_TO_FOLLOW_THE_SERVER)
        assert server.worker.exitcode is not None, "the worker lives on without its server"
        answered = server.answers()
        server = Server(settings, answered)
    try:
        wait_for_end(settings)
    finally:
        server.stop()
    _compare_answers(undisturbed, server.answers())
    account, vectors = give_account(settings)
    assert account == undisturbed.account, _difference(account, undisturbed.account)
    assert vectors.keys() == undisturbed.vectors.keys()
    for key, vector in vectors.items():
        np.testing.assert_allclose(vector, undisturbed.vectors[key], atol=_TOLERANCE)
    _compare_answers(undisturbed, {(n, answer) for n, answer in enumerate(ask_all(settings))}, only_after=True)
    problems = check_library(settings).problems
    assert not problems, [problem.sentence for problem in problems]
    return moment


def _compare_answers(undisturbed: Undisturbed, answers: set[tuple[int, Answer]], *, only_after: bool = False) -> None:
    """Every answer is that of before or of after, whole and of one model."""
    for number, answer in answers:
        expected = (
            [undisturbed.after[number]] if only_after else [undisturbed.before[number], undisturbed.after[number]]
        )
        assert any(_same(answer, one) for one in expected), f"{QUESTIONS[number]}: {answer} is none of {expected}"


def _same(one: Answer, other: Answer) -> bool:
    return (
        one[0] == other[0]
        and [text for text, _ in one[1]] == [text for text, _ in other[1]]
        and np.allclose([score for _, score in one[1]], [score for _, score in other[1]], atol=_TOLERANCE)
    )


def _difference(one: dict[str, Any], other: dict[str, Any]) -> str:
    return "\n".join(f"{key}: {one[key]}\n  not {other[key]}" for key in other if one[key] != other[key])


# --- the processes -------------------------------------------------------------------------------


class Server:
    """A server that searches all the time, and the worker that it has started."""

    def __init__(self, settings: Settings, answered: set[tuple[int, Answer]] | None = None) -> None:
        self._settings = settings
        self._answers = set(answered or ())
        self._told, telling = CONTEXT.Pipe(duplex=False)
        self._lifeline, holding = CONTEXT.Pipe(duplex=False)
        self.process = CONTEXT.Process(target=_serve, args=(settings.home, telling, holding))
        self.process.start()
        # Only the server may hold the other ends, so that they close with it.
        telling.close()
        holding.close()
        self.worker = self.start_worker()

    def start_worker(self) -> ForkServerProcess:
        self.worker = CONTEXT.Process(target=_work, args=(self._settings.home, self._lifeline))
        self.worker.start()
        return self.worker

    def answers(self) -> set[tuple[int, Answer]]:
        """What the searches gave, each different answer once. Raises AssertionError where one failed."""
        try:
            while self._told.poll():
                number, answer = self._told.recv()
                assert not isinstance(answer, str), f"the search for {QUESTIONS[number]!r} failed: {answer}"
                self._answers.add((number, answer))
        except (EOFError, OSError):
            # It was killed, in the middle of telling perhaps.
            pass
        return self._answers

    def stop(self) -> None:
        for process in (self.worker, self.process):
            process.kill()
            process.join()


def _serve(home: Path, telling: Connection, holding: Connection) -> None:
    """Search until the end, and tell each new answer; `holding` closes with this process."""
    _use_one_thread()
    settings = load_settings(home=home)
    prepare_database(settings.database)
    sweep_library(settings)
    ensure_active_model(settings, switch=True)
    searcher, told = Searcher(settings), set[tuple[int, Answer]]()
    while True:
        for number, question in enumerate(QUESTIONS):
            try:
                answer = ask(searcher, question)
            except Exception as error:
                telling.send((number, f"{type(error).__name__}: {error}"))
                raise
            if (number, answer) not in told:
                told.add((number, answer))
                telling.send((number, answer))
        time.sleep(0.01)


def _work(home: Path, lifeline: Connection | None = None) -> None:
    """What `python -m jobs` does, in small batches, so that there are more moments to die in."""
    _use_one_thread()
    indexer.ingest._TEXTS_A_BATCH = 3
    indexer.ingest._SECONDS_BETWEEN_LOOKS = 0.02
    if lifeline is not None:
        sys.stdin = os.fdopen(os.dup(lifeline.fileno()))
        lifeline.close()
        _end_with_parent()
    Worker(load_settings(home=home), supervised=True).work_until(lambda: False)


@contextmanager
def running_worker(settings: Settings) -> Iterator[ForkServerProcess]:
    """A worker without a server, killed at the end."""
    process = CONTEXT.Process(target=_work, args=(settings.home,))
    process.start()
    try:
        yield process
    finally:
        process.kill()
        process.join()


def wait_for_end(settings: Settings) -> None:
    """Until nothing waits and nothing runs."""
    end = time.monotonic() + _SECONDS_TO_END
    with open_database(settings.database) as db:
        while library.has_unfinished_documents(db) or jobs.open_jobs(db):
            assert time.monotonic() < end, f"it did not go on: {jobs.open_jobs(db)}"
            time.sleep(0.02)


# --- what a library holds and answers ------------------------------------------------------------


def ask_all(settings: Settings) -> tuple[Answer, ...]:
    """Every question asked, in a process of its own."""
    told, telling = CONTEXT.Pipe(duplex=False)
    in_a_process(_ask_all, settings.home, telling)
    return told.recv()


def _ask_all(home: Path, telling: Connection) -> None:
    _use_one_thread()
    searcher = Searcher(load_settings(home=home))
    telling.send(tuple(ask(searcher, question) for question in QUESTIONS))


def ask(searcher: Searcher, question: str) -> Answer:
    """Asked of the papers that were there from the beginning: what others come in meanwhile is no matter."""
    result = searcher.search(SearchRequest(question, k=5, filter=Filter(papers=tuple(range(1, PAPERS + 1)))))
    return result.model.name, tuple((hit.chunk.text, hit.score) for hit in result.hits)


def give_account(settings: Settings) -> tuple[dict[str, Any], dict[tuple[str, str], np.ndarray]]:
    """All that a library holds but for times and ids, as lists in which nothing that stands twice is lost."""
    with open_database(settings.database) as db:
        names = {version.id: version.name for version in models.list_models(db)}
        stored = db.conn.execute("SELECT model_id, content_hash, vector FROM embeddings").fetchall()
        account = {
            "papers": sorted(
                (document.names, document.title, document.state, document.reason, document.chunks)
                for document in library.list_documents(db)
            ),
            "passages": _rows(db, "SELECT document_id, text, spans, section, kind FROM chunks"),
            "pages": _rows(db, "SELECT document_id, number, text FROM pages"),
            "vectors": sorted((names[model], text) for model, text, _ in stored),
            "judgements": sorted(
                (one.query, one.text, one.relevance, one.model_id) for one in judgements.list_judgements(db)
            ),
            "questions": _rows(db, "SELECT text FROM queries"),
            "versions": [
                (one.name, one.source, one.state, names.get(one.parent_id or 0), _without_times(one.report))
                for one in models.list_models(db)
            ],
            "activations": _rows(db, "SELECT model_id, undone_at IS NULL FROM activations"),
            "maps": _rows(db, "SELECT model_id, document_id FROM map_papers"),
            "places": _rows(db, "SELECT model_id, chunk_id FROM map_passages"),
            "proposals": _rows(
                db,
                "SELECT p.kind, coalesce(q.text, p.query), chunk_id, reason, p.rank "
                "FROM proposals p LEFT JOIN queries q ON q.id = p.query_id",
            ),
            "jobs": _rows(db, "SELECT kind, state, reason FROM jobs"),
            "marks": _rows(db, "SELECT in_hand FROM documents WHERE in_hand"),
            "files": sorted(
                path.relative_to(settings.home).as_posix()
                for folder in (settings.originals, settings.models, settings.uploads)
                for path in folder.rglob("*")
            ),
        }
    vectors = {(names[model], text): np.frombuffer(blob, np.float32) for model, text, blob in stored}
    return account, vectors


def _rows(db: Database, query: str) -> list[tuple[Any, ...]]:
    return sorted(db.conn.execute(query).fetchall(), key=repr)


def _without_times(report: dict[str, Any]) -> dict[str, Any]:
    """The report with its numbers rounded, because sums of other batches differ in their last digits."""
    return {key: _rounded(value) for key, value in report.items() if key not in ("seconds", "compared_at")}


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_rounded(one) for one in value]
    return round(value, 3) if isinstance(value, float) else value


# --- cancelling ----------------------------------------------------------------------------------


def cancel_once(undisturbed: Undisturbed, home: Path, chance: random.Random) -> float:
    """Ask for the job's end at a random moment; the seconds until it had ended.

    Raises AssertionError where it leaves a trace, or is neither cancelled nor done.
    """
    shutil.copytree(undisturbed.home, home)
    settings = load_settings(home=home)
    before, _ = give_account(settings)
    with running_worker(settings), open_database(settings.database) as db:
        end = time.monotonic() + _SECONDS_TO_END
        while not (running := [job for job in jobs.open_jobs(db) if job.step]):
            assert time.monotonic() < end
            time.sleep(0.01)
        time.sleep(chance.uniform(0, undisturbed.seconds / 2))
        began = time.monotonic()
        jobs.request_cancel(db, running[0].id)
        wait_for_end(settings)
        took = time.monotonic() - began
    account, _ = give_account(settings)
    (_, state, reason), *_ = [job for job in account["jobs"] if job[0] == running[0].kind]
    if state == "done":
        assert account == undisturbed.account, _difference(account, undisturbed.account)
        return took
    assert (state, reason) == ("cancelled", "Stopped.")
    if running[0].kind is JobKind.INGEST:
        # Papers that were ready stay, those that were not say why they are not.
        states = {(one[2], one[3]) for one in account["papers"]}
        assert states <= {("ready", None), ("failed", "Stopped. Retry it to go on.")}, states
        assert not any(one[2] in UNFINISHED for one in account["papers"])
        assert account["files"] == before["files"]
    else:
        left = {key for key in account if key != "jobs" and account[key] != before[key]}
        # A base model that was loaded is known from then on, and keeps the vectors it has for the next try.
        assert left <= ({"versions", "vectors"} if running[0].kind is JobKind.SWITCH else set()), _difference(
            account, before
        )
    return took
