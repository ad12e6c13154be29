from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ReadError
from core.types import Line, Page
from indexer.chunking import ChunkingSettings, chunk_pages
from indexer.pdf import read_paper, require_text
from indexer.quality import _token_evidence, has_usable_text, page_quality
from tests.papers import Text, lines_down, make_paper, make_pdf, write

PROSE = "The client waits a further interval, called the grace period, before it gives the session up."
FIGURE = [
    "+HUHWKHDJHQWJRWRFDELQHWWKHQFDELQHWWKHQFRXQWHUWRSDQG",
    "2EV2QWKHFRXQWHUWRS\\RXVHHDDSSOHDEUHDG",
    "7KRXJKW,QHHGWRVHDUFK$SSOH5HPRWHDQGILQGWKH",
]
OWN_ENCODING = [
    "j6^lk`\\Z||}^l£^`[ylZ r@Z@^z[{Zm/t[olZ[om{ZXj=[ouZ@^z[±j=m{ZX",
    "¹¾T·aÉË¸Ø´3¶T¶TÓÉÚÒa´3¹ÉËº³´¼6¾´aÞ`ÉË³TÐ)´-¸·´ÓËúd¹ÉÈ&",
]


def page_of(lines: list[str]) -> Page:
    text, placed = "", []
    for line in lines:
        placed.append(Line(len(text), len(text) + len(line), 72, 700, 400, 710, font_size=10, bold=False))
        text += line + "\r\n"
    return Page(1, text, 612, 792, tuple(placed))


def unreadable(lines: list[str]) -> list[str]:
    page = page_of(lines)
    starts = page_quality(page).unreadable_lines
    return [page.text[line.start : line.end] for line in page.lines if line.start in starts]


@pytest.mark.parametrize(
    "line",
    [
        PROSE,
        "Die Würde des Menschen ist unantastbar; sie zu achten ist Verpflichtung aller staatlichen Gewalt.",
        "Tous les êtres humains naissent libres et égaux en dignité et en droits.",
        "Wszyscy ludzie rodzą się wolni i równi pod względem swej godności i swych praw.",
        "Bütün insanlar hür, haysiyet ve haklar bakımından eşit doğarlar; akıl ve vicdana sahiptirler.",
        "Tất cả mọi người sinh ra đều được tự do và bình đẳng về nhân phẩm và quyền lợi.",
        "Kaikki ihmiset syntyvät vapaina ja tasavertaisina arvoltaan ja oikeuksiltaan.",
        "Все люди рождаются свободными и равными в своем достоинстве и правах.",
        "Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι στην αξιοπρέπεια και τα δικαιώματα.",
        "يولد جميع الناس أحرارا متساوين في الكرامة والحقوق",
        "सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात स्वतन्त्रता और समानता प्राप्त है।",
        "人人生而自由，在尊严和权利上一律平等。",
        "すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。",
        "E[exp(uY_i)] = Π_j (½ exp(u x_j) + ½ exp(−u x_j)) ≤ exp(u² ‖x‖² / 2), (k×d)·(d×1)",
        "SQ+ 48.12 79.21 AWQ 48.38 RTN 48.04 GPTQ 48.89 MXINT8-AWQ-GPTQ 5.12 W:MXINT4",
        "for (int i = 0; i < n; ++i) { table[hash(key[i]) % size] += weight[i]; }",
        "\\[ \\mathbf{X} = \\left( \\begin{array}{ccc} x_{11} & x_{12} \\\\ \\end{array} \\right) \\]",
    ],
)
def test_prose_of_any_language_formulas_tables_and_code_can_be_read(line: str) -> None:
    assert unreadable([line] * 40) == []


@pytest.mark.parametrize("lines", [FIGURE, OWN_ENCODING[:1], OWN_ENCODING[1:], ["\uf031\uf045\uf062\uf077" * 20]])
def test_glyph_codes_can_not_be_read_whatever_their_code(lines: list[str]) -> None:
    assert unreadable(lines * 10) == lines * 10
    assert not page_quality(page_of(lines * 10)).usable


def test_a_figure_of_glyph_codes_is_left_out_and_the_prose_around_it_is_kept(tmp_path: Path) -> None:
    lines = [*lines_down([PROSE] * 5), *lines_down(FIGURE, y=600), *lines_down([PROSE] * 5, y=500)]
    paper = read_paper(write(tmp_path, "a.pdf", make_pdf([lines])))
    chunks = chunk_pages(paper.pages, (), lambda texts: [len(text.split()) for text in texts], ChunkingSettings(1000))
    assert " ".join(chunk.text for chunk in chunks) == " ".join([PROSE] * 10)


def test_a_document_of_glyph_codes_fails_with_a_sentence_that_asks_for_ocr(tmp_path: Path) -> None:
    readable_label = Text("Figure 7: The console", y=100)
    path = write(tmp_path, "soup.pdf", make_pdf([[*lines_down(OWN_ENCODING * 15), readable_label]] * 2))
    with pytest.raises(ReadError, match=r"'soup.pdf' is unreadable: its fonts give codes .* Set WHETSTONE_OCR to on"):
        require_text(read_paper(path).pages, path.name)


def test_one_page_of_glyph_codes_takes_no_other_page_with_it(tmp_path: Path) -> None:
    pages = [lines_down([PROSE] * 20), lines_down(OWN_ENCODING * 15)]
    paper = read_paper(write(tmp_path, "a.pdf", make_pdf(pages)))
    assert [page_quality(page).usable for page in paper.pages] == [True, False]


def test_an_empty_page_is_not_called_unreadable(tmp_path: Path) -> None:
    paper = read_paper(write(tmp_path, "a.pdf", make_paper("A Title of a Paper", [PROSE])))
    assert page_quality(Page(1, "", 612, 792)).usable
    assert has_usable_text(paper.pages)


@pytest.mark.parametrize("name", ["therac.pdf", "a-response-to-cheriton-and-skeens-criticism"])
def test_real_papers_with_a_broken_text_layer_ask_for_ocr(shared_data: Path, name: str) -> None:
    (path,) = (shared_data / "pdfs" / "papers").rglob(f"{name}*")
    pages = read_paper(path).pages
    assert sum(page.needs_ocr for page in pages) > 0.8 * len(pages)
    with pytest.raises(ReadError, match="Set WHETSTONE_OCR to on"):
        require_text(pages, path.name)


def test_of_the_real_papers_nothing_is_left_out_but_figures_of_glyph_codes(shared_data: Path) -> None:
    found = {}
    for path in sorted((shared_data / "pdfs" / "papers").rglob("*.pdf"))[::4]:
        try:
            pages = read_paper(path).pages
        except ReadError:
            continue
        found[path.name] = sum(len(page_quality(page).unreadable_lines) for page in pages)
    found.pop("compressed.tracemonkey-pldi-09.pdf", None)
    found.pop("react_paper.pdf", None)
    found.pop("ZFN-A-054-0304-0272.pdf", None)
    assert len(found) > 15
    assert sum(found.values()) == 0


@given(st.from_regex(r"[A-Za-z][a-z]{3,9}", fullmatch=True))
def test_the_short_way_for_plain_words_gives_what_the_long_way_does(word: str) -> None:
    # A star tells nothing, and leads the long way.
    assert _token_evidence(word) == _token_evidence(f"({word}),") == _token_evidence(word + "*")
