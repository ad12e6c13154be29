"""Add files, read and chunk what is queued, embed what lacks a vector, remove."""

import hashlib
import logging
import os
import queue
import sqlite3
import threading
import unicodedata
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import BinaryIO

from sqlite_utils import Database

from core.errors import Cancelled, PasswordError, ReadError, RoleError, WhetstoneError
from core.formats import PDF_HEADER_BYTES, SUFFIXES, DocumentFormat, format_of
from core.held import held_folder
from core.people import Role, viewer
from core.settings import Settings
from core.stored_settings import current
from core.types import Document, DocumentState, ModelVersion, Page, PaperFile, PaperText
from indexer.chunking import ChunkingSettings, chunk_pages
from indexer.encoder import Encoder
from indexer.forked import ForkedChildren
from indexer.ocr import complete_paper, recognise_pages
from indexer.pace import Pace
from indexer.pdf import require_text
from indexer.reader import ReadLimits, read_paper_isolated, reading_children
from storage import library, models, pages, vectors
from storage.at_work import AtWork
from storage.collections import get_collection, put_into_collection
from storage.database import empty_log, open_database, transaction
from storage.deaths import in_hand, suspects
from storage.index_files import drop_index_files
from storage.jobs import open_jobs
from storage.progress import Progress
from storage.readings import store_reading
from storage.vectors import MissingText
from storage.words import forget_removed_words

logger = logging.getLogger(__name__)

# One transaction, and one step of what is told: a second or two on a laptop.
_TEXTS_A_BATCH = 64
# The search for what is missing looks at every chunk, so it is done once for many batches.
_TEXTS_A_LOOK = 2048
_SECONDS_BETWEEN_LOOKS = 0.25
# Each may take as much memory as the reading of one paper is allowed.
_MOST_READERS = 4
_COPY_BYTES = 1 << 20
_NAME_CHARACTERS = 200


def add_file(settings: Settings, path: Path, name: str | None = None, into: int | None = None) -> tuple[Document, bool]:
    """Copy a file into the library: its document, queued to be read, and whether its bytes are new here.

    With `into` it comes into the collection of this id, into a private one privately. A document of these bytes that
    failed is tried once more. Raises ReadError where the file can't be opened, NotFoundError without that collection.
    """
    if path.exists() and not path.is_file():
        raise ReadError(f"'{path.name}' is not a file. Give a PDF, or a folder that holds some.")
    try:
        source = path.open("rb")
    except OSError as error:
        raise ReadError(f"'{path.name}' can't be opened ({error.strerror}). Check the name and the rights.") from error
    with source:
        if not os.fstat(source.fileno()).st_size:
            raise ReadError(f"'{name or path.name}' is empty. Download it again.")
        format = _format_of(source, name or path.name)
        known = _add_known(settings, source, path, name, into)
        return known or _add_copy(settings, source, path, name, into, format)


def _format_of(source: BinaryIO, name: str) -> DocumentFormat:
    try:
        head = source.read(PDF_HEADER_BYTES)
        source.seek(0)
    except OSError as error:
        raise ReadError(f"'{name}' can't be read ({error.strerror}). Copy it anew, then add it again.") from error
    format = format_of(head, name)
    if format is None:
        raise ReadError(f"'{name}' is no paper: it is no PDF, and its name ends in none of {', '.join(SUFFIXES)}.")
    return format


def _add_known(
    settings: Settings, source: BinaryIO, path: Path, name: str | None, into: int | None
) -> tuple[Document, bool] | None:
    """The document of these bytes where there is one with its file, without a copy; None where there is none."""
    try:
        sha256 = hashlib.file_digest(source, "sha256").hexdigest()  # type: ignore[arg-type]
        source.seek(0)
    except OSError:
        return None  # the copy tells what is wrong
    with open_database(settings.database) as db:
        document = library.find_document(db, sha256, _owner_in(db, into))
        if document is None or document.state is DocumentState.FAILED:
            return None
        original = settings.original(sha256, document.format)
        # A damaged original is put back by the copy.
        if not original.is_file() or _hash(original) != sha256:
            return None
        with transaction(db):
            if not original.is_file():
                return None
            return _add_row(db, sha256, clean_name(name or path.name), document.format, into)


def _add_row(db: Database, sha256: str, name: str, format: DocumentFormat, into: int | None) -> tuple[Document, bool]:
    """The document of these bytes, in the collection, and whether it is new; inside the caller's transaction."""
    document, new = library.add_document(db, sha256, name, format, _owner_in(db, into))
    if into is not None:
        put_into_collection(db, into, [document.id])
    return library.get_document(db, document.id), new


