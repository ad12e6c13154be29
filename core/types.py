"""Every domain type that passes between stages; frozen values, in the order of the flow."""

import hashlib
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from core.formats import DocumentFormat

EmbeddingMatrix: TypeAlias = NDArray[np.float32]
"""float32, one row a text, every row of unit length, so that an inner product is a cosine."""

Vector: TypeAlias = NDArray[np.float32]
"""float32, one dimension, unit length."""

ChunkIds: TypeAlias = NDArray[np.int64]


# --- reading -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a page: `text[start:end]` and where it stands, in points from the page's bottom left."""

    start: int
    end: int
    left: float
    bottom: float
    right: float
    top: float
    font_size: float
    bold: bool


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle on a page picture, as shares of its width and height, from the top left."""

    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Word:
    """A word recognised on a page's picture: `text[start:end]`, and where it stands there."""

    start: int
    end: int
    box: Box


class PageSource(StrEnum):
    """Where a page's text comes from: its text layer, or recognition; empty has none, failed could not be read."""

    TEXT = "text"
    OCR = "ocr"
    EMPTY = "empty"
    FAILED = "failed"


class BlockKind(StrEnum):
    """What a block of a converted paper is; an item is one of a list."""

    HEADING = "heading"
    PARAGRAPH = "paragraph"
    ITEM = "item"
    CODE = "code"
    TABLE = "table"
    CAPTION = "caption"
    FOOTNOTE = "footnote"
    REFERENCE = "reference"


@dataclass(frozen=True, slots=True)
class Block:
    """A part of a converted page, `text[start:end]`; `level` is a heading's, from 1."""

    start: int
    end: int
    kind: BlockKind
    level: int = 0


@dataclass(frozen=True, slots=True)
class Page:
    """One page as read.

    Of a text layer, `text[i]` is PDFium's character `i`, so an offset is also a glyph index; a recognised page has
    `words` in place of glyphs, and one of a paper that is no PDF has `blocks` and neither a size nor a picture.
    `reason` tells why a page is empty or failed; `needs_ocr` is set where its picture shows what its text layer does
    not tell.
    """

    number: int
    text: str
    width: float
    height: float
    lines: tuple[Line, ...] = ()
    source: PageSource = PageSource.TEXT
    reason: str | None = None
    needs_ocr: bool = False
    words: tuple[Word, ...] = ()
    blocks: tuple[Block, ...] = ()

    def text_of(self, line: Line) -> str:
        return self.text[line.start : line.end]


@dataclass(frozen=True, slots=True)
class OutlineEntry:
    title: str
    page: int
    level: int


@dataclass(frozen=True, slots=True)
class Metadata:
    """What is known of a paper. `year` is that of its appearance by its own first page, never the file's."""

    title: str | None = None
    authors: tuple[str, ...] = ()
    year: int | None = None
    doi: str | None = None
    arxiv_id: str | None = None


@dataclass(frozen=True, slots=True)
class PaperText:
    """All that reading a paper yields."""

    pages: tuple[Page, ...]
    outline: tuple[OutlineEntry, ...]
    metadata: Metadata


# --- chunks ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Span:
    """Characters `start` to `end` (exclusive) of one page's own text."""

    page: int
    start: int
    end: int


def content_hash(text: str) -> str:
    """The key of an embedding: SHA-256 of exactly the text that is embedded."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class ChunkKind(StrEnum):
    """What part of a paper a passage is; a figure is the text inside it, a footnote also a notice."""

    BODY = "body"
    CAPTION = "caption"
    FIGURE = "figure"
    TABLE = "table"
    FOOTNOTE = "footnote"
    REFERENCE = "reference"


@dataclass(frozen=True, slots=True)
class Chunk:
    """A passage before it is stored: what is embedded, and where it stands (spans in reading order)."""

    text: str
    spans: tuple[Span, ...]
    section: str | None = None
    kind: ChunkKind = ChunkKind.BODY


@dataclass(frozen=True, slots=True)
class StoredChunk:
    """A chunk with its paper: `document` is the paper's title, `file_name` the first name it came under."""

    id: int
    document_id: int
    document: str
    file_name: str
    text: str
    spans: tuple[Span, ...]
    section: str | None
    kind: ChunkKind = ChunkKind.BODY

    @property
    def page(self) -> int:
        return self.spans[0].page

    @property
    def start(self) -> int:
        return self.spans[0].start

    @property
    def end(self) -> int:
        return self.spans[0].end


# --- library -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PaperFile:
    """A paper's file and what it takes to open it; messages call it `name`."""

    path: Path
    name: str
    format: DocumentFormat = DocumentFormat.PDF
    password: str | None = field(default=None, repr=False)


class DocumentState(StrEnum):
    QUEUED = "queued"
    READING = "reading"
    EMBEDDING = "embedding"
    READY = "ready"
    FAILED = "failed"


UNFINISHED = (DocumentState.QUEUED, DocumentState.READING, DocumentState.EMBEDDING)


