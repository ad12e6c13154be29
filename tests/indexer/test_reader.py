import os
import time
from pathlib import Path

import pytest

from core.errors import ReadError
from core.types import PaperFile
from indexer.pdf import read_paper
from indexer.reader import ReadLimits, read_paper_isolated
from tests.papers import lines_down, make_pdf, write


def test_the_child_reads_what_the_parent_would(tmp_path: Path) -> None:
    path = write(tmp_path, "a.pdf", make_pdf([lines_down(["One line.", "Another \u00e9."])], {"Title": "A good title"}))
    assert read_paper_isolated(PaperFile(path, path.name), ReadLimits()) == read_paper(path)


def test_a_refusal_names_the_file_as_the_user_knows_it(tmp_path: Path) -> None:
    path = write(tmp_path, "0a1b.pdf", b"no")
    with pytest.raises(ReadError, match="'my paper.pdf' is not a PDF"):
        read_paper_isolated(PaperFile(path, "my paper.pdf"), ReadLimits())


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="a file that is read for ever is a pipe here")
def test_a_file_that_takes_too_long_is_given_up_in_time(tmp_path: Path) -> None:
    path = tmp_path / "long.pdf"
    os.mkfifo(path)
    # Its end never comes.
    began = time.monotonic()
    with pytest.raises(ReadError, match="not read within 1 seconds"):
        read_paper_isolated(PaperFile(path, path.name), ReadLimits(seconds=1))
    assert time.monotonic() - began < 5


def test_hostile_files_each_end_as_a_paper_or_as_a_sentence_in_time(shared_data: Path) -> None:
    files = sorted(path for path in (shared_data / "pdfs" / "hostile").rglob("*.pdf") if path.is_file())[::16]
    outcomes = []
    for path in files:
        began = time.monotonic()
        try:
            outcomes.append(len(read_paper_isolated(PaperFile(path, path.name), ReadLimits(seconds=10)).pages) > 0)
        except ReadError as error:
            outcomes.append("\n" not in str(error) and path.name in str(error))
        assert time.monotonic() - began < 15, path.name
    assert outcomes == [True] * len(files)
    assert outcomes
