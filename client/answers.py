"""What the API answers, as values. Fields that a newer app adds are left out."""

import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from typing import Any, TypeVar

A = TypeVar("A")


@dataclass(frozen=True, slots=True)
class Document:
    """A paper; `state` is queued, reading, embedding, ready or failed, and `reason` says why it failed."""

    id: int
    title: str
    authors: tuple[str, ...]
    year: int | None
    doi: str | None
    arxiv_id: str | None
    names: tuple[str, ...]
    pages: int
    chunks: int
    state: str
    reason: str | None
    sha256: str

    @property
    def finished(self) -> bool:
        return self.state in ("ready", "failed")


@dataclass(frozen=True, slots=True)
class Added:
    """What a file held: one paper, or those of a zip; `known` were there already, `refused` could not be added."""

    documents: tuple[Document, ...]
    known: tuple[int, ...]
    refused: tuple[str, ...]
    remarks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Span:
    """Characters `start` to `end` of a page's own text."""

    page: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class OthersVerdict:
    """What somebody else says of a passage for the question; None is somebody without a name."""

    judge: str | None
    relevance: int


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage that was found; `relevance` is your verdict on it for this question, 1, 0 or None."""

    rank: int | None
    score: float | None
    chunk_id: int
    document_id: int
    title: str
    page: int
    spans: tuple[Span, ...]
    section: str | None
    kind: str
    text: str
    relevance: int | None
    others: tuple[OthersVerdict, ...]


@dataclass(frozen=True, slots=True)
class SearchAnswer:
    """`answered` is false where no passage is near enough; the hits are the nearest all the same.

    `missing` are the names, numbers and quoted phrases of the question that stand in no passage that was searched.
    """

    query: str
    answered: bool
    missing: tuple[str, ...]
    seconds: float
    hits: tuple[Hit, ...]


@dataclass(frozen=True, slots=True)
class KeptSearch:
    """A saved search, or, without a name, a question asked lately; `filter` is as `search` takes it."""

    id: int
    name: str | None
    question: str
    filter: dict[str, Any]
    mode: str
    spread: int | None
    at: str


@dataclass(frozen=True, slots=True)
class History:
    """The latest first; `kept` tells whether questions are kept at all."""

    kept: bool
    history: tuple[KeptSearch, ...]


@dataclass(frozen=True, slots=True)
class Box:
    """Shares of the picture's width and height, from the top left."""

    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Passage:
    id: int
    document_id: int
    document: str
    text: str
    spans: tuple[Span, ...]
    section: str | None
    kind: str


@dataclass(frozen=True, slots=True)
class PassageOnPage:
    """A passage on a page of its paper, marked by `boxes` on the page's picture; `citation` quotes it."""

    document: Document
    passage: Passage
    page: int
    picture: str | None
    boxes: tuple[Box, ...]
    note: str
    citation: str
    bibtex: str
    passages: tuple[Passage, ...]


@dataclass(frozen=True, slots=True)
class Judgement:
    id: int
    query: str
    chunk_id: int
    document: str
    page: int
    text: str
    relevance: int
    judge: str | None


@dataclass(frozen=True, slots=True)
class Job:
    """Heavy work: `done` of `total` units of `step`; its `state` is queued, running, done, failed or cancelled."""

    id: int
    kind: str
    state: str
    step: str
    item: str
    done: int
    total: int
    seconds_left: float | None
    reason: str | None
    result: dict[str, Any]

    @property
    def open(self) -> bool:
        return self.state in ("queued", "running")


@dataclass(frozen=True, slots=True)
class Model:
    """A model version; `report` is its comparison with what it was trained from, the `decision` in words."""

    id: int
    name: str
    source: str
    dimension: int
    parent_id: int | None
    state: str
    report: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Switched:
    """The model that answers now, and the job that switches to another where vectors are missing."""

    active: Model | None
    job: Job | None


def build(kind: Callable[..., A], value: Mapping[str, Any]) -> A:
    """The value of this class that the JSON object tells of."""
    return kind(**{name: _convert(hint, value[name]) for name, hint in _hints(kind).items()})


def _convert(hint: Any, value: Any) -> Any:
    if value is None:
        return None
    if typing.get_origin(hint) is tuple:
        return tuple(_convert(typing.get_args(hint)[0], one) for one in value)
    if typing.get_origin(hint) is types.UnionType:
        hint = next(one for one in typing.get_args(hint) if one is not types.NoneType)
    return build(hint, value) if isinstance(hint, type) and is_dataclass(hint) else value


@cache
def _hints(kind: Any) -> dict[str, Any]:
    hints = typing.get_type_hints(kind)
    return {field.name: hints[field.name] for field in fields(kind)}
