"""The Search tab: a question, ranked passages to judge, and the page each stands on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import gradio as gr
from sqlite_utils import Database

from api.services import Services
from core.errors import NotFoundError, QuestionError
from core.types import ChunkKind, Collection, Document, DocumentState, OthersVerdict, SearchMode, SearchResult
from search.grouping import group_adjoining
from search.page_view import view_page
from search.searcher import NO_WORD, lacks_words
from storage import judgements, library
from storage.database import open_database
from ui import asking
from ui.asking import K_DEFAULT, LONGEST_QUESTION, SPREAD, Asked
from ui.judging import make_judge_many
from ui.messages import answer_script, tell, warn_user
from ui.parts import DIRECT, SILENT, PlainHTML
from ui.recall import make_export, make_remember, make_save
from ui.render import plain_direction, read_asset, render

_MODES = {SearchMode.BOTH: "Meaning and words", SearchMode.MEANING: "Meaning", SearchMode.WORDS: "Words"}
_KINDS = {
    ChunkKind.BODY: "body text",
    ChunkKind.CAPTION: "captions",
    ChunkKind.TABLE: "tables",
    ChunkKind.FIGURE: "text in figures",
    ChunkKind.FOOTNOTE: "footnotes",
    ChunkKind.REFERENCE: "references",
}
_SCRIPTS = ("common.js", "judging.js", "verdicts.js", "page.js", "desk.js", "answering.js")
_LIBRARY = "library"
_NOT_READY = (
    "No passage passes the filter above, or its papers are not ready yet; the Library tab shows how far they are. "
    "Change the filter, or clear it."
)


@dataclass(frozen=True, slots=True)
class SearchTab:
    """What other parts of the page need of this one; `fields` are in the order of `Asked`."""

    desk: gr.HTML
    hint: gr.HTML
    fields: tuple[gr.components.Component, ...]
    papers: gr.Dropdown
    collections: gr.Dropdown


def build_search_tab(services: Services, news: gr.HTML) -> SearchTab:
    with gr.Row(elem_classes="ask"):
        question = gr.Textbox(
            placeholder="Ask your papers in plain words",
            label="Question",
            show_label=False,
            container=False,
            max_lines=1,
            max_length=LONGEST_QUESTION,
            scale=8,
            elem_id="question",
        )
        button = gr.Button("Search", variant="primary", scale=0, min_width=110, elem_id="search")
    with gr.Row(elem_classes="ways"):
        mode = gr.Radio(
            [(label, str(mode)) for mode, label in _MODES.items()],
            value=str(SearchMode.BOTH),
            label="Ranked by",
            show_label=False,
            container=False,
            elem_id="mode",
        )
        spread = gr.Checkbox(False, label=f"Spread over papers: {SPREAD} of each first", elem_id="spread")
    with gr.Accordion("Filter", open=False, elem_id="filter"):
        with gr.Row(elem_classes="options"):
            papers = gr.Dropdown(
                choices=[],
                multiselect=True,
                label="Only in these papers (all, unless you choose some, or type words of a title)",
                # Words of a title do as well; and without this Gradio refuses to search for a choice it has lost count
                # of: a paper removed, a laptop that slept.
                allow_custom_value=True,
                scale=6,
                elem_id="papers",
            )
            k = gr.Number(
                K_DEFAULT, minimum=5, maximum=50, precision=0, label="Passages, 5 to 50", min_width=110, elem_id="k"
            )
            blind = gr.Checkbox(
                False,
                label="Judge blind: two models, mixed and unmarked",
                elem_id="blind",
                min_width=220,
            )
        with gr.Row(elem_classes="options"):
            collections = gr.Dropdown(
                choices=[],
                multiselect=True,
                label="Only in these collections",
                allow_custom_value=True,
                scale=3,
                min_width=180,
                elem_id="collections",
            )
            years = gr.Textbox(label="Years", placeholder="2015-2019", max_length=40, min_width=140, elem_id="years")
            author = gr.Textbox(label="Author", max_length=200, min_width=140, elem_id="author")
            kinds = gr.Dropdown(
                choices=[(label, str(kind)) for kind, label in _KINDS.items()],
                multiselect=True,
                label="Only these kinds of passages",
                scale=3,
                min_width=180,
                elem_id="kinds",
            )
    desk = PlainHTML(
        _bare_desk(),
        elem_id="desk",
        js_on_load="".join(map(read_asset, _SCRIPTS)),
        server_functions=[
            make_judge_many(services),
            _make_open_page(services),
            make_remember(services),
            make_save(services),
            make_export(services),
        ],
    )
    # Beneath the desk, seen while that is empty: a value for the desk might come after the results of a quick search.
    hint = PlainHTML(render_hint(services), elem_id="hint")
    fields = (question, k, papers, blind, collections, years, author, kinds, mode, spread)

    @warn_user(outputs=2)
    def search(*values: Any) -> tuple[str, str]:
        return answer(services, asking.from_fields(*values)), tell()

    # A filter or another way to rank takes effect at the next question, except where one click is all there is to it.
    for event in (question.submit, button.click, years.submit, author.submit, mode.input, spread.input):
        event(
            search,
            list(fields),
            [desk, news],
            # The last of several quick searches is the one that counts.
            trigger_mode="always_last",
            show_progress="minimal",
            **DIRECT,
        )
    _ask_again(services, desk, fields, news)
    return SearchTab(desk, hint, fields, papers, collections)


def _ask_again(services: Services, desk: gr.HTML, fields: tuple[gr.components.Component, ...], news: gr.HTML) -> None:
    """Ask what an address holds: the page's own after a reload, a link of the page, a link passed on."""
    address = gr.Textbox(visible="hidden", elem_id="address")

    @warn_user(outputs=len(fields) + 2)
    def ask_again(wanted: str) -> list[Any]:
        asked = asking.from_address(wanted)
        return [*asked.fields, answer(services, asked), tell()]

    # Asked for by desk.js, and only where there is something to ask: what is typed meanwhile is not touched.
    wanted = "() => [wantedAddress]"
    # The last of several steps through the browser's history is the one that counts.
    desk.restore(ask_again, [address], [*fields, desk, news], js=wanted, trigger_mode="always_last", **SILENT)


