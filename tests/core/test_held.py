from pathlib import Path

from core.held import PREFIX, find_abandoned, held_folder, remove_abandoned
from tests.killed import hold, leave_half_done


def test_a_folder_is_private_and_gone_at_the_end(tmp_path: Path) -> None:
    with held_folder(tmp_path) as folder:
        (folder / "half").touch()
        (held,) = tmp_path.iterdir()
        assert held.stat().st_mode & 0o777 == 0o700
        assert list(folder.iterdir()) == [folder / "half"]
        assert remove_abandoned(tmp_path) == 0
        assert (folder / "half").exists()
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_is_removed_at_once_and_a_living_ones_stays(tmp_path: Path) -> None:
    with hold(tmp_path) as living:
        (its,) = tmp_path.iterdir()
        leave_half_done(tmp_path)
        assert len(find_abandoned(tmp_path)) == 1
        assert remove_abandoned(tmp_path) == 1
        assert list(tmp_path.iterdir()) == [its]
        assert (its / "content" / "half").read_text() == "half"
        living.kill()
    assert remove_abandoned(tmp_path) == 1
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_ours_stays_whatever_it_is_called(tmp_path: Path) -> None:
    mine = tmp_path / f"{PREFIX}thesis"
    mine.mkdir()
    (mine / "chapter.txt").touch()
    (tmp_path / f"{PREFIX}file").touch()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "lock").touch()
    (tmp_path / f"{PREFIX}link").symlink_to(elsewhere)
    before = sorted(tmp_path.rglob("*"))
    assert remove_abandoned(tmp_path) == 0
    assert sorted(tmp_path.rglob("*")) == before


def test_a_folder_whose_process_died_before_it_was_locked_goes_too(tmp_path: Path) -> None:
    (tmp_path / f"{PREFIX}abc").mkdir()
    remove_abandoned(tmp_path)
    assert list(tmp_path.iterdir()) == []
