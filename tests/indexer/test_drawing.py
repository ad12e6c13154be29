"""Pages drawn in child processes: a slow page, a crash and a lack of memory are one sentence, and others are drawn."""

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from core.errors import ReadError
from core.types import PaperFile
from indexer.drawing import Drawer, DrawLimits
from indexer.pdf import passage_boxes, render_page
from tests.papers import make_paper, make_slow_pdf, write


def file(folder: Path, name: str, content: bytes) -> PaperFile:
    return PaperFile(write(folder, name, content), name)


@pytest.fixture
def paper(tmp_path: Path) -> PaperFile:
    return file(tmp_path, "light.pdf", make_paper("On Light", ["Gravity bends the path of light. " * 200]))


@pytest.fixture
def drawer() -> Iterator[Drawer]:
    drawer = Drawer(DrawLimits(seconds=3))
    drawer.warm()
    yield drawer
    drawer.close()


def children(drawer: Drawer) -> list[int]:
    return [child._process.pid for child in drawer._free if child is not None]


def test_a_child_draws_and_finds_what_pdfium_does(drawer: Drawer, paper: PaperFile) -> None:
    before = children(drawer)
    assert drawer.draw(paper, 1, 900) == render_page(paper, 1, 900)
    assert drawer.find_boxes(paper, 2, 0, 40) == passage_boxes(paper, 2, 0, 40)
    with pytest.raises(ReadError, match="'light.pdf' has 2 pages, so it has no page 9"):
        drawer.draw(paper, 9, 900)
    assert children(drawer) == before, "one warm child does all of it"


def test_a_slow_page_fails_alone_while_other_pages_are_drawn(drawer: Drawer, paper: PaperFile, tmp_path: Path) -> None:
    slow = file(tmp_path, "slow.pdf", make_slow_pdf())
    with ThreadPoolExecutor() as executor:
        began = time.monotonic()
        # Two tries at once, for each child might be lost to one.
        failures = [executor.submit(drawer.draw, slow, 1, 900) for _ in range(2)]
        time.sleep(0.3)
        drawer.draw(paper, 1, 900)
        assert time.monotonic() - began < 2.5, "it waited for the slow page"
        for failure in failures:
            with pytest.raises(ReadError, match="Page 1 of 'slow.pdf' was not drawn within 3 seconds"):
                failure.result(timeout=10)
    assert time.monotonic() - began < 7
    began = time.monotonic()
    with pytest.raises(ReadError, match="was not drawn within 3 seconds"):
        drawer.draw(slow, 1, 400)
    assert time.monotonic() - began < 0.1, "it is not tried again so soon"
    assert drawer.draw(paper, 2, 900)[:2] == b"\xff\xd8"


def test_a_child_that_dies_is_one_sentence_and_replaced(drawer: Drawer, paper: PaperFile, tmp_path: Path) -> None:
    slow = file(tmp_path, "slow.pdf", make_slow_pdf())
    (pid,) = children(drawer)
    with ThreadPoolExecutor() as executor:
        failure = executor.submit(drawer.draw, slow, 1, 900)
        time.sleep(0.5)
        os.kill(pid, signal.SIGSEGV)
        with pytest.raises(ReadError, match="Page 1 of 'slow.pdf' made the program that draws it crash"):
            failure.result(timeout=10)
    assert drawer.draw(paper, 1, 900)[:2] == b"\xff\xd8"
    # One that dies between two pages is noticed before it is asked.
    for pid in children(drawer):
        os.kill(pid, signal.SIGKILL)
    time.sleep(0.2)
    assert drawer.draw(paper, 2, 900)[:2] == b"\xff\xd8"


def test_too_little_memory_is_one_sentence(paper: PaperFile) -> None:
    drawer = Drawer(DrawLimits(megabytes=256, children=1))
    assert drawer.draw(paper, 1, 100)[:2] == b"\xff\xd8"
    ribbon = make_paper("On Light", ["x"]).replace(b"[0 0 612 792]", b"[0 0 300 1000]")
    with pytest.raises(ReadError, match=r"needs more than 256 MB of memory|crash"):
        drawer.draw(file(paper.path.parent, "ribbon.pdf", ribbon), 1, 3000)
    assert drawer.draw(paper, 1, 100)[:2] == b"\xff\xd8"


def test_the_child_ends_with_its_input(drawer: Drawer, paper: PaperFile) -> None:
    child = drawer._free[-1]
    assert child is not None
    assert child._process.stdin is not None
    child._process.stdin.close()
    assert child._process.wait(5) == 0
