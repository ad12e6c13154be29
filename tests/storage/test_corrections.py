import pytest
from sqlite_utils import Database

from core.errors import NotFoundError
from core.types import Chunk, Metadata, Page, Span
from storage import library
from storage.corrections import correct_document, forget_corrections
from storage.judgements import list_judgements, store_judgement
from storage.readings import store_reading
from tests.makers import store_paper

READ = Metadata("Read title", ("R. Reader",), 1999, "10.1000/read", "1706.03762")


def read_again(db: Database, document_id: int) -> None:
    store_reading(db, document_id, READ, [Page(1, "text", 1, 1)], [Chunk("text", (Span(1, 0, 4),))])


def test_what_a_person_has_set_outlasts_every_reading_and_shows_everywhere(db: Database) -> None:
    document = store_paper(db, "aa", ["text"])
    correct_document(db, document.id, {"title": "Set “title”", "authors": ("Ülo Õun", 'B. "Q" Cé'), "year": 2020})
    read_again(db, document.id)
    known = library.get_document(db, document.id)
    assert (known.title, known.authors, known.year) == ("Set “title”", ("Ülo Õun", 'B. "Q" Cé'), 2020)
    assert (known.doi, known.arxiv_id) == ("10.1000/read", "1706.03762")
    assert set(known.corrected) == {"title", "authors", "year"}
    assert library.list_documents(db) == [known]
    (chunk,) = library.chunks_of_document(db, document.id)
    store_judgement(db, "q", chunk.id, 1)
    assert [chunk.document, list_judgements(db)[0].document] == ["Set “title”"] * 2


def test_a_cleared_field_is_none_but_a_cleared_title_is_the_one_that_was_read(db: Database) -> None:
    document = store_paper(db, "aa", ["text"])
    read_again(db, document.id)
    correct_document(db, document.id, {"title": "Set title"})
    correct_document(db, document.id, {"title": None, "authors": (), "year": None, "doi": None, "arxiv_id": None})
    known = library.get_document(db, document.id)
    assert (known.title, known.authors, known.year, known.doi, known.arxiv_id) == ("Read title", (), None, None, None)
    forget_corrections(db, document.id, ["year", "doi"])
    known = library.get_document(db, document.id)
    assert (known.year, known.doi, known.arxiv_id) == (1999, "10.1000/read", None)


def test_corrections_go_with_their_paper_and_need_one(db: Database) -> None:
    document = store_paper(db, "aa", ["text"])
    correct_document(db, document.id, {"year": 2020})
    library.remove_documents(db, [document.id])
    assert db["corrections"].count == 0
    with pytest.raises(NotFoundError):
        correct_document(db, document.id, {"year": 2020})
