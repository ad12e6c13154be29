import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from core.types import ChunkKind, Line, OutlineEntry, Page
from indexer.chunking import ChunkingSettings, chunk_pages
from indexer.headings import find_headings
from indexer.lines import PlacedLine, body_size
from indexer.pdf import read_paper
from tests.papers import Text, lines_down, make_pdf, write

BODY = [
    "Given in this paper is a solution to a problem for which, to the knowledge",
    "of the author, has been an open question since at least 1962.",
    "Anyone familiar with such problems will appreciate the significance of it.",
]


def headings_of(
    tmp_path: Path, pages: Sequence[Sequence[Text]], outline: Sequence[OutlineEntry] = (), bold: bool = False
) -> list[str]:
    pages = [[replace(line, bold=line.bold or bold) for line in page] for page in pages]
    paper = read_paper(write(tmp_path, "a.pdf", make_pdf(pages)))
    lines = [PlacedLine(page, line) for page in paper.pages for line in page.lines]
    return [lines[index].text.strip() for index in sorted(find_headings(lines, outline))]


def sections(*headings: Text) -> list[Text]:
    """The body, and below each of these headings the body again."""
    page = lines_down(BODY)
    for number, heading in enumerate(headings):
        page += [replace(heading, y=660 - 80 * number), *lines_down(BODY, y=640 - 80 * number)]
    return page


def test_bold_lines_above_the_text_are_headings_without_a_number(tmp_path: Path) -> None:
    page = sections(Text("The Problem", bold=True), Text("The Proof", x=220, bold=True))
    title = [Text("On Bold Titles", y=760, size=14, bold=True), Text("Ada Lovelace", y=740, bold=True)]
    assert headings_of(tmp_path, [[*title, *page]]) == ["The Problem", "The Proof"]


def test_numbered_institutes_above_the_abstract_are_no_sections(tmp_path: Path) -> None:
    front = [Text("1 Facebook Research, Paris", y=790, size=12), Text("2 PSL University, Paris", y=775, size=12)]
    page = sections(Text("Abstract", bold=True), Text("1 The Problem", size=12, bold=True))
    assert headings_of(tmp_path, [[*front, *page]]) == ["Abstract", "1 The Problem"]
    introduced = [Text("1 Introduction", y=790, size=12, bold=True)]
    assert headings_of(tmp_path, [[*introduced, *page]]) == ["1 Introduction", "Abstract", "1 The Problem"]


def test_below_one_of_several_headings_may_stand_a_short_line(tmp_path: Path) -> None:
    page = sections(Text("The Problem", bold=True), Text("The Proof", bold=True))
    page += [Text("The Solution", y=500, bold=True), *lines_down(["The store holds:", "a, b, c, and"], y=480)]
    assert headings_of(tmp_path, [page]) == ["The Problem", "The Proof", "The Solution"]


@pytest.mark.parametrize(
    "line",
    [
        Text("Model" + 30 * " " + "Layers" + 30 * " " + "Heads", bold=True),
        Text("Model 0.93", bold=True),
        Text("A sentence in bold.", bold=True),
        Text("the middle of one", bold=True),
        Text("Far from its left", x=140, bold=True),
    ],
)
def test_other_bold_lines_above_the_text_are_none(tmp_path: Path, line: Text) -> None:
    assert headings_of(tmp_path, [sections(line)]) == []


def test_a_bold_line_within_a_paragraph_is_none(tmp_path: Path) -> None:
    lines = lines_down([*BODY, "Bold Words in It", *BODY])
    lines[3] = replace(lines[3], bold=True)
    assert headings_of(tmp_path, [lines]) == []


def test_where_all_the_text_is_bold_a_numbered_list_is_no_heading(tmp_path: Path) -> None:
    page = sections(Text("1. When a worker asks the master"), Text("2.1 Background Overhead"))
    page += [Text("2 Results", y=470, size=12)]
    assert headings_of(tmp_path, [page], bold=True) == ["2.1 Background Overhead", "2 Results"]


def test_a_size_in_which_a_good_part_is_set_tells_no_heading(tmp_path: Path) -> None:
    output = [replace(line, size=12) for line in lines_down(["Directory for backups", *BODY], y=600)]
    pages = [[], [*lines_down([*BODY, *BODY]), *output[:1]], [*lines_down(BODY), *output[1:]], lines_down(BODY)]
    assert headings_of(tmp_path, pages) == []
    assert headings_of(tmp_path, [page for page in pages if not set(output[1:]) & set(page)]) == [
        "Directory for backups"
    ]


