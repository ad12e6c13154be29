"""What a start of the app finds of the one before."""

import signal
from pathlib import Path

import pytest

from core.settings import load_settings
from tests.killed import leave_half_done
from tests.ui.conftest import run_app


@pytest.mark.slow
def test_ctrl_c_ends_it_with_a_word_and_leaves_nothing_that_says_it_runs(tmp_path: Path) -> None:
    with run_app(tmp_path / "library", end=signal.SIGINT) as app:
        assert app.settings.app_address.is_file()
    assert not app.settings.app_address.exists()


@pytest.mark.slow
def test_a_start_sweeps_up_after_a_kill_and_tells_where_the_library_is_open_to_others(tmp_path: Path) -> None:
    settings = load_settings(home=tmp_path / "library")
    settings.prepare_home()
    settings.home.chmod(0o755)
    for folder in (settings.uploads, settings.originals, tmp_path):
        leave_half_done(folder)
    (settings.uploads / "a1b2").mkdir()
    (settings.uploads / "a1b2" / "an upload.pdf").touch()
    with run_app(settings.home):
        # Gradio makes empty folders of its own.
        left = [path for path in settings.home.rglob("*") if "upload" in path.name or "half" in path.name]
        assert left == [settings.uploads]
        assert {path.name for path in tmp_path.iterdir()} == {"library", "library.log"}
    said = (tmp_path / "library.log").read_text()
    assert "755, which is open to other users of this machine; to close it: chmod 700" in said
