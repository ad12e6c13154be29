"""A full disk, a locked or unwritable library, two apps on one: a sentence each, and nothing is harmed."""

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from filelock import FileLock

import app
import storage.database
from core.cli import REFUSED, run_command
from core.errors import LibraryError, ReadError, SettingsError, explain_storage_error
from core.settings import Settings, load_settings
from core.stored_settings import store_setting
from core.types import DocumentState
from indexer.__main__ import build_parser, main
from indexer.ingest import add_file
from jobs.check import check_library
from jobs.worker import Worker
from storage import library
from storage.backup import back_up, restore
from storage.database import open_database
from tests.libraries import add_paper, make_library, topic_paper, work
from tests.papers import write

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, of 3 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no file system may be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill_up(folder: Path, name: str = "filler") -> Path:
    """Take all space there is left."""
    filler = folder / name
    with filler.open("wb", buffering=0) as file:
        for size in (1 << 16, 1 << 12, 1):
            with suppress(OSError):
                while file.write(bytes(size)) == size:
                    pass
    assert shutil.disk_usage(folder).free < 1 << 12
    return filler


def test_a_full_disk_is_told_and_harms_nothing(small_disk: Path, tmp_path: Path) -> None:
    settings = make_library(small_disk / "library", tmp_path / "model")
    ready = add_paper(settings, tmp_path, 0)
    waiting, _ = add_file(settings, write(tmp_path, "1.pdf", topic_paper(1)))
    with open_database(settings.database) as db:
        # The disk runs full while the app has the library open.
        db.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        filler = fill_up(small_disk)
        with pytest.raises(ReadError, match="'2.pdf' can't be copied into the library \\(No space left on device\\)"):
            add_file(settings, write(tmp_path, "2.pdf", topic_paper(2)))
        with pytest.raises(sqlite3.OperationalError) as stopped:
            Worker(settings).work_until(lambda: False)
        assert explain_storage_error(stopped.value).startswith("The disk is full. Free some space")
        back_up(settings, tmp_path / "backup.zip")
    another = fill_up(small_disk, "what the closed library gave back")
    with pytest.raises(LibraryError, match="The disk is full. Free some space"), open_database(settings.database):
        pass

    for file in (filler, another):
        file.unlink()
    work(settings)
    with open_database(settings.database) as db:
        assert {document.id: document.state for document in library.list_documents(db)} == {
            ready.id: DocumentState.READY,
            waiting.id: DocumentState.READY,
        }
    assert check_library(settings).problems == ()
    assert restore(tmp_path / "backup.zip", tmp_path / "restored").papers == 2


def test_a_backup_or_a_restore_that_does_not_fit_leaves_nothing(small_disk: Path, tmp_path: Path) -> None:
    settings = make_library(tmp_path / "library", tmp_path / "model")
    add_paper(settings, tmp_path, 0)
    back_up(settings, tmp_path / "backup.zip")
    filler = fill_up(small_disk)
    with pytest.raises((SettingsError, sqlite3.OperationalError), match="No space left|full"):
        back_up(settings, small_disk / "backup.zip")
    with pytest.raises(LibraryError, match="which are not free|No space left"):
        restore(tmp_path / "backup.zip", small_disk / "restored")
    assert list(small_disk.iterdir()) == [filler]


def test_a_library_on_a_disk_that_may_only_be_read_is_one_sentence_and_stays_as_it_was(
    small_disk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = make_library(small_disk / "library", tmp_path / "model")
    paper = write(tmp_path, "1.pdf", topic_paper(1))
    before = {path: path.stat().st_mtime_ns for path in settings.home.rglob("*")}
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    for command, said in {
        ("add", str(paper)): f"The library folder '{settings.home}' can't be written (Read-only file system).",
        ("list",): f"The library folder '{settings.home}' can't be written (Read-only file system).",
        ("check",): "Its folder can't be written. Look at its rights and its disk.",
        ("backup", str(tmp_path / "backup.zip")): "Its folder can't be written. Look at its rights and its disk.",
    }.items():
        assert run_command(main, build_parser(), [*command, "--home", str(settings.home)]) == REFUSED
        told = capsys.readouterr()
        assert said in told.err
        assert len(told.err.splitlines()) == 1
    with pytest.raises(SettingsError, match=r"can't be written \(Read-only file system\)"):
        store_setting(settings.home, "ocr", "off")
    assert {path: path.stat().st_mtime_ns for path in settings.home.rglob("*")} == before
    assert {path.name for path in tmp_path.iterdir()} == {"disk", "model", "1.pdf"}


@pytest.mark.parametrize("taken", ["library", "library/originals", "."])
def test_a_file_in_the_place_of_a_folder_is_one_sentence_and_stays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], taken: str
) -> None:
    folder = tmp_path / "folder"
    file = folder / taken
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("mine")
    home = folder / "library"
    assert run_command(main, build_parser(), ["list", "--home", str(home)]) == REFUSED
    assert capsys.readouterr().err.startswith(f"The library folder '{home}' can't be written (")
    assert run_command(app.main, app.build_parser(), ["--home", str(home), "--port", "0"]) == REFUSED
    assert capsys.readouterr().err.startswith(f"The library folder '{home}' can't be written (")
    assert file.read_text() == "mine"


def test_a_locked_database_is_one_sentence(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(storage.database, "BUSY_SECONDS", 0.1)
    file = write(settings.home.parent, "a.pdf", topic_paper(1))
    with sqlite3.connect(settings.database) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        code = run_command(main, build_parser(), ["add", str(file), "--home", str(settings.home)])
        holder.rollback()
    assert code == REFUSED
    said = capsys.readouterr().err
    assert said == "Another program holds the library's database. Close it or wait for its end, then try again.\n"
    assert list(settings.originals.iterdir()) == []


def test_a_database_that_may_only_be_read_is_one_sentence(settings: Settings) -> None:
    connection = sqlite3.connect(f"file:{settings.database}?mode=ro", uri=True)
    with closing(connection), pytest.raises(sqlite3.OperationalError) as refused:
        connection.execute("DELETE FROM documents")
    assert explain_storage_error(refused.value).startswith("The library's database can't be written.")


def test_a_second_app_on_a_library_is_refused(tmp_path: Path) -> None:
    settings = load_settings(home=tmp_path / "library")
    settings.prepare_home()
    command = [sys.executable, "app.py", "--home", str(settings.home), "--port", "0"]
    with FileLock(settings.app_lock):
        second = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=600)
    assert second.returncode == 1
    assert second.stderr == (
        f"The library '{settings.home}' is served by another Whetstone already. "
        "Use that one, or give another folder with --home.\n"
    )
    assert not settings.database.exists()
