"""What the death of the process at work counts against, and when a paper or a job is given up for it.

A paper is in hand while it is read or embedded. A process that is stopped, or ends because its server does, puts it
down without a count; so only what kills the process by itself is ever given up.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlite_utils import Database

from core.types import UNFINISHED, Document, DocumentState, JobKind, JobState
from storage import library
from storage.database import now, open_database, transaction

_MOST_OF_A_PAPER = 2
_MOST_OF_A_JOB = 3


@contextmanager
def in_hand(database: Path, document_id: int) -> Iterator[None]:
    """Mark the document as being worked on, until this ends in any way but the death of the process."""
    _mark(database, document_id, held=True)
    try:
        yield
    finally:
        _mark(database, document_id, held=False)


def suspects(db: Database) -> list[Document]:
    """Unfinished documents that a process had in hand when it died: to be worked on alone, to tell which it was."""
    ids = {row[0] for row in db.conn.execute("SELECT id FROM documents WHERE deaths > 0")}
    return [document for document in library.unfinished_documents(db) if document.id in ids] if ids else []


def count_death(db: Database) -> None:
    """Count it against the papers that were in hand, or where there were none against the job.

    Only the holder of the work lock may call this, once for a death.
    """
    with transaction(db):
        held = db.conn.execute("UPDATE documents SET deaths = deaths + 1, in_hand = 0 WHERE in_hand").rowcount
        if not held:
            db.conn.execute("UPDATE jobs SET deaths = deaths + 1 WHERE state = ?", [JobState.RUNNING])


def settle_deaths(db: Database) -> None:
    """Count the death of a command that was at work, and give up what has died too often."""
    with transaction(db):
        # Of a worker with a server, the server has counted it; the worker of a command has none.
        if db["jobs"].count_where("state = ? AND NOT supervised", [JobState.RUNNING]):
            count_death(db)
        db.conn.execute("UPDATE documents SET in_hand = 0 WHERE in_hand")
        _give_up_papers(db)
        _give_up_jobs(db)


def _give_up_papers(db: Database) -> None:
    ids = {row[0] for row in db.conn.execute("SELECT id FROM documents WHERE deaths >= ?", [_MOST_OF_A_PAPER])}
    for document in library.unfinished_documents(db) if ids else ():
        if document.id in ids:
            reason = (
                f"'{document.names[0]}' ended the process that worked on it {_MOST_OF_A_PAPER} times; it may need more "
                "memory than there is. Retry it when more is free, or print it to a new PDF and add that."
            )
            library.set_document_state(db, document.id, DocumentState.FAILED, reason)


def _give_up_jobs(db: Database) -> None:
    reason = f"Its process died {_MOST_OF_A_JOB} times; the machine may lack the memory for it."
    dead = db.conn.execute(
        "SELECT id, kind FROM jobs WHERE state = ? AND deaths >= ?", [JobState.RUNNING, _MOST_OF_A_JOB]
    ).fetchall()
    for job_id, kind in dead:
        cure = "Try smaller batches." if kind == JobKind.RETRAIN else "Choose a smaller model, or close other programs."
        db.conn.execute(
            "UPDATE jobs SET state = ?, reason = ?, finished_at = ? WHERE id = ?",
            [JobState.FAILED, f"{reason} {cure}", now(), job_id],
        )
        if kind == JobKind.INGEST:
            # Else they would make the next such job at once.
            marks = ", ".join("?" * len(UNFINISHED))
            db.conn.execute(
                f"UPDATE documents SET state = ?, reason = ? WHERE state IN ({marks})",
                [DocumentState.FAILED, f"{reason} {cure} Then retry it.", *UNFINISHED],
            )


def _mark(database: Path, document_id: int, *, held: bool) -> None:
    with open_database(database) as db, transaction(db):
        db.conn.execute("UPDATE documents SET in_hand = ? WHERE id = ?", [held, document_id])
