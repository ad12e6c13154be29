"""Question in, ranked passages out, with one model version from end to end."""

import logging
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from pathlib import Path

import numpy as np
from sqlite_utils import Database

from core.errors import LibraryError, NotFoundError
from core.settings import Settings
from core.types import ChunkKind, EmbeddingMatrix, Hit, ModelVersion, ScoredChunks, SearchMode, SearchResult
from indexer.encoder import Encoder, load_version
from search.floor import embed_general_questions, find_floor
from search.fusion import DEPTH, fuse
from search.vector_index import VectorIndex
from search.words import WordQuery, parse_words
from storage import library, models
from storage.database import open_database
from storage.vectors import ChangeMark, change_mark, changes_since
from storage.words import find_words

logger = logging.getLogger(__name__)

K_LEAST, K_MOST = 1, 50
# How many passages of reference lists may come before the k that are shown.
_REFERENCES_PASSED = 20
_SHARE_OF_CHANGE = 0.1


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """`k` passages for a question, of all papers, or of those in `document_ids` where it is not None."""

    query: str
    k: int = 10
    document_ids: tuple[int, ...] | None = None
    mode: SearchMode = SearchMode.BOTH


@dataclass(slots=True)
class LiveModel:
    """A model version with its encoder and its index: always used together."""

    version: ModelVersion
    encoder: Encoder
    index: VectorIndex
    mark: ChangeMark = field(default_factory=ChangeMark)
    lock: threading.Lock = field(default_factory=threading.Lock)
    floor: float | None = None
    general: EmbeddingMatrix | None = None
    passages_at_floor: int = 0

    def serves(self, version: ModelVersion) -> bool:
        """Whether this is the version, with the files it has now."""
        return (self.version.id, self.version.fingerprint) == (version.id, version.fingerprint)

    def catch_up(self, db: Database) -> None:
        """Bring the index to what the rows are now."""
        if change_mark(db) == self.mark:
            return
        with self.lock:
            changes = changes_since(db, self.version.id, self.version.dimension, self.mark)
            self.index.update(changes.removed, changes.added, changes.vectors)
            self.mark = changes.mark
            self._find_floor()

    def _find_floor(self) -> None:
        """Anew where the library has grown or shrunk by so much that another floor may hold."""
        passages = len(self.index)
        if abs(passages - self.passages_at_floor) <= _SHARE_OF_CHANGE * self.passages_at_floor:
            return
        if self.general is None:
            self.general = embed_general_questions(self.encoder)
        self.floor = find_floor(self.index.best_scores(self.general), passages)
        self.passages_at_floor = passages

    def rank(self, db: Database, request: SearchRequest, query: str, k: int, among: Sequence[int] | None) -> "Ranked":
        """The k best passages by what the request asks for, with their cosines and both ranks; words are looked up
        in the rows, so a passage without a vector yet is left out."""
        self.catch_up(db)
        vector, words = self.encoder.encode_query(query), parse_words(query)
        dense: list[int] = []
        lexical: list[int] = []
        if request.mode is not SearchMode.WORDS:
            dense = self.index.search(vector, max(k, DEPTH), among).ids.tolist()
        if request.mode is not SearchMode.MEANING and words.match:
            lexical = find_words(db, words.match, max(k, DEPTH), among).ids.tolist()
        ids = fuse(dense, lexical, words) if dense and lexical else dense or lexical
        cosines = self.index.search(vector, len(ids), ids) if ids else ScoredChunks(np.array([]), np.array([]))
        scores = dict(zip(cosines.ids.tolist(), cosines.scores.tolist(), strict=True))
        ids = [chunk_id for chunk_id in ids if chunk_id in scores]
        return Ranked(ids, scores, _ranks(dense), _ranks(lexical), words)

    def nearest(self, db: Database, query: str, k: int, among: Sequence[int] | None = None) -> ScoredChunks:
        self.catch_up(db)
        return self.index.search(self.encoder.encode_query(query), k, among)


@dataclass(frozen=True, slots=True)
class Ranked:
    """Chunk ids, best first; the cosine of each; the ranks by meaning and by words of those that have one."""

    ids: list[int]
    scores: dict[int, float]
    dense: dict[int, int]
    lexical: dict[int, int]
    words: WordQuery


def _ranks(ids: Sequence[int]) -> dict[int, int]:
    return {chunk_id: rank for rank, chunk_id in enumerate(ids, start=1)}


def load_live_model(db: Database, version: ModelVersion, home: Path) -> LiveModel:
    """Load a version's encoder and build its index from the rows."""
    encoder = load_version(version, home)
    live = LiveModel(version, encoder, VectorIndex(version.dimension))
    live.catch_up(db)
    return live


