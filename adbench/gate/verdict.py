"""Statistics of the gate: from values by seed before and after a change to a verdict per metric.

A comparison tests whether the mean over seeds has dropped. If both sides ran the same seeds, their differences are
tested (paired t), otherwise the two means (Welch). All comparisons of a family are corrected together:

    regression    a drop, one-sided, significant at alpha after Holm's correction, that may exceed the tolerance
    improvement   a significant rise, corrected by itself
    pass          the interval, of confidence 1 - 2 alpha / comparisons, excludes a drop beyond the tolerance
    inconclusive  none of these: more seeds would decide

A drop that significantly lies within the tolerance passes, however regular it is: that is the meaning of a tolerance. A
rise of less than a tenth of the tolerance does not count: other machines round differently, and a model without
randomness then moves by the same row in every seed. Seconds have to change by more than the tolerance: a machine's load
slows all seeds together, which no test can detect.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats

from adbench.stats.interval import Interval
from adbench.stats.intervals import Values, as_values, half_width
from adbench.stats.multiplicity import holm
from adbench.stats.variance import noncentrality, seeds_needed

REGRESSION, IMPROVEMENT, PASS, INCONCLUSIVE = "regression", "improvement", "pass", "inconclusive"
MISSING, FAILED = "missing", "failed"
POWER = 0.8
NEGLIGIBLE = {"quality": 0.1, "speed": 1.0}  # of the tolerance
_ROUNDING = 1e-12  # relative to the values: no difference
_LARGEST = 1e100  # whose square is still finite

Kind = Literal["quality", "speed"]


@dataclass(frozen=True)
class Case:
    """One metric of one configuration, by seed, before and after."""

    data: str
    model: str
    settings: str
    metric: str
    baseline: Mapping[int, float]
    current: Mapping[int, float]
    less_is_better: bool = False


@dataclass(frozen=True)
class Rules:
    """Rules for a family of comparisons. tolerance: the drop that a pass must exclude; for speed, a ratio minus 1."""

    kind: Kind = "quality"
    alpha: float = 0.05
    tolerance: float = 0.01

    @property
    def margin(self) -> float:
        """The tolerance on the tested scale; seconds are compared by their logarithms."""
        return math.log1p(self.tolerance) if self.kind == "speed" else self.tolerance

    @property
    def negligible(self) -> float:
        """The change that is too small for a verdict, on the same scale."""
        return NEGLIGIBLE[self.kind] * self.margin


@dataclass(frozen=True)
class Change:
    """The change of the mean; positive is better. For seconds, the negative change of the logarithm."""

    rise: float
    error: float  # standard error of the rise; NaN if a side has a single seed
    df: float
    sd: float  # of one pair's difference
    n: int  # seeds, on the side with fewer
    paired: bool

    def half_width(self, level: float) -> float:
        """Half of the interval that leaves out `level` on either side."""
        return float(half_width(self.error, self.df, 1 - 2 * level)) if self.error else 0.0


@dataclass(frozen=True)
class Verdict:
    """The verdict on one case. `level`: the one-sided level left to it by the size of its family."""

    case: Case
    rules: Rules
    verdict: str
    reason: str
    change: Change | None = None
    level: float = 0.05
    p_drop: float = float("nan")  # adjusted

    @property
    def baseline_mean(self) -> float:
        return _mean(self.case.baseline)

    @property
    def current_mean(self) -> float:
        return _mean(self.case.current)

    def difference(self) -> Interval | None:
        """The difference after minus before: absolute for quality, relative for speed; None if unknown."""
        if self.change is None:
            return None
        half_width = self.change.half_width(self.level)
        ends = [self._shown(self.change.rise + k * half_width) for k in (0, -1, 1)]
        return (
            Interval(ends[0], *sorted(ends[1:])) if math.isfinite(half_width) else Interval(ends[0], math.nan, math.nan)
        )

    def smallest_effect(self) -> float | None:
        """The smallest drop that would be found in four of five cases, on the scale of `difference`, positive."""
        if self.change is None or not math.isfinite(self.change.error):
            return None
        error, df = self.change.error, self.change.df
        # A drop is found if it is significant, not negligible, and not significantly within the tolerance.
        size = max(self.rules.negligible, self.rules.margin - self.change.half_width(self.level))
        if error:
            size = error * max(noncentrality(df, self.level, POWER), size / error + float(stats.t.ppf(POWER, df)))
        return min(math.expm1(min(size, 50.0)), 1e9) if self.rules.kind == "speed" else size

    def seeds_to_settle(self) -> int | None:
        """Approximate number of seeds that each side would need with the same means and spread; None: unknown."""
        if self.verdict != INCONCLUSIVE or self.change is None or not math.isfinite(self.change.sd):
            return None
        rise, margin = self.change.rise, self.rules.margin
        distances = [margin + rise] if margin + rise > 0 else []  # to show that no drop exceeds the tolerance
        if -rise > self.rules.negligible:
            distances.append(rise)  # to show the drop
        counts = [seeds_needed(d, self.change.sd, self.level, POWER, sides=1) for d in distances]
        return min((n for n in counts if n is not None), default=None)

    def _shown(self, rise: float) -> float:
        signed = -rise if self.case.less_is_better else rise
        return math.expm1(min(signed, 50.0)) if self.rules.kind == "speed" else signed


def judge(cases: Sequence[Case], rules: Rules) -> list[Verdict]:
    """The verdict on each case, corrected together as one family."""
    changes = [_change(case, rules) for case in cases]
    drops, rises = (holm([_p_value(change, side) for change in changes]) for side in (-1, 1))
    level = rules.alpha / max(1, len(cases))
    found = []
    for case, change, p_drop, p_rise in zip(cases, changes, drops, rises, strict=True):
        verdict, reason = _decide(case, change, rules, level, float(p_drop), float(p_rise))
        found.append(Verdict(case, rules, verdict, reason, change, level, float(p_drop)))
    return found


def _decide(
    case: Case, change: Change | None, rules: Rules, level: float, p_drop: float, p_rise: float
) -> tuple[str, str]:
    if change is None:
        return INCONCLUSIVE, "no values to compare"
    if change.rise == 0 and change.error == 0:
        return PASS, "identical"
    if not math.isfinite(change.error):
        return INCONCLUSIVE, "one seed tells nothing about the others; run more"
    worse, better = ("rise", "drop") if case.less_is_better else ("drop", "rise")
    p, verdict, word = (p_drop, REGRESSION, worse) if change.rise < 0 else (p_rise, IMPROVEMENT, better)
    accepted = change.rise < 0 and change.rise - change.half_width(level) > -rules.margin
    if p <= rules.alpha and abs(change.rise) > rules.negligible and not accepted:
        return verdict, f"a {word}, p = {_p(p)}" if change.error else f"the same {word} in every seed"
    if change.rise - change.half_width(level) > -rules.margin:
        how = f", p = {_p(p_drop)}" if change.error else " in every seed"
        found = p_drop <= rules.alpha and -change.rise > rules.negligible
        return PASS, f"a {worse} within the tolerance{how}" if found else f"no {worse} beyond the tolerance"
    return INCONCLUSIVE, f"a {worse} beyond the tolerance is possible"


def _p_value(change: Change | None, side: int) -> float:
    """The one-sided p value of a rise (1) or a drop (-1)."""
    if change is None or not math.isfinite(change.error):
        return 1.0
    if change.error == 0:
        return 0.0 if change.rise * side > 0 else 1.0
    return float(stats.t.sf(side * change.rise / change.error, change.df))


def _change(case: Case, rules: Rules) -> Change | None:
    before, after = (_comparable(values, case, rules) for values in (case.baseline, case.current))
    if not before or not after:
        return None
    common = sorted(before.keys() & after.keys())
    fewer = min(len(before), len(after))
    # The design is chosen by the available seeds, never by their values. Pairing a few common seeds out of many would
    # discard the others.
    if (len(common) >= 2 and 2 * len(common) >= fewer) or len(common) == fewer == 1:
        return _paired(as_values(after[s] for s in common), as_values(before[s] for s in common))
    return _welch(as_values(after.values()), as_values(before.values()))


def _comparable(values: Mapping[int, float], case: Case, rules: Rules) -> dict[int, float]:
    """The values on a scale where more is better and differences are comparable."""
    sign = -1.0 if case.less_is_better else 1.0
    usable = {seed: float(value) for seed, value in values.items() if abs(value) < _LARGEST}
    if rules.kind == "speed":
        return {seed: sign * math.log(value) for seed, value in usable.items() if value > 0}
    return {seed: sign * value for seed, value in usable.items()}


def _paired(after: Values, before: Values) -> Change:
    rises, n = after - before, len(after)
    scale = max(abs(after).max(), abs(before).max())
    if (abs(rises) <= _ROUNDING * scale).all():
        return Change(0.0, 0.0, max(1, n - 1), 0.0, n, paired=True)
    mean, sd = _moments(rises, scale)
    return Change(mean, sd / math.sqrt(n), max(1, n - 1), sd, n, paired=True)


def _welch(after: Values, before: Values) -> Change:
    scale = max(abs(after).max(), abs(before).max())
    (mean, sd), (mean_before, sd_before) = _moments(after, scale), _moments(before, scale)
    parts = np.array([sd**2 / len(after), sd_before**2 / len(before)])
    rise = mean - mean_before if abs(mean - mean_before) > _ROUNDING * scale else 0.0
    n = min(len(after), len(before))
    degrees = np.array([len(after), len(before)]) - 1
    if not parts.any():
        return Change(rise, 0.0, float(degrees.sum()), 0.0, n, paired=False)
    shares = parts / parts.sum()
    df = 1 / float((shares**2 / np.maximum(degrees, 1)).sum())
    return Change(rise, math.sqrt(parts.sum()), df, math.hypot(sd, sd_before), n, paired=False)


def _moments(x: Values, scale: float) -> tuple[float, float]:
    """Mean and standard deviation; rounding error counts as 0, and the deviation of a single value is NaN."""
    mean = float(x.mean())
    if len(x) < 2:
        return mean, math.nan
    sd = float(x.std(ddof=1))
    return mean, sd if sd > _ROUNDING * scale else 0.0


def _mean(values: Mapping[int, float]) -> float:
    with np.errstate(over="ignore"):  # values of untrusted files can be extreme
        return float(np.mean(list(values.values()))) if values else math.nan


def _p(p: float) -> str:
    return f"{p:.3f}" if p >= 0.001 else f"{p:.1g}"
