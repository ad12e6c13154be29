"""Collections of papers: a paper may be in several, and one that is removed leaves them.

Where there are users, a collection is shared or private to its owner; a private one may hold shared papers too.
"""

import json
from collections.abc import Sequence

from sqlite_utils import Database

from core.errors import CollectionError, NotFoundError
from core.people import viewer
from core.types import Collection
from core.words import same_name, tidy_name
from storage.database import transaction
from storage.library import get_document
from storage.privacy import make_private, may_make_private, share_papers

LONGEST_NAME = 80

_COLLECTIONS = """
    SELECT id, name, (SELECT count(*) FROM collected_documents WHERE collection_id = collections.id), owner_id
    FROM collections
"""


def list_collections(db: Database) -> list[Collection]:
    """Every collection, by name."""
    return [Collection(*row) for row in db.conn.execute(f"{_COLLECTIONS} ORDER BY name, id")]


def get_collection(db: Database, collection_id: int) -> Collection:
    row = db.conn.execute(f"{_COLLECTIONS} WHERE id = ?", [collection_id]).fetchone()
    if row is None:
        raise NotFoundError(f"There is no collection with id {collection_id}; it may have been deleted.")
    return Collection(*row)


def collections_named(db: Database, name: str) -> list[Collection]:
    """Those of this name, whatever its case, in the order of the list: a shared and a private one may have the same."""
    # SQLite knows the case of ASCII letters only.
    return [one for one in list_collections(db) if same_name(one.name, tidy_name(name))]


def find_collection(db: Database, name: str) -> Collection:
    """The collection of this name, whatever its case; of two the shared one."""
    found = collections_named(db, name)
    if not found:
        raise NotFoundError(
            f"There is no collection '{tidy_name(name)}'. 'python -m indexer collection list' shows those there are."
        )
    return min(found, key=lambda one: (one.private, one.name != tidy_name(name), one.id))


def create_collection(db: Database, name: str, *, private: bool = False) -> Collection:
    """A new, empty collection. Raises CollectionError where the name is empty, too long or taken."""
    user = viewer()
    if private and user is None:
        raise CollectionError("A private collection belongs to a user. Sign in, or name one: --as NAME")
    owner = user.id if private and user is not None else None
    with transaction(db):
        cleaned = _free_name(db, name)
        created = db.conn.execute(
            "INSERT INTO main.collections (name, owner_id) VALUES (?, ?)", [cleaned, owner]
        ).lastrowid
        assert created is not None
        return get_collection(db, created)


def rename_collection(db: Database, collection_id: int, name: str) -> Collection:
    with transaction(db):
        get_collection(db, collection_id)
        cleaned = _free_name(db, name, besides=collection_id)
        db.conn.execute("UPDATE main.collections SET name = ? WHERE id = ?", [cleaned, collection_id])
        return get_collection(db, collection_id)


def delete_collection(db: Database, collection_id: int) -> None:
    """Forget the collection; its papers stay in the library."""
    with transaction(db):
        get_collection(db, collection_id)
        db.conn.execute("DELETE FROM main.collections WHERE id = ?", [collection_id])


def put_into_collection(db: Database, collection_id: int, document_ids: Sequence[int]) -> None:
    """All of the papers or, where one of them is unknown, none.

    In a shared collection everybody sees them. In a private one those become private that the viewer has added and that
    are in no shared one; the others stay as they are. Raises PeopleError where that can't be.
    """
    with transaction(db):
        collection, user = get_collection(db, collection_id), viewer()
        for document_id in document_ids:
            get_document(db, document_id)
        if not collection.private:
            share_papers(db, document_ids)
        elif user is not None:
            make_private(db, [one for one in document_ids if may_make_private(db, one, user)], user)
        db.conn.executemany(
            "INSERT OR IGNORE INTO main.collected_documents VALUES (?, ?)",
            [(collection_id, document_id) for document_id in document_ids],
        )


def take_out_of_collection(db: Database, collection_id: int, document_ids: Sequence[int]) -> None:
    with transaction(db):
        get_collection(db, collection_id)
        db.conn.execute(
            """
            DELETE FROM main.collected_documents
            WHERE collection_id = ? AND document_id IN (SELECT value FROM json_each(?))
                AND document_id IN (SELECT id FROM documents)
            """,
            [collection_id, json.dumps(list(document_ids))],
        )


def collections_by_document(db: Database) -> dict[int, list[Collection]]:
    """The collections of each document that is in any, by name."""
    known = {collection.id: collection for collection in list_collections(db)}
    found: dict[int, list[Collection]] = {}
    for collection_id, document_id in db.conn.execute(
        """
        SELECT collection_id, document_id FROM collected_documents JOIN collections ON id = collection_id
        ORDER BY name, id
        """
    ):
        found.setdefault(document_id, []).append(known[collection_id])
    return found


def _free_name(db: Database, name: str, besides: int | None = None) -> str:
    cleaned = tidy_name(name)
    if not cleaned:
        raise CollectionError("A collection needs a name. Give one, such as 'Thesis'.")
    if len(cleaned) > LONGEST_NAME:
        raise CollectionError(f"A name of {len(cleaned)} characters is too long. Give one of {LONGEST_NAME} at most.")
    for taken in collections_named(db, cleaned):
        if taken.id != besides:
            raise CollectionError(f"There is a collection '{taken.name}' already. Choose another name.")
    return cleaned
