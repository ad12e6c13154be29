"""The form of the Library tab in which a paper's title, authors, year and identifiers are corrected."""

from typing import Any

from api.services import Services
from indexer.editing import metadata_texts, parse_metadata
from storage import library
from storage.corrections import FIELDS, correct_document, forget_corrections
from storage.database import open_database
from ui.messages import answer_script
from ui.render import render

_LABELS = {
    "title": "Title",
    "authors": "Authors, with semicolons between them",
    "year": "Year",
    "doi": "DOI",
    "arxiv_id": "arXiv id",
}


def make_show_form(services: Services) -> Any:
    """Arguments: the paper's id."""

    @answer_script
    def show_form(arguments: list) -> dict:
        with open_database(services.settings.database) as db:
            document = library.get_document(db, int(arguments[0]))
        return {"html": render("edit.html", document=document, texts=metadata_texts(document), labels=_LABELS)}

    return show_form


def make_save_form(services: Services) -> Any:
    """Arguments: the paper's id, and the texts of the fields that were changed."""

    @answer_script
    def save_form(arguments: list) -> dict:
        document_id, texts = arguments
        values = parse_metadata({str(field): str(text) for field, text in texts.items()})
        with open_database(services.settings.database) as db:
            correct_document(db, int(document_id), values)
        return {}

    return save_form


def make_forget_form(services: Services) -> Any:
    """Arguments: the paper's id."""

    @answer_script
    def forget_form(arguments: list) -> dict:
        with open_database(services.settings.database) as db:
            forget_corrections(db, int(arguments[0]), FIELDS)
        return {}

    return forget_form
