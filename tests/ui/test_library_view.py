"""Which papers the Library tab lists, and in which order."""

import re
from collections.abc import Sequence
from dataclasses import asdict

import pytest
from sqlite_utils import Database

from api.services import Services
from core.settings import Settings
from core.types import Metadata
from indexer.start import ensure_active_model
from search.gpu import Device
from search.searcher import Searcher
from storage import library
from storage.collections import create_collection, put_into_collection
from storage.corrections import correct_document
from tests.makers import store_paper
from ui import library_view
from ui.library_view import ORDERS, render_library

PAPERS = (
    Metadata("Zebras of Lom\u00e9", ("Ada Lovelace",), 2001),
    Metadata("apples of old", (), None, doi="10.1000/apples"),
    Metadata("Bread", ("Zo\u00eb Zorn", "Ada Byron"), 1999),
)


@pytest.fixture
def services(settings: Settings, db: Database) -> Services:
    """Three papers of one, two and three passages; the second failed."""
    ensure_active_model(settings)
    for number, known in enumerate(PAPERS, 1):
        document = store_paper(db, f"{number:x}" * 64, [f"{place} of {number}" for place in range(number)])
        correct_document(db, document.id, {name: value for name, value in asdict(known).items() if value})
    library.fail_document(db, 2, "It is broken. Retry it.")
    return Services(settings, Searcher(settings), Device("CPU", "a test"), "a test")


def titles(services: Services, words: str | None = "", order: str | None = ORDERS[0]) -> Sequence[str]:
    return re.findall(r'<span class="title">([^<]*)<', render_library(services, words, order))


def test_papers_are_found_by_the_words_of_what_is_known_of_them(services: Services, db: Database) -> None:
    zebras, apples, bread = (known.title for known in PAPERS)
    put_into_collection(db, create_collection(db, "Kitchen shelf").id, [3])
    assert titles(services, None, None) == titles(services) == [bread, apples, zebras]
    assert titles(services, "ADA zorn") == [bread]
    assert titles(services, "lome") == [zebras]
    assert titles(services, "2001 zebras") == [zebras]
    assert titles(services, "10.1000") == titles(services, "failed") == [apples]
    assert titles(services, "kitchen") == [bread]
    assert "No paper has these words." in render_library(services, "quinces")
    assert "1 of 3 papers shown.<" in render_library(services, "lome")
    # What is told of the library is told of all of it.
    assert "1 failed" in render_library(services, "lome")


def test_papers_stand_in_the_order_that_is_asked_for(services: Services) -> None:
    zebras, apples, bread = (known.title for known in PAPERS)
    ordered = {order: titles(services, "", order) for order in ORDERS}
    assert ordered == {
        "newest first": [bread, apples, zebras],
        "oldest first": [zebras, apples, bread],
        "by title": [apples, bread, zebras],
        "by first author": [zebras, bread, apples],
        "by year, latest first": [zebras, bread, apples],
        "most passages first": [bread, apples, zebras],
        "failed first": [apples, bread, zebras],
    }


def test_of_many_papers_the_first_are_shown_and_how_many_there_are(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library_view, "_MOST_SHOWN", 2)
    shown = render_library(services)
    assert len(titles(services)) == 2
    assert "2 of 3 papers shown: words above find others, an order brings others first." in shown
