"""How a shell is told what a command may go on with."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

pytest.importorskip("argcomplete", reason="argcomplete is not installed; requirements.txt names it")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("python -m indexer re", {"remove", "report", "retry", "reread", "restore"}),
        ("python -m training --ho", {"--home"}),
        ("python -m jobs ca", {"cancel"}),
        ("python -m api with", {"withdraw-token"}),
        ("python app.py --po", {"--port"}),
    ],
)
def test_a_shell_is_told_how_a_command_goes_on(line: str, expected: set[str], tmp_path: Path) -> None:
    told = tmp_path / "told"
    _, *arguments, _ = line.split()
    asked = {"_ARGCOMPLETE": "1" if arguments == ["app.py"] else "3", "_ARGCOMPLETE_STDOUT_FILENAME": str(told)}
    asked |= {"COMP_LINE": line, "COMP_POINT": str(len(line)), "_ARGCOMPLETE_IFS": "\n", "_ARGCOMPLETE_SHELL": "bash"}
    if arguments == ["app.py"]:
        asked["_ARGCOMPLETE"] = "2"
    subprocess.run([sys.executable, *arguments], cwd=ROOT, env=os.environ | asked, check=True, timeout=600)
    assert {word.strip() for word in told.read_text().split("\n")} == expected


@pytest.mark.parametrize(
    "file", ["app.py", *(f"{p}/__main__.py" for p in ("indexer", "search", "training", "jobs", "api"))]
)
def test_every_command_is_marked_as_one_that_answers_the_shell(file: str) -> None:
    assert "PYTHON_ARGCOMPLETE_OK" in (ROOT / file).read_text(encoding="utf-8")[:1024]
