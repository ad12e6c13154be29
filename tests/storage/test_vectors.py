import numpy as np
from sqlite_utils import Database

from core.types import content_hash
from storage import library, vectors
from tests.makers import register_model, store_paper, store_unit_vector


def test_only_texts_without_a_vector_of_this_model_are_missing_each_once(db: Database) -> None:
    store_paper(db, "aa", ["alpha", "beta"])
    store_paper(db, "bb", ["beta", "gamma"])
    one, two = register_model(db, "one"), register_model(db, "two")
    store_unit_vector(db, one, "alpha", 0)
    assert [text.text for text in vectors.missing_texts(db, one.id, 10)] == ["beta", "gamma"]
    assert vectors.count_missing(db, one.id) == 2
    assert vectors.count_missing(db, two.id) == 3


def test_changes_give_what_was_added_and_removed_since_the_mark(db: Database) -> None:
    model = register_model(db)
    first = store_paper(db, "aa", ["alpha"])
    store_unit_vector(db, model, "alpha", 0)
    start = vectors.changes_since(db, model.id, 4, vectors.ChangeMark())
    alpha = library.chunks_of_document(db, first.id)[0].id
    assert start.added.tolist() == [alpha]
    library.remove_documents(db, [first.id])
    second = store_paper(db, "bb", ["beta"])
    store_unit_vector(db, model, "beta", 1)
    changes = vectors.changes_since(db, model.id, 4, start.mark)
    assert changes.removed.tolist() == [alpha]
    assert changes.added.tolist() == [library.chunks_of_document(db, second.id)[0].id]
    np.testing.assert_array_equal(changes.vectors, [[0, 1, 0, 0]])
    assert vectors.changes_since(db, model.id, 4, changes.mark).added.size == 0


def test_a_new_chunk_with_a_text_embedded_before_is_among_the_changes(db: Database) -> None:
    model = register_model(db)
    store_paper(db, "aa", ["alpha"])
    store_unit_vector(db, model, "alpha", 0)
    mark = vectors.change_mark(db)
    again = store_paper(db, "bb", ["alpha"])
    changes = vectors.changes_since(db, model.id, 4, mark)
    assert changes.added.tolist() == [library.chunks_of_document(db, again.id)[0].id]


def test_a_vector_goes_with_the_last_chunk_that_holds_its_text(db: Database) -> None:
    model = register_model(db)
    first, second = store_paper(db, "aa", ["alpha", "beta"]), store_paper(db, "bb", ["beta"])
    store_unit_vector(db, model, "alpha", 0)
    store_unit_vector(db, model, "beta", 1)
    library.remove_documents(db, [first.id])
    assert [row["content_hash"] for row in db["embeddings"].rows] == [content_hash("beta")]
    library.remove_documents(db, [second.id])
    assert db["embeddings"].count == 0


def test_a_vector_of_a_text_no_chunk_holds_is_not_kept(db: Database) -> None:
    model = register_model(db)
    store_unit_vector(db, model, "gone", 0)
    assert db["embeddings"].count == 0
