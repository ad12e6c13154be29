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
