"""Whetstone in the menu of a Linux desktop, and among the programs that open a PDF."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from core.errors import SettingsError
from desktop.server import ROOT

NAME = "whetstone"
_ICONS = ROOT / "ui" / "assets" / "icons"
# What a desktop looks for, in the theme that every other theme falls back on.
_PICTURES = {
    "192x192/apps/whetstone.png": "whetstone-192.png",
    "512x512/apps/whetstone.png": "whetstone-512.png",
    "scalable/apps/whetstone.svg": "whetstone.svg",
}
_ELSEWHERE = (
    "A menu entry can be written on Linux only. On {system}, choose 'Install Whetstone' in the menu of Chrome or Edge "
    "while the page is open."
)


def install(arguments: Sequence[str]) -> Path:
    """Write the entry, which starts `python -m desktop` with these arguments. Raises SettingsError where it can't be.

    Which program opens PDFs by default stays as it is.
    """
    _require_linux()
    entry = _entry_path()
    try:
        for name, source in _PICTURES.items():
            target = _icons_folder() / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(_ICONS / source, target)
        entry.parent.mkdir(parents=True, exist_ok=True)
        entry.write_text(make_entry(arguments), encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"'{error.filename}' can't be written ({error.strerror}). Look at its rights.") from error
    _tell_desktop(entry.parent)
    return entry


def uninstall() -> bool:
    """Remove what `install` wrote; whether there was anything."""
    _require_linux()
    written = [_entry_path(), *(_icons_folder() / name for name in _PICTURES)]
    found = [path for path in written if path.exists()]
    for path in found:
        path.unlink()
    _tell_desktop(_entry_path().parent)
    return bool(found)


def make_entry(arguments: Sequence[str]) -> str:
    command = [sys.executable, "-m", "desktop", *arguments]
    lines = {
        "Type": "Application",
        "Name": "Whetstone",
        "GenericName": "Paper search",
        "Comment": "Search your papers by meaning, and sharpen the search with what you approve",
        # %F: the files it is asked to open, each an argument of its own.
        "Exec": f"{' '.join(map(_quoted, command))} %F",
        "Path": str(ROOT).replace("\\", "\\\\"),
        "Icon": NAME,
        "Terminal": "false",
        "Categories": "Office;",
        "Keywords": "papers;PDF;search;",
        "MimeType": "application/pdf;",
        "StartupWMClass": NAME,
        "StartupNotify": "true",
    }
    return "".join(["[Desktop Entry]\n", *(f"{key}={value}\n" for key, value in lines.items())])


def _quoted(word: str) -> str:
    """The word as an entry's Exec line has it: quoted, its special characters escaped twice as the format asks."""
    for special in '\\"`$':
        word = word.replace(special, f"\\{special}")
    # The value of a key is unescaped once more than the quotes are; a % would begin a field.
    return '"' + word.replace("\\", "\\\\").replace("%", "%%").replace("\n", "\\n") + '"'


def _data_folder() -> Path:
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")


def _entry_path() -> Path:
    return _data_folder() / "applications" / f"{NAME}.desktop"


def _icons_folder() -> Path:
    return _data_folder() / "icons" / "hicolor"


def _tell_desktop(folder: Path) -> None:
    """Let the desktop know at once; where it has no such program, it finds out by itself."""
    program = shutil.which("update-desktop-database")
    if program and folder.is_dir():
        subprocess.run([program, str(folder)], check=False, capture_output=True)


def _require_linux() -> None:
    if sys.platform in ("darwin", "win32"):
        raise SettingsError(_ELSEWHERE.format(system="macOS" if sys.platform == "darwin" else "Windows"))
