"""What programs send and get, as the OpenAPI document tells it. Field names are those of core/types.py."""

from enum import StrEnum
from typing import Annotated, Any

from fastapi import Path, Query
from pydantic import BaseModel, ConfigDict, Field

from core.formats import DocumentFormat
from core.people import Role
from core.settings import Source as SettingSource
from core.types import (
    BlockKind,
    ChunkKind,
    DocumentState,
    JobKind,
    JobState,
    ModelState,
    PageSource,
    ProposalKind,
    SearchMode,
)
from search.years import YEARS

LONGEST_QUESTION = 2000
_MOST_IDS = 10_000
Id = Annotated[int, Field(ge=0, lt=1 << 63)]
_Ids = Annotated[list[Id], Field(max_length=_MOST_IDS)]
RowId = Annotated[int, Path(ge=0, lt=1 << 63)]
NeededId = Annotated[int, Query(ge=0, lt=1 << 63)]
QueryId = Annotated[int | None, Query(ge=0, lt=1 << 63)]


class _Request(BaseModel):
    """A name that is not known is refused: it would do nothing."""

    model_config = ConfigDict(extra="forbid")


class _Answer(BaseModel):
    model_config = ConfigDict(from_attributes=True)


# --- papers ---


class Document(_Answer):
    """A paper. `corrected` names the fields that a person has set; a `locked` one waits for its password.

    A `private` one is yours alone.
    """

    id: int
    sha256: str
    format: DocumentFormat
    names: list[str]
    title: str
    authors: list[str]
    year: int | None
    doi: str | None
    arxiv_id: str | None
    pages: int
    recognised: int
    without_text: int
    chunks: int
    state: DocumentState
    locked: bool
    reason: str | None
    added_at: str
    corrected: list[str]
    private: bool


class ListedDocument(Document):
    """`judgements` are on its passages; `same_work_as` are papers that may be other editions of it."""

    judgements: int
    same_work_as: list[int]
    collections: list[int]


class Documents(_Answer):
    documents: list[ListedDocument]


class Added(_Answer):
    """What a file held: one paper, or those of a zip or an exported bibliography; `known` were there already.

    `refused` is what could not be added though it was asked for, `remarks` what is worth knowing besides.
    """

    documents: list[Document]
    known: list[int]
    refused: list[str]
    remarks: list[str]


class Fetch(_Request):
    """A paper by its arXiv id or DOI, alone or as a link."""

    identifier: str = Field(min_length=1, max_length=1000)


class LeftOut(_Answer):
    """What files that were dropped onto the page held, and could not be added, in sentences, the latest first."""

    left_out: list[str]


class Corrections(_Request):
    """Texts as one would type them, authors with semicolons between them; an empty one says that there is none.

    With `as_read` every field is first what was read again.
    """

    title: str | None = None
    authors: str | None = None
    year: str | None = None
    doi: str | None = None
    arxiv_id: str | None = None
    as_read: bool = False


class Password(_Request):
    password: str | None = Field(None, max_length=1000, description="opens the paper's file")


class PageReport(_Answer):
    """`covered` is the share of the page's visible characters that stand in a passage."""

    number: int
    source: PageSource
    reason: str | None
    characters: int
    covered: float | None
    problems: list[str]


class Report(_Answer):
    document: Document
    pages: list[PageReport]
    tokens_past_window: int


class Removed(_Answer):
    removed: list[int]


# --- collections ---


class Collection(_Answer):
    """Papers put together under a name; a paper may be in several. A `private` one is yours alone."""

    id: int
    name: str
    papers: int
    private: bool


class Collections(_Answer):
    collections: list[Collection]


class CollectionName(_Request):
    name: str = Field(max_length=1000)


class NewCollection(CollectionName):
    private: bool = Field(False, description="yours alone; what you add to it is yours alone too")


class Privacy(_Request):
    private: bool


class Papers(_Request):
    papers: _Ids


# --- people ---


class User(_Answer):
    id: int
    name: str
    role: Role
    created_at: str


class Users(_Answer):
    users: list[User]


class NewUser(_Request):
    name: str = Field(max_length=200)
    role: Role
    password: str = Field(max_length=1000)


class RoleChange(_Request):
    role: Role


class NewPassword(_Request):
    password: str = Field(max_length=1000)


class PasswordChange(_Request):
    old: str = Field(max_length=1000)
    new: str = Field(max_length=1000)


class PapersOfRemoved(StrEnum):
    DELETE = "delete"
    SHARE = "share"


class Token(_Answer):
    name: str
    made_at: str


class Account(_Answer):
    user: User | None
    tokens: list[Token]


class TokenName(_Request):
    name: str = Field(max_length=200)


class NewToken(_Answer):
    """`token` is told this once."""

    name: str
    token: str


# --- search and passages ---


class Filter(_Request):
    """Which passages may answer: those that fit every part given, and of a part any of its values."""

    papers: _Ids | None = None
    collections: _Ids | None = None
    year_from: int | None = Field(None, ge=YEARS[0], le=YEARS[1])
    year_to: int | None = Field(None, ge=YEARS[0], le=YEARS[1])
    author: str = Field("", max_length=200)
    kinds: list[ChunkKind] | None = None


