"""Watched folders: what is new comes in once, what is removed stays away, what is missing is told."""

import json
import os
import shutil
import time
from pathlib import Path

import pytest
from sqlite_utils import Database

from core.cli import run_command
from core.errors import NotFoundError, SettingsError
from core.settings import Settings
from indexer.__main__ import build_parser, main
from indexer.ingest import remove_documents
from indexer.watching import FolderWatch, look_at_folders, unwatch_folder, watch_folder
from storage import library, watched
from tests.papers import make_paper, write


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """As Zotero keeps its papers: each in a folder of its own."""
    for name in ("light", "bread"):
        (tmp_path / "storage" / name.upper()).mkdir(parents=True)
        write(tmp_path / "storage" / name.upper(), f"{name}.pdf", make_paper(name.title(), [f"All about {name}."]))
    return tmp_path / "storage"


def names(db: Database) -> set[str]:
    return {document.names[0] for document in library.list_documents(db)}


def test_what_is_in_a_watched_folder_is_added_once(settings: Settings, db: Database, folder: Path) -> None:
    watch_folder(settings, folder)
    assert len(look_at_folders(settings, settle=0).documents) == 2
    assert names(db) == {"light.pdf", "bread.pdf"}
    assert not look_at_folders(settings, settle=0).documents
    write(folder, "fog.pdf", make_paper("Fog", ["All about fog."]))
    assert [one.names for one in look_at_folders(settings, settle=0).documents.values()] == [("fog.pdf",)]
    watch_folder(settings, folder)
    assert len(watched.list_folders(db)) == 1


def test_a_paper_that_was_removed_does_not_come_back_and_one_that_vanishes_stays(
    settings: Settings, db: Database, folder: Path
) -> None:
    watch_folder(settings, folder)
    look_at_folders(settings, settle=0)
    gone = next(one.id for one in library.list_documents(db) if one.names == ("light.pdf",))
    remove_documents(settings, [gone])
    (folder / "BREAD" / "bread.pdf").unlink()
    assert not look_at_folders(settings, settle=0).documents
    assert names(db) == {"bread.pdf"}
    assert b"light.pdf" not in settings.database.read_bytes()


def test_a_file_that_may_still_be_written_is_left_for_the_next_look(
    settings: Settings, db: Database, folder: Path
) -> None:
    watch_folder(settings, folder)
    for path in folder.rglob("*.pdf"):
        os.utime(path, (time.time() - 60,) * 2)
    os.utime(folder / "LIGHT" / "light.pdf")
    look_at_folders(settings, settle=50)
    assert names(db) == {"bread.pdf"}
    os.utime(folder / "LIGHT" / "light.pdf", (time.time() - 60,) * 2)
    look_at_folders(settings, settle=50)
    assert names(db) == {"bread.pdf", "light.pdf"}


def test_a_pdf_without_its_end_is_waited_for_but_not_for_ever(settings: Settings, db: Database, folder: Path) -> None:
    watch_folder(settings, folder)
    look_at_folders(settings, settle=0)
    path, whole = folder / "scan.pdf", make_paper("Scan", ["All about scans."])
    for ago, content, comes in ((60, whole[:200], False), (40, whole, True), (60 * 10, whole[:300], True)):
        path.write_bytes(content)
        os.utime(path, (time.time() - ago,) * 2)
        assert bool(look_at_folders(settings, settle=3).documents) is comes


def test_a_folder_that_is_not_there_is_one_sentence_and_stops_no_other(
    settings: Settings, db: Database, folder: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    watch_folder(settings, other)
    watch_folder(settings, folder)
    other.rmdir()
    assert len(look_at_folders(settings, settle=0).documents) == 2
    problems = {one.path: one.problem for one in watched.list_folders(db)}
    assert problems[str(other)] == f"The folder '{other}' is not there. Plug in its disk, or stop watching it."
    assert problems[str(folder)] is None
    other.mkdir()
    look_at_folders(settings, settle=0)
    assert {one.problem for one in watched.list_folders(db)} == {None}
    shutil.rmtree(other)
    unwatch_folder(settings, other)
    with pytest.raises(NotFoundError, match="is not watched"):
        unwatch_folder(settings, other)
    assert len(library.list_documents(db)) == 2


def test_no_file_and_no_folder_with_the_library_in_it_is_watched(settings: Settings, folder: Path) -> None:
    for path in (settings.home, settings.home.parent, settings.originals):
        with pytest.raises(SettingsError, match="holds the library itself, or lies in it"):
            watch_folder(settings, path)
    with pytest.raises(SettingsError, match="is not a folder"):
        watch_folder(settings, folder / "LIGHT" / "light.pdf")


def test_the_watch_goes_on_by_itself_and_after_a_restart(settings: Settings, db: Database, folder: Path) -> None:
    watch_folder(settings, folder)
    for path in folder.rglob("*.pdf"):
        os.utime(path, (time.time() - 60,) * 2)
    for number in range(2):
        watch = FolderWatch(settings, seconds=0.05)
        watch.start()
        end = time.monotonic() + 120
        while len(names(db)) < 2 + number:
            assert time.monotonic() < end, "nothing was added"
            time.sleep(0.02)
        watch.stop()
        path = write(folder, f"new{number}.pdf", make_paper("New", [f"All that is new, {number}."]))
        os.utime(path, (time.time() - 60,) * 2)


def test_the_commands_watch_tell_and_end_it(
    settings: Settings, db: Database, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(*arguments: str) -> str:
        code = run_command(main, build_parser(), ["--home", str(settings.home), *arguments])
        said = capsys.readouterr()
        return said.out if code == 0 else said.err

    assert run("watched") == "No folder is watched. 'python -m indexer watch FOLDER' begins it.\n"
    assert run("watch", str(folder)) == "2 papers ready (2 passages), 0 failed.\n"
    assert json.loads(run("watched", "--json"))["folders"][0]["path"] == str(folder)
    shutil.rmtree(folder)
    look_at_folders(settings)
    assert "is not there. Plug in its disk, or stop watching it." in run("watched")
    assert run("unwatch", str(folder)).startswith("No folder is watched.")
    assert "is not watched" in run("unwatch", str(folder))
    assert "is not a folder" in run("watch", str(folder))


def test_no_link_in_a_watched_folder_leads_out_of_it(settings: Settings, folder: Path, tmp_path: Path) -> None:
    watch_folder(settings, folder)
    look_at_folders(settings, settle=0)
    (tmp_path / "private").mkdir()
    write(tmp_path / "private", "letter.pdf", make_paper("A Letter", ["To nobody else."]))
    (folder / "letter.pdf").symlink_to(tmp_path / "private" / "letter.pdf")
    (folder / "all").symlink_to(tmp_path / "private")
    (folder / "library.pdf").symlink_to(settings.database)
    (folder / "again.pdf").symlink_to(folder / "BREAD" / "bread.pdf")
    looked = look_at_folders(settings, settle=0)
    assert [set(one.names) for one in looked.documents.values()] == [{"again.pdf", "bread.pdf"}]
    assert sorted(one.split("'")[1] for one in looked.refused) == ["letter.pdf", "library.pdf"]
    # Nor does the folder itself, where it has become one.
    folder.rename(tmp_path / "before")
    folder.symlink_to(tmp_path / "private")
    looked = look_at_folders(settings, settle=0)
    assert looked.documents == {}
    assert [one.split("'")[1] for one in looked.refused] == ["letter.pdf"]
