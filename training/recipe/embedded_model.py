"""A model with its vectors of all passages: what is near a query, for it."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.settings import Settings
from core.types import ChunkIds, EmbeddingMatrix, ModelVersion
from indexer.encoder import Encoder
from search.evaluation import ndcg_at_k
from storage.database import open_database
from storage.library import chunks_by_id
from storage.vectors import ChangeMark, changes_since
from training.data.pairs import JudgedQuery, TrainingPair
from training.recipe.mining import Hit, Mined, mine_negatives

# Deep enough that hits remain when answers, and what is too near to them, are left out.
_HITS_FOR_MINING = 100


@dataclass(frozen=True, slots=True)
class EmbeddedModel:
    """`vectors` are the passages', row for row those of `ids`; `texts` gives the texts of some of them."""

    encoder: Encoder
    ids: ChunkIds
    vectors: EmbeddingMatrix
    texts: Callable[[Sequence[int]], Mapping[int, str]]

    def nearest(self, queries: Sequence[str], count: int) -> list[dict[int, Hit]]:
        """For each query its best passages by id, best first."""
        if not queries or not len(self.ids):
            return [{} for _ in queries]
        return self.nearest_to(self.encoder.encode_queries(queries), count)

    def nearest_to(self, query_vectors: EmbeddingMatrix, count: int) -> list[dict[int, Hit]]:
        """The same for queries that are embedded already."""
        scores = query_vectors @ self.vectors.T
        best = _best_rows(scores, count)
        texts = self.texts(sorted({int(self.ids[row]) for rows in best for row in rows}))
        found = []
        for number, rows in enumerate(best):
            ids = [(int(self.ids[row]), float(scores[number, row])) for row in rows]
            found.append({id_: Hit(texts[id_], score) for id_, score in ids if id_ in texts})
        return found

    def best(self, query_vectors: EmbeddingMatrix, count: int) -> list[int]:
        """The ids of the best passages for any of the queries, each once."""
        rows = _best_rows(query_vectors @ self.vectors.T, count)
        return [int(self.ids[row]) for row in dict.fromkeys(rows.ravel().tolist())]

    def score(self, queries: Sequence[JudgedQuery]) -> float:
        """Mean nDCG@10 of the queries over all passages; 0 without queries."""
        asked = self.encoder.encode_queries([query.text for query in queries])
        rows = _best_rows(asked @ self.vectors.T, 10) if len(self.ids) else np.zeros((len(queries), 0), np.intp)
        scores = [
            ndcg_at_k(self.ids[ranked].tolist(), {chunk: 1 for chunk, _ in query.relevant}, 10)
            for query, ranked in zip(queries, rows, strict=True)
        ]
        return float(np.mean(scores)) if scores else 0.0

    def mine(self, pairs: Sequence[TrainingPair], wanted: int) -> Mined:
        queries = list(dict.fromkeys(pair.query for pair in pairs))
        hits = self.nearest(queries, _HITS_FOR_MINING)
        return mine_negatives(pairs, {q: list(h.values()) for q, h in zip(queries, hits, strict=True)}, wanted)

    def sample(self, count: int, seed: int) -> list[str]:
        """The texts of some passages, the same for the same seed."""
        ids = sorted(int(id_) for id_ in self.ids)
        return list(self.texts(random.Random(seed).sample(ids, min(count, len(ids)))).values())


def _best_rows(scores: NDArray[np.float32], count: int) -> NDArray[np.intp]:
    return np.argsort(-scores, axis=1, kind="stable")[:, :count]


def open_embedded_model(settings: Settings, version: ModelVersion, encoder: Encoder) -> EmbeddedModel:
    """The model over the library's passages, as they are now."""

    def texts(ids: Sequence[int]) -> dict[int, str]:
        with open_database(settings.database) as db:
            return {chunk.id: chunk.text for chunk in chunks_by_id(db, ids).values()}

    with open_database(settings.database) as db:
        passages = changes_since(db, version.id, version.dimension, ChangeMark())
    return EmbeddedModel(encoder, passages.added, passages.vectors, texts)
