"""`python app.py` without a page: settings and diagnostics on the terminal."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.warm import plain_environment, run_warm

pytestmark = pytest.mark.slow


def app(home: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return run_warm(["app.py", "--home", str(home), *arguments], plain_environment() | environment)


def test_settings_are_listed_set_and_forgotten(tmp_path: Path) -> None:
    done = app(tmp_path, "--set", "ocr=off", "--set", "WHETSTONE_PORT=8001")
    said = "WHETSTONE_OCR is off, for papers read from now on.\nWHETSTONE_PORT is 8001, at the next start.\n"
    assert (done.returncode, done.stdout) == (0, said)
    listed = json.loads(app(tmp_path, "--settings", "--json", WHETSTONE_PORT="9001").stdout)["settings"]
    assert (listed["ocr"]["value"], listed["ocr"]["source"]) == ("off", "stored")
    assert (listed["port"]["value"], listed["port"]["source"]) == ("9001", "environment")
    assert (listed["home"]["source"], listed["home"]["stored"]) == ("argument", False)
    refused = app(tmp_path, "--set", "ocr=perhaps")
    assert (refused.returncode, refused.stderr) == (1, "WHETSTONE_OCR is 'perhaps'; it must be on or off.\n")
    assert app(tmp_path, "--set", "ocr").stderr == "'ocr' has no value. Write it so: --set ocr=VALUE\n"
    assert app(tmp_path, "--unset", "ocr").stdout == "WHETSTONE_OCR is on again, for papers read from now on.\n"
    assert "WHETSTONE_PORT               8001  (stored)" in app(tmp_path, "--settings").stdout


def test_diagnostics_need_no_running_app(tmp_path: Path) -> None:
    told = app(tmp_path / "library", "--diagnostics", "--json")
    assert told.returncode == 0, told.stderr
    facts = json.loads(told.stdout)
    sections = ["program", "libraries", "device", "model", "settings", "sizes", "speeds", "errors"]
    assert list(facts) == sections
    assert facts["sizes"]["papers"] == 0
    assert "[sizes]" in app(tmp_path / "library", "--diagnostics").stdout
