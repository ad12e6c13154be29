from collections.abc import Sequence
from pathlib import Path

import pytest

from core.types import Metadata, Page
from indexer.metadata import Front, find_authors
from indexer.pdf import read_paper
from tests.papers import Text, lines_down, make_pdf, write

SENTENCES = [f"Sentence {word} of this text is as wide as all of the others are." for word in "abcdefghijklmnop"]
TITLE = Text("The Bending of Light", size=18)
WRAPPED = ("Ada Lovelace", "Charles Babbage", "Mary Ann Somerville", "John Herschel")
THREE = ("Ada Lovelace", "Charles Babbage", "Mary Somerville")


def metadata_of(tmp_path: Path, front: Sequence[Text], info: dict[str, str] | None = None) -> Metadata:
    page = [*front, *lines_down(SENTENCES, y=560)]
    return read_paper(write(tmp_path, "a.pdf", make_pdf([page], info))).metadata


def below_title(*rows: Sequence[str]) -> list[Text]:
    return [
        Text(text, x=72 + 150 * column, y=690 - 12 * number, size=11)
        for number, row in enumerate(rows)
        for column, text in enumerate(row)
    ]


# --- title ---


def test_larger_text_of_a_figure_below_the_addresses_is_no_title(tmp_path: Path) -> None:
    front = [TITLE, Text("ada@example.org", y=680), Text("Paper Search", y=640, size=24)]
    assert metadata_of(tmp_path, front).title == "The Bending of Light"


def test_a_word_that_is_in_two_pieces_is_joined(tmp_path: Path) -> None:
    front = [Text("Training b", size=18), Text("y Reducing", x=152.3, size=18)]
    assert metadata_of(tmp_path, front).title == "Training by Reducing"


def test_a_named_section_is_no_title(tmp_path: Path) -> None:
    assert metadata_of(tmp_path, [Text("Summary", size=18)]).title is None


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("haystack/react_paper.pdf", "REACT: SYNERGIZING REASONING AND ACTING IN LANGUAGE MODELS"),
        (
            "AI-research-assistant/1502.03167.pdf",
            "Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate Shift",
        ),
        ("paper-qa/pasa.pdf", "PaSa: An LLM Agent for Comprehensive Academic Paper Search"),
    ],
)
def test_real_titles_come_without_gaps_in_their_words(shared_data: Path, name: str, title: str) -> None:
    assert read_paper(shared_data / "pdfs" / "papers" / name).metadata.title == title


def test_a_hyphen_before_a_capital_is_the_title_s_own(tmp_path: Path) -> None:
    front = [Text("The UNIX Time-", size=18), Text("Sharing System", y=700, size=18)]
    assert metadata_of(tmp_path, front).title == "The UNIX Time-Sharing System"


def test_a_first_word_set_a_little_smaller_belongs_to_the_title(tmp_path: Path) -> None:
    front = [Text("Kelips", size=16.8), Text(": A Stable Table", x=118, size=18)]
    assert metadata_of(tmp_path, front).title == "Kelips: A Stable Table"


# --- authors ---


def test_an_accent_drawn_by_itself_stands_on_the_letter_below_it(tmp_path: Path) -> None:
    names = [Text("Emin Gun Sirer", y=690, size=12), Text("\u00a8", x=113.3, y=690, size=12)]
    assert metadata_of(tmp_path, [TITLE, *names]).authors == ("Emin Gün Sirer",)


def test_the_names_on_the_page_count_where_the_file_declares_one_of_them(tmp_path: Path) -> None:
    rows = below_title(["Ada Lovelace, Charles van Babbage"])
    for declared, count in (("Charles VanBabbage", 2), ("Mary Somerville", 1)):
        assert len(metadata_of(tmp_path, [TITLE, *rows], {"Author": declared}).authors) == count


