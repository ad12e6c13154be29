from collections.abc import Sequence
from pathlib import Path

from indexer.pdf import read_paper
from indexer.running import find_running_lines
from tests.papers import Text, lines_down, make_pdf, write

WORDS = ["alpha", "bravo", "charlie", "delta", "echo", "foxtrot"]


def body(page: int) -> list[Text]:
    """Lines that stand on this page alone."""
    word = WORDS[page]
    return lines_down([f"Here {word} begins,", f"then {word} goes on,", f"and {word} rests.", f"Now {word} ends."] * 2)


def running(tmp_path: Path, pages: Sequence[Sequence[Text]]) -> list[str]:
    read = read_paper(write(tmp_path, "a.pdf", make_pdf(pages))).pages
    found = find_running_lines(read)
    return [
        page.text[line.start : line.end].strip()
        for page in read
        for line in page.lines
        if (page.number, line.start) in found
    ]


def test_a_number_that_counts_the_pages_takes_the_text_beside_it_along(tmp_path: Path) -> None:
    left = [Text("272", x=72, y=760), Text("Notes", x=300, y=760), *body(0)]
    right = [Text("Notes", x=300, y=760), Text("273", x=500, y=760), *body(1)]
    assert sorted(running(tmp_path, [left, right])) == ["272 Notes", "Notes 273"]


def test_a_page_that_is_named_by_its_number_is_running_though_no_other_is(tmp_path: Path) -> None:
    pages = [body(0), [Text("Page 2", x=450, y=760), *body(1)]]
    assert running(tmp_path, pages) == ["Page 2"]
    assert running(tmp_path, [body(0), [Text("Page 7", x=450, y=760), *body(1)]]) == []


def test_numbered_headers_may_name_another_section_on_each_page(tmp_path: Path) -> None:
    names = ["The Basics", "§2 Setting Text", "Documents", "§4 Formulas"]
    headers = [f"{n} {name}" if n % 2 else f"{name} {n}" for n, name in enumerate(names, start=11)]
    pages = [[Text(header, y=760), *body(n)] for n, header in enumerate(headers)]
    assert running(tmp_path, pages) == headers


def test_names_of_sections_above_the_text_are_running_though_they_change(tmp_path: Path) -> None:
    names = ["2 Examples", "2 Examples", "3 Options", "4 Actions", "4 Actions", "5 Files"]
    pages = [[Text(name, x=400, y=760), *body(n)] for n, name in enumerate(names)]
    for first in (0, 2, 3, 5):
        pages[first].append(Text(names[first], y=500, size=14, bold=True))
    assert running(tmp_path, pages) == names


def test_titles_at_one_height_that_name_nothing_else_are_text(tmp_path: Path) -> None:
    titles = ["Why it is so", "How it was done", "What came out", "Who was there", "When to stop", "Where to go"]
    assert running(tmp_path, [[Text(title, y=760), *body(n)] for n, title in enumerate(titles)]) == []


def test_the_scales_of_figures_at_the_top_are_no_page_numbers(tmp_path: Path) -> None:
    pages = [[*(Text(str(first + n), x=100 + 50 * n, y=760) for n in range(6)), *body(first)] for first in range(1, 3)]
    assert running(tmp_path, pages) == []


def test_of_the_real_papers_no_header_that_names_sections_is_left(shared_data: Path) -> None:
    path = shared_data / "pdfs" / "papers" / "texlive-docs" / "tlmgr-intro-zh-cn.pdf"
    pages = read_paper(path).pages
    found = find_running_lines(pages)
    tops = [line for page in pages for line in page.lines if line.bottom > 740 and (page.number, line.start) in found]
    assert len(tops) == 17
