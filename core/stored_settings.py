"""Settings that the library keeps: change them, list them, and have them in force while the program runs."""

import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from core.addresses import without_secrets
from core.errors import SettingsError
from core.files import write_private
from core.settings import NEXT_START, VARIABLES, Settings, Source, Variable, load_settings, read_stored, stored_path

_GIVEN = (Source.ARGUMENT, Source.ENVIRONMENT)
_writing = threading.Lock()


@dataclass(frozen=True, slots=True)
class Knob:
    """A setting as it is in force, where that comes from, and what waits for the next start, where something does."""

    variable: Variable
    value: str
    source: Source
    waiting: str | None = None

    @property
    def changeable(self) -> bool:
        """Whether a stored value would count."""
        return bool(self.variable.effect) and self.source not in _GIVEN

    @property
    def choices(self) -> Sequence[str]:
        return ("on", "off") if self.variable.default in ("on", "off") else ()


def current(settings: Settings) -> Settings:
    """The settings with what is stored by now, but for what takes effect at the next start only.

    What was given as an argument or by the environment stays.
    """
    return _with_stored(settings, [variable for variable in VARIABLES if variable.effect not in ("", NEXT_START)])


def list_knobs(settings: Settings) -> list[Knob]:
    """Every setting as it is in force for whoever has been running with these."""
    running = current(settings)
    next_start = _with_stored(settings, [variable for variable in VARIABLES if variable.effect])
    knobs = []
    for variable in VARIABLES:
        value, later = _text(running, variable), _text(next_start, variable)
        source = running.sources.get(variable.key, Source.DEFAULT)
        knobs.append(Knob(variable, value, source, None if later == value else later))
    return knobs


def store_setting(home: Path, name: str, value: str) -> Variable:
    """Keep a value in the library. Raises SettingsError where there is no such setting, or the value is none of its."""
    variable = _storable(name)
    # As an argument it goes before all others, and is looked at as they are.
    load_settings(home=home, **{variable.key: value.strip()})
    with _writing:
        _write(home, read_stored(home) | {variable.key: value.strip()})
    return variable


def forget_setting(home: Path, name: str) -> Variable:
    """Let a setting be what it is without the library. Raises SettingsError where there is no such setting."""
    variable = _storable(name)
    with _writing:
        _write(home, {key: value for key, value in read_stored(home).items() if key != variable.key})
    return variable


def _storable(name: str) -> Variable:
    key = name.strip().lower().removeprefix("whetstone_").replace("-", "_")
    variable = next((variable for variable in VARIABLES if variable.key == key), None)
    if variable is None:
        raise SettingsError(f"There is no setting '{name}'. 'python app.py --settings' lists them.")
    if not variable.effect:
        raise SettingsError(f"{variable.name} is not kept in the library. {variable.instead}")
    return variable


def _with_stored(settings: Settings, variables: Sequence[Variable]) -> Settings:
    stored = read_stored(settings.home)
    fresh: Settings | None = None
    changed: dict[str, Any] = {}
    sources = dict(settings.sources)
    for key in (variable.key for variable in variables):
        source = sources.get(key, Source.DEFAULT)
        # What was stored at the start and is no longer is the default again.
        if source in _GIVEN or not (key in stored or source is Source.STORED):
            continue
        fresh = fresh or load_settings(home=settings.home)
        changed[key] = getattr(fresh, key)
        sources[key] = Source.STORED if key in stored else Source.DEFAULT
    return replace(settings, **changed, sources=sources) if changed else settings


def _write(home: Path, values: dict[str, str]) -> None:
    path = stored_path(home)
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        # An address in it may hold a password.
        write_private(path, json.dumps(values, indent=1, sort_keys=True))
    except OSError as error:
        raise SettingsError(
            f"'{path}' can't be written ({error.strerror}). Look at the rights and the disk."
        ) from error


def _text(settings: Settings, variable: Variable) -> str:
    """A value as it may be shown to whoever reads the settings."""
    value = getattr(settings, variable.key)
    if value is None:
        return "off"
    if isinstance(value, bool):
        return "on" if value else "off"
    text = " ".join(value) if isinstance(value, tuple) else str(value)
    return without_secrets(text) if "://" in text else text
