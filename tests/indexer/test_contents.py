from pathlib import Path

from indexer.chunking import ChunkingSettings, chunk_pages
from indexer.contents import find_contents
from indexer.pdf import read_paper
from tests.papers import Text, lines_down, make_pdf, write

DOTS = ". " * 20
CONTENTS = [
    "Contents",
    "1 Introduction 1",
    f"1.1 Why it is so {DOTS}2",
    "1.2 A heading that is so long that it",
    f"takes two lines {DOTS}3",
    "2 Results 5",
    f"2.1 What came out {DOTS}5",
    f"2.2 Grammars {DOTS} 7",
    "References 11",
]
BODY = ["The first sentence of the text stands here.", "The values x1, . . . , xn are numbers, and so on.", "It ends."]


def test_a_table_of_contents_is_in_no_passage_and_the_text_below_it_is(tmp_path: Path) -> None:
    path = write(tmp_path, "a.pdf", make_pdf([[*lines_down(CONTENTS), *lines_down(BODY, y=500)]]))
    chunks = chunk_pages(read_paper(path).pages, (), lambda texts: [1 for _ in texts], ChunkingSettings())
    assert " ".join(chunk.text for chunk in chunks) == " ".join(BODY)


def test_dots_in_formulas_and_in_a_row_of_a_table_make_no_contents(tmp_path: Path) -> None:
    lines = [*lines_down(BODY * 3), Text(f"Rate {DOTS}0.05", y=500), Text("A number 4", y=480)]
    (page,) = read_paper(write(tmp_path, "a.pdf", make_pdf([lines]))).pages
    assert find_contents(page) == set()


def test_real_contents_are_found_and_nothing_else(shared_data: Path) -> None:
    folder = shared_data / "pdfs" / "papers"
    found = {}
    for name in ("texlive-docs/tlmgr-intro-zh-cn.pdf", "papers-we-love/paxos-made-simple.pdf", "v262/kimhi24a.pdf"):
        pages = read_paper(folder / name).pages
        found[name] = {page.number: len(lines) for page in pages if (lines := find_contents(page))}
    assert list(found.values()) == [{3: 19}, {3: 10}, {}]