def test_a_heading_goes_on_below_its_first_line_though_that_begins_with_a_sign_in_another_type(tmp_path: Path) -> None:
    lines = [Text("§", x=72, y=660, size=12), Text("8. Transformation of the Energy of Light, and Theory", x=82, y=660)]
    lines = [lines[0], replace(lines[1], size=12, bold=True)]
    second = Text("of the Pressure of Radiation", y=646, size=12, bold=True)
    page = [*lines_down(BODY), *lines, second, *lines_down(BODY, y=620)]
    first, *rest = headings_of(tmp_path, [page])
    assert first.startswith("§ 8. Transformation")
    assert rest == ["of the Pressure of Radiation"]


def test_the_outline_names_a_heading_over_three_lines(tmp_path: Path) -> None:
    page = lines_down([*BODY, "on the transformation", "of co-ordinates and", "times", *BODY])
    outline = [OutlineEntry("3 On the Transformation of Co-ordinates and Times", 1, 1)]
    assert headings_of(tmp_path, [page], outline) == ["on the transformation", "of co-ordinates and", "times"]


@pytest.mark.parametrize(
    ("name", "headings"),
    [
        ("papers-we-love/solution-of-a-problem*", {"The Problem", "The Solution", "The Proof"}),
        ("papers-we-love/on-the-electro*", {"of the Pressure of Radiation Exerted on Perfect Reflectors"}),
        ("texlive-docs/tlmgr*", {"2 例子"}),
    ],
)
def test_headings_of_real_papers_are_found(shared_data: Path, name: str, headings: set[str]) -> None:
    (path,) = (shared_data / "pdfs" / "papers").glob(name)
    paper = read_paper(path)
    lines = [PlacedLine(page, line) for page in paper.pages for line in page.lines if page.text_of(line).strip()]
    assert headings <= {lines[index].text.strip() for index in find_headings(lines, paper.outline)}


@pytest.mark.parametrize(
    ("name", "debris"),
    [("papers-we-love/p5-*", r"^[A-Z]\W"), ("papers-we-love/recursive-functions*", "^A B A B")],
)
def test_a_formula_in_a_font_without_names_is_no_heading_of_a_real_paper(
    shared_data: Path, name: str, debris: str
) -> None:
    (path,) = (shared_data / "pdfs" / "papers").glob(name)
    paper = read_paper(path)
    lines = [PlacedLine(page, line) for page in paper.pages for line in page.lines if page.text_of(line).strip()]
    found = [lines[index].text.strip() for index in sorted(find_headings(lines, paper.outline))]
    assert [text for text in found if re.match(debris, text)] == []
    assert any(text.startswith("6 ") for text in found)


def chinese_page(lines: Sequence[str]) -> Page:
    text, placed = "", []
    for index, line in enumerate(lines):
        size = 10 if len(line) > 20 else 15
        top = 720 - 20 * index
        placed.append(Line(len(text), len(text) + len(line), 72, top - size, 72 + size * len(line), top, size, False))
        text += line + "\r\n"
    return Page(2, text, 612, 792, tuple(placed))


def test_two_ideographs_are_enough_for_a_heading() -> None:
    page = chinese_page(["正文在这里。" * 6, "2 例子", "正文在这里。" * 6, "前 言", "正文在这里。" * 6])
    lines = [PlacedLine(page, line) for line in page.lines]
    assert find_headings(lines, [OutlineEntry("前言", 2, 1)]) == {1, 3}


def test_the_body_size_is_that_of_most_characters_though_pages_differ_a_little() -> None:
    def line(length: int, size: float) -> PlacedLine:
        page = Page(1, "x" * length, 612, 792, (Line(0, length, 72, 700, 300, 710, size, bold=False),))
        return PlacedLine(page, page.lines[0])

    assert body_size([line(40, 10.7), line(30, 10.8), line(50, 9.1)]) == 10.7
    assert body_size([]) == 0.0


CITED = [f"[{n}] A. Lovelace. Notes on the analytical engine, volume {n}. 1843." for n in range(1, 4)]


@pytest.mark.parametrize("name", ["References", "Notes & References", "Notes and References", "References and Notes"])
def test_the_reference_list_is_known_by_each_of_its_names(tmp_path: Path, name: str) -> None:
    page = [*lines_down([*BODY, name]), *lines_down(CITED, y=660)]
    assert name in headings_of(tmp_path, [page])
    paper = read_paper(write(tmp_path, "a.pdf", make_pdf([page])))
    chunks = chunk_pages(paper.pages, (), lambda texts: [len(text.split()) for text in texts], ChunkingSettings(60))
    assert chunks[-1].kind is ChunkKind.REFERENCE
