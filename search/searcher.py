"""Question in, ranked passages out, with one model version from end to end."""

import logging
import random
import threading
import time
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest

import numpy as np
from sqlite_utils import Database

from core.errors import LibraryError, NotFoundError, QuestionError
from core.settings import Settings
from core.types import ChunkIds, ChunkKind, Filter, Hit, SearchMode, SearchResult
from search.grouping import overlap, spread_over_papers
from search.live_model import LiveModel, Ranked, load_live_model
from search.reranker import RERANKED, Reranker, load_reranker
from search.words import WordQuery, parse_words
from storage import library, models
from storage.database import open_database
from storage.filtering import filtered_chunks
from storage.words import stand

logger = logging.getLogger(__name__)

K_LEAST, K_MOST = 1, 50
# How many passages of reference lists may come before the k that are shown.
_REFERENCES_PASSED = 20
# How long these took is told; what was asked is not kept.
_SEARCHES_REMEMBERED = 200
# A passage, and how many at most may share text with it.
_OVERLAPPING = 6
NO_WORD = (
    "No passage has these words; the commonest, such as “the”, are not looked up. Ask with others, or rank by meaning."
)


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """The `k` best passages for a question among those that pass the filter.

    With `spread`, at most so many of a paper come before the others. With `like`, the passages are those nearest to the
    one of this id, by meaning, and the question is only what they are judged for; it may be empty then.
    """

    query: str
    k: int = 10
    filter: Filter = field(default_factory=Filter)
    mode: SearchMode = SearchMode.BOTH
    spread: int | None = None
    like: int | None = None


