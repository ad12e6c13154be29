import pytest

from core.errors import QuestionError
from search.years import parse_years, write_years


@pytest.mark.parametrize(
    ("text", "years"),
    [
        ("", (None, None)),
        (" 2017 ", (2017, 2017)),
        ("2015-2019", (2015, 2019)),
        ("2015 \N{EN DASH} 2019", (2015, 2019)),
        ("2015-", (2015, None)),
        ("-2019", (None, 2019)),
    ],
)
def test_years_are_read_as_they_are_written(text: str, years: tuple[int | None, int | None]) -> None:
    assert parse_years(text) == years
    assert parse_years(write_years(*years)) == years


@pytest.mark.parametrize("text", ["x", "-", "2019-2015", "0", "20170", "2015-2017-2019", "²", "-2019-"])
def test_what_names_no_years_is_told(text: str) -> None:
    with pytest.raises(QuestionError, match="names no years"):
        parse_years(text)
