"""The Library tab's field for a paper by its arXiv id or DOI, and what could not be added, until it is dismissed."""

from typing import Any

import gradio as gr

from api.services import Services
from indexer.fetching import fetch_paper
from storage.database import open_database
from storage.left_out import dismiss_left_out
from ui.collecting import chosen_collection
from ui.messages import answer_script
from ui.parts import PlainHTML
from ui.render import read_asset, render


def build_fetch_field(services: Services) -> gr.HTML:
    settings = services.settings
    return PlainHTML(
        render("fetch.html", possible=bool(settings.arxiv_url or settings.doi_url)),
        elem_id="fetch",
        elem_classes="needs-train",
        js_on_load=read_asset("common.js") + read_asset("fetch.js"),
        server_functions=[_make_fetch(services)],
    )


def _make_fetch(services: Services) -> Any:
    @answer_script
    def fetch(arguments: list) -> dict:
        """[an arXiv id or DOI, or a link; the collection's id]: the paper's title, and whether it was there already."""
        identifier, collection = arguments
        added = fetch_paper(services.settings, str(identifier), chosen_collection(collection))
        (document,) = added.documents.values()
        return {"title": document.title, "known": document.id in added.known}

    return fetch


def make_dismiss_left_out(services: Services) -> Any:
    @answer_script
    def dismiss_left_out_files(arguments: list) -> dict:
        with open_database(services.settings.database) as db:
            dismiss_left_out(db)
        return {}

    return dismiss_left_out_files
