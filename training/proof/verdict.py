"""What to make of two versions' scores on the same held-out queries."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from core.cli import count

MINIMUM_HELD_OUT = 5
_RESAMPLES, _BLOCK = 10_000, 500
# Stricter than the interval: a wrong promotion costs a reader more than one that waits for more judgements. Measured on
# models trained on shuffled labels with 20 held-out queries, of 60 it lets 1 pass; 0.025 lets 4.
_SIGNIFICANCE = 0.005


class Outcome(StrEnum):
    PROMOTE = "promote"
    NO_DIFFERENCE = "no difference"
    WORSE = "worse"
    NOT_ENOUGH = "not enough evidence"


@dataclass(frozen=True, slots=True)
class Shortage:
    """What a recommendation lacks: so many judged queries, and what else stands in the way, empty for nothing."""

    queries: int = 0
    obstacle: str = ""

    @property
    def sentence(self) -> str:
        """What to do, and why there is so little, each a sentence after a space."""
        more = f" Approve passages for {count(self.queries, 'more question')}." if self.queries else ""
        return more + (f" {self.obstacle}." if self.obstacle else "")


@dataclass(frozen=True, slots=True)
class Verdict:
    """An outcome, its reason in one sentence, and the interval of the change where there is one."""

    outcome: Outcome
    sentence: str
    interval: tuple[float, float] | None = None

    @property
    def recommended(self) -> bool:
        return self.outcome is Outcome.PROMOTE


def judge_scores(before: Sequence[float], after: Sequence[float], shortage: Shortage) -> Verdict:
    """What nDCG@10 of each held-out query, before and after, says about the version.

    *Promote* needs the lower bound of the paired bootstrap interval above 0, and the sign-flip test to agree.
    """
    if not before:
        reason = "No question could be held out, so nothing tells whether this model is better."
        return Verdict(Outcome.NOT_ENOUGH, reason + shortage.sentence)
    low, high = interval = bootstrap_interval(before, after)
    figures = (
        f"nDCG@10 {np.mean(before):.3f} before, {np.mean(after):.3f} after "
        f"on {count(len(before), 'held-out question')} (95% interval of the change {low:+.3f} to {high:+.3f})"
    )
    if len(before) < MINIMUM_HELD_OUT or shortage.queries:
        sentence = f"Too little evidence for a recommendation: {figures}.{shortage.sentence}"
        return Verdict(Outcome.NOT_ENOUGH, sentence, interval)
    if low > 0 and sign_flip_p_value(before, after) <= _SIGNIFICANCE:
        return Verdict(Outcome.PROMOTE, f"Better, more than chance explains: {figures}.", interval)
    if high < 0:
        return Verdict(Outcome.WORSE, f"Worse: {figures}. Keep the present model.", interval)
    if np.mean(after) > np.mean(before):
        sentence = f"No sure difference; perhaps better, but it may be chance: {figures}. Keep the present model."
    else:
        sentence = f"No sure difference, and not better: {figures}. Keep the present model."
    return Verdict(Outcome.NO_DIFFERENCE, sentence, interval)


def refuse_forgetting(verdict: Verdict, sentence: str) -> Verdict:
    """The verdict on a version that answers general questions less well, which `sentence` says."""
    if not verdict.recommended:
        return verdict
    return Verdict(Outcome.WORSE, f"{sentence} Keep the present model. {verdict.sentence}", verdict.interval)


def bootstrap_interval(before: Sequence[float], after: Sequence[float], seed: int = 0) -> tuple[float, float]:
    """The 95% percentile interval of the mean change, queries resampled in pairs (Efron and Tibshirani 1993)."""
    changes = np.asarray(after) - np.asarray(before)
    rng = np.random.default_rng(seed)
    means = _resample(lambda rows: changes[rng.integers(0, len(changes), (rows, len(changes)))].mean(axis=1))
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def sign_flip_p_value(before: Sequence[float], after: Sequence[float], seed: int = 0) -> float:
    """How often changes of random sign have a mean as large (Fisher's randomisation test, one-sided).

    On few queries the bootstrap's interval is too narrow; this test is not misled in that way.
    """
    changes = np.asarray(after) - np.asarray(before)
    rng = np.random.default_rng(seed)
    means = _resample(lambda rows: (rng.choice([-1.0, 1.0], (rows, len(changes))) * changes).mean(axis=1))
    return float(((means >= changes.mean() - 1e-12).sum() + 1) / (_RESAMPLES + 1))


def _resample(mean_of_rows: Callable[[int], NDArray[np.float64]]) -> NDArray[np.float64]:
    """The means of all resamples, made in blocks: thousands of queries at once would not fit into memory."""
    return np.concatenate([mean_of_rows(_BLOCK) for _ in range(_RESAMPLES // _BLOCK)])
