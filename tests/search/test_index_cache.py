"""The start-up copy of a large library's index: used where it is beyond doubt, gone with what is removed."""

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from sqlite_utils import Database

from core.settings import INDEX_FOLDER, Settings
from core.types import ModelVersion, content_hash
from indexer.ingest import remove_documents
from jobs.check import check_library, repair_library
from jobs.worker import Worker
from search import index_cache
from search.index_cache import open_index, refresh_index_file
from search.vector_index import VectorIndex
from storage import library, models, vectors
from storage.database import open_database
from storage.index_files import index_files
from tests.libraries import make_library
from tests.makers import store_paper

DIMENSION, MOST_EXACT = 32, 200


def add(settings: Settings, db: Database, version: ModelVersion, number: int, passages: int = 100) -> None:
    """A paper of so many passages, each with a vector."""
    texts = [f"passage {n} of paper {number}." for n in range(passages)]
    content = f"paper {number}".encode()
    document = store_paper(db, hashlib.sha256(content).hexdigest(), texts)
    settings.original(document.sha256, document.format).write_bytes(content)
    rows = np.random.default_rng(number).standard_normal((passages, DIMENSION)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    vectors.store_vectors(db, version.id, [content_hash(text) for text in texts], rows)
    with db.conn:
        db.conn.execute("UPDATE documents SET state = 'ready'")


@pytest.fixture
def large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A library of more passages than an exact index holds, for which 200 count as many here."""
    for function in (open_index, refresh_index_file):
        monkeypatch.setattr(function, "__defaults__", (MOST_EXACT,))
    return make_library(tmp_path / "library", tmp_path / "model")


@pytest.fixture
def db(large: Settings) -> Iterator[Database]:
    with open_database(large.database) as db:
        version = models.active_model(db)
        assert version is not None
        for number in range(4):
            add(large, db, version, number)
        yield db


@pytest.fixture
def version(db: Database) -> ModelVersion:
    version = models.active_model(db)
    assert version is not None
    return version


def read_from_file(db: Database, version: ModelVersion, home: Path) -> bool:
    """Whether the next start takes the file."""
    found = index_cache._read(db, version, home, index_cache.find_device(), MOST_EXACT)
    return found is not None and index_cache._agrees(db, version, _followed(db, version, found))


def _followed(db: Database, version: ModelVersion, found: index_cache.IndexAtMark) -> VectorIndex:
    index_cache.follow_rows(db, version, found.index, found.mark)
    return found.index


def ids_of(db: Database) -> list[int]:
    return [row[0] for row in db.conn.execute("SELECT id FROM chunks ORDER BY id")]


def test_a_start_reads_the_file_and_applies_what_came_since(
    large: Settings, db: Database, version: ModelVersion
) -> None:
    assert refresh_index_file(db, version, large.home)
    assert not refresh_index_file(db, version, large.home)
    assert read_from_file(db, version, large.home)
    add(large, db, version, 4)
    assert read_from_file(db, version, large.home)
    now = open_index(db, version, large.home)
    assert sorted(now.index.ids.tolist()) == ids_of(db)
    assert now.mark == vectors.change_mark(db)
    assert refresh_index_file(db, version, large.home)


def change_weights(settings: Settings, db: Database, folder: Path) -> None:
    with db.conn:
        db.conn.execute("UPDATE models SET fingerprint = 'other'")


def change_manifest(**values: object) -> Callable[[Settings, Database, Path], None]:
    def change(settings: Settings, db: Database, folder: Path) -> None:
        path = folder / "manifest.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | values))

    return change


def spoil_byte(settings: Settings, db: Database, folder: Path) -> None:
    content = bytearray((folder / "codes.faiss").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "codes.faiss").write_bytes(content)


def cut_off(settings: Settings, db: Database, folder: Path) -> None:
    (folder / "codes.faiss").write_bytes((folder / "codes.faiss").read_bytes()[:-100])


def swap_vectors(settings: Settings, db: Database, folder: Path) -> None:
    """The rows of another library under the same ids."""
    with db.conn:
        db.conn.execute("UPDATE embeddings SET vector = (SELECT vector FROM embeddings ORDER BY id DESC LIMIT 1)")


def lose_vectors(settings: Settings, db: Database, folder: Path) -> None:
    with db.conn:
        db.conn.execute("DELETE FROM embeddings WHERE id = 3")


@pytest.mark.parametrize(
    "doubt",
    [
        change_weights,
        change_manifest(faiss="0.1"),
        change_manifest(format=0),
        change_manifest(vectors=7),
        change_manifest(mark={"chunk": 10**9, "embedding": 1, "removal": 0}),
        change_manifest(mark={"chunk": "x"}),
        change_manifest(mark=None),
        lambda settings, db, folder: (folder / "manifest.json").write_text("{"),
        lambda settings, db, folder: (folder / "codes.faiss").unlink(),
        spoil_byte,
        cut_off,
        swap_vectors,
        lose_vectors,
    ],
)
def test_at_any_doubt_the_index_is_made_from_the_rows(
    large: Settings, db: Database, version: ModelVersion, doubt: Callable[[Settings, Database, Path], None]
) -> None:
    refresh_index_file(db, version, large.home)
    assert read_from_file(db, version, large.home)
    doubt(large, db, large.home / INDEX_FOLDER)
    version = models.get_model(db, version.id)
    assert not read_from_file(db, version, large.home)
    now = open_index(db, version, large.home)
    assert sorted(now.index.ids.tolist()) == vectors.chunks_with_vector(db, version.id).tolist()


def test_a_removal_leaves_no_code_on_the_disk_and_the_worker_writes_the_rest_anew(
    large: Settings, db: Database, version: ModelVersion
) -> None:
    refresh_index_file(db, version, large.home)
    gone = library.list_documents(db)[0]
    remove_documents(large, [gone.id])
    assert index_files(large.home) == []
    Worker(large)._tend_index(seconds_of_rest=0)
    assert len(index_files(large.home)) == 2
    found = index_cache._read(db, version, large.home, index_cache.find_device(), MOST_EXACT)
    assert found is not None
    assert sorted(found.index.ids.tolist()) == ids_of(db)
    remove_documents(large, [document.id for document in library.list_documents(db)[:2]])
    Worker(large)._tend_index(seconds_of_rest=0)
    assert index_files(large.home) == []


def test_what_is_removed_while_the_file_is_written_is_not_left_in_it(
    large: Settings, db: Database, version: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = VectorIndex.write

    def write_slowly(self: VectorIndex, path: str) -> None:
        write(self, path)
        remove_documents(large, [library.list_documents(db)[0].id])

    monkeypatch.setattr(VectorIndex, "write", write_slowly)
    assert not refresh_index_file(db, version, large.home)
    assert index_files(large.home) == []


def test_a_crash_while_writing_leaves_the_old_file_and_the_next_writing_sweeps_up(
    large: Settings, db: Database, version: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    refresh_index_file(db, version, large.home)
    add(large, db, version, 5)
    with monkeypatch.context() as patch:
        patch.setattr("search.index_cache.os.fsync", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            refresh_index_file(db, version, large.home)
    assert len(index_files(large.home)) == 3
    assert read_from_file(db, version, large.home)
    assert [problem.kind for problem in check_library(large).problems] == ["index"]
    assert refresh_index_file(db, version, large.home)
    assert len(index_files(large.home)) == 2


def test_a_check_tells_of_a_damaged_file_and_of_one_with_removed_passages(
    large: Settings, db: Database, version: ModelVersion
) -> None:
    refresh_index_file(db, version, large.home)
    assert check_library(large).problems == ()
    spoil_byte(large, db, large.home / INDEX_FOLDER)
    assert [problem.sentence for problem in check_library(large).problems] == [
        "The start-up copy of the index is damaged."
    ]
    assert [one.done for one in repair_library(large)] == ["It was removed; the next start makes it from the rows."]
    refresh_index_file(db, version, large.home)
    gone = library.list_documents(db)[0]
    # The process dies between the rows and the files.
    library.remove_documents(db, [gone.id])
    large.original(gone.sha256, gone.format).unlink(missing_ok=True)
    assert "holds passages that were removed" in check_library(large).problems[0].sentence
    repair_library(large)
    assert index_files(large.home) == []
    assert check_library(large).problems == ()


def test_a_disk_that_takes_nothing_leaves_no_file_and_ends_nothing(
    large: Settings, db: Database, version: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill_disk(self: VectorIndex, path: str) -> None:
        Path(path).write_bytes(b"half")
        raise RuntimeError("write error")

    monkeypatch.setattr(VectorIndex, "write", fill_disk)
    assert not refresh_index_file(db, version, large.home)
    assert index_files(large.home) == []