class Question(_Request):
    query: str = Field(max_length=LONGEST_QUESTION)
    k: int = Field(10, ge=1, le=50)
    filter: Filter = Field(default_factory=lambda: Filter.model_validate({}))
    mode: SearchMode = SearchMode.BOTH
    blind: bool = Field(
        False, description="the passages of two models, mixed, without rank, score and model; by meaning, not spread"
    )
    spread: int | None = Field(None, ge=1, le=50, description="at most so many of a paper before the others")
    like: Id | None = Field(None, description="the passages nearest to this one, instead of the question's")


class NamedSearch(_Request):
    """A search to keep under a name."""

    name: str = Field(max_length=1000)
    query: str = Field(min_length=1, max_length=LONGEST_QUESTION)
    filter: Filter = Field(default_factory=lambda: Filter.model_validate({}))
    mode: SearchMode = SearchMode.BOTH
    spread: int | None = Field(None, ge=1, le=50)


class KeptFilter(_Answer):
    papers: list[int] | None
    collections: list[int] | None
    year_from: int | None
    year_to: int | None
    author: str
    kinds: list[ChunkKind] | None


class KeptSearch(_Answer):
    """A saved search, or, without a name, a question asked lately."""

    id: int
    name: str | None
    question: str
    filter: KeptFilter
    mode: SearchMode
    spread: int | None
    at: str


class SavedSearches(_Answer):
    saved: list[KeptSearch]


class History(_Answer):
    """The latest first; `kept` tells whether questions are kept at all."""

    kept: bool
    history: list[KeptSearch]


class KeepHistory(_Request):
    keep: bool


class Forgotten(_Answer):
    forgotten: int


class Span(_Answer):
    """Characters `start` to `end` of a page's own text."""

    page: int
    start: int
    end: int


class AnsweringModel(_Answer):
    id: int
    name: str
    dim: int


class OthersVerdict(_Answer):
    """Null is somebody without a name."""

    judge: str | None
    relevance: int


class Hit(_Answer):
    """A passage: `document` is its paper's file name; `page`, `start`, `end` its first span."""

    rank: int | None
    score: float | None
    dense_rank: int | None
    lexical_rank: int | None
    rerank: int | None
    chunk_id: int
    document_id: int
    document: str
    title: str
    page: int
    start: int
    end: int
    spans: list[Span]
    section: str | None
    kind: ChunkKind
    text: str
    relevance: int | None = Field(None, description="one's own verdict for this question")
    others: list[OthersVerdict] = Field([], description="what others say for it; nothing where it is asked blind")


class SearchAnswer(_Answer):
    """`answered` is false where no passage is nearer than `floor`: the hits are then the nearest below it.

    `missing` are the names, numbers and quoted phrases of the question that stand in no passage that was searched.
    """

    query: str
    model: AnsweringModel | None
    seconds: float
    answered: bool
    floor: float | None
    missing: list[str]
    hits: list[Hit]


class Box(_Answer):
    """Shares of the picture's width and height, from the top left."""

    left: float
    top: float
    width: float
    height: float


class Block(_Answer):
    """A part of a page of text: pieces, each with whether the passage stands there; a table also in rows of cells."""

    kind: BlockKind
    level: int
    pieces: list[tuple[str, bool]]
    rows: list[list[list[tuple[str, bool]]]]


class Passage(_Answer):
    id: int
    document_id: int
    document: str
    file_name: str
    text: str
    spans: list[Span]
    section: str | None
    kind: ChunkKind


class PassageOnPage(_Answer):
    """A page of the passage's paper: `boxes` mark it on `picture`; a paper that is no PDF has `blocks` in their place.

    `note` says where else the passage stands, or why nothing is marked; `passages` are all that stand on the page.
    """

    document: Document
    passage: Passage
    page: int
    width: float
    height: float
    picture: str | None
    boxes: list[Box]
    blocks: list[Block]
    note: str
    citation: str
    bibtex: str
    passages: list[Passage]


# --- judgements ---


class Verdict(_Request):
    """`rank` and `model_id` tell where the passage was shown, and by which model; None where it was not."""

    query: str = Field(max_length=LONGEST_QUESTION)
    chunk_id: Id
    relevance: int = Field(ge=0, le=1, description="1 answers the question, 0 does not")
    rank: int | None = Field(None, ge=1, le=1000)
    model_id: Id | None = None
    part: str | None = Field(
        None, max_length=10_000, description="the words of the passage it is about; all of it unless given"
    )
    judge: str | None = Field(None, max_length=80, description="who says so")


class Stored(_Answer):
    """`stored` is false where this very verdict was there already."""

    stored: bool


class Judgement(_Answer):
    id: int
    query: str
    chunk_id: int
    document_id: int
    document: str
    sha256: str
    page: int
    start: int
    end: int
    text: str
    relevance: int
    rank: int | None
    model_id: int | None
    at: str
    narrowed: bool
    judge: str | None


