"""A model version at work: its encoder and its index, always used together."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from sqlite_utils import Database

from core.errors import NotFoundError
from core.types import ChunkIds, EmbeddingMatrix, ModelVersion, ScoredChunks, SearchMode
from indexer.encoder import Encoder, load_version
from search.floor import FEWEST_PASSAGES, embed_general_questions, find_floor
from search.fusion import DEPTH, fuse, is_known
from search.index_cache import follow_rows, open_index
from search.questions import QuestionEmbedder
from search.vector_index import StoredVectors, VectorIndex
from search.words import WordQuery
from storage.database import whole_database
from storage.vectors import ChangeMark, change_mark, find_vectors, vector_of_chunk
from storage.words import find_words

_SHARE_OF_CHANGE = 0.1


@dataclass(frozen=True, slots=True)
class Ranked:
    """Chunk ids, best first; the cosine of each; the ranks by meaning and by words of those that have one.

    `known` tells whether the model knows the question, so that its cosines say something.
    """

    ids: list[int]
    scores: dict[int, float]
    dense: dict[int, int]
    lexical: dict[int, int]
    known: bool = True


@dataclass(slots=True)
class LiveModel:
    """A model version with its encoder and its index, kept at what the rows are."""

    version: ModelVersion
    encoder: Encoder
    index: VectorIndex
    _mark: ChangeMark
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _floor: float | None = None
    _general: EmbeddingMatrix | None = None
    _passages_at_floor: int = 0
    _questions: QuestionEmbedder = field(init=False)

    def __post_init__(self) -> None:
        self._questions = QuestionEmbedder(self.encoder.encode_queries)

    def serves(self, version: ModelVersion) -> bool:
        """Whether this is the version, with the files it has now."""
        return (self.version.id, self.version.fingerprint) == (version.id, version.fingerprint)

    def catch_up(self, db: Database) -> None:
        """Bring the index to what the rows are now."""
        if change_mark(db) == self._mark:
            return
        # All are in the index; what a viewer may see is looked up when it is asked.
        with self._lock, whole_database(db) as whole:
            self._mark = follow_rows(whole, self.version, self.index, self._mark)

    def floor(self) -> float | None:
        """The least score of an answer, None in a library too small to tell; found anew where the index has grown or
        shrunk by a tenth since."""
        with self._lock:
            passages = len(self.index)
            if passages < FEWEST_PASSAGES:
                return None
            if abs(passages - self._passages_at_floor) > _SHARE_OF_CHANGE * self._passages_at_floor:
                if self._general is None:
                    self._general = embed_general_questions(self.encoder)
                self._floor = find_floor(self.index.best_scores(self._general))
                self._passages_at_floor = passages
            return self._floor

    def rank(self, db: Database, words: WordQuery, mode: SearchMode, k: int, among: ChunkIds | None = None) -> Ranked:
        """At least the k best passages by meaning, words or both, of all or of those `among` the ids.

        Words are looked up in the rows, so a passage without a vector yet is left out.
        """
        self.catch_up(db)
        # Embedded in its own thread while the words are looked up and spelled in this one; either may be the slower.
        embedding = self._questions.begin(words.question)
        stored = self._stored(db)
        dense: list[int] = []
        lexical: list[int] = []
        if mode is not SearchMode.MEANING and words.match:
            # Meaning finds the others, where it is asked too.
            least = k if mode is SearchMode.WORDS else 1
            lexical = find_words(db, words.match, max(k, DEPTH), among, words.strings, least).ids.tolist()
        spelling = self.encoder.spelling(words.question)
        vector = embedding.result()
        if mode is not SearchMode.WORDS:
            dense = self.index.search(vector, max(k, DEPTH), among, stored).ids.tolist()
        ids = fuse(dense, lexical, words, spelling) if dense and lexical else dense or lexical
        cosines = self.index.search(vector, len(ids), ids, stored) if ids else ScoredChunks(np.array([]), np.array([]))
        scores = dict(zip(cosines.ids.tolist(), cosines.scores.tolist(), strict=True))
        return Ranked([one for one in ids if one in scores], scores, _ranks(dense), _ranks(lexical), is_known(spelling))

    def rank_like(self, db: Database, chunk_id: int, k: int, among: ChunkIds | None = None) -> Ranked:
        """At least the k passages nearest to a passage. Raises NotFoundError where that has no vector yet."""
        self.catch_up(db)
        vector = vector_of_chunk(db, self.version.id, chunk_id)
        if vector is None:
            raise NotFoundError("This passage is not embedded yet. Wait until its paper is ready.")
        found = self.index.search(vector, max(k, DEPTH), among, self._stored(db))
        ids = found.ids.tolist()
        return Ranked(ids, dict(zip(ids, found.scores.tolist(), strict=True)), _ranks(ids), {})

    def nearest(self, db: Database, query: str, k: int, among: ChunkIds | None = None) -> ScoredChunks:
        """The k passages of the highest cosine, best first, of all or of those `among` the ids."""
        self.catch_up(db)
        return self.index.search(self._questions.vector(query), k, among, self._stored(db))

    def _stored(self, db: Database) -> StoredVectors:
        return lambda ids: find_vectors(db, self.version.id, ids, self.version.dimension)


def _ranks(ids: Sequence[int]) -> dict[int, int]:
    return {chunk_id: rank for rank, chunk_id in enumerate(ids, start=1)}


def load_live_model(db: Database, version: ModelVersion, home: Path) -> LiveModel:
    """Load a version's encoder and its index."""
    encoder = load_version(version, home)
    with whole_database(db) as whole:
        now = open_index(whole, version, home)
    return LiveModel(version, encoder, now.index, now.mark)
