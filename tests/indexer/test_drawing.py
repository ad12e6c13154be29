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
from tests.children import end_until_done, noted_children
from tests.papers import make_paper, make_slow_pdf, write


def file(folder: Path, name: str, content: bytes) -> PaperFile:
    return PaperFile(write(folder, name, content), name)


@pytest.fixture
def paper(tmp_path: Path) -> PaperFile:
    return file(tmp_path, "light.pdf", make_paper("On Light", ["Gravity bends the path of light. " * 200]))


@pytest.fixture
def drawer() -> Iterator[Drawer]:
    """So patient that no load makes a page slow."""
    drawer = Drawer(DrawLimits(seconds=120))
    drawer.warm()
    yield drawer
    drawer.close()


@pytest.fixture
def slow(tmp_path: Path) -> PaperFile:
    return file(tmp_path, "slow.pdf", make_slow_pdf(levels=6))


def wait_until_drawn(drawer: Drawer, file: PaperFile) -> None:
    while file.path not in drawer._drawn:
        time.sleep(0.01)
    # It is at the page by then.
    time.sleep(0.5)


def children(drawer: Drawer) -> list[int]:
    return [child._process.pid for child in drawer._free if child is not None]


def test_a_child_draws_and_finds_what_pdfium_does(drawer: Drawer, paper: PaperFile) -> None:
    before = children(drawer)
    assert drawer.draw(paper, 1, 900) == render_page(paper, 1, 900)
    assert drawer.find_boxes(paper, 2, 0, 40) == passage_boxes(paper, 2, 0, 40)
    with pytest.raises(ReadError, match="'light.pdf' has 2 pages, so it has no page 9"):
        drawer.draw(paper, 9, 900)
    assert children(drawer) == before, "one warm child does all of it"


def test_a_slow_page_fails_alone_and_is_not_tried_again_so_soon(paper: PaperFile, slow: PaperFile) -> None:
    drawer = Drawer(DrawLimits(seconds=1))
    for width in (900, 400):
        with pytest.raises(ReadError, match="Page 1 of 'slow.pdf' was not drawn within 1 second"):
            drawer.draw(slow, 1, width)
        # The child that drew it was ended, and none was started to try again.
        assert children(drawer) == []
    drawer._limits = DrawLimits(seconds=120)
    assert drawer.draw(paper, 2, 900)[:2] == b"\xff\xd8"
    drawer.close()


def test_while_a_slow_page_is_drawn_other_pages_are(paper: PaperFile, slow: PaperFile) -> None:
    drawer = Drawer(DrawLimits(seconds=120))
    with noted_children() as started, ThreadPoolExecutor() as executor:
        # Two tries at once, for each child might be lost to one.
        failures = [executor.submit(drawer.draw, slow, 1, 900) for _ in range(2)]
        wait_until_drawn(drawer, slow)
        drawer.draw(paper, 1, 900)
        assert not any(failure.done() for failure in failures), "it waited for the slow page"
        end_until_done(started, failures)
    for failure in failures:
        with pytest.raises(ReadError, match="made the program that draws it crash"):
            failure.result()
    drawer.close()


def test_a_child_that_dies_is_one_sentence_and_replaced(drawer: Drawer, paper: PaperFile, slow: PaperFile) -> None:
    (pid,) = children(drawer)
    with ThreadPoolExecutor() as executor:
        failure = executor.submit(drawer.draw, slow, 1, 900)
        wait_until_drawn(drawer, slow)
        os.kill(pid, signal.SIGSEGV)
        with pytest.raises(ReadError, match="Page 1 of 'slow.pdf' made the program that draws it crash"):
            failure.result()
    assert drawer.draw(paper, 1, 900)[:2] == b"\xff\xd8"
    # One that dies between two pages is noticed before it is asked.
    for child in filter(None, drawer._free):
        child._process.kill()
        child._process.wait()
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
