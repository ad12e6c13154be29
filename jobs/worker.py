"""The worker: one process at a time does a library's heavy work, whoever asked for it.

The right to work is a lock on a file in the library, which the operating system takes back when its holder dies.
So a job that is marked as running while we hold the lock was interrupted, and is done again.
"""

import gc
import logging
import sqlite3
import sys
import time
from collections.abc import Callable
from typing import Any

from filelock import FileLock, Timeout
from sqlite_utils import Database

from core.errors import Cancelled, LibraryError, WhetstoneError, explain_storage_error
from core.people import viewing
from core.settings import Settings
from core.types import Job, JobKind, JobState, ModelVersion
from indexer.encoder import Encoder, load_version
from indexer.ingest import fail_unfinished, run_ingest
from jobs.handlers import find_handler
from search.index_cache import refresh_index_file
from storage import jobs, models
from storage.database import empty_log, open_database
from storage.library import has_unfinished_documents
from storage.progress import JobProgress, Progress
from storage.vectors import ChangeMark, change_mark
from storage.words import forget_some_removed_words, removed_words_stand

logger = logging.getLogger(__name__)

_SECONDS_BETWEEN_LOOKS = 0.3
# Removals often come one after the other; the index file is written once after them.
_SECONDS_OF_REST = 10


class Worker:
    """Does jobs one after the other; keeps the active model's encoder between them.

    `watch` is shown the open jobs as they move, whichever process does them. A worker that is `supervised` has a server
    that starts it again when it dies, and counts that.
    """

    def __init__(
        self, settings: Settings, watch: Callable[[Job], None] | None = None, *, supervised: bool = False
    ) -> None:
        self._settings = settings
        self._watch = watch
        self._supervised = supervised
        self._lock = FileLock(settings.work_lock)
        self._encoder: Encoder | None = None
        self._mark: ChangeMark | None = None
        self._marked_at = 0.0
        self._tended = False

    def work_until(self, finished: Callable[[], bool]) -> None:
        """Do what is queued, or watch while another process does it, until `finished`."""
        # Whoever's command it is that works: it works for all.
        with viewing(None):
            self._work_until(finished)

    def _work_until(self, finished: Callable[[], bool]) -> None:
        while not finished():
            try:
                with self._lock.acquire(timeout=0):
                    if self._work_once() or self._tidy_once():
                        continue
                    self._tend_index()
            except Timeout:
                self._show_others_work()
            time.sleep(_SECONDS_BETWEEN_LOOKS)

    def _tend_index(self, seconds_of_rest: float = _SECONDS_OF_REST) -> None:
        """Bring a large library's index file to what the rows are, once they have been at rest for so long."""
        with open_database(self._settings.database) as db:
            mark = change_mark(db)
            if mark != self._mark:
                self._mark, self._marked_at, self._tended = mark, time.monotonic(), False
            if self._tended or time.monotonic() - self._marked_at < seconds_of_rest:
                return
            self._tended = True
            try:
                version = models.active_model(db)
                if version is not None:
                    refresh_index_file(db, version, self._settings.home)
            except (sqlite3.Error, OSError) as error:
                # Only a start is slower for it.
                logger.warning("the index file could not be brought up to date: %s", error)

    def _show_others_work(self) -> None:
        if self._watch is not None:
            with open_database(self._settings.database) as db:
                for job in jobs.open_jobs(db):
                    self._watch(job)

    def _work_once(self) -> bool:
        """Do one job; False if there is none."""
        with open_database(self._settings.database) as db:
            jobs.requeue_interrupted(db)
            job = _next_job(db)
            if job is None or not jobs.start_job(db, job.id, supervised=self._supervised):
                return False
        self._do(job)
        return True

    def _tidy_once(self) -> bool:
        """Overwrite some of what was removed; False if there is nothing."""
        with open_database(self._settings.database) as db:
            if not forget_some_removed_words(db):
                return False
            if not removed_words_stand(db):
                empty_log(db)
        return True

    def _do(self, job: Job) -> None:
        progress = JobProgress(self._settings.database, job.id, self._watch)
        state, reason, result = JobState.DONE, None, None
        try:
            handler = self._run_ingest if job.kind is JobKind.INGEST else find_handler(job.kind)
            result = handler(self._settings, job, progress)
        except Cancelled as error:
            state, reason = JobState.CANCELLED, str(error)
        except WhetstoneError as error:
            state, reason = JobState.FAILED, str(error)
        except (sqlite3.Error, OSError) as error:
            logger.warning("%s job %d: %s", job.kind, job.id, error)
            state, reason = JobState.FAILED, explain_storage_error(error)
        except (KeyboardInterrupt, SystemExit):
            with open_database(self._settings.database) as db:
                jobs.put_down_job(db, job.id)
            raise
        except Exception as error:  # a defect of ours must not take the other jobs with it
            logger.exception("%s job %d", job.kind, job.id)
            state, reason = JobState.FAILED, f"An unexpected error ended this ({type(error).__name__}: {error})."
        if job.kind is JobKind.INGEST and reason:
            fail_unfinished(self._settings, f"{reason} Retry it to go on.")
        with open_database(self._settings.database) as db:
            jobs.finish_job(db, job.id, state, reason, result)
        # For a command, which ends now; a server's worker would come to it by itself.
        self._tend_index(seconds_of_rest=0)
        torch = sys.modules.get("torch")
        if torch is not None and torch.cuda.is_available():
            # What a training held is given back, for the searches of the web process.
            gc.collect()
            torch.cuda.empty_cache()

    def _run_ingest(self, settings: Settings, job: Job, progress: Progress) -> dict[str, Any]:
        progress.report("loading the model")
        with open_database(settings.database) as db:
            version = models.active_model(db)
        if version is None:
            raise LibraryError("This library has no model yet. Start the app or 'python -m indexer add' once.")
        encoder = self._encoder_of(version)
        began, before = time.monotonic(), _vectors_ever(settings)
        run_ingest(settings, encoder, version, progress)
        return {"passages": _vectors_ever(settings) - before, "seconds": time.monotonic() - began}

    def _encoder_of(self, version: ModelVersion) -> Encoder:
        if self._encoder is None or self._encoder.fingerprint != version.fingerprint:
            self._encoder = load_version(version, self._settings.home)
        return self._encoder


