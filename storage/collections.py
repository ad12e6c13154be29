"""Collections of papers: a paper may be in several, and one that is removed leaves them."""

import json
from collections.abc import Sequence

from sqlite_utils import Database

from core.errors import CollectionError, NotFoundError
from core.types import Collection
from storage.database import transaction
from storage.library import get_document

LONGEST_NAME = 80

_COLLECTIONS = """
    SELECT id, name, (SELECT count(*) FROM collected_documents WHERE collection_id = collections.id) FROM collections
"""


def list_collections(db: Database) -> list[Collection]:
    """Every collection, by name."""
    return [Collection(*row) for row in db.conn.execute(f"{_COLLECTIONS} ORDER BY name, id")]


def get_collection(db: Database, collection_id: int) -> Collection:
    row = db.conn.execute(f"{_COLLECTIONS} WHERE id = ?", [collection_id]).fetchone()
    if row is None:
        raise NotFoundError(f"There is no collection with id {collection_id}; it may have been deleted.")
    return Collection(*row)


def find_collection(db: Database, name: str) -> Collection:
    """The collection of this name, whatever its case."""
    row = db.conn.execute(f"{_COLLECTIONS} WHERE name = ?", [_clean(name)]).fetchone()
    if row is None:
        raise NotFoundError(
            f"There is no collection '{_clean(name)}'. 'python -m indexer collection list' shows those there are."
        )
    return Collection(*row)


def create_collection(db: Database, name: str) -> Collection:
    """A new, empty collection. Raises CollectionError where the name is empty, too long or taken."""
    with transaction(db):
        cleaned = _free_name(db, name)
        created = db.conn.execute("INSERT INTO collections (name) VALUES (?)", [cleaned]).lastrowid
        assert created is not None
        return get_collection(db, created)


def rename_collection(db: Database, collection_id: int, name: str) -> Collection:
    with transaction(db):
        get_collection(db, collection_id)
        cleaned = _free_name(db, name, besides=collection_id)
        db.conn.execute("UPDATE collections SET name = ? WHERE id = ?", [cleaned, collection_id])
        return get_collection(db, collection_id)


def delete_collection(db: Database, collection_id: int) -> None:
    """Forget the collection; its papers stay in the library."""
    with transaction(db):
        get_collection(db, collection_id)
        db.conn.execute("DELETE FROM collections WHERE id = ?", [collection_id])


def put_into_collection(db: Database, collection_id: int, document_ids: Sequence[int]) -> None:
    """All of the papers or, where one of them is unknown, none."""
    with transaction(db):
        get_collection(db, collection_id)
        for document_id in document_ids:
            get_document(db, document_id)
            db.conn.execute("INSERT OR IGNORE INTO collected_documents VALUES (?, ?)", [collection_id, document_id])


def take_out_of_collection(db: Database, collection_id: int, document_ids: Sequence[int]) -> None:
    with transaction(db):
        get_collection(db, collection_id)
        db.conn.execute(
            """
            DELETE FROM collected_documents
            WHERE collection_id = ? AND document_id IN (SELECT value FROM json_each(?))
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
    cleaned = _clean(name)
    if not cleaned:
        raise CollectionError("A collection needs a name. Give one, such as 'Thesis'.")
    if len(cleaned) > LONGEST_NAME:
        raise CollectionError(f"A name of {len(cleaned)} characters is too long. Give one of {LONGEST_NAME} at most.")
    taken = db.conn.execute("SELECT id, name FROM collections WHERE name = ?", [cleaned]).fetchone()
    if taken is not None and taken[0] != besides:
        raise CollectionError(f"There is a collection '{taken[1]}' already. Choose another name.")
    return cleaned


def _clean(name: str) -> str:
    return " ".join(name.split())
