"""Before and after as dots: a strip a question, one for those that stand still, and the mean with its interval."""

from collections import Counter
from collections.abc import Sequence
from statistics import fmean

from markupsafe import Markup

from ui.render import minus

# Places are shares of the strip's width, so that dots stay round however wide it is; the ends leave room for a dot.
_FIRST, _LAST = 2.5, 97.5
_LEAST_SCALE = 0.02
_ROOM = 1.15


def draw_pair(before: float, after: float) -> Markup:
    """One question's score from 0 to 1: a ring for before, a dot for after. The numbers stand beside it as text."""
    way = "up" if after > before else "down" if after < before else "same"
    return Markup(
        '<svg class="strip {way}" aria-hidden="true">{scale}<line class="way" x1="{x1}%" y1="50%" x2="{x2}%" y2="50%"/>'
        '<circle class="before" cx="{x1}%" cy="50%" r="4"/><circle class="after" cx="{x2}%" cy="50%" r="4.5"/></svg>'
    ).format(way=way, scale=_scale(), x1=_place(before), x2=_place(after))


def draw_still(scores: Sequence[float]) -> Markup:
    """Questions that did not move, in one strip: a dot a score, the larger the more questions have it."""
    dots = Markup("").join(
        Markup('<circle class="still" cx="{x}%" cy="50%" r="{r}"/>').format(x=_place(score), r=min(3 + 0.5 * many, 8))
        for score, many in sorted(Counter(round(score, 2) for score in scores).items())
    )
    return Markup('<svg class="strip same" aria-hidden="true">{}{}</svg>').format(_scale(), dots)


def draw_interval(before: Sequence[float], after: Sequence[float], interval: Sequence[float] | None) -> Markup:
    """The mean change on a scale around 0, with its 95% interval, and both in words; nothing without a question."""
    if not before:
        return Markup("")
    mean = fmean(after) - fmean(before)
    low, high = interval or (mean, mean)
    most = max(abs(low), abs(high), abs(mean), _LEAST_SCALE) * _ROOM

    def place(value: float) -> str:
        return _place((value / most + 1) / 2)

    way = "up" if low > 0 else "down" if high < 0 else "same"
    return Markup(
        '<figure class="interval"><svg class="strip {way}" role="img" aria-label="{words}">'
        '<line class="zero" x1="50%" y1="0" x2="50%" y2="100%"/>'
        '<line class="range" x1="{low}%" y1="50%" x2="{high}%" y2="50%"/>'
        '<circle class="after" cx="{mean}%" cy="50%" r="5"/></svg>'
        '<div class="ends"><span>{least}</span><span>no change</span><span>{greatest}</span></div>'
        "<figcaption>{words}</figcaption></figure>"
    ).format(
        way=way,
        words=_tell(mean, interval),
        low=place(low),
        high=place(high),
        mean=place(mean),
        least=minus(f"{-most:+.2f}"),
        greatest=f"{most:+.2f}",
    )


def _tell(mean: float, interval: Sequence[float] | None) -> str:
    said = f"nDCG@10 changes by {mean:+.3f} in the mean"
    if interval is None:
        return minus(f"{said}.")
    low, high = interval
    where = "all of it above 0" if low > 0 else "all of it below 0" if high < 0 else "0 lies within it"
    return minus(f"{said}; the 95% interval is {low:+.3f} to {high:+.3f}, {where}.")


def _place(share: float) -> str:
    return f"{_FIRST + (_LAST - _FIRST) * min(max(share, 0.0), 1.0):.2f}"


def _scale() -> Markup:
    ticks = Markup("").join(
        Markup('<line class="tick" x1="{x}%" y1="25%" x2="{x}%" y2="75%"/>').format(x=_place(share))
        for share in (0, 0.5, 1)
    )
    return Markup('<line class="axis" x1="{}%" y1="50%" x2="{}%" y2="50%"/>').format(_FIRST, _LAST) + ticks
