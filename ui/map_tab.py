"""The Map tab: papers and passages as the model sees them, what is alike near each other."""

from dataclasses import dataclass
from statistics import fmean
from typing import Any

import gradio as gr
from sqlite_utils import Database

from api.services import Services
from core.errors import NotFoundError
from core.types import DocumentState, JobKind, JobState, ModelVersion
from search.map.queue import queue_map
from search.map.view import compare_maps, describe_map, nearest_papers, place_passages, versions_to_compare
from storage import jobs, judgements, library, maps, models
from storage.database import open_database
from ui.job_line import current_job, make_cancel, make_dismiss, render_job
from ui.messages import answer_script
from ui.parts import PlainHTML
from ui.render import plain_direction, read_asset, render

_CHANGED_SHOWN = 12


@dataclass(frozen=True, slots=True)
class MapTab:
    state: gr.HTML


def build_map_tab(services: Services) -> MapTab:
    state = PlainHTML(
        render_map_state(services),
        elem_id="map-state",
        js_on_load=read_asset("common.js") + read_asset("map_state.js"),
        server_functions=[make_cancel(services), make_dismiss(services)],
    )
    # Its value never changes: what it shows is fetched when it is looked at, and kept in the window.
    PlainHTML(
        render("map.html"),
        elem_id="map",
        js_on_load=read_asset("common.js") + read_asset("map.js"),
        server_functions=[
            _make_load(services),
            _make_redraw(services),
            _make_place(services),
            _make_show(services),
        ],
    )
    return MapTab(state)


def render_map_state(services: Services) -> str:
    """The job that draws, and a mark that is another one when there is another map to fetch."""
    with open_database(services.settings.database) as db:
        job = render_job(db, current_job(db, JobKind.MAP))
        ready = library.count_searchable(db)
        mark = maps.maps_mark(db)
        hint = "" if ready else _hint(db)
    return render("map_state.html", mark=mark, job=job, hint=hint)


def _hint(db: Database) -> str:
    if library.count_by_state(db).keys() - {DocumentState.FAILED}:
        return "Your papers are being read and embedded; then they are drawn here."
    return "Papers stand here by what they are about, once there are some."


# --- what the page's script asks for ---


def _make_load(services: Services) -> Any:
    @answer_script
    def load_map(arguments: list) -> dict:
        """[model id or None for the active one, another one beside it or None]: the maps; what is out of date is
        queued to be drawn, and comes with the next mark."""
        model_id, beside = arguments
        with open_database(services.settings.database) as db:
            version = models.version_or_active(db, None if model_id is None else int(model_id))
            if version is None or not library.count_searchable(db):
                return {"map": None}
            others = [one for one in versions_to_compare(db) if one.id != version.id]
            other = models.get_model(db, int(beside)) if beside else None
            shown = _shown(db, version)
            answer: dict[str, Any] = {
                "map": shown,
                "list": render("map_list.html", **shown) if shown else "",
                "versions": [{"id": one.id, "name": one.name} for one in others],
                "beside": _shown(db, other) if other is not None and shown else None,
                "changed": "",
            }
            if other is not None and answer["beside"]:
                answer["changed"] = _tell_changes(db, version, other)
        return answer

    return load_map


def _shown(db: Database, version: ModelVersion) -> dict[str, Any] | None:
    """The version's map as it is; queued to be drawn where that is not up to date."""
    last = jobs.last_job(db, JobKind.MAP)
    given_up = last is not None and last.state in (JobState.FAILED, JobState.CANCELLED) and not last.dismissed
    if not given_up:
        queue_map(db, version.id)
    try:
        shown = describe_map(db, version)
    except NotFoundError:
        return None
    # The page's script draws these itself.
    for one in (*shown["papers"], *shown["groups"]):
        named = "title" if "title" in one else "name"
        one[named] = plain_direction(one[named])
        one["collections"] = [plain_direction(name) for name in one.get("collections", ())]
    return shown


def _tell_changes(db: Database, one: ModelVersion, other: ModelVersion) -> str:
    rows = compare_maps(db, one, other)
    titles = {document.id: document.title for document in library.list_documents(db)}
    changed = [row for row in rows if row["kept"] < 1 and row["paper"] in titles]
    shown = [row | {"title": titles[row["paper"]]} for row in changed[:_CHANGED_SHOWN]]
    mean = fmean(row["kept"] for row in rows) if rows else 1.0
    return render("map_changed.html", rows=shown, one=one.name, other=other.name, mean=mean, many=len(rows))


def _make_redraw(services: Services) -> Any:
    @answer_script
    def redraw_map(arguments: list) -> dict:
        with open_database(services.settings.database) as db:
            queue_map(db, None if arguments[0] is None else int(arguments[0]), anew=True)
        return {}

    return redraw_map


def _make_place(services: Services) -> Any:
    @answer_script
    def place_hits(arguments: list) -> dict:
        """[model id, chunk ids]: where the passages stand on the model's map."""
        model_id, chunk_ids = arguments
        with open_database(services.settings.database) as db:
            version = models.get_model(db, int(model_id))
            return {"places": place_passages(db, version, [int(one) for one in chunk_ids[:50]])}

    return place_hits


def _make_show(services: Services) -> Any:
    @answer_script
    def show_point(arguments: list) -> dict:
        """[model id, "paper" or "passage", its id]: what is told of it."""
        model_id, kind, number = arguments
        with open_database(services.settings.database) as db:
            passage = library.get_chunk(db, int(number)) if kind == "passage" else None
            document = library.get_document(db, passage.document_id if passage else int(number))
            nearest = [] if passage else nearest_papers(db, models.get_model(db, int(model_id)), document.id)
            html = render(
                "map_card.html",
                document=document,
                passage=passage,
                judged=judgements.count_by_document(db).get(document.id, 0),
                nearest=[library.get_document(db, one) for one in nearest],
            )
        return {"html": html, "paper": document.id}

    return show_point
