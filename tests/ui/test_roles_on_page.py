"""What a role does not allow is not shown: each part of the page has the class of the role that its action needs."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import gradio as gr
import pytest

from api.roles import PAGE
from api.services import Services
from core.people import Role
from search.gpu import Device
from search.searcher import Searcher
from tests.libraries import make_library
from ui.interface import build_parts

UI = Path(__file__).parents[2] / "ui"
CONTROLS = {"button", "input", "select", "form", "textarea"}
VOID = {"input", "img", "br", "hr", "meta", "link"}

# The function of the page that a part calls, by the template it stands in and what its script knows it by.
CALLS = {
    "account.html": {"data-withdraw": "withdraw_own_token"},
    "desk.html": {
        "data-edit-part": "judge_many", "data-export": "export", "data-many": "judge_many", "data-save": "save",
    },
    "edit.html": {"data-forget": "forget_form"},
    "job.html": {"data-cancel": "cancel_job", "data-dismiss": "dismiss_job"},
    "judge.html": {
        "data-edit-part": "judge_many", "data-look": "look_again", "data-many": "judge_many",
        "data-relevance": "judge_many", "data-skip": "skip_many", "data-skip-many": "skip_many",
        "data-undo": "judge_many",
    },
    "library.html": {
        "data-collect": "collect", "data-collections": "collect", "data-dismiss-left-out": "dismiss_left_out_files",
        "data-edit": "show_form", "data-password": "retry_paper", "data-private": "set_privacy",
        "data-remove": "remove_papers", "data-report": "report_reading", "data-retry": "retry_paper",
    },
    "map.html": {"data-redraw": "redraw_map"},
    "models.html": {"data-compare": "compare_version", "data-promote": "switch_model"},
    "page_view.html": {"data-go": "open_page"},
    "pairs.html": {"data-delete": "delete_pairs"},
    "recall.html": {"data-clear": "clear_past", "data-forget": "delete_search", "data-keep": "keep_past"},
    "report.html": {"data-again": "read_again"},
    "settings.html": {"data-forget": "forget_value"},
    "training.html": {
        "data-compare": "compare_version", "data-promote": "switch_model", "data-undo": "switch_model",
    },
    "verdict.html": {"data-relevance": "judge_many"},
}  # fmt: skip
# What the page does by itself, and what tells more of a part that calls.
CALLS_NOTHING = {
    f"data-{name}"
    for name in (
        *("against", "all", "ask", "back", "beside", "chosen", "close", "collection", "colour", "copy", "find", "fit"),
        *("judge", "keys", "name", "other", "paper", "passages", "role", "to-retrain", "untick", "user", "zoom"),
    )
}
# These are shown to a role only, by the server (`show_settings`), or ask for the role in the template themselves.
SHOWN_TO = {"settings.html": Role.ADMIN, "edit.html": Role.TRAIN}
ASKS_ITSELF = {("account.html", "data-form"), ("account.html", "data-remove-user"), ("account.html", "data-papers"),
               ("library.html", "data-remove"), ("diagnostics.html", "data-again")}  # fmt: skip


class Controls(HTMLParser):
    """Each control with the role that it, or what it stands in, is shown to."""

    def __init__(self) -> None:
        super().__init__()
        self._open: list[tuple[str, Role | None]] = []
        self.found: list[tuple[set[str], Role | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        own = role_of((dict(attrs).get("class") or "").split())
        role = own or (self._open[-1][1] if self._open else None)
        if tag in CONTROLS:
            self.found.append(({name for name, _ in attrs if name.startswith("data-")}, role))
        if tag not in VOID:
            self._open.append((tag, role))

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop()[0] != tag:
            pass


def role_of(classes: list[str]) -> Role | None:
    return next((Role(name.removeprefix("needs-")) for name in classes if name.startswith("needs-")), None)


def controls(template: str) -> Iterator[tuple[set[str], Role | None]]:
    text = (UI / "templates" / template).read_text(encoding="utf-8")
    parser = Controls()
    parser.feed(re.sub(r"\{\{.*?\}\}", "", re.sub(r"\{%.*?%\}|\{#.*?#\}", "", text, flags=re.DOTALL), flags=re.DOTALL))
    yield from parser.found


def needed(action: str) -> Role | None:
    """None where everybody may."""
    return None if PAGE[action] is Role.READ else PAGE[action]


TEMPLATES = sorted(path.name for path in (UI / "templates").glob("*.html"))


@pytest.mark.parametrize("template", TEMPLATES)
def test_each_control_is_shown_to_the_role_of_what_it_calls(template: str) -> None:
    for known_by, role in controls(template):
        for name in known_by - CALLS_NOTHING:
            if (template, name) in ASKS_ITSELF:
                continue
            assert name in CALLS.get(template, {}), f"what does {name} in {template} call?"
            wanted = needed(CALLS[template][name])
            assert (role or SHOWN_TO.get(template)) == wanted, (template, name, wanted)


def test_the_functions_that_are_said_to_be_called_are_called_by_who_knows_the_control() -> None:
    scripts = [path.read_text(encoding="utf-8") for path in (UI / "assets").glob("*.js")]
    for calls in CALLS.values():
        for name, action in calls.items():
            words = name.removeprefix("data-")
            camel = re.sub(r"-(\w)", lambda found: found[1].upper(), words)
            together = "".join(one for one in scripts if name in one or f"dataset.{camel}" in one or camel in one)
            assert together, name
            assert any(f"server.{action}" in one for one in scripts), action


def test_each_part_that_gradio_builds_is_shown_to_the_role_of_what_it_calls(tmp_path: Path) -> None:
    settings = make_library(tmp_path / "library", tmp_path / "model")
    page = build_parts(Services(settings, Searcher(settings), Device("CPU", "a test"), "a test")).blocks
    wrong = []
    for function in page.fns.values():
        role = needed(function.fn.__name__) if function.fn is not None else None
        for target, event in function.targets:
            # What is HTML has its parts in a template; here is what one presses, or drops something on.
            part = page.blocks.get(target)
            if isinstance(part, gr.Button | gr.UploadButton | gr.File | gr.DownloadButton) and shown_to(part) != role:
                wrong.append((function.fn.__name__, event, shown_to(part), role))
    assert wrong == []


def shown_to(part: gr.blocks.Block | None) -> Role | None:
    while part is not None:
        if role := role_of(" ".join(getattr(part, "elem_classes", None) or ()).split()):
            return role
        part = part.parent
    return None
