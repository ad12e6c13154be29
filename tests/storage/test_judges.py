"""Several people judge one passage for one question: each has a verdict, and nobody's takes another's place."""

import pytest
from sqlite_utils import Database

from core.errors import RoleError
from core.people import Role, User, viewing
from core.types import OthersVerdict
from storage import judgements, library
from storage.database import open_database, prepare_database
from storage.judgements import store_judgement
from storage.migrations import migrations
from storage.people import add_user, remove_user
from tests.makers import store_paper

QUESTION = "what is beta?"


@pytest.fixture
def chunk(db: Database) -> int:
    return library.chunks_of_document(db, store_paper(db, "aa", ["alpha", "beta"]).id)[1].id


@pytest.fixture
def bert(db: Database, anna: User) -> User:
    return add_user(db, "bert", Role.JUDGE)


def judge(db: Database, user: User | None, chunk: int, relevance: int) -> bool:
    with viewing(user):
        return store_judgement(db, QUESTION, chunk, relevance)


def given(db: Database) -> set[tuple[str | None, int]]:
    return {(one.judge, one.relevance) for one in judgements.list_judgements(db)}


def test_each_has_a_verdict_of_their_own_and_is_told_those_of_others(
    db: Database, chunk: int, anna: User, bert: User
) -> None:
    assert judge(db, anna, chunk, 1)
    assert judge(db, bert, chunk, 0)
    assert not judge(db, bert, chunk, 0)
    assert judge(db, None, chunk, 1)
    assert given(db) == {("anna", 1), ("bert", 0), (None, 1)}
    with viewing(anna):
        assert judgements.relevance_by_chunk(db, QUESTION) == {chunk: 1}
        assert judgements.others_by_chunk(db, QUESTION) == {chunk: [OthersVerdict(None, 1), OthersVerdict("bert", 0)]}
    with viewing(bert):
        assert judgements.relevance_by_chunk(db, QUESTION) == {chunk: 0}


def test_one_takes_back_only_one_s_own(db: Database, chunk: int, anna: User, bert: User) -> None:
    judge(db, bert, chunk, 1)
    with viewing(anna):
        assert not judgements.take_back_judgement(db, QUESTION, chunk)
    judge(db, anna, chunk, 0)
    with viewing(bert):
        assert judgements.take_back_judgement(db, QUESTION, chunk)
        hers = judgements.list_judgements(db)[0].id
        with pytest.raises(RoleError, match="given by anna. To withdraw it you need the role train"):
            judgements.delete_judgements(db, [hers])
    assert given(db) == {("anna", 0)}
    judge(db, bert, chunk, 1)
    with viewing(anna):
        # Who may train still can, by its number.
        assert judgements.delete_judgements(db, [one.id for one in judgements.list_judgements(db)]) == 2


def test_a_question_counts_as_judged_where_most_approve(db: Database, chunk: int, anna: User, bert: User) -> None:
    judge(db, anna, chunk, 1)
    assert judgements.count_judged_queries(db) == 1
    judge(db, bert, chunk, 0)
    assert judgements.count_judged_queries(db) == 0
    judge(db, None, chunk, 1)
    assert judgements.count_judged_queries(db) == 1
    # Somebody else's word on what was learnt before is nothing new.
    first = judgements.list_judgements(db)[0].id
    assert judgements.count_judged_queries(db, beyond=[first]) == 0
    assert judgements.count_judgements(db) == {1: 2, 0: 1}


def test_without_users_there_is_one_verdict_whatever_name_is_given(db: Database, chunk: int) -> None:
    store_judgement(db, QUESTION, chunk, 1, judge="Ada")
    store_judgement(db, QUESTION, chunk, 0, judge="Bo")
    assert given(db) == {("Bo", 0)}
    assert judgements.others_by_chunk(db, QUESTION) == {}


def test_the_first_user_takes_over_what_was_judged_and_other_names_stay_others(db: Database) -> None:
    chunks = [chunk.id for chunk in library.chunks_of_document(db, store_paper(db, "bb", ["a", "b", "c"]).id)]
    for one, name in zip(chunks, (None, "Ada", "Bo"), strict=True):
        store_judgement(db, QUESTION, one, 1, judge=name)
    ada = add_user(db, "ada", Role.ADMIN)
    with viewing(ada):
        assert judgements.relevance_by_chunk(db, QUESTION) == dict.fromkeys(chunks[:2], 1)
        assert judgements.others_by_chunk(db, QUESTION) == {chunks[2]: [OthersVerdict("Bo", 1)]}
    # A command that judges for nobody takes nobody's place.
    assert judge(db, None, chunks[0], 0)
    assert len(judgements.list_judgements(db)) == 4


def test_verdicts_of_who_goes_stay_under_the_name(db: Database, chunk: int, anna: User, bert: User) -> None:
    judge(db, anna, chunk, 1)
    judge(db, bert, chunk, 0)
    remove_user(db, bert.id)
    again = add_user(db, "bert", Role.JUDGE)
    with viewing(again):
        # Whoever has the name next is somebody else.
        assert judgements.relevance_by_chunk(db, QUESTION) == {}
        assert judgements.others_by_chunk(db, QUESTION)[chunk] == [OthersVerdict("anna", 1), OthersVerdict("bert", 0)]
    judge(db, again, chunk, 1)
    assert len(given(db)) == 3
    remove_user(db, again.id)
    # Two who went under one name are one.
    assert given(db) == {("anna", 1), ("bert", 1)}
    remove_user(db, anna.id)
    assert judgements.relevance_by_chunk(db, QUESTION) == {chunk: 1}
    assert judgements.others_by_chunk(db, QUESTION) == {chunk: [OthersVerdict("bert", 1)]}
    assert db.conn.execute("PRAGMA foreign_key_check").fetchall() == []


def test_a_command_judges_as_who_it_names(db: Database, chunk: int, anna: User) -> None:
    for name in ("Anna", "Cleo", "Anna"):
        store_judgement(db, QUESTION, chunk, 1, judge=name)
    assert given(db) == {("anna", 1), ("Cleo", 1)}
    with viewing(anna):
        assert judgements.relevance_by_chunk(db, QUESTION) == {chunk: 1}


def test_what_was_judged_before_keeps_its_user_and_its_number(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("old") / "library.db"
    with open_database(path) as db:
        migrations.apply(db, stop_before="m023_a_verdict_a_person")
        db["users"].insert({"name": "anna", "role": "admin", "created_at": "then"})
        document = {"sha256": "aa", "title": "A", "state": "ready", "added_at": "then"}
        db["documents"].insert(document)
        db["document_names"].insert({"document_id": 1, "name": "a.pdf"})
        db["queries"].insert({"text": QUESTION})
        for number, (user, name) in enumerate([(1, "anna"), (None, "Bo"), (None, None), (None, None)], start=1):
            db["chunks"].insert({"document_id": 1, "text": "t", "spans": "[[1,0,1]]", "content_hash": "h"})
            row = {"query_id": 1, "chunk_id": number, "relevance": 1, "at": "then", "judge": name, "user_id": user}
            db["judgements"].insert(row)
        db.conn.execute("DELETE FROM judgements WHERE id = 4")
        db.conn.commit()
    prepare_database(path)
    with open_database(path) as db:
        rows = db.conn.execute("SELECT id, user_id, judge, away FROM judgements ORDER BY id").fetchall()
        assert rows == [(1, 1, "anna", 0), (2, None, "Bo", 1), (3, None, None, 0)]
        # No number is used again.
        store_judgement(db, QUESTION, 4, 1)
        assert judgements.list_judgements(db)[-1].id == 5
