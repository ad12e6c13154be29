from pathlib import Path

from core.held import PREFIX, find_abandoned
from core.settings import Settings
from storage.half_done import sweep_library
from tests.killed import hold, leave_half_done
from tests.libraries import add_paper


def test_a_start_removes_what_dead_processes_left_and_nothing_that_is_under_way(
    settings: Settings, tmp_path: Path
) -> None:
    add_paper(settings, tmp_path, 1)
    (tmp_path / "mine.txt").touch()
    before = sorted(tmp_path.rglob("*"))
    for folder in (*settings.folders, settings.home.parent):
        leave_half_done(folder)
    (settings.uploads / "an upload").mkdir()
    (settings.uploads / "an upload" / "paper.pdf").touch()
    (settings.uploads / "tmp123").touch()
    with hold(settings.uploads) as importing:
        (held,) = set(settings.uploads.glob(f"{PREFIX}*")) - set(find_abandoned(settings.uploads))
        sweep_library(settings)
        assert set(tmp_path.rglob("*")) - set(before) == {held, *held.rglob("*")}
        importing.kill()
    sweep_library(settings)
    assert sorted(tmp_path.rglob("*")) == before
