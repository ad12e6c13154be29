import numpy as np
import pytest
from sqlite_utils import Database

from indexer.encoder import Encoder
from search.evaluation import Scores
from storage import library
from tests.makers import embed_all, register_model, store_paper
from training.comparison import VersionScores, bootstrap_interval, compare, score_version, sign_flip_p_value
from training.pairs import JudgedQuery


def scores_of(*ndcg: float) -> VersionScores:
    return VersionScores({384: Scores(float(np.mean(ndcg)), 0, 0, 0, 0, 0, len(ndcg))}, ndcg)


def test_a_gain_beyond_chance_is_recommended() -> None:
    verdict = compare(scores_of(*[0.4] * 20), scores_of(*[0.6, 0.5] * 10), 0)
    assert verdict.recommended
    assert "nDCG@10 0.400 before, 0.550 after on 20 held-out questions" in verdict.sentence


@pytest.mark.parametrize(
    ("before", "after", "missing", "said"),
    [
        ([0.5] * 10, [0.9, 0.2] * 5, 0, "may be chance"),
        ([0.5] * 10, [0.4] * 10, 0, "Not better"),
        ([0.5] * 10, [0.5] * 10, 0, "Not better"),
        ([0.1] * 4, [0.9] * 4, 0, "Too little evidence"),
        ([0.1] * 8, [0.9] * 8, 12, "approve passages for 12 more questions"),
        ([], [], 20, "No question could be held out"),
    ],
)
def test_everything_else_is_not(before: list[float], after: list[float], missing: int, said: str) -> None:
    verdict = compare(VersionScores({}, tuple(before)), VersionScores({}, tuple(after)), missing)
    assert not verdict.recommended
    assert said in verdict.sentence


def test_the_interval_is_that_of_the_paired_changes() -> None:
    assert bootstrap_interval([0.2, 0.8, 0.5], [0.3, 0.9, 0.6]) == pytest.approx((0.1, 0.1))
    low, high = bootstrap_interval([0.0] * 100, [1.0, 0.0] * 50)
    assert 0.3 < low < 0.5 < high < 0.7


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
    assert scores.ndcg_by_query == (1.0,)
    assert scores.as_dict()["64"]["recall@1"] == 1.0


def test_the_sign_flip_test_needs_more_than_a_few_lucky_queries() -> None:
    assert sign_flip_p_value([0.0] * 4, [0.5] * 4) > 0.025
    assert sign_flip_p_value([0.0] * 12, [0.5] * 12) < 0.01
    assert sign_flip_p_value([0.5] * 10, [0.5] * 10) == 1.0
