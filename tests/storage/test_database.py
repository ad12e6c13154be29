import multiprocessing
from pathlib import Path

import pytest

from core.errors import LibraryError
from core.settings import load_settings
from storage.database import open_database, prepare_database, transaction
from storage.migrations import migrations


def test_a_transaction_that_fails_leaves_nothing(tmp_path: Path) -> None:
    prepare_database(tmp_path / "library.db")
    with open_database(tmp_path / "library.db") as db:
        with pytest.raises(ZeroDivisionError), transaction(db):
            db.conn.execute("INSERT INTO queries (text) VALUES ('q')")
            raise ZeroDivisionError
        assert db["queries"].count == 0


def test_the_schema_can_be_prepared_again_and_from_each_earlier_step(tmp_path: Path) -> None:
    for name in [migration.name for migration in migrations._migrations]:
        path = tmp_path / f"{name}.db"
        with open_database(path) as db:
            migrations.apply(db, stop_before=name)
        prepare_database(path)
        prepare_database(path)
        with open_database(path) as db:
            assert not migrations.pending(db)
            assert {"documents", "chunks", "models", "embeddings", "judgements", "jobs"} <= set(db.table_names())


def test_eight_programs_may_prepare_one_new_library_at_once(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(8) as pool:
        pool.map(prepare_database, [tmp_path / "library.db"] * 8)
    with open_database(tmp_path / "library.db") as db:
        assert not migrations.pending(db)


def test_a_library_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "library.db"
    prepare_database(path)
    with open_database(path) as db, transaction(db):
        db["_sqlite_migrations"].insert({"migration_set": "whetstone", "name": "m999_future", "applied_at": "later"})
    before = path.read_bytes()
    with pytest.raises(LibraryError, match="newer version \\(it has m999_future\\). Update this program"):
        prepare_database(path)
    assert path.read_bytes() == before


def test_a_folder_that_is_a_file_is_refused_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LibraryError, match="can't be written"):
        load_settings(home=tmp_path / "file").prepare_home()


def test_a_file_that_is_no_database_is_refused_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "library.db").write_text("not a database, but long enough to be looked at as one " * 20)
    with pytest.raises(LibraryError, match="library.db"):
        prepare_database(tmp_path / "library.db")
