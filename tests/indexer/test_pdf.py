from io import BytesIO
from pathlib import Path

import pypdfium2 as pdfium
import pytest
from PIL import Image

from core.errors import ReadError
from core.types import PageSource, PaperFile
from indexer.pdf import passage_boxes, read_paper, render_page, require_text
from tests.papers import Text, encrypt, lines_down, make_paper, make_pdf, with_outline, write

SENTENCES = ["Gravity bends the path of light.", "A photon has no mass."]


def test_text_comes_with_offsets_that_are_glyph_indices(tmp_path: Path) -> None:
    path = write(tmp_path, "a.pdf", make_pdf([lines_down(SENTENCES)]))
    page = read_paper(path).pages[0]
    start = page.text.index(SENTENCES[1])
    (box,) = passage_boxes(PaperFile(path, path.name), 1, start, start + len(SENTENCES[1]))
    assert box.left == pytest.approx(72 / 612, abs=0.01)
    assert box.top == pytest.approx((792 - 720 + 14 - 8) / 792, abs=0.01)
    assert 0.1 < box.width < 0.3
    assert [page.text[line.start : line.end] for line in page.lines] == SENTENCES


@pytest.mark.parametrize("attributes", ["/Rotate 90", "/Rotate 180", "/Rotate 270", "/CropBox [50 600 500 760]"])
def test_boxes_lie_on_the_ink_of_rotated_and_cropped_pages(tmp_path: Path, attributes: str) -> None:
    path = write(tmp_path, "a.pdf", make_pdf([lines_down(SENTENCES)], page_attributes=attributes))
    text = read_paper(path).pages[0].text
    start = text.index(SENTENCES[0])
    (box,) = passage_boxes(PaperFile(path, path.name), 1, start, start + len(SENTENCES[0]))
    picture = Image.open(BytesIO(render_page(PaperFile(path, path.name), 1, 1000))).convert("L")
    width, height = picture.size
    inside = picture.crop(
        (
            int(box.left * width),
            int(box.top * height),
            int((box.left + box.width) * width) + 1,
            int((box.top + box.height) * height) + 1,
        )
    )
    dark = sum(inside.point(lambda value: value < 128).histogram()[1:])
    assert dark / (inside.width * inside.height) > 0.08


def test_title_and_authors_come_from_the_metadata_where_it_tells(tmp_path: Path) -> None:
    info = {"Title": "On Light", "Author": "Ada Lovelace; Charles Babbage"}
    metadata = read_paper(write(tmp_path, "a.pdf", make_pdf([lines_down(SENTENCES)], info))).metadata
    assert (metadata.title, metadata.authors) == ("On Light", ("Ada Lovelace", "Charles Babbage"))


@pytest.mark.parametrize(
    "declared",
    ["untitled", "Untitled Document", "Microsoft Word - x.doc", "paper.dvi", "rackawareness.eps", "a", "1706.03762"],
)
def test_a_title_that_a_program_left_there_gives_way_to_the_heading(tmp_path: Path, declared: str) -> None:
    lines = [Text("The Bending of Light", size=18), *lines_down(SENTENCES * 4, y=660)]
    path = write(tmp_path, "a.pdf", make_pdf([lines], {"Title": declared}))
    assert read_paper(path).metadata.title == "The Bending of Light"


def test_without_metadata_and_heading_there_is_no_title_and_no_year(tmp_path: Path) -> None:
    metadata = read_paper(write(tmp_path, "a.pdf", make_pdf([lines_down(SENTENCES * 4)]))).metadata
    assert (metadata.title, metadata.authors, metadata.year) == (None, (), None)


def test_the_outline_comes_with_pages_from_one(tmp_path: Path) -> None:
    pdf = with_outline(make_pdf([lines_down(SENTENCES), lines_down(SENTENCES)]), [("Light", 1), ("Mass", 2)])
    outline = read_paper(write(tmp_path, "a.pdf", pdf)).outline
    assert [(entry.title, entry.page) for entry in outline] == [("Light", 1), ("Mass", 2)]


def test_a_pdf_with_an_owner_password_only_is_read(tmp_path: Path) -> None:
    path = write(tmp_path, "a.pdf", encrypt(make_pdf([lines_down(SENTENCES)]), user_password=""))
    assert SENTENCES[0] in read_paper(path).pages[0].text


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (encrypt(make_pdf([lines_down(SENTENCES)]), "secret"), "'a.pdf' is encrypted. Retry it with its password"),
        (b"<html>Please log in</html>", "'a.pdf' is not a PDF"),
        (b"", "'a.pdf' is empty"),
        (make_pdf([]), "'a.pdf' has no pages|is broken"),
        (make_pdf([[], []]), "'a.pdf' has no text on any of its 2 pages: the page is blank. Add a better scan"),
        (b"%PDF-1.7\nnothing that follows is a PDF", "'a.pdf' is broken"),
    ],
)
def test_what_can_not_be_read_is_one_sentence_with_a_cure(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(ReadError, match=message) as caught:
        require_text(read_paper(write(tmp_path, "a.pdf", content)).pages, "a.pdf")
    assert "\n" not in str(caught.value)


def test_one_empty_page_does_not_drop_the_document(tmp_path: Path) -> None:
    paper = read_paper(write(tmp_path, "a.pdf", make_pdf([lines_down(SENTENCES), [], lines_down(SENTENCES)])))
    assert [page.source for page in paper.pages] == [PageSource.TEXT, PageSource.EMPTY, PageSource.TEXT]


def test_a_page_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, "a.pdf", make_paper("A Title of a Paper", SENTENCES))
    with pytest.raises(ReadError, match="has 1 pages, so it has no page 7"):
        render_page(PaperFile(path, path.name), 7, 600)


@pytest.mark.parametrize(
    ("name", "title", "year"),
    [
        ("AI-research-assistant/1706.03762.pdf", "Attention Is All You Need", 2017),
        ("papers-we-love/paxos-made-simple.pdf", "Paxos Made Simple", 2001),
        ("papers-we-love/sok-eternal-war-in-memory.pdf", "SoK: Eternal War in Memory", None),
        ("v262/kimhi24a.pdf", "Hysteresis Activation Function for Efficient Inference", 2024),
    ],
)
def test_real_papers_tell_their_title_and_year(shared_data: Path, name: str, title: str, year: int | None) -> None:
    metadata = read_paper(shared_data / "pdfs" / "papers" / name).metadata
    assert (metadata.title, metadata.year) == (title, year)


@pytest.mark.parametrize("name", ["FlagEmbedding/BGE_M3.pdf", "papers-we-love/p5-a-protocal*", "texlive-docs/tlmgr*"])
def test_the_text_of_real_pages_is_pdfiums_character_by_character(shared_data: Path, name: str) -> None:
    (path,) = (shared_data / "pdfs" / "papers").glob(name)
    pages = read_paper(path).pages
    with pdfium.PdfDocument(path) as document:
        for page in pages:
            text_page = document[page.number - 1].get_textpage()
            codes = [pdfium.raw.FPDFText_GetUnicode(text_page, index) for index in range(text_page.count_chars())]
            assert page.text == "".join(chr(code) if code else "\ufffd" for code in codes)
