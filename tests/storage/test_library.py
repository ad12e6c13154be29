import pytest
from sqlite_utils import Database

from core.errors import NotFoundError
from core.types import Chunk, DocumentState, Metadata, Page, Span
from storage import library
from storage.judgements import list_judgements, relevance_by_chunk, store_judgement
from storage.readings import store_reading
from tests.makers import store_paper


def test_the_same_bytes_under_two_names_are_one_document_with_both_names(db: Database) -> None:
    first, first_is_new = library.add_document(db, "aa", "attention.pdf")
    second, second_is_new = library.add_document(db, "aa", "1706.03762.pdf")
    assert (first_is_new, second_is_new) == (True, False)
    assert second.id == first.id
    assert second.names == ("attention.pdf", "1706.03762.pdf")


def test_other_bytes_under_the_same_name_are_another_document(db: Database) -> None:
    first, _ = library.add_document(db, "aa", "paper.pdf")
    second, is_new = library.add_document(db, "bb", "paper.pdf")
    assert is_new
    assert first.id != second.id


def test_a_new_reading_takes_the_place_of_the_old_one(db: Database) -> None:
    document = store_paper(db, "aa", ["old text"])
    chunk = Chunk("new text", (Span(1, 0, 8),), "Results")
    store_reading(db, document.id, Metadata("A title", ("A. Author",), 1999), [Page(1, "new text", 1, 1)], [chunk])
    stored = library.chunks_of_document(db, document.id)
    assert [(c.text, c.section, c.document) for c in stored] == [("new text", "Results", "A title")]
    read = library.get_document(db, document.id)
    assert (read.authors, read.year, read.pages, read.chunks) == (("A. Author",), 1999, 1, 1)


def test_a_reading_of_a_document_that_was_removed_meanwhile_is_not_stored(db: Database) -> None:
    document, _ = library.add_document(db, "aa", "paper.pdf")
    library.remove_documents(db, [document.id])
    stored = store_reading(db, document.id, Metadata(), [Page(1, "x", 1, 1)], [Chunk("x", (Span(1, 0, 1),))])
    assert not stored
    assert db["chunks"].count == 0


def test_removal_takes_chunks_pages_names_and_judgements_along(db: Database) -> None:
    kept, gone = store_paper(db, "aa", ["kept"]), store_paper(db, "bb", ["gone"])
    store_judgement(db, "which?", library.chunks_of_document(db, gone.id)[0].id, 1)
    assert [document.sha256 for document in library.remove_documents(db, [gone.id])] == ["bb"]
    assert [document.id for document in library.list_documents(db)] == [kept.id]
    assert list_judgements(db) == []
    assert [db[table].count for table in ("chunks", "pages", "document_names", "queries")] == [1, 1, 1, 0]


def test_the_id_of_a_removed_document_is_not_given_again(db: Database) -> None:
    gone = store_paper(db, "aa", ["gone"])
    library.remove_documents(db, [gone.id])
    assert store_paper(db, "aa", ["back"]).id > gone.id


def test_a_document_that_is_not_there_is_named_in_one_sentence(db: Database) -> None:
    with pytest.raises(NotFoundError, match="no paper with id 42"):
        library.get_document(db, 42)


def test_a_removal_that_names_an_unknown_document_removes_nothing(db: Database) -> None:
    kept = store_paper(db, "aa", ["kept"])
    with pytest.raises(NotFoundError):
        library.remove_documents(db, [kept.id, 42])
    assert library.get_document(db, kept.id).chunks == 1


def test_only_a_failed_document_is_queued_again(db: Database) -> None:
    document, _ = library.add_document(db, "aa", "paper.pdf")
    library.set_document_state(db, document.id, DocumentState.FAILED, "why")
    library.retry_document(db, document.id)
    assert library.get_document(db, document.id).state is DocumentState.QUEUED
    library.set_document_state(db, document.id, DocumentState.READY)
    library.retry_document(db, document.id)
    assert library.get_document(db, document.id).state is DocumentState.READY


def test_a_failed_paper_that_was_read_keeps_its_passages_and_their_judgements_when_it_is_tried_again(
    db: Database,
) -> None:
    paper = store_paper(db, "aa", ["alpha"])
    chunk = library.chunks_of_document(db, paper.id)[0]
    store_judgement(db, "what is alpha?", chunk.id, 1)
    library.set_document_state(db, paper.id, DocumentState.FAILED, "stopped")
    library.retry_document(db, paper.id)
    assert library.get_document(db, paper.id).state is DocumentState.EMBEDDING
    assert relevance_by_chunk(db, "what is alpha?") == {chunk.id: 1}
    unread, _ = library.add_document(db, "bb", "b.pdf")
    library.set_document_state(db, unread.id, DocumentState.FAILED, "stopped")
    library.retry_document(db, unread.id)
    assert library.get_document(db, unread.id).state is DocumentState.QUEUED
