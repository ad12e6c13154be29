import pytest
from sqlite_utils import Database

from core.errors import NotFoundError, QuestionError
from core.types import ChunkKind, Filter, KeptSearch, SearchMode
from storage import kept_searches
from storage.kept_searches import (
    clear_history,
    delete_saved,
    find_saved,
    keep_history,
    list_history,
    list_saved,
    remember_search,
    save_search,
)

WHOLE = Filter((1, 2), (3,), 1999, None, "Ada", (ChunkKind.TABLE, ChunkKind.BODY))


def questions(db: Database) -> list[str]:
    return [search.question for search in list_history(db)]


def test_a_search_is_saved_whole_under_its_name_and_replaced_by_the_next(db: Database) -> None:
    save_search(db, " Light  tables ", KeptSearch("what of light?", WHOLE, SearchMode.WORDS, 2))
    saved = find_saved(db, "light TABLES")
    assert (saved.question, saved.filter, saved.mode, saved.spread) == ("what of light?", WHOLE, SearchMode.WORDS, 2)
    save_search(db, "light tables", KeptSearch("and now?"))
    assert [(one.name, one.question, one.filter) for one in list_saved(db)] == [("light tables", "and now?", Filter())]
    delete_saved(db, list_saved(db)[0].id)
    assert list_saved(db) == []


@pytest.mark.parametrize(("name", "said"), [("  ", "needs a name"), ("x" * 81, "too long")])
def test_a_name_that_can_not_be_is_told(db: Database, name: str, said: str) -> None:
    with pytest.raises(QuestionError, match=said):
        save_search(db, name, KeptSearch("q"))


def test_what_is_not_there_is_told(db: Database) -> None:
    remember_search(db, KeptSearch("asked"))
    with pytest.raises(NotFoundError, match="no saved search 'x'"):
        find_saved(db, "x")
    with pytest.raises(NotFoundError, match="no saved search with id 1"):
        delete_saved(db, list_history(db)[0].id)


def test_each_question_is_remembered_once_the_latest_first(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_searches, "MOST_PAST", 3)
    for question in ("a", "b", "a", "c"):
        remember_search(db, KeptSearch(question))
    assert questions(db) == ["c", "a", "b"]
    remember_search(db, KeptSearch("a", WHOLE))
    remember_search(db, KeptSearch("a", WHOLE))
    remember_search(db, KeptSearch("a", WHOLE, spread=2))
    assert [(one.question, one.spread) for one in list_history(db)] == [("a", 2), ("a", None), ("c", None)]


def test_the_history_is_cleared_and_turned_off_and_saved_searches_stay(db: Database) -> None:
    save_search(db, "one", KeptSearch("a"))
    remember_search(db, KeptSearch("a"))
    keep_history(db, keep=False)
    remember_search(db, KeptSearch("b"))
    assert questions(db) == ["a"]
    assert clear_history(db) == 1
    keep_history(db, keep=True)
    remember_search(db, KeptSearch("c"))
    assert (questions(db), [one.question for one in list_saved(db)]) == (["c"], ["a"])


def test_the_case_of_any_letter_does_not_matter_to_a_name(db: Database) -> None:
    save_search(db, "\u00dcber \u0421\u0432\u0435\u0442", KeptSearch("one"))
    assert find_saved(db, "u\u0308BER \u0441\u0412\u0435\u0442").question == "one"
    save_search(db, "\u00fcber \u0421\u0412\u0415\u0422", KeptSearch("two"))
    assert [one.question for one in list_saved(db)] == ["two"]


def test_names_that_an_earlier_version_kept_apart_stay_apart(db: Database) -> None:
    for name in ("\u00dcber", "\u00fcber"):
        kept_searches._insert(db, name, KeptSearch(name))
    db.conn.commit()
    save_search(db, "\u00fcbeR", KeptSearch("new"))
    assert {(one.name, one.question) for one in list_saved(db)} == {("\u00dcber", "\u00dcber"), ("\u00fcbeR", "new")}
    assert find_saved(db, "\u00dcber").question == "\u00dcber"


@pytest.mark.parametrize(
    ("search", "said"),
    [
        (KeptSearch(" "), "this one has none"),
        (KeptSearch("q", Filter(papers=())), "With no papers"),
        (KeptSearch("q", Filter(kinds=())), "With no kinds"),
    ],
)
def test_a_search_that_can_find_nothing_is_not_saved(db: Database, search: KeptSearch, said: str) -> None:
    save_search(db, "one", KeptSearch("a"))
    with pytest.raises(QuestionError, match=said):
        save_search(db, "one", search)
    assert [one.question for one in list_saved(db)] == ["a"]
