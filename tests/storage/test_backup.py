"""A library as one file and back: the same answers, nothing half, nothing from outside."""

import hashlib
import json
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from api.accounts import Accounts, set_password
from core.errors import ImportFormatError, LibraryError, WhetstoneError
from core.people import Role
from core.settings import Settings, load_settings
from core.types import Collection, Filter, JobKind, KeptSearch, ModelState
from indexer.ingest import add_file, remove_documents
from indexer.watching import look_at_folders
from jobs.check import check_library
from storage import jobs, library, models
from storage.backup import back_up, restore
from storage.collections import create_collection, list_collections, put_into_collection
from storage.database import add_functions, open_database, transaction
from storage.half_done import remove_half_done
from storage.judgements import list_judgements, store_judgement
from storage.kept_searches import find_saved, save_search
from storage.people import find_user, list_users
from storage.words import words_are_sound
from tests.killed import leave_half_done
from tests.libraries import add_paper, add_version, make_library, top_ten, topic_paper, work
from tests.papers import write
from tests.zips import write_list_of_many

QUESTION = "what does this paper tell about bread?"


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Four papers, a judgement, and a trained version that answers."""
    folder = tmp_path_factory.mktemp("filled")
    settings = make_library(folder / "library", folder / "model")
    for number in range(4):
        add_paper(settings, folder, number)
    with open_database(settings.database) as db:
        store_judgement(db, QUESTION, library.chunks_of_document(db, 2)[0].id, 1)
        models.activate_model(db, add_version(settings, db, 1).id)
    return settings


def test_a_restored_library_gives_the_same_top_ten(filled: Settings, tmp_path: Path) -> None:
    shutil.copytree(filled.home, tmp_path / "library")
    settings = load_settings(home=tmp_path / "library")
    before = top_ten(settings, QUESTION)
    with open_database(settings.database) as db:
        jobs.add_job(db, JobKind.RETRAIN)
        put_into_collection(db, create_collection(db, "Two").id, [1, 2])
        save_search(db, "Bread", KeptSearch(QUESTION, Filter(collections=(1,))))
    contents = back_up(settings, tmp_path / "backup.zip")
    assert (contents.papers, contents.models) == (4, 1)
    assert "outside the library" in contents.lacking[0]
    assert list(settings.uploads.iterdir()) == []
    shutil.rmtree(settings.home)

    home = tmp_path / "new" / "library"
    assert restore(tmp_path / "backup.zip", home).papers == 4
    restored = load_settings(home=home)
    assert top_ten(restored, QUESTION) == before
    assert len(before) >= 4
    assert check_library(restored).problems == ()
    with open_database(restored.database) as db:
        assert [judgement.query for judgement in list_judgements(db)] == [QUESTION]
        assert jobs.open_jobs(db) == []
        assert list_collections(db) == [Collection(1, "Two", 2)]
        assert find_saved(db, "Bread").filter == Filter(collections=(1,))
    assert {path.name for path in (tmp_path / "new").iterdir()} == {"library"}


def test_papers_that_come_and_go_meanwhile_leave_every_backup_consistent(filled: Settings, tmp_path: Path) -> None:
    shutil.copytree(filled.home, tmp_path / "library")
    settings = load_settings(home=tmp_path / "library")
    over = threading.Event()
    rounds = 0

    def change() -> None:
        nonlocal rounds
        while not over.is_set():
            number = rounds % 5
            document, _ = add_file(settings, write(tmp_path, f"n{number}.pdf", topic_paper(20 + number)))
            if rounds % 3:
                remove_documents(settings, [document.id])
            rounds += 1

    changing = threading.Thread(target=change)
    changing.start()
    try:
        for number in range(8):
            back_up(settings, tmp_path / f"{number}.zip")
    finally:
        over.set()
        changing.join()
    assert rounds > 8
    for number in range(8):
        restore(tmp_path / f"{number}.zip", tmp_path / f"home{number}")
        restored = load_settings(home=tmp_path / f"home{number}")
        assert check_library(restored).problems == ()
        with open_database(restored.database) as db:
            named = {f"{document.sha256}.pdf" for document in library.list_documents(db)}
        assert {path.name for path in restored.originals.iterdir()} == named


@pytest.fixture(scope="module")
def archive(filled: Settings, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    target = tmp_path_factory.mktemp("archive") / "backup.zip"
    back_up(filled, target)
    with zipfile.ZipFile(target) as packed:
        assert all(entry.compress_type == zipfile.ZIP_STORED for entry in packed.infolist())
        return {name: packed.read(name) for name in packed.namelist()}


def spoil_manifest(files: dict[str, bytes], change: Callable[[dict], object]) -> None:
    manifest = json.loads(files["manifest.json"])
    change(manifest)
    files["manifest.json"] = json.dumps(manifest).encode()


def smuggle(name: str) -> Callable[[dict[str, bytes]], None]:
    def spoil(files: dict[str, bytes]) -> None:
        files[name] = files["library.db"]
        spoil_manifest(files, lambda manifest: manifest["files"].update({name: manifest["files"]["library.db"]}))

    return spoil


def flip(files: dict[str, bytes]) -> None:
    name = next(name for name in files if name.startswith("originals/"))
    files[name] = files[name][:-1] + b"?"


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda files: files.pop("manifest.json"), "no manifest.json that can be read"),
        (lambda files: files.pop("library.db"), "does not hold the files"),
        (lambda files: files.update(more=b"x"), "does not hold the files"),
        (flip, "is damaged. Take another backup"),
        (smuggle("originals/../../evil"), "outside of it"),
        (smuggle("/tmp/evil"), "outside of it"),
        (smuggle("originals\\..\\evil"), "outside of it"),
        (smuggle("startup.py"), "which no library has"),
        (smuggle("originals/1"), "which no library has"),
        (smuggle(f"originals/{'a' * 300}.pdf"), "which no library has"),
        (smuggle(f"models/{'a' * 300}"), "can't be read as a backup"),
        (lambda files: [smuggle(name)(files) for name in ("models/a", "models/a/b")], "can't be read as a backup"),
        (lambda files: spoil_manifest(files, lambda one: one.update(format=2)), "newer version"),
        (lambda files: spoil_manifest(files, lambda one: one["schema"].append("m999_future")), "has m999_future"),
        (lambda files: spoil_manifest(files, lambda one: one.update(files=[])), "manifest.json"),
        (lambda files: spoil_manifest(files, lambda one: one["files"]["library.db"].update(bytes=1 << 60)), "not free"),
        (lambda files: spoil_manifest(files, lambda one: one["files"]["library.db"].update(bytes=1 << 90)), "not tell"),
        (lambda files: spoil_manifest(files, lambda one: one["files"]["library.db"].update(bytes=9)), "is damaged"),
    ],
)
def test_what_is_no_sound_backup_is_refused_and_leaves_nothing(
    archive: dict[str, bytes], tmp_path: Path, spoil: Callable[[dict[str, bytes]], None], said: str
) -> None:
    files = dict(archive)
    spoil(files)
    with zipfile.ZipFile(tmp_path / "backup.zip", "w") as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    with pytest.raises(WhetstoneError, match=said):
        restore(tmp_path / "backup.zip", tmp_path / "home")
    assert [path.name for path in tmp_path.iterdir()] == ["backup.zip"]


def test_a_backup_that_unpacks_to_far_more_than_its_size_is_refused_before_it_is_unpacked(
    archive: dict[str, bytes], tmp_path: Path
) -> None:
    files = dict(archive)
    zeros = bytes(80 << 20)
    smuggle(name := f"originals/{'0' * 64}.pdf")(files)
    files[name] = zeros
    told = {"bytes": len(zeros), "sha256": hashlib.sha256(zeros).hexdigest()}
    spoil_manifest(files, lambda manifest: manifest["files"].update({name: told}))
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        for entry, content in files.items():
            packed.writestr(entry, content)
    with pytest.raises(ImportFormatError, match="far more than a backup of its size holds"):
        restore(tmp_path / "bomb.zip", tmp_path / "home")
    assert [path.name for path in tmp_path.iterdir()] == ["bomb.zip"]


def test_a_backup_that_lists_files_without_end_is_refused_before_its_list_is_read(tmp_path: Path) -> None:
    write_list_of_many(tmp_path / "many.zip", 1_500_000)
    began = time.process_time()
    with pytest.raises(ImportFormatError, match="lists far more than 250,000 files"):
        restore(tmp_path / "many.zip", tmp_path / "home")
    assert time.process_time() - began < 5
    assert [path.name for path in tmp_path.iterdir()] == ["many.zip"]


def test_a_backup_cut_off_anywhere_is_refused(archive: dict[str, bytes], filled: Settings, tmp_path: Path) -> None:
    back_up(filled, tmp_path / "whole.zip")
    whole = (tmp_path / "whole.zip").read_bytes()
    for share in (0, 0.1, 0.9, 0.999):
        (tmp_path / "half.zip").write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(ImportFormatError, match="can't be read as a backup"):
            restore(tmp_path / "half.zip", tmp_path / "home")
    assert not (tmp_path / "home").exists()


def test_a_folder_with_something_in_it_is_not_restored_into(filled: Settings, tmp_path: Path) -> None:
    back_up(filled, tmp_path / "backup.zip")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").touch()
    with pytest.raises(LibraryError, match="not an empty folder"):
        restore(tmp_path / "backup.zip", tmp_path / "full")
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["mine.txt"]
    (tmp_path / "empty").mkdir()
    restore(tmp_path / "backup.zip", tmp_path / "empty")
    with pytest.raises(LibraryError, match="lies in the library itself"):
        back_up(filled, filled.home / "backup.zip")


def test_a_backup_that_fails_leaves_the_one_before(filled: Settings, tmp_path: Path) -> None:
    target = tmp_path / "backup.zip"
    back_up(filled, target)
    before = target.read_bytes()
    damaged = load_settings(home=tmp_path / "damaged")
    damaged.prepare_home()
    damaged.database.write_bytes(b"no database at all, but long enough to be looked at " * 30)
    with pytest.raises((sqlite3.DatabaseError, LibraryError)):
        back_up(damaged, target)
    assert target.read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {"backup.zip", "damaged"}
    assert list(damaged.uploads.iterdir()) == []


def test_what_a_killed_backup_or_restore_left_goes_with_the_next(filled: Settings, tmp_path: Path) -> None:
    shutil.copytree(filled.home, tmp_path / "library")
    settings, beside = load_settings(home=tmp_path / "library"), tmp_path / "backups"
    beside.mkdir()
    command = [sys.executable, "-m", "indexer", "--home", str(settings.home), "backup", str(beside / "backup.zip")]
    with open_database(settings.database) as db, transaction(db), subprocess.Popen(command) as killed:
        # It waits for the write lock, which is held here.
        while not (any(settings.uploads.iterdir()) and len(list(beside.iterdir())) == 2):
            assert killed.poll() is None
            time.sleep(0.01)
        killed.kill()
    assert any(settings.uploads.iterdir())
    back_up(settings, beside / "backup.zip")
    assert list(settings.uploads.iterdir()) == []
    assert [path.name for path in beside.iterdir()] == ["backup.zip"]

    leave_half_done(tmp_path / "backups")
    restore(beside / "backup.zip", beside / "home")
    assert {path.name for path in beside.iterdir()} == {"backup.zip", "home"}


def forge(archive: dict[str, bytes], target: Path, change: Callable[[sqlite3.Connection], object]) -> Path:
    """A backup whose database a stranger has changed, and whose manifest agrees with it."""
    database = target.with_suffix(".db")
    database.write_bytes(archive["library.db"])
    with closing(sqlite3.connect(database)) as changed:
        add_functions(changed)
        change(changed)
        changed.commit()
    files = archive | {"library.db": database.read_bytes()}
    told = {"bytes": len(files["library.db"]), "sha256": hashlib.sha256(files["library.db"]).hexdigest()}
    spoil_manifest(files, lambda manifest: manifest["files"].update({"library.db": told}))
    with zipfile.ZipFile(target, "w") as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    return target


def test_a_strangers_backup_has_no_folder_of_the_machine_removed_or_watched(
    archive: dict[str, bytes], tmp_path: Path
) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    write(mine, "mine.pdf", topic_paper(7))

    def change(db: sqlite3.Connection) -> None:
        db.execute(
            "INSERT INTO models (name, source, dimension, window, fingerprint, state, created_at) "
            "VALUES ('x', ?, 32, 64, 'x', ?, '2026')",
            [str(mine), ModelState.PREPARING],
        )
        db.execute("INSERT INTO watched_folders VALUES (?, '2026', NULL)", [str(mine)])
        db.execute("INSERT INTO jobs (kind, state, created_at) VALUES ('retrain', 'queued', '2026')")
        db.execute(
            "CREATE TRIGGER evil AFTER DELETE ON watched_folders BEGIN "
            "INSERT INTO collections (name) VALUES (old.path); END"
        )
        db.execute("DROP VIEW known_metadata")
        db.execute("CREATE VIEW known_metadata AS SELECT id AS document_id FROM documents")

    contents = restore(forge(archive, tmp_path / "evil.zip", change), tmp_path / "home")
    assert contents.lacking[0].startswith("1 folder watched there")
    restored = load_settings(home=tmp_path / "home")
    remove_half_done(restored)
    assert look_at_folders(restored, settle=0).documents == {}
    assert [path.name for path in mine.iterdir()] == ["mine.pdf"]
    assert check_library(restored).problems == ()
    with open_database(restored.database) as db:
        assert list_collections(db) == []
        assert jobs.open_jobs(db) == []
        assert len(library.list_documents(db)) == 4
        assert db["models"].count_where("state = 'preparing'") == 0
        assert not db.conn.execute("SELECT 1 FROM sqlite_master WHERE name = 'evil'").fetchone()
        remove_documents(restored, [4])
        assert words_are_sound(db)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE documents SET sha256 = '../../mine/mine' WHERE id = 1",
        "UPDATE documents SET format = 'pdf/../../mine' WHERE id = 1",
        "UPDATE models SET source = 'models/../../mine' WHERE source LIKE 'models/%'",
        "UPDATE models SET source = 'models/..' WHERE source LIKE 'models/%'",
        "UPDATE models SET state = 'evil'",
    ],
)
def test_a_backup_that_names_files_outside_of_its_library_is_refused(
    archive: dict[str, bytes], tmp_path: Path, statement: str
) -> None:
    forge(archive, tmp_path / "evil.zip", lambda db: db.execute(statement))
    with pytest.raises(ImportFormatError, match=r"which no library has|is damaged"):
        restore(tmp_path / "evil.zip", tmp_path / "home")
    assert {path.name for path in tmp_path.iterdir()} == {"evil.zip", "evil.db"}


def test_an_unfinished_version_in_a_folder_elsewhere_goes_without_that_folder(filled: Settings, tmp_path: Path) -> None:
    shutil.copytree(filled.home, tmp_path / "library")
    settings = load_settings(home=tmp_path / "library")
    (tmp_path / "mine").mkdir()
    with open_database(settings.database) as db:
        for source in (str(tmp_path / "mine"), "models/../../mine"):
            models.add_model(
                db, name=source, source=source, dimension=4, window=4, fingerprint=source, state=ModelState.PREPARING
            )
    remove_half_done(settings)
    assert (tmp_path / "mine").is_dir()
    with open_database(settings.database) as db:
        assert db["models"].count_where("state = 'preparing'") == 0


def test_a_backup_made_right_after_a_removal_holds_no_word_of_the_paper(filled: Settings, tmp_path: Path) -> None:
    shutil.copytree(filled.home, tmp_path / "library")
    settings = load_settings(home=tmp_path / "library")
    document, _ = add_file(settings, write(tmp_path, "secret.pdf", topic_paper(5, "zyxomark")))
    work(settings)
    # As the page removes papers: their words are overwritten by the worker, which has not come to it yet.
    remove_documents(settings, [document.id], wait=False)
    assert b"zyxomark" in settings.database.read_bytes()
    back_up(settings, tmp_path / "backup.zip")
    assert b"zyxo" not in (tmp_path / "backup.zip").read_bytes().lower()


def test_a_role_that_does_not_exist_is_the_least_one_after_a_restore_and_says_so(
    archive: dict[str, bytes], tmp_path: Path
) -> None:
    def change(db: sqlite3.Connection) -> None:
        db.executemany(
            "INSERT INTO users (name, role, created_at) VALUES (?, ?, '2026')", [("anna", "owner"), ("bert", "train")]
        )

    contents = restore(forge(archive, tmp_path / "roles.zip", change), tmp_path / "home")
    (sentence,) = contents.lacking
    assert sentence.startswith("The role 'owner' of 'anna' does not exist, so it is 'read' now")
    settings = load_settings(home=tmp_path / "home")
    with open_database(settings.database) as db:
        assert {user.name: user.role for user in list_users(db)} == {"anna": Role.READ, "bert": Role.TRAIN}
        # In a library that was not restored, too, it opens nothing and keeps nobody out.
        db.conn.execute("UPDATE users SET role = 'owner'")
        db.conn.commit()
        assert {user.role for user in list_users(db)} == {Role.READ}
        anna = find_user(db, "anna")
    set_password(settings, anna, "long enough")
    assert Accounts(settings).sign_in("Anna", "long enough") is not None
