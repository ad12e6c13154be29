import json
from pathlib import Path

import pytest
from sqlite_utils import Database

from core.settings import Settings
from core.types import JobKind, PageSource
from indexer.ingest import add_file
from indexer.report import make_report
from indexer.start import ensure_active_model
from jobs.worker import run_or_wait
from storage import jobs
from tests.papers import join, lines_down, make_pdf, scan, write

SENTENCES = ["Gravity bends the path of light.", "A photon has no mass."]
OWN_ENCODING = ["qYY Hw ?HjYQ~ Hw7 ?!Y qQ~ jHYw !QHw~ 7YQ w?H qYw? jQ~! Hw7Y ?qH", "jYQ ~Hw7 ?!Y wqH jQ~ ?HY Yw!"]


@pytest.mark.slow
def test_each_page_tells_how_it_was_read_and_what_may_be_wrong(
    settings: Settings, db: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ensure_active_model(settings)
    prose = lines_down(SENTENCES * 6)
    partly = [*lines_down(SENTENCES * 6), *lines_down(OWN_ENCODING * 6, y=400)]
    pdf = join(make_pdf([prose, partly, []]), scan(make_pdf([prose])))
    document, _ = add_file(settings, write(tmp_path, "a.pdf", pdf))
    run_or_wait(settings, jobs.add_job(db, JobKind.INGEST))
    report = make_report(db, document.id, lambda texts: [7 for _ in texts], 5)
    assert [page.source for page in report.pages] == [
        PageSource.TEXT,
        PageSource.TEXT,
        PageSource.EMPTY,
        PageSource.OCR,
    ]
    assert [len(page.problems) for page in report.pages] == [0, 1, 0, 0]
    assert "lines can't be read and are left out" in report.pages[1].problems[0]
    assert 0.5 < (report.pages[0].covered or 0) <= 1
    assert report.pages[2].reason == "the page is blank"
    assert report.tokens_past_window == 2 * report.document.chunks
    assert (report.document.recognised, report.document.without_text) == (1, 1)

    from indexer.__main__ import build_parser, main

    assert main(build_parser().parse_args(["--home", str(settings.home), "report", str(document.id), "--json"])) == 0
    printed = json.loads(capsys.readouterr().out)
    assert [page["source"] for page in printed["pages"]] == ["text", "text", "empty", "ocr"]
    assert printed["tokens_past_window"] == 0
    assert main(build_parser().parse_args(["--home", str(settings.home), "report", str(document.id)])) == 0
    assert "    3  empty        0 characters  the page is blank" in capsys.readouterr().out