@pytest.mark.parametrize(
    ("rows", "authors"),
    [
        ([["Ada Lovelace and Charles Babbage"]], ("Ada Lovelace", "Charles Babbage")),
        ([["Ada Lovelace*1, J. von Neumann2"], ["1 University of Tests"]], ("Ada Lovelace", "J. von Neumann")),
        ([["Ada Lovelace1 Charles Babbage2"]], ("Ada Lovelace", "Charles Babbage")),
        ([["Ada Lovelace", "Charles Babbage"]], ("Ada Lovelace", "Charles Babbage")),
        ([["Ada Lovelace"], ["ada@example.org"], ["Charles Babbage"], ["Bell Laboratories"]], None),
        ([["Ada Lovelace"], ["Palo Alto"]], ("Ada Lovelace",)),
        ([["Ada Lovelace, University of Tests, London"]], ("Ada Lovelace",)),
        ([["Lovelace, Ada; Babbage, Charles"]], None),
        ([["A.K.Lovelace, and C.Babbage"]], ("A.K. Lovelace", "C. Babbage")),
        ([["Ada Lovelace <ada@example.org>"], ["Charles Babbage <c@example.org>"], ["The Engine Project"]], None),
        ([["Gr\u00b4egory Franc\u00b8ois and Ada Lovelace''"]], ("Grégory François", "Ada Lovelace")),
        ([["Ada Lovelace"], ["Charles Babbage"], ["Mary Somerville"], ["Report 94-29 November 1994"]], THREE),
        ([["Ada Lovelace, Charles Babbage, Mary Ann"], ["Somerville, John Herschel"]], WRAPPED),
        ([["Ada Lovelace, Charles Babbage, Mary Somerville"], ["August 16, 1983"]], THREE),
        ([["FAST Search & Transfer ASA"]], ()),
        ([["Notes on Engines, University of Tests"]], ()),
        ([["Ada Lovelace Charles Babbage"]], ()),
        ([["University of Tests"], ["Ada Lovelace"]], ()),
        ([["A subtitle of the paper"]], ()),
        ([["The Free Haven Project"]], ()),
        ([["Your Name"]], ()),
    ],
)
def test_authors_are_taken_from_below_the_title_if_they_are_surely_names(
    tmp_path: Path, rows: list[list[str]], authors: tuple[str, ...] | None
) -> None:
    expected = ("Ada Lovelace", "Charles Babbage") if authors is None else authors
    assert metadata_of(tmp_path, [TITLE, *below_title(*rows)]).authors == expected


def raised(text: str, x: float, y: float, size: float) -> Text:
    return Text(text, x=x, y=y + 0.35 * size, size=0.6 * size)


def test_a_raised_mark_is_no_part_of_a_title_or_a_name(tmp_path: Path) -> None:
    title = [Text("Hints for Computer System Design", size=18), raised("1", x=356, y=720, size=18)]
    names = [Text("Ada Lovelace", y=690, size=11), raised("W", x=137, y=690, size=11)]
    names += [Text(", Charles Babbage", x=144, y=690, size=11), raised("i$", x=232, y=690, size=11)]
    metadata = metadata_of(tmp_path, [*title, *names])
    assert metadata.title == "Hints for Computer System Design"
    assert metadata.authors == ("Ada Lovelace", "Charles Babbage")


def test_a_raised_letter_and_an_exponent_are_parts_of_a_title(tmp_path: Path) -> None:
    power = metadata_of(tmp_path, [TITLE, raised("n", x=241, y=720, size=18)]).title
    assert power == "The Bending of Light n"
    exponent = [Text("Masses as in mc", size=18), raised("2", x=208, y=720, size=18)]
    assert metadata_of(tmp_path, exponent).title == "Masses as in mc 2"


def test_authors_below_a_title_in_one_column_do_not_come_from_the_other(tmp_path: Path) -> None:
    other = lines_down(["computer can only request", "one message at a time", "for this is not trivial"], x=330, y=727)
    left = [Text("Ada Lovelace", y=697), Text("University of Tests", y=684)]
    assert metadata_of(tmp_path, [TITLE, *left, *other]).authors == ("Ada Lovelace",)


@pytest.mark.parametrize(
    ("name", "number", "last"),
    [
        ("AI-research-assistant/1706.03762.pdf", 8, "Illia Polosukhin"),
        ("AI-research-assistant/2005.11401.pdf", 12, "Douwe Kiela"),
        ("grobid/ZFN-A-054-0304-0272.pdf", 2, "Young-Dae Jung"),
        ("papers-we-love/self-stabilizing-systems-in-spite-of-distributed-control.pdf", 1, "Edsger W. Dijkstra"),
    ],
)
def test_all_authors_of_real_papers_are_found(shared_data: Path, name: str, number: int, last: str) -> None:
    authors = read_paper(shared_data / "pdfs" / "papers" / name).metadata.authors
    assert (len(authors), authors[-1]) == (number, last)


