"""Saved searches and the history of questions over HTTP."""

from fastapi import APIRouter

from api import shapes
from api.search import read_filter
from api.served import Served
from api.shapes import RowId
from core.types import KeptSearch
from storage import kept_searches
from storage.database import open_database

router = APIRouter(tags=["search"])


@router.get("/searches")
def list_saved_searches(services: Served) -> shapes.SavedSearches:
    """Every saved search, by name."""
    with open_database(services.settings.database) as db:
        return shapes.SavedSearches.model_validate({"saved": kept_searches.list_saved(db)})


@router.post("/searches", status_code=201)
def save_search(services: Served, named: shapes.NamedSearch) -> shapes.KeptSearch:
    """Keep a search under a name, in place of an earlier one of that name."""
    with open_database(services.settings.database) as db:
        search = KeptSearch(named.query.strip(), read_filter(db, named.filter), named.mode, named.spread)
        return shapes.KeptSearch.model_validate(kept_searches.save_search(db, named.name, search))


@router.delete("/searches/{search_id}")
def delete_saved_search(services: Served, search_id: RowId) -> shapes.Removed:
    with open_database(services.settings.database) as db:
        kept_searches.delete_saved(db, search_id)
    return shapes.Removed(removed=[search_id])


@router.get("/history")
def show_history(services: Served) -> shapes.History:
    """The questions asked in the page and on the command line, the latest first."""
    with open_database(services.settings.database) as db:
        past, kept = kept_searches.list_history(db), kept_searches.keeps_history(db)
    return shapes.History.model_validate({"kept": kept, "history": past})


@router.put("/history")
def keep_history(services: Served, wanted: shapes.KeepHistory) -> shapes.History:
    """Whether questions are kept from now on; those there are stay until they are cleared."""
    with open_database(services.settings.database) as db:
        kept_searches.keep_history(db, wanted.keep)
    return show_history(services)


@router.delete("/history")
def clear_history(services: Served) -> shapes.Forgotten:
    with open_database(services.settings.database) as db:
        return shapes.Forgotten(forgotten=kept_searches.clear_history(db))
