import re

from ui.paired_dots import draw_interval, draw_pair, draw_still


def places(svg: str, kind: str) -> list[float]:
    return [float(x) for x in re.findall(rf'class="{kind}" cx="([\d.]+)%"', svg)]


def test_a_question_has_a_ring_before_and_a_dot_after_on_one_scale() -> None:
    risen, fallen = draw_pair(0.0, 0.5), draw_pair(1.0, 0.5)
    assert places(risen, "before") < places(risen, "after") == places(fallen, "after") < places(fallen, "before")
    assert places(risen, "after") == [50.0]
    assert 'class="strip up"' in risen
    assert 'class="strip down"' in fallen


def test_questions_that_stand_still_are_one_dot_a_score() -> None:
    assert len(places(draw_still([1.0, 1.0, 1.0, 0.25]), "still")) == 2


def test_the_interval_says_in_words_whether_it_holds_0() -> None:
    shown = draw_interval([0.2, 0.4], [0.5, 0.5], (0.1, 0.3))
    assert "by +0.200 in the mean; the 95% interval is +0.100 to +0.300, all of it above 0." in shown
    assert places(shown, "after")[0] > 50
    assert "0 lies within it" in draw_interval([0.2], [0.2], (-0.1, 0.3))
    assert "all of it below 0" in draw_interval([0.5], [0.1], (-0.6, -0.2))
    assert draw_interval([], [], None) == ""


def test_a_scale_of_nothing_but_zeros_does_not_break() -> None:
    assert places(draw_interval([0.5], [0.5], (0.0, 0.0)), "after") == [50.0]
