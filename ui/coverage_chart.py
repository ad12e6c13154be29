"""Judged coverage over time: bars of verdicts, and a line each for questions and for the share of the top ten."""

from collections.abc import Sequence

from markupsafe import Markup

from core.cli import count
from training.data.coverage import Period
from ui.charts import draw_curve

_WIDTH, _HEIGHT = 520, 170
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 12, 12, 26
_SPANS = {1: "day", 7: "week", 28: "four weeks"}
_GAP = 0.25


def draw_coverage(periods: Sequence[Period]) -> Markup:
    """The charts; of a single period a sentence, as it has no course yet, and nothing where nothing was judged."""
    if not periods:
        return Markup("")
    first, last = (f"{one.first.day} {one.first:%b %Y}" for one in (periods[0], periods[-1]))
    if len(periods) == 1:
        return Markup('<p class="caption">{}</p>').format(_in_words(periods[0], first))
    lines = draw_curve(
        "Questions judged",
        [(number, one.questions) for number, one in enumerate(periods)],
        len(periods) - 1,
        ends=(first, last),
        digits=0,
    )
    shares = [(number, one.top_judged) for number, one in enumerate(periods) if one.top_judged is not None]
    lines += draw_curve(
        "Share of the ten best passages judged", shares, len(periods) - 1, most=1.0, ends=(first, last), digits=2
    )
    return _draw_bars(periods, first, last) + lines


def _in_words(day: Period, date: str) -> str:
    share = ""
    if day.top_judged is not None:
        share = f" {day.top_judged:.0%} of the ten best passages of each question are judged."
    given = f"{day.approved} approved and {day.rejected} rejected"
    return f"All on {date}: {given}.{share} From another day on, charts show here how it grows."


def _draw_bars(periods: Sequence[Period], first: str, last: str) -> Markup:
    span = _SPANS.get(periods[0].days, "time")
    most = max(one.approved + one.rejected for one in periods)
    step = (_WIDTH - _LEFT - _RIGHT) / len(periods)
    unit = (_HEIGHT - _TOP - _BOTTOM) / max(most, 1)
    floor = _HEIGHT - _BOTTOM
    bars = Markup("")
    for number, one in enumerate(periods):
        x, width = _LEFT + step * (number + _GAP / 2), min(step * (1 - _GAP), 60)
        bars += Markup(
            '<rect class="approved" x="{x:.1f}" y="{y1:.1f}" width="{w:.1f}" height="{h1:.1f}"/>'
            '<rect class="rejected" x="{x:.1f}" y="{y2:.1f}" width="{w:.1f}" height="{h2:.1f}"/>'
        ).format(
            x=x,
            w=width,
            y1=floor - unit * one.approved,
            h1=unit * one.approved,
            y2=floor - unit * (one.approved + one.rejected),
            h2=unit * one.rejected,
        )
    approved, rejected = sum(one.approved for one in periods), sum(one.rejected for one in periods)
    return Markup(
        '<figure class="chart"><figcaption>Judged a {span} <b>{total}</b> <span class="key approved">approved</span> '
        '<span class="key rejected">rejected</span></figcaption>'
        '<svg viewBox="0 0 {width} {height}" role="img" aria-label="{words}">'
        '<line class="grid" x1="{left}" y1="{floor}" x2="{right}" y2="{floor}"/>'
        '<line class="grid" x1="{left}" y1="{top}" x2="{right}" y2="{top}"/>'
        '<text x="{label}" y="{floor}" text-anchor="end">0</text>'
        '<text x="{label}" y="{beside_top}" text-anchor="end">{most}</text>{bars}'
        '<text x="{left}" y="{foot}">{first}</text>'
        '<text x="{right}" y="{foot}" text-anchor="end">{last}</text></svg></figure>'
    ).format(
        span=span,
        total=count(approved + rejected, "judgement"),
        words=f"Judgements a {span}, {first} to {last}: {approved} approved, {rejected} rejected, "
        f"at most {most} a {span}",
        width=_WIDTH,
        height=_HEIGHT,
        left=_LEFT,
        right=_WIDTH - _RIGHT,
        top=_TOP,
        label=_LEFT - 6,
        floor=floor,
        beside_top=_TOP + 8,
        most=most,
        bars=bars,
        foot=_HEIGHT - 6,
        first=first,
        last=last,
    )
