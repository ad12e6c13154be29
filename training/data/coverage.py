"""How much is judged, and how that grew: judgements a day or week, questions, and the share of the top ten. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from core.types import Judgement

# A longer history is told by weeks, and by four weeks when even those are many.
_MOST_BARS = 60


@dataclass(frozen=True, slots=True)
class Period:
    """So many days from `first`: what was judged in them, and what stood at their end.

    `top_judged` is the share judged by then of what is found now: the ten best passages of each judged question. It is
    None where that is not known.
    """

    first: date
    days: int
    approved: int
    rejected: int
    questions: int
    top_judged: float | None


def measure_coverage(
    judged: Iterable[Judgement], tops: Mapping[str, Sequence[int]], today: date | None = None
) -> list[Period]:
    """Every period from the first judgement to today, also those in which nothing was judged; none without one.

    `tops` are the best passages that the active model finds now for judged questions, by question. A verdict counts
    from the day it was last changed.
    """
    by_day: defaultdict[date, list[Judgement]] = defaultdict(list)
    for judgement in judged:
        by_day[_day(judgement.at)].append(judgement)
    if not by_day:
        return []
    start, end = min(by_day), max(today or date.today(), max(by_day))
    days = next(days for days in (1, 7, 28, 10**6) if (end - start).days // days < _MOST_BARS)
    found = {(query, chunk) for query, top in tops.items() for chunk in top}
    periods, questions, seen = [], set(), set()
    while start <= end:
        inside = [one for day in range(days) for one in by_day.get(start + timedelta(day), ())]
        questions |= {one.query for one in inside}
        # A pair once, however many people judged it.
        seen |= {(one.query, one.chunk_id) for one in inside} & found
        approved = sum(one.relevance for one in inside)
        share = len(seen) / len(found) if found else None
        periods.append(Period(start, days, approved, len(inside) - approved, len(questions), share))
        if (end - start).days < days:
            break
        start += timedelta(days)
    return periods


def _day(moment: str) -> date:
    return datetime.fromisoformat(moment).astimezone().date()