class Searcher:
    """Answers questions with the library's active model, and follows when another one becomes active."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._live: LiveModel | None = None
        self._rival: LiveModel | None = None
        self._switch = threading.Lock()
        self.recent_seconds: deque[float] = deque(maxlen=_SEARCHES_REMEMBERED)
        self._reranker: Reranker | None = None

    def search(self, request: SearchRequest) -> SearchResult:
        """Ranked passages, best first; none for an empty question or an empty library.

        A passage removed in the middle of the search is left out.
        """
        with open_database(self._settings.database) as db:
            live = self.live_model(db)
            started = time.perf_counter()
            asked = _bounded(request)
            if asked.like is not None:
                hits = _number(_choose(_load_like(db, live, asked, asked.like), asked))
                return _unweighed(request, live, started, hits)
            if not asked.query:
                return _unweighed(request, live, started, ())
            words, among = parse_words(asked.query), filtered_chunks(db, asked.filter)
            ranked = live.rank(db, words, asked.mode, asked.k, among)
            floor = live.floor()
            # To spread them, papers further down are needed too; and what a reranker puts first hangs on no k.
            most = len(ranked.ids) if asked.spread else max(asked.k + _REFERENCES_PASSED, RERANKED)
            loaded = self._rerank(asked.query, _load_hits(db, ranked, most))
            hits = _number(_choose(_put_references_last(loaded, words), asked))
            answered = _is_answered(hits, floor, ranked.known) or _name_what_is_asked(db, words, hits)
            missing = () if asked.mode is SearchMode.MEANING else _find_missing(db, words, among)
            seconds = time.perf_counter() - started
            self.recent_seconds.append(seconds)
            return SearchResult(request.query, live.version, seconds, hits, floor, answered, missing)

    def _rerank(self, query: str, hits: list[Hit]) -> list[Hit]:
        """The hits in the order of the reranker where one is set."""
        if self._settings.reranker is None:
            return hits
        with self._switch:
            if self._reranker is None:
                self._reranker = load_reranker(self._settings.reranker, self._settings.home)
        return self._reranker.rerank(query, hits)

    def search_blind(self, request: SearchRequest) -> SearchResult:
        """The `k` best passages of the active model and of its rival, taken from both in turn, shuffled.

        Nothing in it tells which model found a passage, so a verdict favours neither: every score is 0. The same
        question has the same order. `mode` and `spread` do not count. Raises NotFoundError where there is no second
        model, and QuestionError where passages like another are asked for.
        """
        if request.like is not None:
            raise QuestionError("Passages like another are not judged blind. Leave out one of the two.")
        with open_database(self._settings.database) as db:
            live, rival = self.live_model(db), self._rival_model(db)
            started = time.perf_counter()
            asked = _bounded(request)
            ids = _in_turn(db, asked, live, rival) if asked.query else []
            shuffled = Ranked(ids, dict.fromkeys(ids, 0.0), {}, {})
            return _unweighed(request, live, started, _number(_load_hits(db, shuffled, asked.k)))

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


def lacks_words(db: Database, request: SearchRequest) -> bool:
    """Whether a search without hits has none because no passage has its words."""
    if request.mode is not SearchMode.WORDS or request.like is not None or not library.count_chunks(db):
        return False
    among = filtered_chunks(db, request.filter)
    return among is None or len(among) > 0


def _unweighed(request: SearchRequest, live: LiveModel, started: float, hits: tuple[Hit, ...]) -> SearchResult:
    """A result of which no score is held against a floor."""
    return SearchResult(request.query, live.version, time.perf_counter() - started, hits, answered=bool(hits))


def _bounded(request: SearchRequest) -> SearchRequest:
    """The request with `k` within its bounds and no white space around the question."""
    return replace(request, query=request.query.strip(), k=min(max(request.k, K_LEAST), K_MOST))


def _in_turn(db: Database, request: SearchRequest, *models: LiveModel) -> list[int]:
    among = filtered_chunks(db, request.filter)
    found = [live.nearest(db, request.query, request.k, among).ids.tolist() for live in models]
    chance = random.Random(request.query)
    # Who comes first matters only where the last place is one model's.
    chance.shuffle(found)
    merged = dict.fromkeys(chunk_id for place in zip_longest(*found) for chunk_id in place if chunk_id is not None)
    ids = sorted(list(merged)[: request.k])
    chance.shuffle(ids)
    return ids


def _load_hits(db: Database, ranked: Ranked, most: int) -> list[Hit]:
    """The hits of the `most` best that are still there, in order, without a rank yet."""
    chunks = library.chunks_by_id(db, ranked.ids[:most])
    return [
        Hit(0, ranked.scores[chunk_id], chunks[chunk_id], ranked.dense.get(chunk_id), ranked.lexical.get(chunk_id))
        for chunk_id in ranked.ids[:most]
        if chunk_id in chunks
    ]


def _load_like(db: Database, live: LiveModel, request: SearchRequest, chunk_id: int) -> list[Hit]:
    """The passages nearest to this one, without it and those that share text with it."""
    chunk = library.get_chunk(db, chunk_id)
    ranked = live.rank_like(db, chunk_id, request.k + _OVERLAPPING, filtered_chunks(db, request.filter))
    return [hit for hit in _load_hits(db, ranked, len(ranked.ids)) if not overlap(hit.chunk, chunk)]


def _choose(hits: Sequence[Hit], request: SearchRequest) -> Sequence[Hit]:
    return (spread_over_papers(hits, request.spread) if request.spread else hits)[: request.k]


def _number(hits: Iterable[Hit]) -> tuple[Hit, ...]:
    return tuple(replace(hit, rank=rank) for rank, hit in enumerate(hits, start=1))


def _put_references_last(hits: Sequence[Hit], words: WordQuery) -> list[Hit]:
    """Passages of a reference list behind the others, unless the question asks for references."""

    def comes_last(hit: Hit) -> bool:
        return hit.chunk.kind is ChunkKind.REFERENCE and not words.wants_references

    return sorted(hits, key=comes_last)


def _is_answered(hits: Sequence[Hit], floor: float | None, known: bool) -> bool:
    """Whether a hit is nearer than what has nothing to do with the question; or has its words, where the model does not
    know the question."""
    if floor is None or not hits:
        return bool(hits)
    if not known:
        return any(hit.lexical_rank is not None for hit in hits)
    return max(hit.score for hit in hits) >= floor


def _name_what_is_asked(db: Database, words: WordQuery, hits: Sequence[Hit]) -> bool:
    """Whether one of those that were found by words has the very name, number or phrase of the question."""
    found = [hit.chunk.id for hit in hits if hit.lexical_rank is not None]
    return bool(words.names and found) and stand(db, words.names, np.array(found))


def _find_missing(db: Database, words: WordQuery, among: ChunkIds | None) -> tuple[str, ...]:
    """Of what the question names exactly, that which stands in none of the passages among which is searched."""
    return tuple(one.written for one in words.named if not stand(db, one.string, among))
