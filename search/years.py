"""Years as a person writes them."""

from core.errors import QuestionError

YEARS = (1, 9999)


def require_order(first: int | None, last: int | None) -> None:
    """Raises QuestionError where the last year comes before the first."""
    if first is not None and last is not None and first > last:
        raise QuestionError(f"No year is from {first} to {last}. Give the earlier one first.")


def parse_years(text: str) -> tuple[int | None, int | None]:
    """The first and the last year of `2017`, `2015-2019`, `2015-` or `-2019`; none of an empty text.

    Raises QuestionError for anything else.
    """
    if not text.strip():
        return None, None
    first, dash, last = text.replace("\N{EN DASH}", "-").partition("-")
    years = [_year(part, text) for part in (first, last if dash else first)]
    if years == [None, None] or (years[0] and years[1] and years[0] > years[1]):
        raise _refusal(text)
    return years[0], years[1]


def write_years(first: int | None, last: int | None) -> str:
    """As `parse_years` reads them."""
    if first == last:
        return str(first or "")
    return f"{first or ''}-{last or ''}"


def _year(part: str, text: str) -> int | None:
    if not part.strip():
        return None
    if not part.strip().isdecimal() or not YEARS[0] <= int(part) <= YEARS[1]:
        raise _refusal(text)
    return int(part)


def _refusal(text: str) -> QuestionError:
    return QuestionError(f"'{text}' names no years. Give one such as 2017, or 2015-2019, 2015- or -2019.")
