"""What a map is made of: for each paper some of its passages, spread over it, with their vectors."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from sqlite_utils import Database

from core.types import ChunkIds, ChunkKind, EmbeddingMatrix, ModelVersion

# More points than these are a crowd, and take minutes to lay out; every paper has one passage at least.
MOST_PASSAGES = 2000
_MOST_A_PAPER = 60


@dataclass(frozen=True, slots=True)
class Sample:
    """Passages by id, the paper of each, and their vectors, in the order of papers and of reading."""

    chunk_ids: ChunkIds
    document_ids: ChunkIds
    vectors: EmbeddingMatrix

    def rows_of(self, document_id: int) -> np.ndarray:
        return np.flatnonzero(self.document_ids == document_id)

    @property
    def papers(self) -> list[int]:
        return sorted(set(self.document_ids.tolist()))

    def paper_vectors(self) -> EmbeddingMatrix:
        """The mean of each paper's passages, a unit vector again, in the order of `papers`."""
        if not len(self.chunk_ids):
            return np.zeros((0, self.vectors.shape[1]), np.float32)
        means = np.stack([self.vectors[self.rows_of(paper)].mean(axis=0) for paper in self.papers])
        return (means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12)).astype(np.float32)


def choose_passages(passages: Iterable[tuple[int, int, str]], most: int = MOST_PASSAGES) -> list[tuple[int, int]]:
    """Of (paper, passage, kind) those to show, as (paper, passage): of each paper as many, spread over it.

    Running text tells most of what a paper is about; other passages stand in only where there is none.
    """
    by_paper: dict[int, tuple[list[int], list[int]]] = {}
    for paper, passage, kind in passages:
        body, other = by_paper.setdefault(paper, ([], []))
        (body if kind == ChunkKind.BODY else other).append(passage)
    share = min(max(most // max(len(by_paper), 1), 1), _MOST_A_PAPER)
    return [
        (paper, passage)
        for paper, (body, other) in sorted(by_paper.items())
        for passage in _spread(body or other, share)
    ]


def _spread(passages: Sequence[int], many: int) -> list[int]:
    if len(passages) <= many:
        return list(passages)
    return [passages[place] for place in np.linspace(0, len(passages) - 1, many).round().astype(int).tolist()]


def take_sample(db: Database, version: ModelVersion) -> Sample:
    """The passages to show of every paper that has vectors of the version."""
    embedded = db.conn.execute(
        """
        SELECT c.document_id, c.id, c.kind FROM chunks c
            JOIN embeddings e ON e.model_id = ? AND e.content_hash = c.content_hash
        ORDER BY c.document_id, c.id
        """,
        [version.id],
    )
    return read_sample(db, version, choose_passages(embedded))


def read_sample(db: Database, version: ModelVersion, chosen: Sequence[tuple[int, int]]) -> Sample:
    """These passages with the version's vectors, without those that are gone."""
    rows, blobs = [], []
    for paper, passage in chosen:
        row = db.conn.execute(
            """
            SELECT e.vector FROM chunks c JOIN embeddings e ON e.model_id = ? AND e.content_hash = c.content_hash
            WHERE c.id = ?
            """,
            [version.id, passage],
        ).fetchone()
        if row is not None:
            rows.append((paper, passage))
            blobs.append(row[0])
    places = np.array(rows, np.int64).reshape(-1, 2)
    vectors = np.frombuffer(b"".join(blobs), np.float32).reshape(len(blobs), version.dimension)
    return Sample(places[:, 1], places[:, 0], vectors)
