import json
from pathlib import Path

import pytest
from sqlite_utils import Database

from core.errors import ImportFormatError
from core.people import Role, viewing
from storage import judgements, library
from storage.people import add_user
from storage.privacy import make_private
from tests.makers import store_paper
from training.data.exchange import export_judgements, import_judgements, read_lines


@pytest.fixture
def chunk_ids(db: Database) -> list[int]:
    papers = [store_paper(db, "aa", ["alpha one", "alpha two"]), store_paper(db, "bb", ["beta one"])]
    return [chunk.id for paper in papers for chunk in library.chunks_of_document(db, paper.id)]


def pairs(db: Database) -> list[tuple[str, int, int]]:
    return [(j.query, j.chunk_id, j.relevance) for j in judgements.list_judgements(db)]


def test_what_is_exported_can_be_imported_again_and_nothing_is_stored_twice(db: Database, chunk_ids: list[int]) -> None:
    judgements.store_judgement(db, "first?", chunk_ids[0], 1)
    judgements.store_judgement(db, "second?", chunk_ids[2], 0)
    before, lines = pairs(db), list(export_judgements(db))
    again = import_judgements(db, lines)
    assert (again.stored, again.known, again.refused) == (0, 2, ())
    judgements.delete_judgements(db, [j.id for j in judgements.list_judgements(db)])
    back = import_judgements(db, [*lines, *lines])
    assert (back.stored, back.known) == (2, 2)
    assert pairs(db) == before


def test_an_export_has_a_record_a_line_with_the_documented_fields(db: Database, chunk_ids: list[int]) -> None:
    judgements.store_judgement(db, "wo steht das, Müller?", chunk_ids[1], 1)
    (line,) = export_judgements(db)
    assert json.loads(line) == {
        "query": "wo steht das, Müller?",
        "document": "aa",
        "sha256": "aa",
        "page": 1,
        "start": 11,
        "end": 20,
        "text": "alpha two",
        "relevance": 1,
    }


@pytest.mark.parametrize(
    "record",
    [
        {"document": "aa", "page": 1, "start": 12, "end": 15},
        {"document": "aa.pdf", "text": "alpha two"},
        {"document": 1, "text": "alpha   two"},
        {"sha256": "aa", "page": 1, "start": 11, "end": 20, "text": "the place counts, not this"},
        {"document": "aa", "page": 1, "start": 0, "end": 9, "text": "alpha two"},
    ],
)
def test_a_passage_is_found_by_place_or_by_text(db: Database, chunk_ids: list[int], record: dict) -> None:
    done = import_judgements(db, [json.dumps(record | {"query": "q", "relevance": 1})])
    assert done.refused == ()
    assert pairs(db) == [("q", chunk_ids[1], 1)]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{oops", "Line 1: it is not JSON"),
        ("[1]", "it is not an object"),
        ("[" * 200_000, "it is not JSON that can be read"),
        ('{"query": "q", "document": "aa", "relevance": 1, "page": 1' + "0" * 5000 + "}", "it is not JSON that can"),
        ('{"query": "half \\ud800", "document": "aa", "relevance": 1, "text": "alpha one"}', "lone surrogate"),
        ('{"query": " ", "document": "aa", "relevance": 1}', "'query' is missing or empty"),
        ('{"query": "q", "document": "aa", "relevance": 2}', "'relevance' is 2; it must be 1 or 0"),
        ('{"query": "q", "document": "zz", "relevance": 1}', "no paper 'zz'"),
        ('{"query": "q", "document": "aa", "relevance": 1, "text": "gamma"}', "no passage of 'aa'"),
        ('{"query": "q", "document": "aa", "relevance": 1, "page": 9, "start": 0, "end": 5}', "no passage of 'aa'"),
    ],
)
def test_a_bad_line_is_named_and_the_good_ones_go_in(
    db: Database, chunk_ids: list[int], line: str, reason: str
) -> None:
    good = json.dumps({"query": "q", "document": "bb", "text": "beta one", "relevance": 1})
    done = import_judgements(db, [line, "", good])
    assert done.stored == 1
    assert len(done.refused) == 1
    assert reason in done.refused[0]


