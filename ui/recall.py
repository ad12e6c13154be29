"""Saved searches and the questions asked lately, to be asked again; results taken elsewhere."""

from typing import Any

import gradio as gr

from api.services import Services
from core.errors import QuestionError
from search.exports import EXPORTS
from storage.database import open_database
from storage.kept_searches import (
    clear_history,
    delete_saved,
    keep_history,
    keeps_history,
    list_history,
    list_saved,
    remember_search,
    save_search,
)
from ui import asking
from ui.messages import answer_script
from ui.parts import PlainHTML
from ui.render import read_asset, render

_SHOWN = 20
_SUFFIXES = {"csv": "csv", "bibtex": "bib", "json": "json"}


def build_recall(services: Services) -> gr.HTML:
    return PlainHTML(
        render_recall(services),
        elem_id="recall",
        js_on_load=read_asset("common.js") + read_asset("recall.js"),
        server_functions=[_make_delete(services), _make_clear(services), _make_keep(services)],
    )


def render_recall(services: Services) -> str:
    with open_database(services.settings.database) as db:
        saved, past, kept = list_saved(db), list_history(db, _SHOWN), keeps_history(db)
    return render(
        "recall.html",
        saved=[(search, asking.to_address(asking.from_kept(search))) for search in saved],
        past=[(search, asking.to_address(asking.from_kept(search))) for search in past],
        kept=kept,
    )


# --- what the desk's script asks for ---


def make_remember(services: Services) -> Any:
    """Arguments: the address of a question that was answered."""

    @answer_script
    def remember(arguments: list) -> dict:
        asked = asking.from_address(str(arguments[0]))
        # Looking for passages like another is not asking.
        if asked.like is None and asked.question.strip():
            with open_database(services.settings.database) as db:
                if keeps_history(db):
                    remember_search(db, asking.to_kept(asking.to_request(db, asked)))
        return {}

    return remember


def make_save(services: Services) -> Any:
    """Arguments: a name, and the address of the search."""

    @answer_script
    def save(arguments: list) -> dict:
        name, address = arguments
        asked = asking.from_address(str(address))
        if asked.like is not None:
            raise QuestionError("Passages like another are no question to be saved. Go back to the question first.")
        with open_database(services.settings.database) as db:
            request = asking.to_request(db, asked)
            return {"name": save_search(db, str(name), asking.to_kept(request)).name}

    return save


def make_export(services: Services) -> Any:
    """Arguments: the address of a search, and a format."""

    @answer_script
    def export(arguments: list) -> dict:
        address, form = arguments
        with open_database(services.settings.database) as db:
            result = services.searcher.search(asking.to_request(db, asking.from_address(str(address))))
            return {"name": f"passages.{_SUFFIXES[form]}", "text": EXPORTS[form](db, result)}

    return export


# --- what the list's script asks for ---


def _make_delete(services: Services) -> Any:
    @answer_script
    def delete_search(arguments: list) -> dict:
        with open_database(services.settings.database) as db:
            delete_saved(db, int(arguments[0]))
        return {}

    return delete_search


def _make_clear(services: Services) -> Any:
    @answer_script
    def clear_past(arguments: list) -> dict:
        with open_database(services.settings.database) as db:
            clear_history(db)
        return {}

    return clear_past


def _make_keep(services: Services) -> Any:
    @answer_script
    def keep_past(arguments: list) -> dict:
        with open_database(services.settings.database) as db:
            keep_history(db, bool(arguments[0]))
        return {}

    return keep_past
