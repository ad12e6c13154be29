import os
from pathlib import Path

import pytest

from core.errors import SettingsError
from core.files import remove_all, stale, write_private, written_whole
from tests.killed import leave_half_done


def test_a_file_is_written_whole_or_stays_as_it_was(tmp_path: Path) -> None:
    target = tmp_path / "backup.jsonl"
    with written_whole(target) as half_done:
        half_done.write_text("first")
    with pytest.raises(SettingsError, match=r"backup.jsonl' can't be written"), written_whole(target) as half_done:
        half_done.write_text("half of the sec")
        raise OSError(28, "No space left on device")
    assert target.read_text() == "first"
    assert list(tmp_path.iterdir()) == [target]


def test_where_no_file_can_be_made_it_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="Give another file"), written_whole(tmp_path / "no" / "folder.zip"):
        pytest.fail("there is nothing to write to")


def test_what_a_killed_process_left_beside_a_file_goes_with_the_next_that_is_written(tmp_path: Path) -> None:
    leave_half_done(tmp_path)
    write_private(tmp_path / "tokens.json", "[]")
    assert [path.name for path in tmp_path.iterdir()] == ["tokens.json"]
    assert (tmp_path / "tokens.json").stat().st_mode & 0o777 == 0o600


def test_only_what_is_old_is_stale_and_of_a_link_the_link_is_removed(tmp_path: Path) -> None:
    old, folder, young = tmp_path / "old", tmp_path / "folder", tmp_path / "young"
    folder.mkdir()
    (folder / "inside").touch()
    for file in (old, young):
        file.touch()
    for path in (old, folder):
        os.utime(path, (0, 0))
    assert set(stale(tmp_path.iterdir(), 60)) == {old, folder}
    link = tmp_path / "link"
    link.symlink_to(folder)
    remove_all([old, link])
    assert set(tmp_path.iterdir()) == {folder, young}
    assert (folder / "inside").exists()
    remove_all([folder])
    assert list(tmp_path.iterdir()) == [young]
