"""The training command's answers to what goes wrong."""

import json
from pathlib import Path

import pytest
from sqlite_utils import Database

from core.cli import run_command
from core.settings import Settings
from core.types import JobKind, JobState
from indexer.start import ensure_active_model
from storage import jobs
from storage.judgements import list_judgements, store_judgement
from tests.makers import store_paper
from training.__main__ import build_parser, main


def run(settings: Settings, *arguments: str) -> int:
    return run_command(main, build_parser(), ["--home", str(settings.home), *arguments])


def test_a_line_separator_inside_a_text_does_not_end_the_line(settings: Settings, db: Database, tmp_path: Path) -> None:
    store_paper(db, "aa", ["alpha one"])
    record = {"query": "alpha\u2028beta", "document": "aa", "text": "alpha one", "relevance": 1}
    file = tmp_path / "pairs.jsonl"
    file.write_text(json.dumps(record, ensure_ascii=False) + "\r\n", encoding="utf-8")
    assert run(settings, "import", str(file)) == 0
    assert [judgement.query for judgement in list_judgements(db)] == ["alpha beta"]


def test_an_export_that_can_not_be_written_is_one_sentence(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(settings, "export", str(tmp_path / "missing" / "pairs.jsonl")) == 1
    assert capsys.readouterr().err.endswith("can't be written (No such file or directory). Give another file.\n")


def test_control_c_ends_the_retrain_for_good(settings: Settings, db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("jobs.worker.run_or_wait", interrupted)
    ensure_active_model(settings)
    store_paper(db, "aa", ["alpha one", "beta two"])
    for query, chunk in (("alpha?", 1), ("beta?", 2)):
        store_judgement(db, query, chunk, 1)
    assert run(settings, "retrain") == 1
    job = jobs.last_job(db, JobKind.RETRAIN)
    assert job is not None
    assert job.state is JobState.CANCELLED


def test_a_retrain_is_not_taken_for_another_that_is_under_way(
    settings: Settings, db: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    jobs.add_job(db, JobKind.RETRAIN, {"epochs": 7, "matryoshka_dims": [64]})
    assert run(settings, "retrain", "--epochs", "1") == 1
    assert "Another retrain is under way" in capsys.readouterr().err
