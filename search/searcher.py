"""Question in, ranked passages out, with one model version from end to end."""

import logging
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path

import numpy as np
from sqlite_utils import Database

from core.errors import LibraryError, NotFoundError
from core.settings import Settings
from core.types import Hit, ModelVersion, ScoredChunks, SearchResult
from indexer.encoder import Encoder, load_version
from search.vector_index import VectorIndex
from storage import library, models
from storage.database import open_database
from storage.vectors import ChangeMark, change_mark, changes_since

logger = logging.getLogger(__name__)

K_LEAST, K_MOST = 1, 50


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """`k` passages for a question, of all papers, or of those in `document_ids` where it is not None."""

    query: str
    k: int = 10
    document_ids: tuple[int, ...] | None = None


@dataclass(slots=True)
class LiveModel:
    """A model version with its encoder and its index: always used together."""

    version: ModelVersion
    encoder: Encoder
    index: VectorIndex
    mark: ChangeMark = field(default_factory=ChangeMark)
    lock: threading.Lock = field(default_factory=threading.Lock)

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

    def nearest(self, db: Database, query: str, k: int, among: Sequence[int] | None = None) -> ScoredChunks:
        self.catch_up(db)
        return self.index.search(self.encoder.encode_query(query), k, among)


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
            return _answer(db, request, live.version, live.nearest)

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
        among = None if request.document_ids is None else _chunk_ids(db, request.document_ids)
        hits = _join_live_chunks(db, find(db, query, k, among))
    return SearchResult(request.query, version, time.perf_counter() - started, hits)


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
