"""A library of every earlier schema, with rows in it, comes up whole and answers."""

import json
from pathlib import Path

import numpy as np
import pytest
from sqlite_utils import Database

from core.formats import DocumentFormat
from core.settings import load_settings
from core.types import ChunkKind, DocumentState, JobState, PageSource, SearchMode, content_hash
from indexer.encoder import load_encoder
from indexer.ingest import embed_missing
from indexer.start import register_encoder
from jobs.check import check_library
from search.searcher import Searcher, SearchRequest
from storage import jobs, library, models
from storage.database import open_database, prepare_database
from storage.judgements import list_judgements
from storage.migrations import migrations
from storage.pages import pages_of_document
from tests.libraries import Silent
from tests.models import make_seed_like_model

STEPS = [migration.name for migration in migrations._migrations]
TEXTS = ["Gravity bends light.", "酵母使面包发酵。"]
SHA = "ab" * 32


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "model"
    make_seed_like_model(folder, dimension=32)
    return folder


def fill(db: Database, model: Path) -> None:
    """Rows in every table that is there at this step, in the columns it has always had."""
    tables = set(db.table_names())
    page = "\r\n".join(TEXTS)
    db["documents"].insert(
        {
            "sha256": SHA,
            "title": "On Light",
            "authors": '["A. Ray"]',
            "year": 1999,
            "state": "ready",
            "added_at": "then",
        }
    )
    for name in ("a.pdf", "b.pdf"):
        db["document_names"].insert({"document_id": 1, "name": name})
    db["pages"].insert({"document_id": 1, "number": 1, "text": page, "width": 612.0, "height": 792.0})
    for text in TEXTS:
        spans = json.dumps([[1, page.index(text), page.index(text) + len(text)]])
        chunk = {"document_id": 1, "text": text, "spans": spans, "section": "1 Things"}
        db["chunks"].insert(chunk | {"content_hash": content_hash(text)})
    if "models" in tables:
        encoder = load_encoder(str(model), model)
        row = {
            "name": "m",
            "source": str(model),
            "dimension": 32,
            "window": 512,
            "state": "ready",
            "created_at": "then",
        }
        db["models"].insert(row | {"fingerprint": encoder.fingerprint, "created_at": "then"})
        db["activations"].insert({"model_id": 1, "at": "then"})
        for text, vector in zip(TEXTS, encoder.encode_passages(TEXTS), strict=True):
            blob = np.asarray(vector, np.float32).tobytes()
            db["embeddings"].insert({"model_id": 1, "content_hash": content_hash(text), "vector": blob})
    if "judgements" in tables:
        db["queries"].insert({"text": "what bends light?"})
        db["judgements"].insert({"query_id": 1, "chunk_id": 1, "relevance": 1, "rank": 2, "model_id": 1, "at": "then"})
    if "jobs" in tables:
        db["jobs"].insert({"kind": "retrain", "state": "failed", "reason": "why", "starts": 3, "created_at": "then"})


@pytest.mark.parametrize("step", [*STEPS[1:], None])
def test_a_library_of_an_earlier_schema_keeps_its_rows_and_answers(
    tmp_path: Path, model: Path, step: str | None
) -> None:
    settings = load_settings(home=tmp_path / "library", model=str(model))
    settings.prepare_home()
    settings.original(SHA, DocumentFormat.PDF).write_bytes(b"%PDF")
    with open_database(settings.database) as db:
        migrations.apply(db, stop_before=step) if step else migrations.apply(db)
        tables = set(db.table_names())
        fill(db, model)
        # The word index is made of the chunks, and anew where its words are others.
        compared = {name for name in tables if not name.startswith(("_sqlite", "sqlite_", "chunk_words"))}
        old = {name: list(db[name].rows) for name in compared}

    prepare_database(settings.database)
    with open_database(settings.database) as db:
        assert not migrations.pending(db)
        for name, rows in old.items():
            kept = [{key: row[key] for key in old_row} for row, old_row in zip(db[name].rows, rows, strict=True)]
            assert kept == rows, name
        document = library.get_document(db, 1)
        assert (document.names, document.authors, document.year) == (("a.pdf", "b.pdf"), ("A. Ray",), 1999)
        assert (document.state, document.recognised, document.without_text) == (DocumentState.READY, 0, 0)
        assert [page.source for page in pages_of_document(db, 1)] == [PageSource.TEXT]
        assert [chunk.kind for chunk in library.chunks_of_document(db, 1)] == [ChunkKind.BODY] * 2
        if "jobs" in tables:
            assert jobs.get_job(db, 1).state is JobState.FAILED
        if "judgements" in tables:
            assert [(one.query, one.text, one.rank) for one in list_judgements(db)] == [
                ("what bends light?", TEXTS[0], 2)
            ]
        if "models" in tables:
            assert [version.name for version in models.list_models(db)] == ["m"]
        else:
            encoder = load_encoder(str(model), settings.home)
            version = register_encoder(db, str(model), encoder)
            embed_missing(settings, encoder, version, Silent())
            models.activate_model(db, version.id)
    hits = Searcher(settings).search(SearchRequest("what bends light?")).hits
    assert {hit.chunk.text for hit in hits} == set(TEXTS)
    assert {problem.kind for problem in check_library(settings).problems} == {"originals"}
    words = Searcher(settings).search(SearchRequest("面包", mode=SearchMode.WORDS)).hits
    assert [hit.chunk.text for hit in words] == [TEXTS[1]]