def _owner_in(db: Database, into: int | None) -> int | None:
    return None if into is None else get_collection(db, into).owner


def _hash(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def _add_copy(
    settings: Settings, source: BinaryIO, path: Path, name: str | None, into: int | None, format: DocumentFormat
) -> tuple[Document, bool]:
    try:
        with held_folder(settings.originals) as folder:
            copy = folder / "copy"
            sha256 = _copy(source, copy)
            with open_database(settings.database) as db, transaction(db):
                document, new = _add_row(db, sha256, clean_name(name or path.name), format, into)
                # Inside the transaction, so that a removal of the same bytes comes wholly before or wholly after.
                copy.replace(settings.original(sha256, document.format))
    except OSError as error:
        raise ReadError(f"'{path.name}' can't be copied into the library ({error.strerror}).") from error
    if document.state is DocumentState.FAILED:
        with open_database(settings.database) as db:
            library.retry_document(db, document.id)
    return document, new


def _copy(source: BinaryIO, target: Path) -> str:
    """Copy all bytes; their SHA-256."""
    digest = hashlib.sha256()
    target.touch(mode=0o600)
    with target.open("wb") as file:
        while block := source.read(_COPY_BYTES):
            digest.update(block)
            file.write(block)
    return digest.hexdigest()


def clean_name(name: str) -> str:
    """The file's own name without folders and without control or direction characters, of bearable length."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    printable = "".join(character for character in last if unicodedata.category(character)[0] != "C").strip()
    return printable[:_NAME_CHARACTERS] or "unnamed.pdf"


def remove_documents(settings: Settings, document_ids: Sequence[int], *, wait: bool = True) -> None:
    """Remove documents with all that is derived from them, judgements too, and their original files.

    Their words are overwritten in the word index too before this returns; or soon by the worker, if not to `wait`.
    Raises RoleError where a shared one is among them and the viewer is no admin.
    """
    with open_database(settings.database) as db:
        _require_right_to_remove(db, document_ids)
        removed = library.remove_documents(db, document_ids)
        with transaction(db):
            for document in removed:
                # Added once more in the meantime, or another's too: then the file is needed.
                if not library.is_file_needed(db, document):
                    settings.original(document.sha256, document.format).unlink(missing_ok=True)
        drop_index_files(settings.home)
        if wait:
            forget_removed_words(db)
        empty_log(db)


def _require_right_to_remove(db: Database, document_ids: Sequence[int]) -> None:
    user = viewer()
    for document_id in document_ids:
        document = library.get_document(db, document_id)
        if user is not None and not document.private and not user.role.may(Role.ADMIN):
            raise RoleError(f"'{document.title}' is shared, so only an admin can remove it.")


def paper_file(settings: Settings, db: Database, document: Document) -> PaperFile:
    """The document's original, with what opens it."""
    path = settings.original(document.sha256, document.format)
    return PaperFile(path, document.names[0], document.format, library.password_of(db, document.id))


def run_ingest(settings: Settings, encoder: Encoder, version: ModelVersion, progress: Progress) -> None:
    """Read and embed every unfinished document with the active model; reading goes on beside embedding.

    Returns early, with nothing half-done, when another model became active or another job waits.
    """
    _IngestRun(settings, encoder, version, progress).work()


def fail_unfinished(settings: Settings, reason: str) -> None:
    """Give every unfinished document up, with the reason; each can be tried again."""
    with open_database(settings.database) as db:
        for document in library.unfinished_documents(db):
            library.set_document_state(db, document.id, DocumentState.FAILED, reason)


def embed_missing(settings: Settings, encoder: Encoder, version: ModelVersion, progress: Progress) -> int:
    """Embed every live chunk that lacks a vector for this version; how many texts that were."""
    done = 0
    with open_database(settings.database) as db:
        total, shared = vectors.count_missing(db, version.id), vectors.count_missing_shared(db, version.id)
        if total:
            progress.report("embedding", item=version.name, total=shared)

        def tell() -> None:
            # All are told of it, so the numbers are those of what all may see.
            told = shared * done // total if total else 0
            progress.report("embedding", item=version.name, done=told, total=shared)

        while texts := vectors.missing_texts(db, version.id, _TEXTS_A_LOOK):
            for first in range(0, len(texts), _TEXTS_A_BATCH):
                batch = texts[first : first + _TEXTS_A_BATCH]
                _embed_batch(db, encoder, version, batch, tell)
                done += len(batch)
                tell()
    return done


def _embed_batch(
    db: Database, encoder: Encoder, version: ModelVersion, batch: Sequence[MissingText], between: Callable[[], object]
) -> None:
    matrix = encoder.encode_passages([missing.text for missing in batch], between)
    vectors.store_vectors(db, version.id, [missing.content_hash for missing in batch], matrix)


def _readers() -> int:
    """How many papers are read at once, each in a process of its own; the embedding takes most of the machine."""
    return min(_MOST_READERS, os.cpu_count() or 1)


class _IngestRun:
    """One run over the unfinished documents: threads read and chunk, the caller's embeds."""

    def __init__(self, settings: Settings, encoder: Encoder, version: ModelVersion, progress: Progress) -> None:
        self._settings = settings
        self._encoder = encoder
        self._version = version
        self._progress = progress
        self._telling = threading.Lock()
        self._stop_reading = threading.Event()
        # Other work may wait for the papers that are being read; who stops the job does not.
        self._given_up = threading.Event()
        # What has been read and waits for its vectors.
        self._read: queue.Queue[Document] = queue.Queue()
        # By document: what is done to it beside its being read, in the order they began.
        self._reading: dict[int, str] = {}
        self._choosing = threading.Lock()
        # Recognition takes every core by itself, and much memory.
        self._recognising = threading.Lock()
        self._embedding: int | None = None
        # What all are told counts what all may see.
        self._pace = Pace()

    def work(self) -> None:
        with open_database(self._settings.database) as db:
            suspected = suspects(db)
        if not self._work_alone_on(suspected):
            return
        with open_database(self._settings.database) as db:
            for document in library.unfinished_documents(db):
                if document.state is DocumentState.EMBEDDING:
                    self._read.put(document)
                elif not document.private:
                    self._pace.papers_to_read += 1
            self._pace.waiting = vectors.count_missing_shared(db, self._version.id)
        with ThreadPoolExecutor(max_workers=_readers(), thread_name_prefix="read papers") as executor:
            reading = [executor.submit(self._read_queued) for _ in range(_readers())]
            try:
                self._embed_what_was_read(reading)
            except BaseException:
                self._given_up.set()
                raise
            finally:
                self._stop_reading.set()

    def _work_alone_on(self, documents: Sequence[Document]) -> bool:
        """One at a time, read and embedded, so that it is known which kills this process; False to come back later."""
        for document in documents:
            if document.state is not DocumentState.EMBEDDING:
                with open_database(self._settings.database) as db:
                    library.set_document_state(db, document.id, DocumentState.READING)
                    self._reading[document.id] = ""
                self._tell()
                with reading_children() as children:
                    read = self._read_document(document, children)
                del self._reading[document.id]
                if not read:
                    continue
            if not self._embed_document(document) or self._other_work_waits():
                return False
        return True

    # --- in the reading threads ---

    def _read_queued(self) -> None:
        try:
            with reading_children() as children:
                self._read_with(children)
        except BaseException:
            # The others need not go on with what is to be stopped.
            self._stop_reading.set()
            raise

    def _read_with(self, children: ForkedChildren) -> None:
        while not self._stop_reading.is_set() and (document := self._next_to_read()):
            self._tell()
            read = self._read_document(document, children)
            with self._choosing, open_database(self._settings.database) as db:
                del self._reading[document.id]
                self._pace.papers_read += library.is_shared(db, document.id)
            if read:
                self._read.put(document)

    def _next_to_read(self) -> Document | None:
        with self._choosing, open_database(self._settings.database) as db:
            document = library.next_to_read(db, list(self._reading))
            if document is not None:
                library.set_document_state(db, document.id, DocumentState.READING)
                self._reading[document.id] = ""
        return document

    def _read_document(self, document: Document, children: ForkedChildren) -> bool:
        # What the page has changed since counts for the next paper.
        self._settings = current(self._settings)
        limits = ReadLimits(seconds=self._settings.read_seconds, megabytes=self._settings.read_megabytes)
        database = self._settings.database
        with in_hand(database, document.id), open_database(database) as db:
            try:
                paper = self._read_paper(db, document, limits, children)
                tokens = min(self._settings.chunk_tokens, self._encoder.passage_tokens)
                chunks = chunk_pages(
                    paper.pages, paper.outline, self._encoder.count_tokens, ChunkingSettings(max_tokens=tokens)
                )
                if library.is_shared(db, document.id):
                    self._pace.to_embed += len(chunks)
                return store_reading(db, document.id, paper.metadata, paper.pages, chunks)
            except ReadError as error:
                library.fail_document(db, document.id, str(error), locked=isinstance(error, PasswordError))
                return False
            except (sqlite3.Error, WhetstoneError):
                raise
            except Exception as error:  # a defect that this file alone brings out: the others go on
                logger.exception("reading document %d", document.id)
                reason = f"'{document.names[0]}' could not be read ({type(error).__name__}: {error}). Retry it."
                library.set_document_state(db, document.id, DocumentState.FAILED, reason)
                return False

    def _read_paper(self, db: Database, document: Document, limits: ReadLimits, children: ForkedChildren) -> PaperText:
        """What the file says, and its pictures where that is needed. Raises ReadError where neither tells anything."""
        file = paper_file(self._settings, db, document)
        paper = read_paper_isolated(file, limits, self._is_given_up, children)
        pictures = [page for page in paper.pages if page.needs_ocr]
        if pictures and self._settings.ocr:
            paper = complete_paper(paper, self._recognise(db, document, file, pictures, limits), file.name)
        require_text(paper.pages, file.name)
        return paper

    def _recognise(
        self, db: Database, document: Document, file: PaperFile, pictures: Sequence[Page], limits: ReadLimits
    ) -> dict[int, Page]:
        """The pages' pictures read, each kept as it comes: another job may interrupt a long scan."""
        with self._recognising:
            return self._recognise_alone(db, document, file, pictures, limits)

    def _recognise_alone(
        self, db: Database, document: Document, file: PaperFile, pictures: Sequence[Page], limits: ReadLimits
    ) -> dict[int, Page]:
        done = pages.recognised_pages(db, document.id)
        waiting = [page for page in pictures if page.number not in done]
        with closing(recognise_pages(file, waiting, limits, self._is_given_up)) as recognised:
            self._tell_recognised(db, document, len(pictures) - len(waiting), len(pictures))
            for count, page in enumerate(recognised, start=len(pictures) - len(waiting) + 1):
                pages.keep_recognised(db, document.id, page)
                done[page.number] = page
                self._tell_recognised(db, document, count, len(pictures))
        return done

    def _tell_recognised(self, db: Database, document: Document, done: int, total: int) -> None:
        self._reading[document.id] = f", recognising page {min(done + 1, total)} of {total}"
        if self._stop_reading.is_set():
            raise Cancelled("The reading was stopped.")
        self._tell()

    # --- in the embedding thread ---

    def _embed_what_was_read(self, reading: Sequence[Future[None]]) -> None:
        while True:
            # Asked before the queue is: what finished readers have put there is all there will be.
            all_read = all(reader.done() for reader in reading)
            try:
                document = self._read.get(timeout=0 if all_read else _SECONDS_BETWEEN_LOOKS)
            except queue.Empty:
                if all_read:
                    for reader in reading:
                        reader.result()
                    return None
                if self._other_work_waits():
                    return None
                self._tell()
                continue
            if not self._embed_document(document) or self._other_work_waits():
                return None

    def _embed_document(self, document: Document) -> bool:
        """Embed what the document lacks; False where another model is active by now."""
        database = self._settings.database
        with in_hand(database, document.id), open_database(database) as db:
            while texts := vectors.missing_texts(db, self._version.id, _TEXTS_A_BATCH, [document.id]):
                active = models.active_model(db)
                if active is None or active.id != self._version.id:
                    return False
                self._embedding = document.id
                self._pace.begin_embedding()
                _embed_batch(db, self._encoder, self._version, texts, self._tell)
                if library.is_shared(db, document.id):
                    self._pace.embedded += len(texts)
                self._tell()
            library.mark_ready_when_embedded(db, [document.id])
        return True

    # --- from both ---

    def _tell(self) -> None:
        """Report what both threads are at. Raises Cancelled, in whichever hears of it first."""
        with self._telling:
            pace, reading = self._pace, tuple(self._reading.items())
            item = AtWork(reading, self._embedding, pace.papers_read, pace.papers).to_item()
            if reading and pace.embedded in (0, pace.passages):
                step, done, total = "reading", pace.papers_read, max(pace.papers, pace.papers_read + 1)
            else:
                step, done, total = "embedding", pace.embedded, pace.passages
            self._progress.report(step, item=item, done=done, total=total, seconds_left=pace.seconds_left())

    def _is_given_up(self) -> bool:
        """Whether the run has ended for good. Raises Cancelled where the user wants its end."""
        self._tell()
        return self._given_up.is_set()

    def _other_work_waits(self) -> bool:
        with open_database(self._settings.database) as db:
            return len(open_jobs(db)) > 1
