"""The Search tab: a question, ranked passages to judge, and the page each stands on."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from api.services import Services
from core.errors import NotFoundError
from core.types import Document, DocumentState, Filter, SearchResult
from search.page_view import view_page
from search.searcher import SearchRequest
from storage import judgements, library
from storage.database import open_database
from ui.messages import answer_script, tell, warn_user
from ui.parts import DIRECT, PlainHTML
from ui.render import plain_direction, read_asset, render

_K_DEFAULT = 10
# Far more than a model's window; the question is kept in the address.
_LONGEST_QUESTION = 2000


@dataclass(frozen=True, slots=True)
class SearchTab:
    """What other parts of the page need of this one."""

    desk: gr.HTML
    hint: gr.HTML
    papers: gr.Dropdown
    question: gr.Textbox
    k: gr.Number
    blind: gr.Checkbox
    search: Callable[..., str]


def build_search_tab(services: Services, news: gr.HTML) -> SearchTab:
    with gr.Row(elem_classes="ask"):
        question = gr.Textbox(
            placeholder="Ask your papers in plain words",
            label="Question",
            show_label=False,
            container=False,
            max_lines=1,
            max_length=_LONGEST_QUESTION,
            scale=8,
            elem_id="question",
        )
        button = gr.Button("Search", variant="primary", scale=0, min_width=110, elem_id="search")
    with gr.Accordion("Filter", open=False, elem_id="filter"), gr.Row(elem_classes="options"):
        papers = gr.Dropdown(
            choices=[],
            multiselect=True,
            label="Only in these papers (all, unless you choose some, or type words of a title)",
            # Words of a title do as well; and without this Gradio refuses to search for a choice it has lost count of:
            # a paper removed, a laptop that slept.
            allow_custom_value=True,
            scale=6,
            elem_id="papers",
        )
        k = gr.Number(
            _K_DEFAULT, minimum=5, maximum=50, precision=0, label="Passages, 5 to 50", min_width=110, elem_id="k"
        )
        blind = gr.Checkbox(
            False, label="Judge blind: the passages of two models, mixed and unmarked", elem_id="blind", min_width=220
        )
    desk = PlainHTML(
        _bare_desk(),
        elem_id="desk",
        js_on_load=read_asset("common.js") + read_asset("desk.js"),
        server_functions=[_make_judge(services), _make_open_page(services)],
    )
    # Beneath the desk, seen while that is empty: a value for the desk might come after the results of a quick search.
    hint = PlainHTML(render_hint(services), elem_id="hint")

    @warn_user(outputs=2)
    def search(*asked: Any) -> tuple[str, str]:
        return _search_handler(services, *asked), tell()

    for event in (question.submit, button.click):
        event(
            search,
            [question, k, papers, blind],
            [desk, news],
            # The last of several quick searches is the one that counts.
            trigger_mode="always_last",
            show_progress="minimal",
            **DIRECT,
            js="(question, k, papers, blind) => keepSearch(question, k, papers, blind)",
        )
    return SearchTab(desk, hint, papers, question, k, blind, functools.partial(_search_handler, services))


def paper_choices(documents: Sequence[Document]) -> list[tuple[str, int]]:
    return [(plain_direction(document.title), document.id) for document in documents if document.chunks]


def _search_handler(
    services: Services, question: str, k: float | None, papers: Sequence[object] | None, blind: bool
) -> str:
    # The page shows a question without them, and what is judged is what is shown.
    question = plain_direction(question)
    if not question.strip():
        return _bare_desk()
    try:
        document_ids = _chosen_papers(services, papers) if papers else None
        return run_search(services, SearchRequest(question, int(k or _K_DEFAULT), Filter(document_ids)), blind=blind)
    except NotFoundError as error:
        return _bare_desk(question, "Nothing was searched", str(error))


def _chosen_papers(services: Services, chosen: Sequence[object]) -> tuple[int, ...]:
    """The papers of these choices, each an id from the list or typed words of a title or file name; never none."""
    with open_database(services.settings.database) as db:
        documents = library.list_documents(db)
    found = {document.id for document in documents if document.id in chosen}
    for words in (choice for choice in chosen if isinstance(choice, str)):
        named = {document.id for document in documents if _is_named(document, words)}
        if not named:
            raise NotFoundError(f"No paper has '{words}' in its title or file name. Change the filter above.")
        found |= named
    if not found:
        raise NotFoundError(
            "The papers chosen in the filter above are no longer in the library. Choose others, or none."
        )
    return tuple(sorted(found))


def _is_named(document: Document, words: str) -> bool:
    names = " ".join((document.title, *document.names)).casefold()
    return all(word in names for word in words.casefold().split())


def run_search(services: Services, request: SearchRequest, *, blind: bool = False) -> str:
    """The desk for a question: its passages, or a friendly hint."""
    search = services.searcher.search_blind if blind else services.searcher.search
    result = search(request)
    if not result.hits:
        return _desk_without_hits(services, request.query)
    with open_database(services.settings.database) as db:
        verdicts = judgements.relevance_by_chunk(db, request.query)
    return render_hits(result, verdicts, filtered=request.filter.narrows, blind=blind)


def render_hits(result: SearchResult, verdicts: dict[int, int], *, filtered: bool = False, blind: bool = False) -> str:
    """The passages, best first; blind, without rank, score and model, so that none is stored with a verdict."""
    return render(
        "desk.html",
        hits=result.hits,
        verdicts=verdicts,
        query=result.query,
        model_id="" if blind else result.model.id,
        papers=len({hit.chunk.document_id for hit in result.hits}),
        milliseconds=round(result.seconds * 1000),
        filtered=filtered,
        blind=blind,
        answered=result.answered,
    )


def render_hint(services: Services) -> str:
    """What to do first: add papers, wait for them, or ask."""
    title, text = _hint_before_search(services) or (
        "Ask a question",
        "In your own words, as you would ask a colleague: how is attention computed? why does training diverge?",
    )
    return render("hint.html", title=title, text=text)


def _desk_without_hits(services: Services, question: str) -> str:
    title, text = _hint_before_search(services) or (
        "No passage found",
        "The papers chosen above are not ready yet; the Library tab shows how far they are. Choose others, or none.",
    )
    return _bare_desk(question, title, text)


def _bare_desk(question: str = "", title: str = "", text: str = "") -> str:
    return render("bare_desk.html", query=question, title=title, text=text)


def _hint_before_search(services: Services) -> tuple[str, str] | None:
    """Title and text of why nothing can be found yet; None where something can."""
    with open_database(services.settings.database) as db:
        states = library.count_by_state(db)
    if not states:
        return (
            "Begin with your papers",
            "Open the Library tab and drop in some PDFs. Then ask here, and approve the passages that answer you.",
        )
    if states[DocumentState.READY]:
        return None
    if states.keys() - {DocumentState.FAILED}:
        return "Your papers are being read and embedded", "The Library tab shows how far they are."
    return "None of your papers could be read", "The Library tab tells why, paper by paper."


# --- what the page's script asks for ---


def _make_judge(services: Services) -> Any:
    @answer_script
    def judge_passage(arguments: list) -> dict:
        """[query, chunk id, relevance or None to take it back, rank or None, model id]: the verdict that stands now."""
        query, chunk_id, relevance, rank, model_id = arguments
        with open_database(services.settings.database) as db:
            if relevance is None:
                judgements.take_back_judgement(db, str(query), int(chunk_id))
            else:
                judgements.store_judgement(
                    db, str(query), int(chunk_id), int(bool(relevance)), _whole(rank), _whole(model_id)
                )
            return {"relevance": judgements.relevance_by_chunk(db, str(query)).get(int(chunk_id))}

    return judge_passage


def _make_open_page(services: Services) -> Any:
    @answer_script
    def open_page(arguments: list) -> dict:
        """[query, chunk id, page or None for the passage's first, others shown]: the page's HTML."""
        query, chunk_id, page, others = arguments
        with open_database(services.settings.database) as db:
            view = view_page(services.settings, services.drawer, db, int(chunk_id), _whole(page))
            verdicts = judgements.relevance_by_chunk(db, str(query))
        return {
            "html": render("page_view.html", view=view, query=str(query), verdicts=verdicts, open_others=bool(others))
        }

    return open_page


def _whole(value: object) -> int | None:
    return int(value) if isinstance(value, int | float | str) and str(value).strip() else None
