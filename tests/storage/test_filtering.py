"""Each part of a filter narrows, alone and together with the others."""

import pytest
from sqlite_utils import Database

from core.types import Chunk, ChunkKind, Filter, Metadata, Page, Span
from storage import library
from storage.collections import create_collection, put_into_collection
from storage.corrections import correct_document
from storage.filtering import filtered_chunks
from storage.readings import store_reading

KINDS = (ChunkKind.BODY, ChunkKind.TABLE)


@pytest.fixture
def chunks(db: Database) -> dict[int, str]:
    """Three papers of two passages; what a passage's id stands for."""
    papers = (
        ("a", 1999, ("Ada Lovelace", "Charles Babbage")),
        ("b", 2015, ("Émile Borel", "al-Khwārizmī")),
        ("c", None, ()),
    )
    named = {}
    for name, year, authors in papers:
        document, _ = library.add_document(db, name * 64, f"{name}.pdf")
        passages = [Chunk(f"{name} {kind}", (Span(1, 0, 1),), kind=kind) for kind in KINDS]
        store_reading(db, document.id, Metadata(name, authors, year), [Page(1, "text", 612, 792)], passages)
        named |= {chunk.id: chunk.text for chunk in library.chunks_of_document(db, document.id)}
    put_into_collection(db, create_collection(db, "AC").id, [1, 3])
    put_into_collection(db, create_collection(db, "B").id, [2])
    return named


@pytest.mark.parametrize(
    ("filter", "passages"),
    [
        (Filter(papers=(1, 3)), ["a body", "a table", "c body", "c table"]),
        (Filter(papers=()), []),
        (Filter(papers=(99,)), []),
        (Filter(collections=(1,)), ["a body", "a table", "c body", "c table"]),
        (Filter(collections=(2, 1), kinds=(ChunkKind.TABLE,)), ["a table", "b table", "c table"]),
        (Filter(collections=(1,), papers=(2, 3)), ["c body", "c table"]),
        (Filter(year_from=1999), ["a body", "a table", "b body", "b table"]),
        (Filter(year_from=2000), ["b body", "b table"]),
        (Filter(year_to=1999), ["a body", "a table"]),
        (Filter(year_from=2000, year_to=2010), []),
        (Filter(author="LOVEL"), ["a body", "a table"]),
        (Filter(author="a. lovelace"), ["a body", "a table"]),
        (Filter(author="Ada Babbage"), []),
        (Filter(author="?!"), []),
        (Filter(author=" "), ["a body", "a table", "b body", "b table", "c body", "c table"]),
        (Filter(author="emile"), ["b body", "b table"]),
        (Filter(author="al-Khwarizmi", kinds=(ChunkKind.BODY,)), ["b body"]),
        (Filter(kinds=()), []),
        (Filter(kinds=(ChunkKind.CAPTION,)), []),
    ],
)
def test_what_passes(db: Database, chunks: dict[int, str], filter: Filter, passages: list[str]) -> None:
    ids = filtered_chunks(db, filter)
    assert ids is not None
    assert [chunks[chunk_id] for chunk_id in ids.tolist()] == passages


def test_without_a_filter_all_pass(db: Database, chunks: dict[int, str]) -> None:
    assert filtered_chunks(db, Filter()) is None
    assert filtered_chunks(db, Filter(author=" . ")) is not None


def test_a_corrected_year_counts(db: Database, chunks: dict[int, str]) -> None:
    correct_document(db, 3, {"year": 2020})
    ids = filtered_chunks(db, Filter(year_from=2016))
    assert ids is not None
    assert [chunks[chunk_id] for chunk_id in ids.tolist()] == ["c body", "c table"]
