import re
import shlex
import shutil
import subprocess
import sys
from configparser import RawConfigParser
from pathlib import Path

import pytest

from core.errors import SettingsError
from desktop.__main__ import build_parser, main
from desktop.entry import make_entry


def entry_of(text: str) -> dict[str, str]:
    parser = RawConfigParser()
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(text)
    return dict(parser["Desktop Entry"])


def run(*arguments: str) -> int:
    return main(build_parser().parse_args(arguments))


def test_the_entry_is_written_with_its_icons_and_removed_without_a_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert run("--install", "--home", str(tmp_path / "my papers")) == 0
    written = tmp_path / "data" / "applications" / "whetstone.desktop"
    assert str(written) in capsys.readouterr().out
    entry = entry_of(written.read_text())
    assert shlex.split(entry["Exec"]) == [
        sys.executable, "-m", "desktop", "--home", str(tmp_path / "my papers"), "%F",
    ]  # fmt: skip
    assert entry["MimeType"] == "application/pdf;"
    icons = sorted(path.name for path in (tmp_path / "data" / "icons").rglob("*") if path.is_file())
    assert icons == ["whetstone.png", "whetstone.png", "whetstone.svg"]
    assert run("--uninstall") == 0
    left = [path for path in (tmp_path / "data").rglob("*") if path.is_file() and path.name != "mimeinfo.cache"]
    assert left == []
    assert run("--uninstall") == 0
    assert capsys.readouterr().out.endswith("Whetstone is not in the menu.\n")


def test_odd_characters_in_a_folder_stay_what_they_are() -> None:
    home = '/a "b" $HOME `c` \\d 100%'
    line = entry_of(make_entry(["--home", home]))["Exec"]
    # As a desktop reads it: the value's own escapes first, then the words in quotes, then their fields.
    words = re.findall(r'"((?:\\.|[^"\\])*)"', line.replace("\\\\", "\\"))
    assert re.sub(r"\\(.)", r"\1", words[-1]).replace("%%", "%") == home


@pytest.mark.skipif(not shutil.which("desktop-file-validate"), reason="desktop-file-utils is not installed")
def test_the_entry_is_as_the_standard_asks(tmp_path: Path) -> None:
    file = tmp_path / "whetstone.desktop"
    file.write_text(make_entry(["--home", "/a b%"]))
    checked = subprocess.run(["desktop-file-validate", str(file)], capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


@pytest.mark.parametrize(("platform", "name"), [("darwin", "macOS"), ("win32", "Windows")])
def test_elsewhere_the_browser_installs_it(monkeypatch: pytest.MonkeyPatch, platform: str, name: str) -> None:
    monkeypatch.setattr("sys.platform", platform)
    with pytest.raises(SettingsError, match=f"on Linux only. On {name}, choose 'Install Whetstone'"):
        run("--install")