class Searcher:
    """Answers questions with the library's active model, and follows when another one becomes active."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._live: LiveModel | None = None
        self._rival: LiveModel | None = None
        self._switch = threading.Lock()

    def search(self, request: SearchRequest) -> SearchResult:
        """Ranked passages, best first; none for an empty question or an empty library.

        A passage removed in the middle of the search is left out.
        """
        with open_database(self._settings.database) as db:
            live = self.live_model(db)
            started = time.perf_counter()
            query = request.query.strip()
            hits: tuple[Hit, ...] = ()
            answered = True
            if query:
                k = min(max(request.k, K_LEAST), K_MOST)
                ranked = live.rank(db, request, query, k, _among(db, request))
                hits = _put_references_last(_load_hits(db, ranked, k + _REFERENCES_PASSED), ranked.words)[:k]
                answered = _is_answered(hits, live.floor, ranked)
            return SearchResult(request.query, live.version, time.perf_counter() - started, hits, live.floor, answered)

    def search_blind(self, request: SearchRequest) -> SearchResult:
        """The `k` best passages of the active model and of its rival, taken from both in turn, shuffled.

        Nothing in it tells which model found a passage, so a verdict favours neither: every score is 0. The same
        question has the same order. Raises NotFoundError where there is no second model.
        """
        with open_database(self._settings.database) as db:
            live, rival = self.live_model(db), self._rival_model(db)

            def shuffled(db: Database, query: str, k: int, among: Sequence[int] | None) -> ScoredChunks:
                chance = random.Random(query)
                found = [one.nearest(db, query, k, among).ids.tolist() for one in (live, rival)]
                # Who comes first matters only where the last place is one model's.
                chance.shuffle(found)
                in_turn = dict.fromkeys(chunk_id for both in zip_longest(*found) for chunk_id in both)
                ids = sorted([chunk_id for chunk_id in in_turn if chunk_id is not None][:k])
                chance.shuffle(ids)
                return ScoredChunks(np.array(ids, np.int64), np.zeros(len(ids), np.float32))

            return _answer(db, request, live.version, shuffled)

    def live_model(self, db: Database) -> LiveModel:
        """The active model, loaded; the one before goes on serving the searches that hold it."""
        active = models.active_model(db)
        if active is None:
            raise LibraryError("This library has no model yet. Start the app or add a paper first.")
        live = self._live
        if live is not None and live.serves(active):
            return live
        with self._switch:
            live = self._live
            if live is None or not live.serves(active):
                live = load_live_model(db, active, self._settings.home)
                self._live = live
                logger.info("searching with %s on %s (%s)", active.name, live.index.device.name, live.index.device.why)
        return live

    def _rival_model(self, db: Database) -> LiveModel:
        version = models.rival_model(db)
        if version is None:
            raise NotFoundError("There is only one model so far, so nothing to judge blind. Retrain first.")
        with self._switch:
            if self._rival is None or not self._rival.serves(version):
                self._rival = load_live_model(db, version, self._settings.home)
            return self._rival


def _answer(
    db: Database,
    request: SearchRequest,
    version: ModelVersion,
    find: Callable[[Database, str, int, Sequence[int] | None], ScoredChunks],
) -> SearchResult:
    """What `find` finds for the question, for `k` within its bounds and among the papers asked for."""
    started = time.perf_counter()
    query = request.query.strip()
    hits: tuple[Hit, ...] = ()
    if query:
        k = min(max(request.k, K_LEAST), K_MOST)
        hits = _join_live_chunks(db, find(db, query, k, _among(db, request)))
    return SearchResult(request.query, version, time.perf_counter() - started, hits)


def _load_hits(db: Database, ranked: Ranked, most: int) -> list[Hit]:
    chunks = library.chunks_by_id(db, ranked.ids[:most])
    return [
        Hit(0, ranked.scores[chunk_id], chunks[chunk_id], ranked.dense.get(chunk_id), ranked.lexical.get(chunk_id))
        for chunk_id in ranked.ids[:most]
        if chunk_id in chunks
    ]


def _put_references_last(hits: Sequence[Hit], words: WordQuery) -> tuple[Hit, ...]:
    """Passages of a reference list behind the others, unless the question asks for references; ranks from 1."""

    def comes_last(hit: Hit) -> bool:
        return hit.chunk.kind is ChunkKind.REFERENCE and not words.wants_references

    ordered = sorted(hits, key=comes_last)
    return tuple(replace(hit, rank=rank) for rank, hit in enumerate(ordered, start=1))


def _is_answered(hits: Sequence[Hit], floor: float | None, ranked: Ranked) -> bool:
    """Whether a hit is nearer than what has nothing to do with the question, or has the very words it names."""
    if floor is None or not hits:
        return True
    named = ranked.words.exact and bool(ranked.lexical)
    return named or max(hit.score for hit in hits) >= floor


def _among(db: Database, request: SearchRequest) -> list[int] | None:
    return None if request.document_ids is None else _chunk_ids(db, request.document_ids)


def _chunk_ids(db: Database, document_ids: Sequence[int]) -> list[int]:
    marks = ", ".join("?" * len(document_ids))
    rows = db.conn.execute(f"SELECT id FROM chunks WHERE document_id IN ({marks})", list(document_ids))
    return [row[0] for row in rows]


def _join_live_chunks(db: Database, found: ScoredChunks) -> tuple[Hit, ...]:
    chunks = library.chunks_by_id(db, found.ids.tolist())
    scored = [
        (chunks[chunk_id], score)
        for chunk_id, score in zip(found.ids.tolist(), found.scores.tolist(), strict=True)
        if chunk_id in chunks
    ]
    return tuple(Hit(rank, score, chunk) for rank, (chunk, score) in enumerate(scored, start=1))
