"""`python -m jobs` as a person uses it: what there was and is to do, and its end."""

import json

import pytest
from sqlite_utils import Database

from core.cli import run_command
from core.settings import Settings
from core.types import JobKind
from jobs.__main__ import build_parser, main
from storage import jobs


def run(settings: Settings, *arguments: str) -> int:
    return run_command(main, build_parser(), ["--home", str(settings.home), *arguments])


def test_a_job_is_listed_stopped_and_dismissed(
    settings: Settings, db: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(settings, "list") == 0
    assert capsys.readouterr().out == "There was no job yet.\n"
    job = jobs.add_job(db, JobKind.INGEST)
    assert run(settings, "list") == 0
    assert capsys.readouterr().out == "    1  ingest    queued     waiting\n"
    assert run(settings, "cancel", "1", "--json") == 0
    assert json.loads(capsys.readouterr().out)["state"] == "cancelled"
    assert run(settings, "dismiss", "1") == 0
    assert jobs.get_job(db, job.id).dismissed
    assert run(settings, "cancel", "9") == 1
    assert "There is no job with id 9" in capsys.readouterr().err
