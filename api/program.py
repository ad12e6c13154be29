"""The program itself over HTTP: its settings, and what a report of a fault needs."""

from typing import Annotated, Any

from fastapi import APIRouter, Path

from api import shapes
from api.diagnostics import Running, diagnose
from api.served import Served
from api.services import Services
from core.stored_settings import Knob, forget_setting, list_knobs, store_setting

router = APIRouter(tags=["program"])

_LONGEST_NAME = 100
_Name = Annotated[str, Path(max_length=_LONGEST_NAME, description="as listed, such as ocr")]


@router.get("/settings")
def list_settings(services: Served) -> shapes.Settings:
    """Every setting: its value, where that comes from, and what waits for the next start."""
    return shapes.Settings(settings=[_shown(knob) for knob in list_knobs(services.settings)])


@router.put("/settings/{name}")
def set_setting(services: Served, name: _Name, body: shapes.NewSetting) -> shapes.Setting:
    """Keep a value in the library. What was given as an argument or in the environment goes before it."""
    return _named(services, store_setting(services.settings.home, name, body.value).key)


@router.delete("/settings/{name}")
def unset_setting(services: Served, name: _Name) -> shapes.Setting:
    """Let a setting be what it is without the library."""
    return _named(services, forget_setting(services.settings.home, name).key)


@router.get("/diagnostics")
def get_diagnostics(services: Served) -> dict[str, dict[str, Any]]:
    """Versions, device, sizes, speeds and last errors by section; no title, question, name or path is in it."""
    return diagnose(services.settings, services.device, running(services))


def running(services: Services) -> Running:
    """What the app knows of itself just now."""
    return Running(services.start_note, list(services.searcher.recent_seconds), services.warnings.lines())


def _named(services: Services, key: str) -> shapes.Setting:
    return next(_shown(knob) for knob in list_knobs(services.settings) if knob.variable.key == key)


def _shown(knob: Knob) -> shapes.Setting:
    return shapes.Setting(
        name=knob.variable.key,
        value=knob.value,
        source=knob.source,
        default=knob.variable.default,
        meaning=knob.variable.meaning,
        takes_effect=knob.variable.effect or None,
        waiting=knob.waiting,
    )
