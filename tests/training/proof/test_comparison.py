import pytest
from sqlite_utils import Database

from indexer.encoder import Encoder
from storage import library
from tests.makers import embed_all, register_model, store_paper
from training.data.pairs import JudgedQuery
from training.proof.comparison import score_version


def test_a_version_is_scored_on_every_passage_at_each_dimension_and_twins_count_as_one(
    db: Database, minilm: Encoder
) -> None:
    texts = ["Yeast makes bread rise.", "Gravity bends light.", "Whales sing to each other."]
    store_paper(db, "aa", texts)
    twin = store_paper(db, "bb", texts[1:2])
    model = register_model(db, "minilm", dimension=384)
    embed_all(db, model, minilm)
    (chunk,) = library.chunks_of_document(db, twin.id)
    query = JudgedQuery("what does gravity do to light?", ((chunk.id, chunk.text),), (), ())
    scores = score_version(db, model, minilm, [query], [384, 64])
    assert list(scores.by_dimension) == [384, 64]
    assert scores.ndcg == (1.0,)
    first_twin = library.chunks_of_document(db, 1)[1].id
    assert scores.by_query[0].top[0] == first_twin
    assert len(scores.by_query[0].top) == 3
    assert scores.as_dict()["64"]["recall@1"] == 1.0
    assert scores.as_dict()["64"]["judged@10"] == pytest.approx(1 / 3)
