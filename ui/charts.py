"""Curves as SVG, drawn in Python: crisp, without a script, in the page's own colours."""

import math
from collections.abc import Sequence

from markupsafe import Markup

_WIDTH, _HEIGHT = 520, 170
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 12, 12, 26
_DIGITS, _MOST_DIGITS = 2, 4  # of the scale


def draw_curve(
    title: str,
    points: Sequence[tuple[float, float]],
    steps: int,
    baseline: float | None = None,
    most: float = math.inf,
    ends: tuple[str, str] | None = None,
    digits: int = 3,
) -> Markup:
    """One curve over training steps, of what there is so far, with an optional level line.

    Nothing where there is none yet. No value can be above `most`, so the scale does not go beyond it. `ends` name the
    first and last step where they are not numbers; `digits` are those of the newest value.
    """
    if not points:
        return Markup("")
    values = [value for _, value in points] + ([baseline] if baseline is not None else [])
    low, high = min(values), max(values)
    pad = (high - low) * 0.1 or max(abs(high), 0.01) * 0.05
    low, high = low - pad, min(high + pad, most)
    last = max(steps, points[-1][0], 1)

    def place(step: float, value: float) -> str:
        x = _LEFT + (step / last) * (_WIDTH - _LEFT - _RIGHT)
        y = _TOP + (high - value) / (high - low) * (_HEIGHT - _TOP - _BOTTOM)
        return f"{x:.1f},{y:.1f}"

    ticks = _ticks(low, high)
    finer = _digits_that_tell(ticks)
    parts = [_grid_line(low, high, value, _label(value, finer)) for value in ticks]
    if baseline is not None:
        (x1, y1), (x2, y2) = (place(step, baseline).split(",") for step in (0, last))
        parts.append(f'<line class="level" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"/>')
    parts.append(f'<polyline class="curve" points="{" ".join(place(*point) for point in points)}"/>')
    parts += [f'<circle class="knot" cx="{x}" cy="{y}" r="3"/>' for x, y in (place(*p).split(",") for p in points[-1:])]
    left, right = ends or ("step 0", str(last))
    axis = Markup('<text x="{}" y="{}">{}</text>').format(_LEFT, _HEIGHT - 6, left)
    axis += Markup('<text x="{}" y="{}" text-anchor="end">{}</text>').format(_WIDTH - _RIGHT, _HEIGHT - 6, right)
    newest = _label(points[-1][1], digits if finer == _DIGITS else max(digits, finer + 1))
    return Markup(
        '<figure class="chart"><figcaption>{title} <b>{newest}</b></figcaption>'
        '<svg viewBox="0 0 {width} {height}" role="img" aria-label="{title}, now {newest}">{inside}</svg></figure>'
    ).format(title=title, newest=newest, width=_WIDTH, height=_HEIGHT, inside=Markup("".join(parts)) + axis)


def draw_frame(title: str) -> Markup:
    """The place of a curve whose first value is still to come, as large as the curve."""
    return Markup(
        '<figure class="chart"><figcaption>{title} <b>–</b></figcaption>'
        '<svg viewBox="0 0 {width} {height}" role="img" aria-label="{title}, no value yet">'
        '<text x="{x}" y="{y}" text-anchor="middle">comes with the first step of training</text></svg></figure>'
    ).format(title=title, width=_WIDTH, height=_HEIGHT, x=_WIDTH // 2, y=_HEIGHT // 2)


def _ticks(low: float, high: float) -> list[float]:
    return [low + (high - low) * share for share in (0.1, 0.5, 0.9)]


def _digits_that_tell(ticks: Sequence[float]) -> int:
    """The decimals with which no two of the ticks read the same: two, more where all values are tiny."""
    return max(_DIGITS, -math.floor(math.log10(ticks[1] - ticks[0])))


def _label(value: float, digits: int) -> str:
    """The value with so many decimals; as a power of ten where these would not fit beside the chart."""
    return f"{value:.{digits}f}" if digits <= _MOST_DIGITS else f"{value:.1e}".replace("e-0", "e-")


def _grid_line(low: float, high: float, value: float, label: str) -> str:
    y = _TOP + (high - value) / (high - low) * (_HEIGHT - _TOP - _BOTTOM)
    return (
        f'<line class="grid" x1="{_LEFT}" y1="{y:.1f}" x2="{_WIDTH - _RIGHT}" y2="{y:.1f}"/>'
        f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{label}</text>'
    )