# --- year and identifiers ---


@pytest.mark.parametrize(
    ("line", "year"),
    [
        ("Z. Naturforsch. 54 a, 272-273 (1999); received December 15, 1998", None),
        ("Z. Naturforsch. 54 a, 272-273 (1999);", 1999),
        ("Copyright 2010 ACM 978-1-4503-0050-6", 2010),
        ("2004 LISA XVIII - November 14-19, 2004 - Atlanta, GA", 2004),
        ("In Proceedings of the 20th Symposium, 2005", 2005),
        ("August 16, 2010", 2010),
        ("2021.05.06", 2021),
        ("Number 9 / September, 1965", 1965),
        ("Downloaded from example.org on: Aug 15, 2016", None),
        ("Received 23 July 2007", None),
    ],
)
def test_the_year_is_the_one_the_first_page_gives_the_paper(tmp_path: Path, line: str, year: int | None) -> None:
    info = {"CreationDate": "D:20120317000926Z"}
    assert metadata_of(tmp_path, [TITLE, Text(line, y=640, size=8)], info).year == year


def test_of_several_dates_the_revision_counts(tmp_path: Path) -> None:
    front = [TITLE, Text("31 October 1984", y=660), Text("revised: 24 February 2012", y=640)]
    assert metadata_of(tmp_path, front).year == 2012


def test_neither_a_date_in_a_sentence_nor_that_of_the_file_is_a_year(tmp_path: Path) -> None:
    prose = lines_down(["This has been known since the late 1960's, that is, since January", *SENTENCES[:3]], y=660)
    front = [TITLE, *prose, *lines_down(["1966, as was published in volume 3 of that year, 1967 to be exact."], y=604)]
    assert metadata_of(tmp_path, front, {"CreationDate": "D:20190401000000Z"}).year is None


@pytest.mark.parametrize(
    ("stamp", "arxiv_id", "year"),
    [
        ("arXiv:1706.03762v7 [cs.CL] 2 Aug 2023", "1706.03762", 2017),
        ("arXiv:quant-ph/9508027v2 25 Jan 1996", "quant-ph/9508027", 1995),
    ],
)
def test_an_arxiv_paper_is_of_the_year_it_was_first_there(tmp_path: Path, stamp: str, arxiv_id: str, year: int) -> None:
    metadata = metadata_of(tmp_path, [TITLE, Text(stamp, x=30, y=300, upright=True)])
    assert (metadata.arxiv_id, metadata.year) == (arxiv_id, year)


def test_a_doi_beside_the_text_is_the_papers(tmp_path: Path) -> None:
    front = [TITLE, Text("https://doi.org/10.1145/3290605.3300233.", y=640, size=8)]
    assert metadata_of(tmp_path, front).doi == "10.1145/3290605.3300233"
    cited = [TITLE, *lines_down([*SENTENCES[:2], "as shown in doi:10.1145/1.2 and in the following of others."], y=640)]
    assert metadata_of(tmp_path, cited).doi is None


@pytest.mark.parametrize(
    ("declared", "authors"),
    [
        ("Müller, Jörg", ("Jörg Müller",)),
        ("Smith, John A.", ("John A. Smith",)),
        ("Ada Lovelace, Charles Babbage", ("Ada Lovelace", "Charles Babbage")),
        ("王小明", ("王小明",)),
        ("微软用户", ()),
        ("1671251", ()),
        ("Harvard University", ()),
        ("CBA Forms Production", ()),
    ],
)
def test_declared_authors_are_names(tmp_path: Path, declared: str, authors: tuple[str, ...]) -> None:
    assert find_authors(declared, Front(Page(1, "", 612, 792))) == authors


@pytest.mark.parametrize("line", ["Review Article", "Lecture Notes", "Neural Machine Translation", "Invited Talk"])
def test_what_kind_of_paper_it_is_is_no_author(tmp_path: Path, line: str) -> None:
    assert metadata_of(tmp_path, [TITLE, *below_title([line])]).authors == ()
