"""The page: a header and three tabs, brought up to date while heavy work goes on elsewhere."""

import hashlib
from typing import Any

import gradio as gr

from storage import library
from storage.database import open_database
from ui.library_tab import build_library_tab, render_library
from ui.render import render
from ui.search_tab import PlainHTML, build_search_tab, paper_choices
from ui.services import Services
from ui.training_tab import (
    base_choices,
    build_training_tab,
    header_facts,
    render_models,
    render_pairs,
    render_training,
)

TABS = ("search", "library", "training")
_SECONDS_BETWEEN_LOOKS = 1.0
_ONE_DAY = 86400


def build_page(services: Services) -> gr.Blocks:
    with gr.Blocks(
        title="Whetstone", analytics_enabled=False, fill_width=True, delete_cache=(_ONE_DAY, _ONE_DAY)
    ) as page:
        header = PlainHTML(render_header(services), elem_id="header")
        with gr.Tabs(elem_id="tabs") as tabs:
            with gr.Tab("Search", id="search"):
                search = build_search_tab(services)
            with gr.Tab("Library", id="library"):
                papers = build_library_tab(services)
            with gr.Tab("Training", id="training"):
                training = build_training_tab(services)
        _remember_tab(page, tabs)

        parts = {
            "header": (header, lambda: render_header(services)),
            "library": (papers.table, lambda: render_library(services)),
            "training": (training.status, lambda: render_training(services)),
            "models": (training.models, lambda: render_models(services)),
            "papers": (search.papers, lambda: _paper_choices(services)),
            "base": (training.base, lambda: base_choices(services)),
        }
        components = [component for component, _ in parts.values()]
        seen = gr.State({})

        def bring_up_to_date(known: dict[str, str]) -> list[Any]:
            """What changed since this window's last look; the rest of the page is left alone."""
            fresh = {name: make() for name, (_, make) in parts.items()}
            digests = {name: hashlib.sha256(repr(value).encode()).hexdigest() for name, value in fresh.items()}
            updates = [
                (gr.update(choices=value) if isinstance(value, list) else value)
                if known.get(name) != digests[name]
                else gr.skip()
                for name, value in fresh.items()
            ]
            return [*updates, digests]

        silent: dict[str, Any] = {"show_progress": "hidden", "queue": False, "api_name": False}
        outputs = [*components, seen]
        gr.Timer(_SECONDS_BETWEEN_LOOKS).tick(bring_up_to_date, seen, outputs, **silent)
        page.load(bring_up_to_date, seen, outputs, **silent)
        for changed in (search.desk.judged, papers.table.changed, training.status.changed, training.models.changed):
            changed(bring_up_to_date, seen, outputs, trigger_mode="always_last", **silent)
        pair_inputs = [training.pair_words, training.pair_sort]
        for shown in (search.desk.judged, page.load):
            shown(lambda words, order: render_pairs(services, words, order), pair_inputs, training.pairs, **silent)
    return page


def render_header(services: Services) -> str:
    with open_database(services.settings.database) as db:
        facts = header_facts(db)
    return render("header.html", **facts, device=f"Index on {services.device.name}: {services.device.why}")


def _paper_choices(services: Services) -> list[tuple[str, int]]:
    with open_database(services.settings.database) as db:
        return paper_choices(library.list_documents(db))


def _remember_tab(page: gr.Blocks, tabs: gr.Tabs) -> None:
    """Keep the chosen tab in the address, so that a reload comes back to it."""
    for tab, name in zip(tabs.children, TABS, strict=True):
        tab.select(None, None, None, js=f"() => {{ history.replaceState(null, '', '?tab={name}') }}")
    # Gradio selects the first tab before anything of ours runs; FIRST_TAB_SCRIPT has read the address still earlier.
    page.load(None, None, None, js=f"() => {{ openTab({list(TABS)}.indexOf(window.firstTab)) }}")


FIRST_TAB_SCRIPT = """<script>
window.firstTab = new URLSearchParams(location.search).get('tab');
function openTab(index) {
  const button = document.querySelectorAll('#tabs button[role=tab]')[index];
  if (index > 0 && button) button.click();
}
</script>"""
