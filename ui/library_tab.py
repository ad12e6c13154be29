"""The Library tab: drop papers in, see how far each is, correct and remove some."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from api.services import Services
from core.types import PageSource
from indexer.additions import UPLOAD_SUFFIXES
from indexer.ingest import remove_documents
from indexer.report import make_report
from storage import library
from storage.collections import list_collections
from storage.database import open_database
from storage.left_out import keep_left_out
from ui.collecting import chosen_collection, make_collect, make_set_privacy
from ui.fetching import build_fetch_field, make_dismiss_left_out
from ui.job_line import make_cancel, make_dismiss
from ui.library_view import ORDERS, render_library
from ui.messages import answer_script, tell, warn_user
from ui.paper_editor import make_forget_form, make_save_form, make_show_form
from ui.parts import SILENT, PlainHTML
from ui.render import plain_direction, read_asset, render
from ui.uploads import add_uploads

_MOST_SENTENCES = 6
_NO_COLLECTION = "no collection"


@dataclass(frozen=True, slots=True)
class LibraryTab:
    table: gr.HTML
    words: gr.Textbox
    order: gr.Dropdown
    upload: gr.File
    into: gr.Dropdown


def build_library_tab(services: Services, news: gr.HTML) -> LibraryTab:
    into = gr.Dropdown(
        choices=[(_NO_COLLECTION, 0)],
        value=0,
        label="New papers go into",
        # Without this Gradio refuses an upload for a choice it has lost count of, as after a restart.
        allow_custom_value=True,
        elem_id="into",
        elem_classes="needs-train",
        min_width=240,
    )
    upload = gr.File(
        label="Drop papers here",
        file_count="multiple",
        file_types=list(UPLOAD_SUFFIXES),
        height=150,
        elem_id="upload",
        elem_classes="needs-train",
    )
    build_fetch_field(services)
    with gr.Row(elem_classes="options", elem_id="paper-tools"):
        words = gr.Textbox(
            "", placeholder="title, author, file, year, collection", label="Find", max_lines=1, elem_id="paper-words"
        )
        order = gr.Dropdown(list(ORDERS), value=ORDERS[0], label="Order", elem_id="paper-order")
    table = PlainHTML(
        render_library(services),
        elem_id="library",
        js_on_load="".join(map(read_asset, ("common.js", "edit.js", "collections.js", "library.js"))),
        server_functions=[
            _make_remove(services),
            _make_retry(services),
            _make_read_again(services),
            _make_report(services),
            make_show_form(services),
            make_save_form(services),
            make_forget_form(services),
            make_collect(services),
            make_set_privacy(services),
            make_cancel(services),
            make_dismiss(services),
            make_dismiss_left_out(services),
        ],
    )

    @warn_user(outputs=3)
    def take_uploads(
        files: list[str] | None, collection: int | str | None, words: str | None, order: str | None
    ) -> tuple[None, str, str]:
        news = _add_uploads(services, [Path(file) for file in files or ()], chosen_collection(collection))
        return None, render_library(services, words, order), news

    def show_papers(words: str | None, order: str | None) -> str:
        return render_library(services, words, order)

    # The field below has it from here: its function is no event, and is given no other field.
    into.change(None, [into], None, js="chosen => { window.papersInto = chosen; }")
    upload.upload(take_uploads, [upload, into, words, order], [upload, table, news], **SILENT)
    for event in (words.change, order.change):
        event(show_papers, [words, order], table, trigger_mode="always_last", **SILENT)
    return LibraryTab(table, words, order, upload, into)


def into_choices(services: Services) -> list[tuple[str, int]]:
    """Where uploads can be put; 0 stands for no collection."""
    with open_database(services.settings.database) as db:
        collections = list_collections(db)
    named = [(f"{one.name} (private)" if one.private else one.name, one.id) for one in collections]
    return [(_NO_COLLECTION, 0), *((plain_direction(name), number) for name, number in named)]


def _add_uploads(services: Services, files: list[Path], into: int | None) -> str:
    """Copy the uploads into the library; the worker does the rest. Returns the news: what was refused, or there."""
    added = add_uploads(services.settings, files, into)
    with open_database(services.settings.database) as db:
        keep_left_out(db, [*added.refused, *added.without_file])
    news = _shortened(added.remarks, "remarks")
    if known := [document.title for document in added.documents.values() if document.id in added.known]:
        news.insert(0, f"Already in the library: {', '.join(known[:5])}{' and others' if len(known) > 5 else ''}.")
    return tell(*news, errors=tuple(_shortened(added.refused, "problems")))


def _shortened(sentences: list[str], what: str) -> list[str]:
    left = len(sentences) - _MOST_SENTENCES
    more = [f"And {left:,} more {what}; python -m indexer import-bib FILE tells all of them."] if left > 0 else []
    return [*sentences[:_MOST_SENTENCES], *more]


def _make_remove(services: Services) -> Any:
    @answer_script
    def remove_papers(arguments: list) -> dict:
        remove_documents(services.settings, [int(document_id) for document_id in arguments], wait=False)
        return {}

    return remove_papers


def _make_report(services: Services) -> Any:
    @answer_script
    def report_reading(arguments: list) -> dict:
        with open_database(services.settings.database) as db:
            encoder = services.searcher.live_model(db).encoder
            report = make_report(db, int(arguments[0]), encoder.count_tokens, encoder.passage_tokens)
        told = [page for page in report.pages if page.source is not PageSource.TEXT or page.problems]
        return {"html": render("report.html", report=report, told=told)}

    return report_reading


def _make_retry(services: Services) -> Any:
    @answer_script
    def retry_paper(arguments: list) -> dict:
        """[document id, the password that opens it or None]"""
        document_id, password = arguments
        with open_database(services.settings.database) as db:
            library.retry_document(db, int(document_id), str(password) if password else None)
        return {}

    return retry_paper


def _make_read_again(services: Services) -> Any:
    @answer_script
    def read_again(arguments: list) -> dict:
        with open_database(services.settings.database) as db:
            library.read_again(db, [int(arguments[0])])
        return {}

    return read_again
