"""The Settings tab: every knob with what it does and where its value comes from, and what a fault's report needs."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from api.diagnostics import as_text, diagnose
from api.program import running
from api.services import Services
from core.stored_settings import forget_setting, list_knobs, store_setting
from ui.account import build_account
from ui.messages import answer_script
from ui.parts import SILENT, PlainHTML
from ui.render import read_asset, render


@dataclass(frozen=True, slots=True)
class SettingsTab:
    knobs: gr.HTML
    diagnostics: gr.HTML
    account: gr.HTML


def build_settings_tab(services: Services, tab: gr.Tab) -> SettingsTab:
    knobs = PlainHTML(
        render_settings(services),
        elem_id="settings",
        js_on_load=read_asset("common.js") + read_asset("settings.js"),
        server_functions=[_make_store(services), _make_forget(services)],
    )
    gr.Markdown("### Diagnostics", elem_classes="needs-admin")
    diagnostics = PlainHTML(
        render("diagnostics.html", facts=None, text=""),
        elem_id="diagnostics",
        elem_classes="needs-admin",
        js_on_load=read_asset("common.js") + read_asset("diagnostics.js"),
    )

    def show_settings() -> str:
        return render_settings(services)

    def show_diagnostics() -> str:
        return render_diagnostics(services)

    # Made when they are looked at: nothing tells the page that a file was changed or how fast the last search was.
    account = build_account(services, tab)
    tab.select(show_settings, None, knobs, **SILENT)
    tab.select(show_diagnostics, None, diagnostics, **SILENT)
    knobs.changed(show_settings, None, knobs, trigger_mode="always_last", **SILENT)
    diagnostics.again(show_diagnostics, None, diagnostics, trigger_mode="always_last", **SILENT)
    return SettingsTab(knobs, diagnostics, account)


def render_settings(services: Services) -> str:
    # What can be changed here comes first.
    knobs = sorted(list_knobs(services.settings), key=lambda knob: not knob.variable.effect)
    return render("settings.html", knobs=knobs)


def render_diagnostics(services: Services) -> str:
    facts = diagnose(services.settings, services.device, running(services))
    return render("diagnostics.html", facts=facts, text=as_text(facts))


def _make_store(services: Services) -> Any:
    @answer_script
    def store_value(arguments: list) -> dict:
        """[name of the variable, value]"""
        name, value = map(str, arguments)
        variable = store_setting(services.settings.home, name, value)
        return {"said": f"Stored. It takes effect {variable.effect}."}

    return store_value


def _make_forget(services: Services) -> Any:
    @answer_script
    def forget_value(arguments: list) -> dict:
        variable = forget_setting(services.settings.home, str(arguments[0]))
        return {"said": f"Back to the default. It takes effect {variable.effect}."}

    return forget_value
