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