def paper_choices(documents: Sequence[Document]) -> list[tuple[str, int]]:
    return [(plain_direction(document.title), document.id) for document in documents if document.chunks]


def collection_choices(collections: Sequence[Collection]) -> list[tuple[str, int]]:
    return [(plain_direction(collection.name), collection.id) for collection in collections]


def answer(services: Services, asked: Asked) -> str:
    """The desk for what is asked: its passages, or a friendly hint."""
    if not asked.question.strip() and asked.like is None:
        return _bare_desk()
    try:
        return _search(services, asked)
    except (NotFoundError, QuestionError) as error:
        return _bare_desk(asked, "Nothing was searched", str(error))


def _search(services: Services, asked: Asked) -> str:
    with open_database(services.settings.database) as db:
        request = asking.to_request(db, asked)
    blind = asked.blind and asked.like is None
    result = (services.searcher.search_blind if blind else services.searcher.search)(request)
    with open_database(services.settings.database) as db:
        if not result.hits:
            return _desk_without_hits(services, asked, no_word=not blind and lacks_words(db, request))
        said = _what_is_said(db, request.query, blind=blind)
        like = None if asked.like is None else library.get_chunk(db, asked.like)
        unread = library.count_unfinished(db)
    like_text = "" if like is None else f"{like.document}: {like.text}"
    return render_hits(result, asked=asked, like_text=like_text, unread=unread, **said)


