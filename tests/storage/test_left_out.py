import json

import pytest
from sqlite_utils import Database

from storage.left_out import MOST, dismiss_left_out, keep_left_out, list_left_out


def test_what_was_left_out_is_told_once_the_latest_first_until_it_is_dismissed(db: Database) -> None:
    keep_left_out(db, ["a", "b"])
    keep_left_out(db, [])
    keep_left_out(db, ["c", "a"])
    assert list_left_out(db) == ["c", "a", "b"]
    assert dismiss_left_out(db) == 3
    assert list_left_out(db) == []


def test_so_many_are_told_at_most(db: Database) -> None:
    keep_left_out(db, [str(number) for number in range(MOST + 9)])
    assert list_left_out(db) == [str(number) for number in range(MOST)]


@pytest.mark.parametrize("value", ["{", json.dumps({"a": 1}), json.dumps([1, None, "kept"])])
def test_what_a_stranger_wrote_there_is_no_harm(db: Database, value: str) -> None:
    db.conn.execute("INSERT INTO preferences VALUES ('left out', ?)", [value])
    assert list_left_out(db) == (["kept"] if "kept" in value else [])


@pytest.mark.parametrize("value", ["[" * 200_000, "{}", "no", json.dumps(["x" * 2000] * 1000)])
def test_what_somebody_elses_backup_holds_in_its_place_is_bounded_and_dismissed(db: Database, value: str) -> None:
    db.conn.execute("INSERT INTO preferences VALUES ('left out', ?)", [value])
    db.conn.commit()
    told = list_left_out(db)
    assert len(told) <= MOST
    assert all(len(sentence) <= 500 for sentence in told)
    dismiss_left_out(db)
    assert db["preferences"].count_where("name = 'left out'") == 0
