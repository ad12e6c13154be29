from dataclasses import replace

import pytest
from sqlite_utils import Database

from core.formats import DocumentFormat
from core.types import Document, DocumentState
from indexer.same_work import find_same_works
from storage import library
from storage.equal_passages import count_equal_passages
from tests.makers import store_paper

PAPER = Document(
    id=1, sha256="a", format=DocumentFormat.PDF, locked=False, names=("a.pdf",), title="Attention is all you need",
    authors=("Ashish Vaswani", "Noam Shazeer"),
    year=2017, doi=None, arxiv_id=None, pages=9, recognised=0, without_text=0, chunks=10, state=DocumentState.READY,
    reason=None, added_at="",
)  # fmt: skip
OTHER = replace(
    PAPER, id=2, sha256="b", names=("b.pdf",), title="Long short-term memory", authors=("S. Hochreiter",), year=1997
)
LONG = "A fast and simple method for the training of large models of language"
SAME = {1: (2,), 2: (1,)}


@pytest.mark.parametrize(
    "second",
    [
        replace(OTHER, title="ATTENTION IS ALL YOU NEED.", authors=("A. Vaswani",)),
        replace(OTHER, title="Attentionis all you need", authors=("N. Shazeer", "J. Uszkoreit")),
        replace(OTHER, title="Attention is all you need", authors=()),
    ],
)
def test_one_title_by_some_of_the_same_people_or_by_nobody_known_is_one_work(second: Document) -> None:
    assert find_same_works([PAPER, second], {}) == SAME


@pytest.mark.parametrize(
    "second",
    [
        replace(OTHER, title="Attention is all you need"),
        replace(OTHER, title="Attention is all you have", authors=PAPER.authors),
        replace(PAPER, id=2, names=("Attention is all you need.pdf",), authors=()),
        replace(PAPER, id=2, arxiv_id="1706.03763"),
        OTHER,
    ],
)
def test_other_people_other_titles_file_names_and_other_arxiv_ids_are_other_works(second: Document) -> None:
    assert find_same_works([replace(PAPER, arxiv_id="1706.03762"), second], {}) == {}


def test_a_long_title_may_differ_in_a_word_but_not_in_a_number() -> None:
    first = replace(PAPER, title=LONG)
    assert find_same_works([first, replace(first, id=2, title=LONG.replace("large", "huge"))], {}) == SAME
    for one, other in (("1", "2"), ("I", "II")):
        parts = [replace(first, title=f"{LONG}, part {one}"), replace(first, id=2, title=f"{LONG}, part {other}")]
        assert find_same_works(parts, {}) == {}


def test_a_title_on_many_papers_is_that_of_a_series() -> None:
    series = [replace(PAPER, id=number, title="Form 10-K of a company") for number in range(1, 6)]
    assert find_same_works(series, {}) == {}
    assert find_same_works(series[:2], {}) == SAME


@pytest.mark.parametrize(
    ("first", "second"),
    [({"doi": "10.1000/AB"}, {"doi": "10.1000/ab"}), ({"arxiv_id": "1706.1"}, {"arxiv_id": "1706.1"})],
)
def test_one_identifier_is_one_work_whatever_the_titles(first: dict[str, str], second: dict[str, str]) -> None:
    assert find_same_works([replace(PAPER, **first), replace(OTHER, **second)], {}) == SAME


def test_a_fifth_of_the_shorter_paper_s_passages_in_both_is_one_work(db: Database) -> None:
    store_paper(db, "aa", [f"shared {number}" for number in range(3)] + [f"first {number}" for number in range(20)])
    store_paper(db, "bb", [f"shared {number}" for number in range(3)] + [f"second {number}" for number in range(12)])
    store_paper(db, "cc", [f"shared {number}" for number in range(2)] + [f"third {number}" for number in range(3)])
    counts = count_equal_passages(db)
    assert counts == {(1, 2): 3, (1, 3): 2, (2, 3): 2}
    assert find_same_works(library.list_documents(db), counts) == SAME


def test_a_text_in_many_papers_is_not_counted(db: Database) -> None:
    for number in range(11):
        store_paper(db, str(number), ["The copyright notice of a publisher."])
    assert count_equal_passages(db) == {}