def _what_is_said(db: Database, query: str, *, blind: bool) -> dict[str, Any]:
    """One's own verdicts for the question and their parts, and what others say, of which nothing is told blind."""
    return {
        "verdicts": judgements.relevance_by_chunk(db, query),
        "parts": judgements.parts_by_chunk(db, query),
        "others": {} if blind else judgements.others_by_chunk(db, query),
    }


def render_hits(
    result: SearchResult,
    verdicts: dict[int, int],
    asked: Asked | None = None,
    *,
    parts: Mapping[int, str] = MappingProxyType({}),
    others: Mapping[int, Sequence[OthersVerdict]] = MappingProxyType({}),
    like_text: str = "",
    unread: int = 0,
) -> str:
    """The passages, best first, those that adjoin on one card; and how many papers could not answer yet.

    `parts` are what of a passage a verdict is about, by its id, where that is not all of it; `others` what others say.

    Blind, each is alone, without rank, score and model, so that none is stored with a verdict.
    """
    asked = asked or Asked(result.query)
    blind = asked.blind and not like_text
    return render(
        "desk.html",
        groups=[(hit,) for hit in result.hits] if blind else group_adjoining(result.hits),
        hits=result.hits,
        verdicts=verdicts,
        parts=parts,
        others=others,
        query=result.query,
        model_id="" if blind else result.model.id,
        papers=len({hit.chunk.document_id for hit in result.hits}),
        milliseconds=round(result.seconds * 1000),
        blind=blind,
        answered=result.answered,
        missing=result.missing,
        asked=asked,
        address=asking.to_address(asked),
        like_text=like_text,
        unread=unread,
        asking=asking,
    )


def render_hint(services: Services) -> str:
    """What to do first: add papers, wait for them, or ask."""
    before = _hint_before_search(services)
    title, text = before or (
        "Ask a question",
        "In your own words, as you would ask a colleague: how is attention computed? why does training diverge?",
    )
    return render("hint.html", title=title, text=text, clear="", tab=_LIBRARY if before else "")


def _desk_without_hits(services: Services, asked: Asked, *, no_word: bool) -> str:
    before = _hint_before_search(services)
    title, text = before or ("No passage found", NO_WORD if no_word else _NOT_READY)
    clear = "" if before or not asked.filtered else asking.to_address(asked.without_filter())
    return _bare_desk(asked, title, text, clear, _LIBRARY if before else "")


def _bare_desk(asked: Asked | None = None, title: str = "", text: str = "", clear: str = "", tab: str = "") -> str:
    asked = asked or Asked()
    return render(
        "bare_desk.html",
        query=asked.question,
        address=asking.to_address(asked),
        title=title,
        text=text,
        clear=clear,
        tab=tab,
    )


def _hint_before_search(services: Services) -> tuple[str, str] | None:
    """Title and text of why nothing can be found yet; None where something can."""
    with open_database(services.settings.database) as db:
        states = library.count_by_state(db)
    if not states:
        return (
            "Begin with your papers",
            "Drop some PDFs into the Library. Then ask here, and approve the passages that answer you.",
        )
    if states[DocumentState.READY]:
        return None
    if states.keys() - {DocumentState.FAILED}:
        return "Your papers are being read and embedded", "The Library shows how far they are."
    return "None of your papers could be read", "The Library tells why, paper by paper."


# --- what the page's script asks for ---


def _make_open_page(services: Services) -> Any:
    @answer_script
    def open_page(arguments: list) -> dict:
        """[query, chunk id, page or None for the passage's first, chunk ids beside, whether blind]: the page's HTML."""
        query, chunk_id, page, beside, blind = arguments
        with open_database(services.settings.database) as db:
            chunks = [int(chunk) for chunk in beside]
            view = view_page(services.settings, services.drawer, db, int(chunk_id), _whole(page), chunks)
            said = _what_is_said(db, str(query), blind=bool(blind))
        return {"html": render("page_view.html", view=view, query=str(query), **said)}

    return open_page


def _whole(value: object) -> int | None:
    return int(value) if isinstance(value, int | float | str) and str(value).strip() else None
