from datetime import date

from training.data.coverage import Period
from ui.coverage_chart import draw_coverage


def test_the_bars_tell_themselves_in_words() -> None:
    periods = [Period(date(2026, 3, 1), 1, 3, 1, 2, 0.1), Period(date(2026, 3, 2), 1, 0, 2, 3, 0.35)]
    shown = draw_coverage(periods)
    assert "Judgements a day, 1 Mar 2026 to 2 Mar 2026: 3 approved, 3 rejected, at most 4 a day" in shown
    assert shown.count("<rect") == 4
    assert "Questions judged, now 3" in shown
    assert "judged, now 0.35" in shown


def test_one_day_is_told_in_words_and_nothing_has_nothing() -> None:
    shown = draw_coverage([Period(date(2026, 3, 1), 1, 3, 1, 2, 0.15)])
    assert "1 Mar 2026: 3 approved and 1 rejected. 15% of the ten best passages of each question are judged." in shown
    assert "<figure" not in shown
    assert draw_coverage([]) == ""
