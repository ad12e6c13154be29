"""Collections of papers over HTTP."""

from fastapi import APIRouter

from api import shapes
from api.served import Served
from api.shapes import RowId
from storage import collections
from storage.database import open_database

router = APIRouter(tags=["collections"])


@router.get("/collections")
def list_collections(services: Served) -> shapes.Collections:
    """Every collection, by name."""
    with open_database(services.settings.database) as db:
        return shapes.Collections.model_validate({"collections": collections.list_collections(db)})


@router.post("/collections", status_code=201)
def create_collection(services: Served, named: shapes.NewCollection) -> shapes.Collection:
    with open_database(services.settings.database) as db:
        return shapes.Collection.model_validate(collections.create_collection(db, named.name, private=named.private))


@router.patch("/collections/{collection_id}")
def rename_collection(services: Served, collection_id: RowId, named: shapes.CollectionName) -> shapes.Collection:
    with open_database(services.settings.database) as db:
        return shapes.Collection.model_validate(collections.rename_collection(db, collection_id, named.name))


@router.delete("/collections/{collection_id}")
def delete_collection(services: Served, collection_id: RowId) -> shapes.Removed:
    """Forget a collection; its papers stay in the library."""
    with open_database(services.settings.database) as db:
        collections.delete_collection(db, collection_id)
    return shapes.Removed(removed=[collection_id])


@router.post("/collections/{collection_id}/papers")
def collect(services: Served, collection_id: RowId, named: shapes.Papers) -> shapes.Collection:
    """Put papers into a collection: all of them or, where one is not there, none.

    In a shared one everybody sees them. In a private one those become private that you added, where no shared one has
    them.
    """
    with open_database(services.settings.database) as db:
        collections.put_into_collection(db, collection_id, named.papers)
        return shapes.Collection.model_validate(collections.get_collection(db, collection_id))


@router.delete("/collections/{collection_id}/papers/{document_id}")
def take_out(services: Served, collection_id: RowId, document_id: RowId) -> shapes.Collection:
    with open_database(services.settings.database) as db:
        collections.take_out_of_collection(db, collection_id, [document_id])
        return shapes.Collection.model_validate(collections.get_collection(db, collection_id))
