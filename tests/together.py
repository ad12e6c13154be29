"""Many who search while one adds, removes, judges and switches models: every answer is whole and of one model."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from sqlite_utils import Database

from core.errors import PromotionError
from core.settings import Settings
from core.types import SearchResult, Vector
from indexer.encoder import load_version
from indexer.ingest import add_file, remove_documents
from search.searcher import Searcher, SearchRequest
from storage import judgements, library, models
from storage.database import open_database
from tests.kills import running_worker, wait_for_end
from tests.libraries import TOPICS, add_version, make_library, topic_paper, work
from tests.papers import write
from training.promotion import switch_now_or_later

_QUESTIONS = [f"what does this paper tell about {topic}?" for topic in TOPICS]
_PAPERS_AT_FIRST, _MOST_PAPERS = 4, 12
_TOLERANCE = 1e-4
_SECONDS_BETWEEN_STEPS = 0.05


@dataclass
class Seen:
    """What the readers saw; `scores` is how many scores were computed once more and were the same."""

    searches: int = 0
    scores: int = 0
    by_model: Counter[str] = field(default_factory=Counter)
    steps: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


def read_and_write(folder: Path, readers: int, going_on: Callable[[Seen], bool], seed: int = 1) -> Seen:
    """Search in so many threads, and change the library by random steps while `going_on`; a worker has its process.

    Raises whatever went wrong first, in a reader or in the writer, and AssertionError for a wrong answer.
    """
    settings = make_library(folder / "library", folder / "model")
    for number in range(_PAPERS_AT_FIRST):
        add_file(settings, write(folder, f"{number}.pdf", topic_paper(number)))
    work(settings)
    with open_database(settings.database) as db:
        add_version(settings, db, 1)
    reading = _Reading(settings)
    ended = threading.Event()
    with running_worker(settings), ThreadPoolExecutor(readers) as executor:
        all_readers = [executor.submit(reading.read_until, ended, seed + number) for number in range(readers)]
        try:
            writer = _Writer(settings, folder, random.Random(seed), reading.seen.steps)
            while going_on(reading.seen) and not any(one.done() for one in all_readers):
                writer.step()
                ended.wait(_SECONDS_BETWEEN_STEPS)
        finally:
            ended.set()
        for one in all_readers:
            one.result()
        wait_for_end(settings)
    return reading.seen


class _Reading:
    """One searcher for all readers, and each model's own vectors of the questions."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._searcher = Searcher(settings)
        self._asked: dict[int, dict[str, Vector]] = {}
        self.seen = Seen()
        with open_database(settings.database) as db:
            for version in models.list_models(db):
                vectors = load_version(version, settings.home).encode_queries(_QUESTIONS)
                self._asked[version.id] = dict(zip(_QUESTIONS, vectors, strict=True))

    def read_until(self, ended: threading.Event, seed: int) -> None:
        chance = random.Random(seed)
        while not ended.is_set():
            began = time.perf_counter()
            result = self._searcher.search(SearchRequest(chance.choice(_QUESTIONS)))
            took = time.perf_counter() - began
            checked = self._check(result)
            with self.seen.lock:
                self.seen.searches += 1
                self.seen.scores += checked
                self.seen.by_model[result.model.name] += 1
                self.seen.seconds.append(took)

    def _check(self, result: SearchResult) -> int:
        """How many hits are still there; the score of each is what the result's model alone gives it."""
        assert result.hits
        scores = {hit.chunk.id: hit.score for hit in result.hits}
        assert len(scores) == len(result.hits), "a passage came twice"
        asked = self._asked[result.model.id][result.query]
        with open_database(self._settings.database) as db:
            for chunk_id, vector in _vectors(db, result.model.id, list(scores)).items():
                assert abs(float(vector @ asked) - scores[chunk_id]) < _TOLERANCE, "a score of another model"
        return len(scores)


def _vectors(db: Database, model_id: int, chunk_ids: list[int]) -> dict[int, Vector]:
    marks = ", ".join("?" * len(chunk_ids))
    rows = db.conn.execute(
        f"""
        SELECT c.id, e.vector FROM chunks c JOIN embeddings e ON e.content_hash = c.content_hash AND e.model_id = ?
        WHERE c.id IN ({marks})
        """,
        [model_id, *chunk_ids],
    )
    return {chunk_id: np.frombuffer(vector, np.float32) for chunk_id, vector in rows}


class _Writer:
    def __init__(self, settings: Settings, folder: Path, chance: random.Random, steps: Counter[str]) -> None:
        self._settings = settings
        self._folder = folder
        self._chance = chance
        self._steps = steps
        self._next_paper = _PAPERS_AT_FIRST

    def step(self) -> None:
        with open_database(self._settings.database) as db:
            documents = library.list_documents(db)
            # The first stay, so that there is always something to find.
            later = [document.id for document in documents if document.id > _PAPERS_AT_FIRST]
            step = self._chance.choice(["add", "judge", "remove", "switch", "switch"])
            if step == "add" and len(documents) < _MOST_PAPERS:
                pdf = write(self._folder, "next.pdf", topic_paper(self._next_paper))
                add_file(self._settings, pdf, f"{self._next_paper}.pdf")
                self._next_paper += 1
            elif step == "remove" and later:
                remove_documents(self._settings, [self._chance.choice(later)])
            elif step == "judge":
                self._judge(db, self._chance.choice(documents).id)
            elif step == "switch":
                self._switch(db)
            else:
                return
        self._steps[step] += 1

    def _judge(self, db: Database, document_id: int) -> None:
        chunks = library.chunks_of_document(db, document_id)
        for chunk in chunks[:1]:
            question = self._chance.choice(_QUESTIONS)
            if not judgements.store_judgement(db, question, chunk.id, self._chance.choice((0, 1))):
                judgements.take_back_judgement(db, question, chunk.id)

    def _switch(self, db: Database) -> None:
        active = models.active_model(db)
        assert active is not None
        other = next(version for version in models.list_models(db) if version.id != active.id)
        try:
            switch_now_or_later(self._settings, {"model_id": other.id})
        except PromotionError:
            # The one before is under way still.
            self._steps["switch refused"] += 1