@pytest.mark.parametrize(
    "record",
    [
        {"document": "aa", "page": 1, "start": 0, "end": 9, "text": "quite something else"},
        {"document": "aa", "text": "a"},
    ],
)
def test_a_place_with_another_text_and_letters_of_many_passages_name_none(
    db: Database, chunk_ids: list[int], record: dict
) -> None:
    done = import_judgements(db, [json.dumps(record | {"query": "q", "relevance": 1})])
    assert len(done.refused) == 1
    assert pairs(db) == []


def test_a_part_of_a_passage_goes_out_and_comes_in_as_that_part(db: Database) -> None:
    text = "Ice floats on water. It is the lighter of the two."
    (chunk,) = library.chunks_of_document(db, store_paper(db, "cc", [text]).id)
    judgements.store_judgement(db, "why does it float?", chunk.id, 1, part="It is the lighter of the two.")
    (line,) = export_judgements(db)
    assert json.loads(line)["part"] == "It is the lighter of the two."
    judgements.delete_judgements(db, [one.id for one in judgements.list_judgements(db)])
    assert import_judgements(db, [line]).stored == 1
    (stored,) = judgements.list_judgements(db)
    assert (stored.text, stored.narrowed) == ("It is the lighter of the two.", True)
    # What is no part of it, or too little to learn from, is not taken for one.
    for part in ("It is heavier than water is.", "Ice", 7, None):
        other = json.dumps(json.loads(line) | {"part": part, "query": f"other {part}?"})
        assert import_judgements(db, [other]).refused == ()
        assert not judgements.list_judgements(db)[-1].narrowed


def test_a_file_of_very_many_bad_lines_or_out_of_measure_is_refused_as_a_whole(
    db: Database, chunk_ids: list[int], tmp_path: Path
) -> None:
    judgements.store_judgement(db, "first?", chunk_ids[0], 1)
    lines = [*export_judgements(db), *["x"] * 10_001]
    judgements.delete_judgements(db, [j.id for j in judgements.list_judgements(db)])
    with pytest.raises(ImportFormatError, match=r"More than 10,000 lines can't be taken, so none was.*Line 2"):
        import_judgements(db, lines)
    assert pairs(db) == []
    with (tmp_path / "huge.jsonl").open("wb") as file:
        file.truncate(300 << 20)
    with pytest.raises(ImportFormatError, match=r"'huge.jsonl' has more than 256 MB, so none of it was taken"):
        read_lines(tmp_path / "huge.jsonl")


def test_what_several_people_judged_comes_back_as_theirs(db: Database, chunk_ids: list[int]) -> None:
    anna, bert = add_user(db, "anna", Role.ADMIN), add_user(db, "bert", Role.TRAIN)
    for user, relevance in ((anna, 1), (bert, 0)):
        with viewing(user):
            judgements.store_judgement(db, "q", chunk_ids[0], relevance)
    judgements.store_judgement(db, "q", chunk_ids[0], 1, judge="Cleo")
    lines, before = list(export_judgements(db)), pairs(db)
    givers = {one.giver for one in judgements.list_judgements(db)}
    for user in (anna, bert, None):
        with viewing(user):
            # What is there is there, whoever's it is.
            assert import_judgements(db, lines).known == 3
    judgements.delete_judgements(db, [one.id for one in judgements.list_judgements(db)])
    with viewing(bert):
        done = import_judgements(db, lines)
    assert (done.stored, done.refused) == (
        2,
        ("Line 1: it is the verdict of 'anna', who can take it in, as an admin can.",),
    )
    with viewing(anna):
        assert import_judgements(db, lines).stored == 1
    assert sorted(pairs(db)) == sorted(before)
    assert {one.giver for one in judgements.list_judgements(db)} == givers


