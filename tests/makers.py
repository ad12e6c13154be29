"""Rows made directly through the storage functions, for tests that need no PDF."""

from collections.abc import Sequence

import numpy as np
from sqlite_utils import Database

from core.types import Chunk, Document, Metadata, ModelVersion, Page, Span, content_hash
from indexer.encoder import Encoder
from storage import library, models, vectors
from storage.readings import store_reading


def store_paper(db: Database, sha256: str, texts: Sequence[str]) -> Document:
    """A document that has been read: one page, one chunk a text."""
    document, _ = library.add_document(db, sha256, f"{sha256}.pdf")
    page = "\r\n".join(texts)
    starts = [page.index(text) for text in texts]
    chunks = [Chunk(text, (Span(1, start, start + len(text)),)) for text, start in zip(texts, starts, strict=True)]
    store_reading(db, document.id, Metadata(), [Page(1, page, 612, 792)], chunks)
    return library.get_document(db, document.id)


def register_model(db: Database, name: str = "four", dimension: int = 4) -> ModelVersion:
    return models.add_model(db, name=name, source=name, dimension=dimension, window=64, fingerprint=name)


def store_unit_vector(db: Database, model: ModelVersion, text: str, axis: int) -> None:
    """The vector of a text along one axis, so that scores can be told by hand."""
    vector = np.zeros((1, model.dimension), dtype=np.float32)
    vector[0, axis] = 1
    vectors.store_vectors(db, model.id, [content_hash(text)], vector)


def embed_all(db: Database, model: ModelVersion, encoder: Encoder) -> None:
    missing = vectors.missing_texts(db, model.id, 10_000)
    matrix = encoder.encode_passages([text.text for text in missing])
    vectors.store_vectors(db, model.id, [text.content_hash for text in missing], matrix)
