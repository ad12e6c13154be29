from datetime import UTC, datetime

import pytest
from sqlite_utils import Database

from core.errors import MetadataError
from indexer.editing import metadata_texts, parse_metadata
from storage import library
from storage.corrections import correct_document
from tests.makers import store_paper

NEXT_YEAR = datetime.now(UTC).year + 1


@pytest.mark.parametrize(
    ("field", "text", "value"),
    [
        ("title", "  Attention is\n all you need ", "Attention is all you need"),
        ("title", "", None),
        ("authors", "Ashish Vaswani; Noam Shazeer ;; Ashish Vaswani", ("Ashish Vaswani", "Noam Shazeer")),
        ("authors", "", ()),
        ("year", "1400", 1400),
        ("year", str(NEXT_YEAR), NEXT_YEAR),
        ("year", "", None),
        ("doi", "https://doi.org/10.1000/ab(1)<2>", "10.1000/ab(1)<2>"),
        ("doi", "doi: 10.1000/182", "10.1000/182"),
        ("arxiv_id", "arXiv:1706.03762v5", "1706.03762"),
        ("arxiv_id", "https://arxiv.org/pdf/1706.03762v5.pdf", "1706.03762"),
        ("arxiv_id", "math.GT/0309136", "math.GT/0309136"),
    ],
)
def test_what_is_typed_is_brought_into_one_form(field: str, text: str, value: object) -> None:
    assert parse_metadata({field: text}) == {field: value}


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("title", "x" * 501),
        ("authors", "A. Author; 17"),
        ("authors", ";".join(f"A{number}" for number in range(10_001))),
        ("year", "1399"),
        ("year", str(NEXT_YEAR + 1)),
        ("year", "２０１７x"),
        ("year", "-2017"),
        ("doi", "10.1/182"),
        ("doi", "10.1000/"),
        ("doi", "10.1000/a b"),
        ("arxiv_id", "1713.03762"),
        ("arxiv_id", "170603762"),
        ("arxiv_id", "hep-th/990100"),
        ("pages", "3"),
    ],
)
def test_what_no_paper_has_is_refused(field: str, text: str) -> None:
    with pytest.raises(MetadataError, match=r"\. (Give|Shorten|Its)"):
        parse_metadata({field: text})


def test_the_texts_of_a_paper_are_read_back_as_its_values(db: Database) -> None:
    document = store_paper(db, "aa", ["text"])
    values = {"title": "T", "authors": ("A. B", "C. D"), "year": 2001, "doi": "10.1000/1", "arxiv_id": None}
    correct_document(db, document.id, values)
    assert parse_metadata(metadata_texts(library.get_document(db, document.id))) == values
