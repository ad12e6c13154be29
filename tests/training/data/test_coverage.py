from datetime import date

import pytest

from core.types import Judgement
from training.data.coverage import measure_coverage


def judged(number: int, query: str, chunk: int, relevance: int, day: str) -> Judgement:
    return Judgement(number, query, chunk, 1, "A", "aa", 1, 0, 1, "text", relevance, None, None, f"{day}T12:00:00")


HISTORY = [
    judged(1, "why?", 1, 1, "2026-03-01"),
    judged(2, "why?", 2, 0, "2026-03-01"),
    judged(3, "how?", 9, 1, "2026-03-03"),
]


def test_each_day_tells_what_was_judged_in_it_and_what_stands_at_its_end() -> None:
    periods = measure_coverage(HISTORY, {"why?": [1, 2, 3], "how?": [4]}, today=date(2026, 3, 4))
    assert [(p.first.day, p.approved, p.rejected, p.questions) for p in periods] == [
        (1, 1, 1, 1), (2, 0, 0, 1), (3, 1, 0, 2), (4, 0, 0, 2),
    ]  # fmt: skip
    # A verdict on a passage that is not found now covers nothing.
    assert [p.top_judged for p in periods] == [0.5, 0.5, 0.5, 0.5]


def test_without_a_known_top_the_share_is_not_made_up() -> None:
    assert {p.top_judged for p in measure_coverage(HISTORY, {}, today=date(2026, 3, 3))} == {None}
    assert measure_coverage([], {"why?": [1]}) == []


@pytest.mark.parametrize(("end", "days"), [("2026-04-29", 1), ("2026-05-01", 7), ("2027-05-01", 28)])
def test_a_long_history_is_told_in_longer_periods(end: str, days: int) -> None:
    periods = measure_coverage(HISTORY, {}, today=date.fromisoformat(end))
    assert {p.days for p in periods} == {days}
    assert len(periods) <= 60
    assert sum(p.approved + p.rejected for p in periods) == 3
    assert periods[-1].questions == 2
