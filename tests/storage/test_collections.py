import pytest
from sqlite_utils import Database

from core.errors import CollectionError, NotFoundError
from core.people import Role, viewing
from core.settings import Settings
from core.types import Collection, KeptSearch
from indexer.collecting import found_or_made
from storage import library
from storage.collections import (
    collections_by_document,
    create_collection,
    delete_collection,
    find_collection,
    get_collection,
    list_collections,
    put_into_collection,
    rename_collection,
    take_out_of_collection,
)
from storage.database import open_database
from storage.judges import clean_name
from storage.kept_searches import find_saved, save_search
from storage.people import add_user
from tests.makers import store_paper


def test_papers_are_put_into_several_collections_and_taken_out(db: Database) -> None:
    first, second = store_paper(db, "aa", ["one"]).id, store_paper(db, "bb", ["two"]).id
    thesis, reading = create_collection(db, "  My  thesis "), create_collection(db, "Reading")
    put_into_collection(db, thesis.id, [first, second, first])
    put_into_collection(db, reading.id, [second])
    assert list_collections(db) == [Collection(thesis.id, "My thesis", 2), Collection(reading.id, "Reading", 1)]
    assert {document: [one.name for one in found] for document, found in collections_by_document(db).items()} == {
        first: ["My thesis"],
        second: ["My thesis", "Reading"],
    }
    take_out_of_collection(db, thesis.id, [second, 99])
    assert get_collection(db, thesis.id).papers == 1
    assert collections_by_document(db)[second] == [get_collection(db, reading.id)]


def test_a_removed_paper_leaves_its_collections_and_a_deleted_collection_keeps_its_papers(db: Database) -> None:
    first, second = store_paper(db, "aa", ["one"]).id, store_paper(db, "bb", ["two"]).id
    both = create_collection(db, "Both")
    put_into_collection(db, both.id, [first, second])
    library.remove_documents(db, [first])
    assert get_collection(db, both.id).papers == 1
    delete_collection(db, both.id)
    assert (list_collections(db), library.count_documents(db), collections_by_document(db)) == ([], 1, {})
    assert create_collection(db, "Both").id != both.id, "an id in a link must never mean another collection"


def test_a_collection_is_renamed_and_found_whatever_the_case(db: Database) -> None:
    one = create_collection(db, "One")
    assert rename_collection(db, one.id, "ONE").name == "ONE"
    assert find_collection(db, " one ") == Collection(one.id, "ONE", 0)
    other = create_collection(db, "\u00c4rzte und \u0398\u03ad\u03bc\u03b1")
    assert find_collection(db, "a\u0308rzte UND \u0398\u0388\u039c\u0391") == other
    assert found_or_made(db, " a\u0308rzte UND \u0398\u0388\u039c\u0391") == other
    with pytest.raises(CollectionError, match="already"):
        create_collection(db, "\u00e4RZTE und \u03b8\u03ad\u03bc\u03b1")


def test_a_name_holds_nothing_that_a_terminal_would_obey(db: Database) -> None:
    made = create_collection(db, "My\x1b[2J \x00thesis\x9b\x7f\n")
    assert made.name == "My[2J thesis"
    assert find_collection(db, "my\x1b[2j thesis") == made
    with pytest.raises(CollectionError, match="needs a name"):
        create_collection(db, "\x1b\x07")
    saved = save_search(db, "Lately\x1b]0;x\x07", KeptSearch("why?"))
    assert (saved.name, find_saved(db, "Lately\x1b]0;x\x07")) == ("Lately]0;x", saved)
    assert clean_name("anna\x1b[31m \x08") == "anna[31m"


def test_what_is_to_be_private_never_comes_into_a_shared_collection_of_that_name(
    settings: Settings, db: Database
) -> None:
    shared = create_collection(db, "Thesis")
    with viewing(add_user(db, "anna", Role.ADMIN)), open_database(settings.database) as hers:
        with pytest.raises(CollectionError, match="'Thesis' is a shared collection"):
            found_or_made(hers, "thesis", private=True)
        rename_collection(hers, shared.id, "Other")
        own = found_or_made(hers, "Thesis", private=True)
        assert own.private
        assert found_or_made(hers, "thesis", private=True) == own
    with pytest.raises(CollectionError, match="belongs to a user"):
        found_or_made(db, "Thesis", private=True)


@pytest.mark.parametrize(
    ("name", "said"), [("  ", "needs a name"), ("x" * 81, "81 characters is too long"), ("tHesis", "'Thesis' already")]
)
def test_a_name_that_can_not_be_is_told(db: Database, name: str, said: str) -> None:
    create_collection(db, "Thesis")
    other = create_collection(db, "Other")
    with pytest.raises(CollectionError, match=said):
        create_collection(db, name)
    with pytest.raises(CollectionError, match=said):
        rename_collection(db, other.id, name)
    assert [collection.name for collection in list_collections(db)] == ["Other", "Thesis"]


def test_what_is_not_there_is_told_and_nothing_half_done(db: Database) -> None:
    paper, thesis = store_paper(db, "aa", ["one"]).id, create_collection(db, "Thesis")
    with pytest.raises(NotFoundError, match="no paper with id 99"):
        put_into_collection(db, thesis.id, [paper, 99])
    assert get_collection(db, thesis.id).papers == 0
    with pytest.raises(NotFoundError, match="no collection with id 99"):
        put_into_collection(db, 99, [paper])
    with pytest.raises(NotFoundError, match="no collection 'Nothing'"):
        find_collection(db, "Nothing")