class Judgements(_Answer):
    judgements: list[Judgement]


class Withdrawn(_Answer):
    withdrawn: int


class Imported(_Answer):
    """`refused` has one sentence a line that was not taken."""

    stored: int
    known: int
    refused: list[str]


# --- models and jobs ---


class Recipe(_Request):
    """What a retrain is started with; what is not given is the preset's."""

    preset: str = "default"
    base_model_id: Id | None = Field(None, description="the version to start from; the active one unless given")
    batch_size: int | None = None
    epochs: int | None = None
    learning_rate: float | None = None
    matryoshka_dims: list[int] | None = Field(None, max_length=32)
    promote: bool | None = Field(None, description="make it the active version if it is recommended")


class Job(_Answer):
    """Heavy work: `done` of `total` units of `step`; `seconds_left` is null while unknown."""

    id: int
    kind: JobKind
    params: dict[str, Any]
    state: JobState
    step: str
    item: str
    done: int
    total: int
    seconds_left: float | None
    reason: str | None
    result: dict[str, Any]
    created_at: str
    finished_at: str | None
    dismissed: bool
    stopping: bool


class Jobs(_Answer):
    jobs: list[Job]


class Model(_Answer):
    """A model version; `report` is its comparison, where there was one, with the `decision` in words."""

    id: int
    name: str
    source: str
    dimension: int
    window: int
    fingerprint: str
    parent_id: int | None
    state: ModelState
    created_at: str
    report: dict[str, Any]
    removed_papers: int


class Models(_Answer):
    """`learnt_from_removed` are the versions that have learnt from papers since removed."""

    active: int | None
    models: list[Model]
    learnt_from_removed: list[int]


class Promotion(_Request):
    against_advice: bool = Field(False, description="also where its comparison did not recommend it")


class Source(_Request):
    source: str = Field(min_length=1, max_length=1000, description="packaged-minilm, a hub id, or a folder")


class Switched(_Answer):
    """`job` embeds what is missing and then switches; it is null where `active` answers already."""

    job: Job | None
    active: Model | None


class TakenIn(_Answer):
    """An imported version, and the job that compares it with the model that answers."""

    model: Model
    job: Job


class Begun(_Answer):
    """The job that does it; null where there is nothing to do."""

    job: Job | None


# --- what is worth judging ---


class Proposal(_Answer):
    """A passage to judge for a question, and why; `rank` is null where the model was not asked."""

    id: int
    kind: ProposalKind
    query: str
    chunk: Passage
    reason: str
    rank: int | None
    model_id: int


class Proposals(_Answer):
    proposals: list[Proposal]


class Ids(_Request):
    ids: _Ids


class SuggestedQuestion(_Answer):
    query: str
    chunk_id: int
    page: int


class SuggestedQuestions(_Answer):
    """`source` says who made them."""

    questions: list[SuggestedQuestion]
    source: str


# --- the map ---


class MapModel(_Answer):
    id: int
    name: str


class MapGroup(_Answer):
    group: int
    name: str
    papers: int


class MapPaper(_Answer):
    """`new` ones were put among the others after the map was laid out."""

    id: int
    title: str
    year: int | None
    group: int
    collections: list[str]
    passages: int
    judged: int
    new: bool
    x: float
    y: float


class MapPassage(_Answer):
    id: int
    paper: int
    judged: int | None
    x: float
    y: float


class Map(_Answer):
    """Points around 0 at a mean square distance of 1; what is alike stands near each other."""

    model: MapModel
    made_at: str
    up_to_date: bool
    groups: list[MapGroup]
    papers: list[MapPaper]
    passages: list[MapPassage]


class MapAsked(_Request):
    model_id: Id | None = None
    anew: bool = False


class PassagesAsked(_Request):
    passages: list[Id] = Field(max_length=50)
    model_id: Id | None = None


class Place(_Answer):
    id: int
    paper: int
    x: float
    y: float


class Places(_Answer):
    """In the order asked for; those that can't be placed are left out."""

    places: list[Place]


class MapChange(_Answer):
    paper: int
    kept: float


class MapChanges(_Answer):
    papers: list[MapChange]


class Nearest(_Answer):
    papers: list[int]


# --- the library ---


class WatchedFolder(_Answer):
    """`problem` is why it could not be looked at the last time, or what in it could not be added."""

    path: str
    added_at: str
    problem: str | None


class WatchedFolders(_Answer):
    folders: list[WatchedFolder]


class Library(_Answer):
    """`papers` are those found in full; `device` is where the index is."""

    papers: int
    approved: int
    rejected: int
    model: str
    busy: bool
    device: str
    start: str


# --- the program ---


class NewSetting(_Request):
    value: Annotated[str, Field(max_length=1000)]


class Setting(_Answer):
    """`takes_effect` is null where no value is kept in the library; `waiting` is the value of the next start."""

    name: str
    value: str
    source: SettingSource
    default: str
    meaning: str
    takes_effect: str | None
    waiting: str | None


class Settings(_Answer):
    settings: list[Setting]
