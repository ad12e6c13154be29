"""Papers that are one person's: what is private, to whom, and how that changes."""

import json
from collections.abc import Sequence

from sqlite_utils import Database

from core.errors import PeopleError
from core.people import Role, User
from storage.database import transaction
from storage.library import get_document, mark_versions

_IN = "id IN (SELECT value FROM json_each(?))"


def share_papers(db: Database, document_ids: Sequence[int]) -> None:
    """Let everybody see these papers; those that are shared stay so.

    Raises PeopleError where one of them is shared already under another id; then nothing is changed.
    """
    with transaction(db):
        for document_id in document_ids:
            document = get_document(db, document_id)
            if document.owner is None:
                continue
            _require_free(db, document.sha256, None)
            db.conn.execute("UPDATE main.documents SET owner_id = NULL WHERE id = ?", [document_id])


def make_private(db: Database, document_ids: Sequence[int], user: User) -> None:
    """Let nobody but this user see these papers, which they have added themselves, and which leave shared collections.

    An admin may take those that nobody is known to have added. Raises PeopleError for another's; then nothing is
    changed. What versions have learnt from them so far stays learnt.
    """
    with transaction(db):
        for document_id in document_ids:
            document = get_document(db, document_id)
            if document.owner is not None:
                continue
            if not _may_take(db, document_id, user):
                raise PeopleError(f"'{document.title}' was added by another, so you can't make it private.")
            _require_free(db, document.sha256, user.id)
            mark_versions(db, document_id)
            db.conn.execute("UPDATE main.documents SET owner_id = ? WHERE id = ?", [user.id, document_id])
            db.conn.execute(
                """
                DELETE FROM main.collected_documents WHERE document_id = ? AND collection_id IN (
                    SELECT id FROM main.collections WHERE owner_id IS NOT ?)
                """,
                [document_id, user.id],
            )
        # They name questions, and passages of any paper; the worker finds new ones.
        db.conn.execute("DELETE FROM main.proposals")


def pass_papers(db: Database, document_ids: Sequence[int], user_id: int) -> None:
    """Make private papers another user's, who must have none of them already, see `find_copies`."""
    with transaction(db):
        db.conn.execute(
            f"UPDATE main.documents SET owner_id = ? WHERE {_IN}", [user_id, json.dumps(list(document_ids))]
        )


def find_copies(db: Database, document_ids: Sequence[int], owner: int | None) -> list[int]:
    """Those of the papers whose file this user has too, or for None everybody."""
    rows = db.conn.execute(
        f"""
        SELECT id FROM main.documents d WHERE {_IN} AND EXISTS (
            SELECT 1 FROM main.documents o WHERE o.sha256 = d.sha256 AND o.owner_id IS ?)
        """,
        [json.dumps(list(document_ids)), owner],
    )
    return [row[0] for row in rows]


def may_make_private(db: Database, document_id: int, user: User) -> bool:
    """Whether a shared paper is this user's to take: in no shared collection, and added by them."""
    shared = db.conn.execute(
        """
        SELECT 1 FROM main.collected_documents JOIN main.collections c ON c.id = collection_id
        WHERE document_id = ? AND c.owner_id IS NULL
        """,
        [document_id],
    ).fetchone()
    return shared is None and _may_take(db, document_id, user)


def _may_take(db: Database, document_id: int, user: User) -> bool:
    (added_by,) = db.conn.execute("SELECT added_by FROM documents WHERE id = ?", [document_id]).fetchone()
    return added_by == user.id or (added_by is None and user.role is Role.ADMIN)


def _require_free(db: Database, sha256: str, owner: int | None) -> None:
    other = db.conn.execute(
        "SELECT id FROM main.documents WHERE sha256 = ? AND owner_id IS ?", [sha256, owner]
    ).fetchone()
    if other is not None:
        whose = "shared" if owner is None else "private to you"
        raise PeopleError(f"The same file is in the library already, {whose}: paper {other[0]}. Remove one of the two.")
