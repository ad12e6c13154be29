"""What the page can do, programs can do: each of its actions is in the API and on the command line.

A new handler of the page makes a test here fail until it has its line below.
"""

import argparse
import functools
import re
from pathlib import Path

import pytest

import api.__main__
import app
import indexer.__main__
import jobs.__main__
import search.__main__
import training.__main__
from api.create import describe_api
from tests.ui.site import make_services
from ui.interface import build_page

TEMPLATES = Path(__file__).parents[1] / "ui" / "templates"

# The page's handlers and functions, each with where its action is in the API, and the command that does the same.
ACTIONS = {
    "search": ("POST /api/v1/search", "search QUESTION"),
    "ask_again": ("POST /api/v1/search", "search QUESTION"),
    "export": ("POST /api/v1/search/{form}", "search QUESTION"),
    "remember": ("GET /api/v1/history", "search history"),
    "clear_past": ("DELETE /api/v1/history", "search history"),
    "keep_past": ("PUT /api/v1/history", "search history"),
    "save": ("POST /api/v1/searches", "search QUESTION"),
    "delete_search": ("DELETE /api/v1/searches/{search_id}", "search saved"),
    "collect": ("POST /api/v1/collections", "indexer collection"),
    "set_privacy": ("PUT /api/v1/documents/{document_id}/privacy", "indexer privacy"),
    "open_page": ("GET /api/v1/passages/{chunk_id}", "search passage"),
    "take_uploads": ("POST /api/v1/documents", "indexer add"),
    "fetch": ("POST /api/v1/documents/fetch", "indexer fetch"),
    "dismiss_left_out_files": ("DELETE /api/v1/documents/left-out", "indexer left-out"),
    "remove_papers": ("DELETE /api/v1/documents/{document_id}", "indexer remove"),
    "retry_paper": ("POST /api/v1/documents/{document_id}/retry", "indexer retry"),
    "read_again": ("POST /api/v1/documents/{document_id}/read-again", "indexer reread"),
    "report_reading": ("GET /api/v1/documents/{document_id}/report", "indexer report"),
    "show_form": ("GET /api/v1/documents/{document_id}", "indexer list"),
    "save_form": ("PATCH /api/v1/documents/{document_id}", "indexer edit"),
    "forget_form": ("PATCH /api/v1/documents/{document_id}", "indexer edit"),
    "cancel_job": ("POST /api/v1/jobs/{job_id}/cancel", "jobs cancel"),
    "dismiss_job": ("POST /api/v1/jobs/{job_id}/dismiss", "jobs dismiss"),
    "start": ("POST /api/v1/retrain", "training retrain"),
    "use": ("POST /api/v1/models/use", "training use"),
    "take_in": ("POST /api/v1/models", "training import-model"),
    "switch_model": ("POST /api/v1/models/{model_id}/promote", "training promote"),
    "compare_version": ("POST /api/v1/models/{model_id}/compare", "training compare"),
    "delete_pairs": ("DELETE /api/v1/judgements/{judgement_id}", "training withdraw"),
    "show_settings": ("GET /api/v1/settings", "app --settings"),
    "store_value": ("PUT /api/v1/settings/{name}", "app --set"),
    "forget_value": ("DELETE /api/v1/settings/{name}", "app --unset"),
    "show_diagnostics": ("GET /api/v1/diagnostics", "app --diagnostics"),
    "judge_many": ("POST /api/v1/judgements", "training judge"),
    "skip_many": ("POST /api/v1/proposals/skip", "training skip"),
    "look_again": ("POST /api/v1/proposals/look", "training propose"),
    "show": ("GET /api/v1/documents/{document_id}/questions", "training questions"),
    "load_map": ("GET /api/v1/map", "search map"),
    "redraw_map": ("POST /api/v1/map/draw", "search map"),
    "place_hits": ("POST /api/v1/map/places", "search map"),
    "show_point": ("GET /api/v1/documents/{document_id}/nearest", "search map"),
    "show_account": ("GET /api/v1/account", "api tokens"),
    "change_own_password": ("PUT /api/v1/account/password", "api users"),
    "make_own_token": ("POST /api/v1/account/tokens", "api make-token"),
    "withdraw_own_token": ("DELETE /api/v1/account/tokens/{name}", "api withdraw-token"),
    "add_person": ("POST /api/v1/users", "api users"),
    "change_role": ("PATCH /api/v1/users/{user_id}", "api users"),
    "set_new_password": ("PUT /api/v1/users/{user_id}/password", "api users"),
    "remove_person": ("DELETE /api/v1/users/{user_id}", "api users"),
    "show_papers": ("GET /api/v1/documents", "indexer list"),
    "show_pairs": ("GET /api/v1/judgements", "training judgements"),
}
# What the page does besides, such as what a button does that has no handler of its own.
BESIDES = {
    "taking a verdict back": ("DELETE /api/v1/judgements", "training withdraw"),
    "the queue": ("GET /api/v1/proposals", "training propose"),
    "two maps beside each other": ("GET /api/v1/map/changes", "search map"),
    "undo": ("POST /api/v1/models/undo", "training undo"),
    "what could not be added": ("GET /api/v1/documents/left-out", "indexer left-out"),
    "the list of papers": ("GET /api/v1/documents", "indexer list"),
    "the list of models": ("GET /api/v1/models", "training models"),
    "the line of a job": ("GET /api/v1/jobs", "jobs list"),
    "citing": ("GET /api/v1/documents/{document_id}/citation", "indexer cite"),
    "exporting a version": ("GET /api/v1/models/{model_id}/archive.zip", "training export-model"),
    "a page's picture": ("GET /api/v1/documents/{document_id}/pages/{number}.jpg", "search passage"),
}
# These bring the page up to date, or fill in its fields.
OF_THE_PAGE_ONLY = {"look", "look_at_once", "fill_in", "fill_in_dimensions"}