def test_an_import_changes_nothing_that_others_say(db: Database, chunk_ids: list[int]) -> None:
    anna, bert = add_user(db, "anna", Role.ADMIN), add_user(db, "bert", Role.TRAIN)
    with viewing(bert):
        judgements.store_judgement(db, "q", chunk_ids[0], 1)
    (line,) = export_judgements(db)
    other = json.dumps(json.loads(line) | {"relevance": 0})
    for user in (anna, None):
        with viewing(user):
            assert import_judgements(db, [other]).refused == (
                "Line 1: 'bert' judges this otherwise here, which stays.",
            )
    with viewing(bert):
        assert import_judgements(db, [other]).stored == 1
    nameless = json.dumps({"query": "q", "sha256": "aa", "text": "alpha one", "relevance": 1})
    with viewing(anna):
        assert import_judgements(db, [nameless]).stored == 1
    assert {(one.judge, one.relevance) for one in judgements.list_judgements(db)} == {("bert", 0), ("anna", 1)}


@pytest.mark.parametrize("name", ["anna", "ANNA", "\uff21nna", "an\u200bna", "\u202eanna", "anna\x00", "\ufeffanna"])
def test_nobody_adds_a_verdict_under_a_name_that_looks_like_another_user(
    db: Database, chunk_ids: list[int], name: str
) -> None:
    anna, bert = add_user(db, "anna", Role.ADMIN), add_user(db, "bert", Role.TRAIN)
    line = json.dumps({"query": "q", "sha256": "aa", "text": "alpha one", "relevance": 1, "judge": name})
    with viewing(bert):
        assert "who can take it in, as an admin can" in import_judgements(db, [line]).refused[0]
    with viewing(anna):
        assert import_judgements(db, [line]).stored == 1
    (given,) = judgements.list_judgements(db)
    assert (given.judge, given.giver) == ("anna", f"{anna.id}/")


def test_a_judge_who_is_no_name_is_not_taken_for_who_takes_it_in(db: Database, chunk_ids: list[int]) -> None:
    lines = [
        json.dumps({"query": "q", "sha256": "aa", "text": "alpha one", "relevance": 1, "judge": judge})
        for judge in (7, ["anna"], "\ud800")
    ]
    imported = import_judgements(db, lines)
    assert imported.stored == 0
    assert [sentence.split(";")[1] for sentence in imported.refused] == [" it must be a name, or left out."] * 3


def test_a_verdict_on_a_private_paper_comes_back_to_it_and_to_no_shared_one(db: Database) -> None:
    anna, bert = add_user(db, "anna", Role.ADMIN), add_user(db, "bert", Role.TRAIN)
    own = store_paper(db, "dd", ["delta one"])
    make_private(db, [own.id], anna)
    shared = store_paper(db, "dd", ["delta one"])
    (mine,), (ours,) = (library.chunks_of_document(db, one.id) for one in (own, shared))
    with viewing(anna):
        judgements.store_judgement(db, "my secret?", mine.id, 1)
    (line,) = export_judgements(db)
    judgements.delete_judgements(db, [one.id for one in judgements.list_judgements(db)])
    with viewing(bert):
        refused = import_judgements(db, [json.dumps(json.loads(line) | {"judge": "bert"})]).refused
    assert "'dd' is no private paper of who judged it" in refused[0]
    assert import_judgements(db, [line]).stored == 1
    assert pairs(db) == [("my secret?", mine.id, 1)]
    # What is not said to be private is of the shared one.
    plain = json.dumps({"query": "ours?", "sha256": "dd", "text": "delta one", "relevance": 1, "judge": "anna"})
    assert import_judgements(db, [plain]).stored == 1
    assert pairs(db)[-1] == ("ours?", ours.id, 1)
