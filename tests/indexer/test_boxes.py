from core.types import Box
from indexer.boxes import join_on_lines


def test_words_of_a_line_are_one_box_and_lines_are_not() -> None:
    line = [Box(0.1, 0.1, 0.1, 0.02), Box(0.22, 0.101, 0.1, 0.018)]
    below = Box(0.1, 0.125, 0.5, 0.02)
    first, second = join_on_lines([*line, below])
    assert (first.left, first.top, round(first.width, 3), round(first.height, 3)) == (0.1, 0.1, 0.22, 0.02)
    assert second == below


def test_an_index_belongs_to_its_line() -> None:
    letter, index = Box(0.1, 0.1, 0.02, 0.02), Box(0.12, 0.1185, 0.01, 0.01)
    (joined,) = join_on_lines([letter, index])
    assert round(joined.top + joined.height, 4) == 0.1285


def test_lines_set_so_tight_that_they_touch_stay_apart() -> None:
    lines = [Box(0.5, 0.1, 0.4, 0.02), Box(0.1, 0.116, 0.8, 0.02)]
    assert join_on_lines(lines) == lines


def test_the_next_column_is_another_line() -> None:
    columns = [Box(0.5, 0.8, 0.4, 0.02), Box(0.1, 0.8, 0.3, 0.02)]
    assert join_on_lines(columns) == columns
