import pytest
from sqlite_utils import Database

from core.errors import NotFoundError
from storage import judgements, library
from tests.makers import register_model, store_paper


@pytest.fixture
def chunk_id(db: Database) -> int:
    return library.chunks_of_document(db, store_paper(db, "aa", ["alpha", "beta"]).id)[1].id


def test_the_same_pair_twice_is_stored_once(db: Database, chunk_id: int) -> None:
    assert judgements.store_judgement(db, "what is beta?", chunk_id, 1)
    assert not judgements.store_judgement(db, "  what is\n beta? ", chunk_id, 1)
    assert len(judgements.list_judgements(db)) == 1


def test_a_new_verdict_takes_the_place_of_the_old_one(db: Database, chunk_id: int) -> None:
    judgements.store_judgement(db, "q", chunk_id, 1, rank=1)
    judgements.store_judgement(db, "q", chunk_id, 0, rank=4)
    (judgement,) = judgements.list_judgements(db)
    assert (judgement.relevance, judgement.rank) == (0, 4)


def test_a_judgement_keeps_place_rank_model_and_time(db: Database, chunk_id: int) -> None:
    model = register_model(db)
    judgements.store_judgement(db, "q", chunk_id, 1, rank=3, model_id=model.id)
    (judgement,) = judgements.list_judgements(db)
    assert (judgement.text, judgement.page, judgement.start, judgement.end) == ("beta", 1, 7, 11)
    assert (judgement.rank, judgement.model_id, judgement.sha256) == (3, model.id, "aa")
    assert judgement.at


def test_a_verdict_can_be_taken_back(db: Database, chunk_id: int) -> None:
    judgements.store_judgement(db, "q", chunk_id, 1)
    assert judgements.take_back_judgement(db, "q", chunk_id)
    assert not judgements.take_back_judgement(db, "q", chunk_id)
    assert judgements.relevance_by_chunk(db, "q") == {}
    assert db["queries"].count == 0


def test_a_passage_that_is_not_there_can_not_be_judged(db: Database) -> None:
    with pytest.raises(NotFoundError, match="no passage with id 9"):
        judgements.store_judgement(db, "q", 9, 1)
    assert db["queries"].count == 0


def test_a_model_that_is_not_there_has_found_no_passage(db: Database, chunk_id: int) -> None:
    with pytest.raises(NotFoundError, match="no model version with id 9"):
        judgements.store_judgement(db, "q", chunk_id, 1, rank=1, model_id=9)
    assert db["queries"].count == 0


TEXT = "Ice floats on water.  It is the lighter of the two, as its crystals are wide."


def test_a_verdict_may_be_about_a_part_of_the_passage(db: Database) -> None:
    document = store_paper(db, "cc", [TEXT])
    (chunk,) = library.chunks_of_document(db, document.id)
    assert judgements.store_judgement(db, "why?", chunk.id, 1, part="water. It is the lighter of the two,")
    (stored,) = judgements.list_judgements(db)
    # With the passage's own spaces, so that it is found in it again.
    assert stored.text == "water.  It is the lighter of the two,"
    assert stored.narrowed
    assert not judgements.store_judgement(db, "why?", chunk.id, 1, part="water. It is the lighter of the two,")
    assert judgements.store_judgement(db, "why?", chunk.id, 1, part=TEXT)
    (stored,) = judgements.list_judgements(db)
    assert (stored.text, stored.narrowed) == (TEXT, False)


@pytest.mark.parametrize(
    ("part", "reason"), [("Steam rises over water.", "do not stand"), ("water", "too short"), (" ", "Nothing")]
)
def test_a_part_that_is_none_is_refused_and_nothing_is_stored(db: Database, part: str, reason: str) -> None:
    document = store_paper(db, "cc", [TEXT])
    (chunk,) = library.chunks_of_document(db, document.id)
    with pytest.raises(NotFoundError, match=reason):
        judgements.store_judgement(db, "why?", chunk.id, 1, part=part)
    assert judgements.list_judgements(db) == []
    assert db["queries"].count == 0


def test_who_gave_a_verdict_is_kept_with_it_and_the_last_one_counts(db: Database, chunk_id: int) -> None:
    judgements.store_judgement(db, "what is beta?", chunk_id, 1, judge="  Ada   Stork ")
    assert [one.judge for one in judgements.list_judgements(db)] == ["Ada Stork"]
    judgements.store_judgement(db, "what is beta?", chunk_id, 0, judge="Bo" * 100)
    assert [one.judge for one in judgements.list_judgements(db)] == ["Bo" * 40]
    judgements.store_judgement(db, "what is beta?", chunk_id, 1)
    assert [one.judge for one in judgements.list_judgements(db)] == [None]