@dataclass(frozen=True, slots=True)
class Document:
    """A paper of the library; of its `pages`, some are `recognised` on their pictures, some `without_text`.

    `corrected` names the fields among title, authors, year, doi and arxiv_id that a person has set. A `locked` one is
    encrypted, and waits for its password. One with an `owner`, the id of a user, is private to them.
    """

    id: int
    sha256: str
    format: DocumentFormat
    names: tuple[str, ...]
    title: str
    authors: tuple[str, ...]
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
    corrected: tuple[str, ...] = ()
    owner: int | None = None

    @property
    def private(self) -> bool:
        return self.owner is not None


@dataclass(frozen=True, slots=True)
class Collection:
    """Papers put together under a name; a paper may be in several. One with an `owner` is private to that user."""

    id: int
    name: str
    papers: int
    owner: int | None = None

    @property
    def private(self) -> bool:
        return self.owner is not None


# --- models ------------------------------------------------------------------------------------


class ModelState(StrEnum):
    PREPARING = "preparing"
    READY = "ready"


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """A model the library knows. `source` is a hub id or a folder; a trained one has a `parent_id`.

    `removed_papers` is the number of papers it has learnt from that have been removed since.
    """

    id: int
    name: str
    source: str
    dimension: int
    window: int
    fingerprint: str
    parent_id: int | None
    state: ModelState
    created_at: str
    report: dict[str, Any] = field(default_factory=dict)
    removed_papers: int = 0

    @property
    def advised(self) -> bool:
        """Whether nothing speaks against its use: its comparison recommended it, or there was none."""
        return bool(self.report.get("recommended", True))


# --- search ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ScoredChunks:
    """Chunk ids and their scores, best first; both of the same length."""

    ids: ChunkIds
    scores: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class FoundVectors:
    """Chunk ids and their vectors; both of the same length."""

    ids: ChunkIds
    vectors: EmbeddingMatrix


class SearchMode(StrEnum):
    """What passages are ranked by: by meaning, with the model's vectors; by words, with BM25; or by both, fused."""

    BOTH = "both"
    MEANING = "meaning"
    WORDS = "words"


@dataclass(frozen=True, slots=True)
class Filter:
    """Which passages may answer: those that fit every part given, and of a part any of its values.

    What is None, or an empty author, excludes nothing; an empty tuple excludes everything. Both years are included; a
    paper without a known year, or without known authors, fits none.
    """

    papers: tuple[int, ...] | None = None
    collections: tuple[int, ...] | None = None
    year_from: int | None = None
    year_to: int | None = None
    author: str = ""
    kinds: tuple[ChunkKind, ...] | None = None

    @property
    def narrows(self) -> bool:
        """Whether anything is excluded."""
        return self != Filter()


@dataclass(frozen=True, slots=True)
class Hit:
    """A ranked passage: rank from 1; `score` is the cosine of question and passage.

    `dense_rank` and `lexical_rank` are its ranks by meaning and by words, None where it is not among the first there;
    `rerank` is the one that a reranker gave it, None without one and for what it did not look at.
    """

    rank: int
    score: float
    chunk: StoredChunk
    dense_rank: int | None = None
    lexical_rank: int | None = None
    rerank: int | None = None


@dataclass(frozen=True, slots=True)
class SearchResult:
    """`floor` is the least score of an answer, None where that is not known; `answered` whether a hit reaches it.

    `missing` are the names, numbers and phrases of the question that stand in no passage among which was searched.
    """

    query: str
    model: ModelVersion
    seconds: float
    hits: tuple[Hit, ...]
    floor: float | None = None
    answered: bool = True
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class KeptSearch:
    """A question with what narrows it, to be asked again; one without a `name` was asked and is not saved."""

    question: str
    filter: Filter = field(default_factory=Filter)
    mode: SearchMode = SearchMode.BOTH
    spread: int | None = None
    id: int = 0
    name: str | None = None
    at: str = ""


# --- judgements --------------------------------------------------------------------------------


class ProposalKind(StrEnum):
    """Why a verdict is asked for: as many people approve as reject, models disagree, a score is near the border, a part
    of the map has no judgement.
    """

    DISPUTED = "disputed"
    DISAGREEMENT = "disagreement"
    BORDER = "border"
    UNCOVERED = "uncovered"


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict on a passage for a query. `relevance` is 1 or 0; `rank` is None for a passage that was not shown.

    `text` is what was judged, which where `narrowed` is only a part of the passage; `judge` is who said so, by the name
    they gave, and `giver` the same for all verdicts of one of them. `private` is one on a private paper.
    """

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
    narrowed: bool = False
    judge: str | None = None
    giver: str = ""
    private: bool = False


@dataclass(frozen=True, slots=True)
class OthersVerdict:
    """What somebody else says of a passage for the question; None is somebody without a name."""

    judge: str | None
    relevance: int


# --- jobs --------------------------------------------------------------------------------------


class JobKind(StrEnum):
    INGEST = "ingest"
    SWITCH = "switch"
    RETRAIN = "retrain"
    COMPARE = "compare"
    MAP = "map"
    PROPOSE = "propose"


class JobState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Job:
    """A piece of heavy work. `done` of `total` units of `step`; `seconds_left` is None while unknown."""

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
    dismissed: bool = False
    stopping: bool = False

    @property
    def open(self) -> bool:
        return self.state in (JobState.QUEUED, JobState.RUNNING)
