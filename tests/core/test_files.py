import os
from pathlib import Path

import pytest

from core.errors import SettingsError
from core.files import remove_stale, written_whole


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


def test_only_what_is_old_is_removed(tmp_path: Path) -> None:
    old, folder, young = tmp_path / "old", tmp_path / "folder", tmp_path / "young"
    folder.mkdir()
    (folder / "inside").touch()
    for file in (old, young):
        file.touch()
    for path in (old, folder):
        os.utime(path, (0, 0))
    remove_stale(tmp_path.iterdir(), 60)
    assert list(tmp_path.iterdir()) == [young]
