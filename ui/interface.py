"""The page: a header and four tabs, brought up to date while heavy work goes on elsewhere."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from api.services import Services
from core.people import viewer
from storage import library, models
from storage.changes import ChangeWatch
from storage.collections import list_collections
from storage.database import open_database
from storage.overview import library_facts
from ui.changes import SharedView, View, digest
from ui.judge_tab import build_judge_tab, render_queue
from ui.keys import keys_script
from ui.library_tab import build_library_tab, into_choices
from ui.library_view import ORDERS, render_library
from ui.map_tab import build_map_tab, render_map_state
from ui.parts import SILENT, PlainHTML, build_news
from ui.recall import build_recall, render_recall
from ui.render import render
from ui.search_tab import build_search_tab, collection_choices, paper_choices, render_hint
from ui.settings_tab import build_settings_tab
from ui.training_tab import base_choices, build_training_tab, default_dimensions
from ui.training_view import render_models, render_pairs, render_training

TABS = ("search", "judge", "map", "library", "training", "settings")
_SECONDS_BETWEEN_LOOKS = 1.0
_ONE_DAY = 86400
# The fields of the list of papers before they are used: what they stand for is the same in every window.
_AS_AT_FIRST = {(words, order) for words in ("", None) for order in (ORDERS[0], None)}

_Part = tuple[gr.components.Component, Callable[[], Any]]


@dataclass(frozen=True, slots=True)
class BuiltPage:
    """The page, and those of its parts that show what is in the library."""

    blocks: gr.Blocks
    news: gr.HTML
    showing: list[gr.HTML]


def build_page(services: Services) -> gr.Blocks:
    return build_parts(services).blocks


def build_parts(services: Services) -> BuiltPage:
    with gr.Blocks(
        title="Whetstone", analytics_enabled=False, fill_width=True, delete_cache=(_ONE_DAY, _ONE_DAY)
    ) as page:
        header = PlainHTML(render_header(services), elem_id="header", js_on_load=keys_script())
        news = build_news()
        with gr.Tabs(elem_id="tabs") as tabs:
            with gr.Tab("Search", id="search"):
                search = build_search_tab(services, news)
                recall = build_recall(services)
            with gr.Tab("Judge", id="judge"):
                judge = build_judge_tab(services, news)
            with gr.Tab("Map", id="map"):
                library_map = build_map_tab(services)
            with gr.Tab("Library", id="library"):
                papers = build_library_tab(services, news)
            with gr.Tab("Training", id="training"):
                training = build_training_tab(services, news)
            with gr.Tab("Settings", id="settings") as settings:
                knobs = build_settings_tab(services, settings).knobs
        _remember_tab(page, tabs)

        parts: dict[str, _Part] = {
            "header": (header, lambda: render_header(services)),
            "hint": (search.hint, lambda: render_hint(services)),
            "recall": (recall, lambda: render_recall(services)),
            "library": (papers.table, lambda: render_library(services)),
            "queue": (judge.queue, lambda: render_queue(services)),
            "ask_of": (judge.papers, lambda: gr.update(choices=_paper_choices(services))),
            "map": (library_map.state, lambda: render_map_state(services)),
            "training": (training.status, lambda: render_training(services)),
            "models": (training.models, lambda: render_models(services)),
            "into": (papers.into, lambda: gr.update(choices=into_choices(services))),
            "base": (training.base, lambda: gr.update(choices=base_choices(services))),
            "dimensions": (training.dimensions, lambda: default_dimensions(services)),
        }
        shared = SharedView(
            ChangeWatch(services.settings.database),
            {name: make for name, (_, make) in parts.items()}
            | {"papers": lambda: _paper_choices(services), "collections": lambda: _collection_choices(services)},
        )
        seen = gr.State({})

        def bring_up_to_date(
            view: View,
            known: dict[str, Any],
            listed: tuple[str | None, str | None],
            judged: tuple[str | None, str],
            papers: list[Any] | None,
            collections: list[Any] | None,
        ) -> list[Any]:
            """What changed since this window's last look; the rest of the page is left alone.

            `listed` and `judged` are the words and the order of the lists of papers and of pairs.
            """
            # Another may have signed in since, in the same browser.
            mark = (viewer(), view.mark)
            if known.get("mark") == mark:
                return [gr.skip()] * (len(parts) + 4)
            before = known.get("digests", {})
            own = {"pairs": render_pairs(services, *judged)}
            if listed not in _AS_AT_FIRST:
                own["library"] = render_library(services, *listed)
            values = {**view.values, **own}
            digests = {**view.digests, **{name: digest(value) for name, value in own.items()}}
            changed = {name for name, now in digests.items() if before.get(name) != now}
            updates = [values[name] if name in changed else gr.skip() for name in (*parts, "pairs")]
            for name, chosen in (("papers", papers), ("collections", collections)):
                updates.append(_update_choices(view.values[name], chosen) if name in changed else gr.skip())
            return [*updates, {"mark": mark, "digests": digests}]

        def in_window(view: View, window: Sequence[Any]) -> list[Any]:
            known, paper_words, paper_order, pair_words, pair_order, *chosen = window
            return bring_up_to_date(view, known, (paper_words, paper_order), (pair_words, pair_order), *chosen)

        def look(*window: Any) -> list[Any]:
            return in_window(shared.look(), window)

        def look_at_once(*window: Any) -> list[Any]:
            """For whoever has just done something, to see what came of it."""
            return in_window(shared.look(at_once=True), window)

        inputs = [seen, papers.words, papers.order, training.pair_words, training.pair_sort]
        inputs += [search.papers, search.collections]
        outputs = [
            *(component for component, _ in parts.values()),
            training.pairs,
            search.papers,
            search.collections,
            seen,
        ]
        gr.Timer(_SECONDS_BETWEEN_LOOKS).tick(look, inputs, outputs, **SILENT)
        page.load(look, inputs, outputs, **SILENT)
        for changed in (
            search.desk.judged,
            judge.queue.judged,
            recall.changed,
            papers.table.changed,
            training.status.changed,
            training.models.changed,
        ):
            changed(look_at_once, inputs, outputs, trigger_mode="always_last", **SILENT)
    shown = [component for component, _ in parts.values() if isinstance(component, gr.HTML)]
    return BuiltPage(page, news, [*shown, training.pairs, knobs])


def render_header(services: Services) -> str:
    with open_database(services.settings.database) as db:
        facts, unread, active = library_facts(db), library.count_unfinished(db), models.active_model(db)
    user = viewer()
    return render(
        "header.html",
        **facts,
        model_id=active.id if active else "",
        unread=unread,
        user=user,
        locked=user is not None or services.settings.password.is_file(),
        device=f"Index on {services.device.name}: {services.device.why}",
    )


def _paper_choices(services: Services) -> list[tuple[str, int]]:
    with open_database(services.settings.database) as db:
        return paper_choices(library.list_documents(db))


def _collection_choices(services: Services) -> list[tuple[str, int]]:
    with open_database(services.settings.database) as db:
        return collection_choices(list_collections(db))


def _update_choices(choices: list[tuple[str, int]], chosen: list[Any] | None) -> dict[str, Any]:
    """What there is to choose from; what was removed is no longer chosen."""
    ids = {choice for _, choice in choices}
    # Typed words stay: they hold for what is still to come.
    kept = [choice for choice in chosen or [] if choice in ids or isinstance(choice, str)]
    return gr.update(choices=choices) if kept == (chosen or []) else gr.update(choices=choices, value=kept)


def _remember_tab(page: gr.Blocks, tabs: gr.Tabs) -> None:
    """Keep the chosen tab in the address, so that a reload comes back to it."""
    for tab, name in zip(tabs.children, TABS, strict=True):
        tab.select(None, None, None, js=f"() => keepTab('{name}')")
    # Gradio selects the first tab before anything of ours runs; address.js has read the address still earlier.
    page.load(None, None, None, js="() => openTab(tabOf(firstAddress))")
