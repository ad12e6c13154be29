"""HTML by Jinja templates that escape whatever they are given."""

import re
from collections.abc import Collection
from datetime import datetime
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from core.cjk import cjk_runs, pair_cjk
from core.cli import count
from core.words import COMMON_WORDS
from jobs.terminal import describe_seconds

_HERE = Path(__file__).parent


def render(template: str, **values: Any) -> str:
    """The template of this name, filled in; every value is escaped, so a paper's text can't become markup."""
    return _environment().get_template(template).render(**values)


def read_asset(name: str) -> str:
    return (_HERE / "assets" / name).read_text(encoding="utf-8")


ASSETS = _HERE / "assets"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_without_overrides,
    )
    environment.filters |= {
        "seconds": describe_seconds,
        "day": _day,
        "count": count,
        "mark": mark_words,
        "minus": minus,
    }
    return environment


# Embeddings, overrides and isolates: what turns the text behind them around. The marks of a direction stay.
_OVERRIDES = dict.fromkeys((*range(0x202A, 0x202F), *range(0x2066, 0x206A)))


def plain_direction(text: str) -> str:
    """The text without the characters that could show it, or what stands behind it, backwards."""
    return text.translate(_OVERRIDES)


def _without_overrides(value: Any) -> Any:
    return plain_direction(value) if isinstance(value, str) else value


def minus(text: str) -> str:
    """The text with a minus sign before negative figures, in place of the hyphen."""
    return re.sub(r"(?<!\w)-(?=\d)", "\u2212", text)


def _day(moment: str) -> str:
    local = datetime.fromisoformat(moment).astimezone()
    return f"{local.day} {local:%b %Y}"


# --- the query's words in a passage ---

_SHORTEST_STEM = 4


def mark_words(text: str, query: str) -> Markup:
    """The text, escaped, with the query's words in it marked; word forms count as the word."""
    stems = {_stem(word) for word in _words(query) if word not in COMMON_WORDS}
    pairs = {pair for run in cjk_runs(query) for pair in pair_cjk(run).split()}
    parts = []
    for token in re.split(r"(\w+)", text):
        if pairs and cjk_runs(token):
            parts += _mark_pairs(token, pairs)
            continue
        marked = token and _stem(token.casefold()) in stems
        parts.append(Markup("<mark>{}</mark>").format(token) if marked else Markup.escape(token))
    return Markup("").join(parts)


def _mark_pairs(text: str, pairs: Collection[str]) -> list[Markup]:
    """Text without spaces between words: marked where one of the pairs of characters stands."""
    marked = [False] * len(text)
    for place in range(len(text)):
        for length in (1, 2):
            if text[place : place + length] in pairs:
                marked[place : place + length] = [True] * len(text[place : place + length])
    stretches = groupby(zip(text, marked, strict=True), key=lambda one: one[1])
    joined = ((on, "".join(character for character, _ in stretch)) for on, stretch in stretches)
    return [Markup("<mark>{}</mark>").format(part) if on else Markup.escape(part) for on, part in joined]


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())


def _stem(word: str) -> str:
    for ending in ("ations", "ation", "ings", "ing", "ies", "ers", "ed", "er", "es", "s", "e", "y"):
        if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST_STEM:
            return word.removesuffix(ending)
    return word
