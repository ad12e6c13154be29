"""Pages that are pictures: recognised, placed, put in order; what can't be recognised fails alone."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sqlite_utils import Database

from core.settings import Settings, load_settings
from core.types import Box, DocumentState, JobKind, Line, Page, PageSource, PaperFile
from indexer.ingest import add_file
from indexer.ocr import boxes_of_words, complete_paper, lay_out, recognise_pages
from indexer.pdf import passage_boxes, read_paper, render_picture
from indexer.reader import ReadLimits
from indexer.start import ensure_active_model
from jobs.worker import run_or_wait
from storage import jobs, library
from storage.pages import keep_recognised, pages_of_document, recognised_pages, words_of_page
from tests.papers import Text, join, lines_down, make_pdf, scan, write

LINES = ["Gravity bends the path of light near a star.", "A photon has no mass and yet it is deflected."]
LEFT_COLUMN = [f"The left column has its line {word}" for word in ("one", "two", "three", "four", "five", "six")]
RIGHT_COLUMN = [f"The right column has a line {word}" for word in ("one", "two", "three", "four", "five", "six")]
LIMITS = ReadLimits()


def recognise(path: Path, limits: ReadLimits = LIMITS) -> dict[int, Page]:
    pages = [page for page in read_paper(path).pages if page.needs_ocr]
    return {page.number: page for page in recognise_pages(PaperFile(path, path.name), pages, limits)}


@pytest.mark.slow
def test_a_scan_is_read_and_its_words_stand_where_their_ink_is(tmp_path: Path) -> None:
    printed = make_pdf([[*lines_down(LINES, y=700), Text("On the Bending of Light", y=740, size=22)]])
    original, path = write(tmp_path, "a.pdf", printed), write(tmp_path, "scan.pdf", scan(printed))
    (page,) = recognise(path).values()
    assert (page.source, page.needs_ocr, page.reason) == (PageSource.OCR, False, None)
    assert page.text.splitlines() == ["On the Bending of Light", *LINES]
    start = page.text.index(LINES[1])
    (box,) = boxes_of_words(page.words, start, start + len(LINES[1]))
    text = read_paper(original).pages[0].text
    start = text.index(LINES[1])
    (true,) = passage_boxes(PaperFile(original, original.name), 1, start, start + len(LINES[1]))
    assert box.left == pytest.approx(true.left, abs=0.01)
    assert box.left + box.width == pytest.approx(true.left + true.width, abs=0.01)
    assert box.top < true.top + true.height / 2 < box.top + box.height
    paper = complete_paper(read_paper(path), {1: page}, "scan.pdf")
    assert paper.metadata.title == "On the Bending of Light"


@pytest.mark.slow
def test_of_several_pages_only_those_that_need_it_are_recognised(tmp_path: Path) -> None:
    soup = make_pdf(
        [[Text("qYY Hw ?HjYQ~ Hw7 ?!Y qQ~ jHYw !QHw~ 7YQ " * 3, y=700 - 20 * n, invisible=True) for n in range(9)]]
    )
    printed = make_pdf([lines_down(LINES)])
    path = write(
        tmp_path, "a.pdf", join(printed, scan(printed), make_pdf([[]]), scan(printed, soup), scan(make_pdf([[]])))
    )
    paper = read_paper(path)
    assert [page.needs_ocr for page in paper.pages] == [False, True, False, True, True]
    pages = complete_paper(paper, recognise(path), "a.pdf").pages
    sources = [PageSource.TEXT, PageSource.OCR, PageSource.EMPTY, PageSource.OCR, PageSource.EMPTY]
    assert [page.source for page in pages] == sources
    assert pages[3].text.splitlines() == LINES
    assert pages[4].reason == "the page is blank"


@pytest.mark.slow
def test_a_stamp_in_the_text_layer_of_a_scan_is_not_taken_for_its_text(tmp_path: Path) -> None:
    stamp = make_pdf([[Text("copy 7", y=20, invisible=True)]])
    picture = scan(make_pdf([[Text("seal", y=700, size=4)]]), stamp)
    path = write(tmp_path, "a.pdf", join(scan(make_pdf([lines_down(LINES)]), stamp), picture))
    paper = read_paper(path)
    assert [page.needs_ocr for page in paper.pages] == [True, True]
    pages = complete_paper(paper, recognise(path), "a.pdf").pages
    assert pages[0].text.splitlines() == LINES
    assert pages[1].text.strip()


@pytest.mark.slow
def test_two_columns_of_a_scan_are_not_read_across(tmp_path: Path) -> None:
    title = Text("A title that goes across both of the columns of this page", y=740, size=16)
    page = [title, *lines_down(LEFT_COLUMN, x=60), *lines_down(RIGHT_COLUMN, x=330)]
    (found,) = recognise(write(tmp_path, "a.pdf", scan(make_pdf([page])))).values()
    assert found.text.splitlines() == [title.text, *LEFT_COLUMN, *RIGHT_COLUMN]


@pytest.mark.slow
def test_a_page_that_takes_too_long_fails_alone_with_a_reason(tmp_path: Path) -> None:
    path = write(tmp_path, "a.pdf", scan(make_pdf([lines_down(LINES)] * 2)))
    pages = recognise(path, ReadLimits(seconds=0))
    assert [page.source for page in pages.values()] == [PageSource.FAILED] * 2
    assert "not recognised within 0 seconds" in (pages[1].reason or "")


@pytest.mark.slow
def test_of_tens_of_thousands_of_pages_each_can_be_named(tmp_path: Path) -> None:
    path = write(tmp_path, "a.pdf", scan(make_pdf([lines_down(LINES)])))
    pages = [Page(number, "", 612, 792, needs_ocr=True) for number in range(1, 30_001)]
    recognised = recognise_pages(PaperFile(path, path.name), pages, LIMITS)
    assert LINES[0] in next(recognised).text
    recognised.close()


@pytest.mark.slow
def test_lines_that_lie_on_their_side_are_read_as_lines(tmp_path: Path) -> None:
    sideways = scan(make_pdf([lines_down(LINES * 8)], page_attributes="/Rotate 90"))
    (page,) = recognise(write(tmp_path, "a.pdf", sideways)).values()
    assert LINES[0] in page.text


@pytest.mark.slow
def test_what_the_engine_is_not_sure_of_is_no_text(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 120), dtype=np.uint8)
    noise = Image.fromarray(pixels).resize((1200, 400)).convert("L")
    noise.save(tmp_path / "noise.pdf", "PDF", resolution=150)
    for page in recognise(tmp_path / "noise.pdf").values():
        assert (page.source, page.text) == (PageSource.EMPTY, "")


@pytest.mark.slow
def test_the_notice_of_a_download_is_not_taken_for_the_text_of_a_scan(tmp_path: Path) -> None:
    notice = make_pdf([[Text("Authorized licensed use limited to: A University. Downloaded on May 1, 2020.", y=20)]])
    path = write(tmp_path, "a.pdf", scan(make_pdf([lines_down(LINES * 5)]), notice))
    assert read_paper(path).pages[0].needs_ocr
    (page,) = recognise(path).values()
    assert LINES[0] in page.text


def test_a_page_that_crashes_the_engine_fails_alone_with_a_reason(tmp_path: Path) -> None:
    path = write(tmp_path, "a.pdf", scan(make_pdf([lines_down(LINES)])))
    missing = Page(7, "", 612, 792, needs_ocr=True)
    (page,) = recognise_pages(PaperFile(path, path.name), [missing], LIMITS)
    assert (page.source, page.reason) == (PageSource.FAILED, "its picture made the recognition of text crash")


def test_lines_of_nearly_one_height_have_one_size_and_a_title_has_its_own() -> None:
    boxes = [Box(0.1, 0.1, 0.6, 0.05), *(Box(0.1, 0.2 + 0.03 * n, 0.8, 0.02 + 0.002 * (n % 3)) for n in range(9))]
    page = lay_out([(f"line {n}", box, [("line", box)]) for n, box in enumerate(boxes)], 600, 800)
    sizes = [Line(**line).font_size for line in page["lines"]]
    assert sizes[0] == 40
    assert len(set(sizes[1:])) == 1
    assert page["text"].startswith("line 0\r\nline 1")
    assert [(word["start"], word["end"]) for word in page["words"]][:2] == [(0, 4), (8, 12)]


@pytest.mark.slow
@pytest.mark.parametrize("ocr", ["on", "off"])
def test_a_scan_in_the_library_is_ready_where_recognition_is_on_and_fails_with_the_cure_where_it_is_off(
    settings: Settings, db: Database, tmp_path: Path, ocr: str
) -> None:
    settings = load_settings(home=settings.home, ocr=ocr)
    ensure_active_model(settings)
    document, _ = add_file(settings, write(tmp_path, "scan.pdf", scan(make_pdf([lines_down(LINES)]))))
    run_or_wait(settings, jobs.add_job(db, JobKind.INGEST))
    document = library.get_document(db, document.id)
    pages = pages_of_document(db, document.id)
    if ocr == "off":
        assert document.state is DocumentState.FAILED
        assert "Set WHETSTONE_OCR to on" in (document.reason or "")
        return
    assert document.state is DocumentState.READY
    assert [(page.source, page.reason) for page in pages] == [(PageSource.OCR, None)]
    assert (document.recognised, document.without_text) == (1, 0)
    (chunk,) = library.chunks_of_document(db, document.id)
    assert chunk.text == " ".join(LINES)
    words = words_of_page(db, document.id, 1)
    assert len(boxes_of_words(words, chunk.start, chunk.end)) == len(LINES)


@pytest.mark.slow
def test_a_page_that_was_recognised_before_an_interruption_is_not_recognised_again(
    settings: Settings, db: Database, tmp_path: Path
) -> None:
    ensure_active_model(settings)
    printed = scan(make_pdf([lines_down(LINES)]))
    document, _ = add_file(settings, write(tmp_path, "scan.pdf", join(printed, printed)))
    kept = replace(recognise(write(tmp_path, "one.pdf", printed))[1], text="Recognised before the worker was killed.")
    keep_recognised(db, document.id, kept)
    assert recognised_pages(db, document.id) == {1: kept}
    run_or_wait(settings, jobs.add_job(db, JobKind.INGEST))
    first, second = pages_of_document(db, document.id)
    assert first.text == kept.text
    assert second.text.splitlines() == LINES
    assert recognised_pages(db, document.id) == {}


@pytest.mark.slow
def test_a_page_whose_recognition_failed_is_recognised_when_its_paper_is_tried_again(
    settings: Settings, db: Database, tmp_path: Path
) -> None:
    ensure_active_model(settings)
    original = write(tmp_path, "scan.pdf", scan(make_pdf([lines_down(LINES)])))
    document, _ = add_file(settings, original)
    failed = replace(recognise(original)[1], text="", lines=(), words=(), source=PageSource.FAILED, reason="too slow")
    keep_recognised(db, document.id, failed)
    run_or_wait(settings, jobs.add_job(db, JobKind.INGEST))
    assert library.get_document(db, document.id).state is DocumentState.FAILED
    library.retry_document(db, document.id)
    run_or_wait(settings, jobs.add_job(db, JobKind.INGEST))
    (page,) = pages_of_document(db, document.id)
    assert page.text.splitlines() == LINES


@pytest.mark.slow
@pytest.mark.parametrize("quarter_turns", [1, 3])
def test_a_page_on_its_side_is_read_upright_and_marked_where_it_lies(tmp_path: Path, quarter_turns: int) -> None:
    printed = write(tmp_path, "a.pdf", make_pdf([lines_down(LINES * 4, y=700)]))
    picture, _, _ = render_picture(PaperFile(printed, "a.pdf"), 1, 2.0, 10_000_000)
    turned = Image.fromarray(np.rot90(np.asarray(picture), quarter_turns))
    turned.save(tmp_path / "turned.pdf", "PDF", resolution=144)
    (page,) = recognise(tmp_path / "turned.pdf").values()
    assert page.text.splitlines() == LINES * 4
    pixels = np.asarray(turned.convert("L"))
    for box in boxes_of_words(page.words, 0, len(LINES[0])):
        rows = slice(int(box.top * pixels.shape[0]), int((box.top + box.height) * pixels.shape[0]))
        columns = slice(int(box.left * pixels.shape[1]), int((box.left + box.width) * pixels.shape[1]))
        assert (pixels[rows, columns] < 128).mean() > 0.03
    # Turned to the left, the first line is the first column; to the right, the last.
    lefts = [box.left for box in boxes_of_words(page.words, 0, len(LINES[0]))]
    assert (max(lefts) < 0.5) == (quarter_turns == 1)
