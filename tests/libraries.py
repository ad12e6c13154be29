"""A library with papers in it, read and embedded by the real worker with a small model, for tests of all of it."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from sqlite_utils import Database

from core.settings import Settings, load_settings
from core.types import Document, DocumentState, ModelState, ModelVersion, SearchMode
from indexer.encoder import load_encoder, load_version
from indexer.ingest import add_file, embed_missing
from indexer.start import ensure_active_model
from jobs.worker import Worker
from search.searcher import Searcher, SearchRequest
from storage import jobs, library, models
from storage.database import open_database, prepare_database
from storage.half_done import HALF_DONE
from tests.makers import store_paper
from tests.models import make_seed_like_model
from tests.papers import make_paper, write

TOPICS = ["gravity", "bread", "whales", "glass", "music", "iron", "maps", "tides", "chess", "rain"]


class Silent:
    """Progress that nobody looks at."""

    def report(self, step: str, **_: object) -> None:
        pass


def make_library(home: Path, model: Path) -> Settings:
    """An empty library whose model is the one in this folder, made there if there is none."""
    if not model.exists():
        make_seed_like_model(model, dimension=32)
    settings = replace(load_settings(home=home), model=str(model))
    settings.prepare_home()
    prepare_database(settings.database)
    ensure_active_model(settings)
    return settings


def topic_paper(number: int, mark: str = "") -> bytes:
    """A paper of its own on one of the topics; `mark` is a word that stands in it."""
    topic = f"{TOPICS[number % len(TOPICS)]} of kind {number} {mark}".strip()
    text = [f"Sentence {n} of this paper tells one more thing about {topic} and why." for n in range(6)]
    return make_paper(f"On {topic.title()}", [" ".join(text)])


def add_paper(settings: Settings, folder: Path, number: int) -> Document:
    """Added and worked on until it is ready."""
    document, _ = add_file(settings, write(folder, f"{number}.pdf", topic_paper(number)))
    work(settings)
    with open_database(settings.database) as db:
        return library.get_document(db, document.id)


def add_rows(settings: Settings, db: Database, sha256: str, topics: Sequence[str]) -> int:
    """A paper of eight passages a topic with their vectors, made without a PDF and a worker; its id."""
    texts = [f"Sentence {n} tells one more thing about {topic} and why." for topic in topics for n in range(8)]
    document = store_paper(db, sha256, texts)
    version = models.active_model(db)
    assert version is not None
    embed_missing(settings, load_version(version, settings.home), version, Silent())
    library.set_document_state(db, document.id, DocumentState.READY)
    return document.id


def work(settings: Settings) -> None:
    """Let a worker do all there is to do."""
    with open_database(settings.database) as db:
        Worker(settings).work_until(lambda: not library.has_unfinished_documents(db) and not jobs.open_jobs(db))


def add_version(settings: Settings, db: Database, seed: int, report: dict[str, object] | None = None) -> ModelVersion:
    """A version as a retrain leaves it: a folder under models/, its row, all vectors; trained from the active one."""
    parent = models.active_model(db)
    assert parent is not None
    name = f"v{seed}"
    make_seed_like_model(settings.models / HALF_DONE, seed, dimension=32)
    (settings.models / HALF_DONE).replace(settings.models / name)
    encoder = load_encoder(f"models/{name}", settings.home)
    version = models.add_model(
        db,
        name=name,
        source=f"models/{name}",
        dimension=encoder.dimension,
        window=encoder.window,
        fingerprint=encoder.fingerprint,
        parent_id=parent.id,
        state=ModelState.PREPARING,
    )
    embed_missing(settings, encoder, version, Silent())
    models.set_model_ready(db, version.id, report or {})
    return models.get_model(db, version.id)


def top_ten(settings: Settings, question: str) -> list[tuple[str, str, float]]:
    """File name, text and rounded score of the best ten by meaning.

    By words, passages with as many of them are equals, in the order of their ids, which a new reading changes.
    """
    hits = Searcher(settings).search(SearchRequest(question, k=10, mode=SearchMode.MEANING)).hits
    return [(hit.chunk.file_name, hit.chunk.text, round(hit.score, 5)) for hit in hits]
