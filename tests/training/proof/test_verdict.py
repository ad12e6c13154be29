import numpy as np
import pytest

from training.proof.verdict import Outcome, Shortage, bootstrap_interval, judge_scores, sign_flip_p_value


def test_a_gain_beyond_chance_is_recommended() -> None:
    verdict = judge_scores([0.4] * 20, [0.6, 0.5] * 10, Shortage())
    assert verdict.recommended
    assert "nDCG@10 0.400 before, 0.550 after on 20 held-out questions" in verdict.sentence


@pytest.mark.parametrize(
    ("before", "after", "missing", "outcome", "said"),
    [
        ([0.5] * 10, [0.9, 0.2] * 5, 0, Outcome.NO_DIFFERENCE, "may be chance"),
        ([0.5] * 10, [0.4] * 10, 0, Outcome.WORSE, "Worse"),
        ([0.5] * 10, [0.6, 0.3] * 5, 0, Outcome.NO_DIFFERENCE, "not better"),
        ([0.5] * 10, [0.5] * 10, 0, Outcome.NO_DIFFERENCE, "not better"),
        ([0.1] * 4, [0.9] * 4, 0, Outcome.NOT_ENOUGH, "Too little evidence"),
        ([0.1] * 8, [0.9] * 8, 12, Outcome.NOT_ENOUGH, "Approve passages for 12 more questions."),
        ([], [], 20, Outcome.NOT_ENOUGH, "No question could be held out"),
    ],
)
def test_everything_else_is_not(
    before: list[float], after: list[float], missing: int, outcome: Outcome, said: str
) -> None:
    verdict = judge_scores(before, after, Shortage(missing))
    assert verdict.outcome is outcome
    assert not verdict.recommended
    assert said in verdict.sentence


@pytest.mark.parametrize("count", [5, 10, 25, 60])
def test_of_candidates_without_effect_at_most_one_in_twenty_is_recommended(count: int) -> None:
    rng = np.random.default_rng(count)
    recommended = 0
    for _ in range(200):
        # nDCG of real queries is skewed: many are at 1, many at 0, and a candidate moves a few of them.
        before = np.clip(rng.choice([0.0, 0.4, 1.0], count) + rng.normal(0, 0.1, count), 0, 1)
        after = np.clip(before + rng.choice([0, 0, 1], count) * rng.normal(0, 0.3, count), 0, 1)
        if rng.random() < 0.5:
            before, after = after, before
        recommended += judge_scores(before.tolist(), after.tolist(), Shortage()).recommended
    assert recommended <= 10


@pytest.mark.parametrize("count", [5, 20, 100])
def test_an_identical_model_is_never_recommended(count: int) -> None:
    scores = np.random.default_rng(count).random(count).tolist()
    assert judge_scores(scores, scores, Shortage()).outcome is Outcome.NO_DIFFERENCE


def test_the_interval_is_that_of_the_paired_changes() -> None:
    assert bootstrap_interval([0.2, 0.8, 0.5], [0.3, 0.9, 0.6]) == pytest.approx((0.1, 0.1))
    low, high = bootstrap_interval([0.0] * 100, [1.0, 0.0] * 50)
    assert 0.3 < low < 0.5 < high < 0.7


def test_the_sign_flip_test_needs_more_than_a_few_lucky_queries() -> None:
    assert sign_flip_p_value([0.0] * 4, [0.5] * 4) > 0.025
    assert sign_flip_p_value([0.0] * 12, [0.5] * 12) < 0.01
    assert sign_flip_p_value([0.5] * 10, [0.5] * 10) == 1.0


def test_a_gain_that_may_be_chance_on_few_queries_is_not_recommended_though_its_interval_is_above_zero() -> None:
    before, after = [0.5] * 20, [0.5] * 14 + [0.9] * 6
    low, _ = bootstrap_interval(before, after)
    assert low > 0
    assert sign_flip_p_value(before, after) > 0.005
    assert judge_scores(before, after, Shortage()).outcome is Outcome.NO_DIFFERENCE


def test_what_stands_in_the_way_of_evidence_is_told() -> None:
    shortage = Shortage(0, "23 of the 24 new questions hang together")
    assert judge_scores([], [], shortage).sentence.endswith("is better. 23 of the 24 new questions hang together.")
    assert "hang together" in judge_scores([0.1], [0.2], shortage).sentence
    assert "hang together" not in judge_scores([0.1] * 20, [0.2] * 20, shortage).sentence