def _vectors_ever(settings: Settings) -> int:
    """How many vectors this library has had, those removed since too."""
    with open_database(settings.database) as db:
        sql = "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'embeddings'"
        return db.conn.execute(sql).fetchone()[0]


def settle_interrupted(settings: Settings) -> None:
    """Where nobody works, end what was stopped when its process died."""
    try:
        # Whoever's command it is, as with the work.
        with viewing(None), FileLock(settings.work_lock).acquire(timeout=0), open_database(settings.database) as db:
            jobs.requeue_interrupted(db)
    except Timeout:
        # Somebody works, and has done so.
        return


def run_or_wait(settings: Settings, job: Job, watch: Callable[[Job], None] | None = None) -> Job:
    """The job at its end; done here, or by the process that holds the work lock. `watch` sees every step."""

    def finished() -> bool:
        with open_database(settings.database) as db:
            return not jobs.get_job(db, job.id).open

    Worker(settings, watch).work_until(finished)
    with open_database(settings.database) as db:
        return jobs.get_job(db, job.id)


# What only looks at the library, and is worth the most once all papers are in.
_LOOKS = (JobKind.PROPOSE, JobKind.MAP)


def _next_job(db: Database) -> Job | None:
    """Jobs that were asked for come before ingest, which goes on after them; papers that wait make an ingest job.

    Jobs that only look at the library come last.
    """
    waiting = [job for job in jobs.open_jobs(db) if job.state is JobState.QUEUED]
    asked_for = [job for job in waiting if job.kind is not JobKind.INGEST and job.kind not in _LOOKS]
    if asked_for:
        return asked_for[0]
    if has_unfinished_documents(db):
        return jobs.add_job(db, JobKind.INGEST)
    looks = []
    for job in waiting:
        if job.kind in _LOOKS:
            looks.append(job)
        else:
            jobs.finish_job(db, job.id, JobState.DONE)
    return looks[0] if looks else None