@pytest.fixture(scope="module")
def handlers(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names of all functions that the page calls."""
    page = build_page(make_services(tmp_path_factory.mktemp("actions") / "library"))
    events = {function.fn.__name__ for function in page.fns.values() if function.fn is not None}
    called = {
        function.__name__ for part in page.blocks.values() for function in getattr(part, "server_fns", None) or ()
    }
    return events | called


@functools.cache
def commands() -> set[str]:
    packages = {"indexer": indexer.__main__, "training": training.__main__, "jobs": jobs.__main__, "api": api.__main__}
    found = {"search QUESTION", *(f"search {word}" for word in search.__main__._COMMANDS)}
    assert search.__main__.build_passage_parser().prog == "python -m search passage"
    found |= {f"app {option}" for action in app.build_parser()._actions for option in action.option_strings}
    for package, module in packages.items():
        parser = module.build_parser()
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                found |= {f"{package} {name}" for name in action.choices}
    return found


@functools.cache
def routes() -> set[str]:
    return {f"{method.upper()} {path}" for path, methods in describe_api()["paths"].items() for method in methods}


def test_every_handler_of_the_page_is_known_here(handlers: set[str]) -> None:
    assert handlers - OF_THE_PAGE_ONLY == set(ACTIONS)


@pytest.mark.parametrize("action", [*ACTIONS, *BESIDES])
def test_every_action_is_in_the_api_and_on_the_command_line(action: str) -> None:
    route, command = (ACTIONS | BESIDES)[action]
    assert route in routes()
    assert command in commands()


def test_every_address_in_the_page_is_one_of_the_api() -> None:
    shapes = [re.escape(route.split()[1]) for route in routes()]
    known = re.compile("|".join(re.sub(r"\\\{\w+\\\}", r"\\{\\{[^/]*\\}\\}", shape) for shape in shapes))
    found = [
        address
        for template in TEMPLATES.glob("*.html")
        for address in re.findall(r'(?:href|src)="(/api/[^"?#]*)', template.read_text(encoding="utf-8"))
    ]
    assert len(found) >= 4
    assert [address for address in found if not known.fullmatch(address)] == []
