"""Extreme value theory: extrapolation of the threshold from a fitted tail, for rates beyond the calibration rows."""

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq, minimize_scalar
from scipy.stats import genpareto, kstest

from adbench.arrays.types import Scores
from adbench.config.checks import require_at_least, require_fraction
from adbench.errors import DataError
from adbench.evaluation.seal import require_scores
from adbench.evaluation.thresholds.base import Alarms, ThresholdRule, require_rows, rounded_up
from adbench.evaluation.thresholds.conformal import Conformal, conformal_rank
from adbench.stats.rate_law import RateLaw
from adbench.text import override

# A fit is rejected if its largest difference from the empirical distribution of k excesses (the Kolmogorov-Smirnov
# statistic) exceeds the value that chance exceeds in one of 100 samples from a known distribution, but at least a
# twentieth of the tail, since no real tail is exactly a Pareto one.
KS_LIMIT, KS_TOLERATED = 1.63, 0.05

_FLATTEST, _STEEPEST = 1e-6, 1e6  # of |shape / scale|, with the median excess as the unit


class PeaksOverThreshold(ThresholdRule):
    """z_q of Siffer et al. 2017 (SPOT), without streaming: q = target_fpr, from n calibration scores.

    Excesses over a high empirical quantile t are fitted by a generalised Pareto distribution; with k of them, z_q = t +
    scale / shape ((q n / k)^-shape - 1). The promise is asymptotic: it holds as well as the tail beyond t resembles a
    Pareto one, and for a rate under 1 / n the calibration rows cannot verify it. In 200 simulations with n = 10,000
    normal, exponential, t or Cauchy scores and q = 2e-5, the median rate was 1.1 to 1.7 q, but one in ten was above 3
    to 8 q and one in ten below 0.1 to 0.4 q.

    A rate that leaves at least `min_excesses` calibration rows above the threshold is counted, not fitted: it uses the
    rank of `Conformal`, because z_q is no more stable there and adds the misfit of the tail
    (`scripts/validate/thresholds.py` prints both). The rank is also used if the tail cannot be fitted: with fewer than
    `min_excesses` excesses, or a poor fit, as with scores tied on a few values. If that rank does not exist either,
    DataError is raised.

    tail_fraction: the share of calibration rows above t. min_excesses: the minimum number of rows for a count or a fit.
    """

    promises_rate = True

    def __init__(self, tail_fraction: float, min_excesses: int) -> None:
        require_fraction("threshold.tail_fraction", tail_fraction)
        require_at_least("threshold.min_excesses", min_excesses, 10)
        self.tail_fraction = tail_fraction
        self.min_excesses = min_excesses

    def rows_needed(self, target_fpr: float) -> int:
        """The number of calibration rows from which on there are enough excesses, or the rank exists."""
        return min(Conformal().rows_needed(target_fpr), self._rows_of_a_tail())

    def lowest_rate(self, n_calibration: int) -> float:
        """0 with enough excesses, otherwise the conformal rule's."""
        return 0.0 if n_calibration >= self._rows_of_a_tail() else Conformal().lowest_rate(n_calibration)

    def rate_law(self, n_calibration: int, target_fpr: float) -> RateLaw:
        """The distribution as if the threshold were at the (possibly fractional) rank of the rate: exact up to a
        fraction of a row if counted; a good fit is about as uncertain (`scripts/validate/thresholds.py`)."""
        return RateLaw((n_calibration + 1) * target_fpr, (n_calibration + 1) * (1 - target_fpr))

    def judged(self, alarms: Alarms, n_calibration: int, target_fpr: float) -> dict[str, float]:
        """The metrics of any rule, and whether the distribution is exact: for a poorly fitted tail it is not."""
        is_counted = target_fpr >= self.min_excesses / n_calibration
        return super().judged(alarms, n_calibration, target_fpr) | {"promise_exact": int(is_counted)}

    def _rows_of_a_tail(self) -> int:
        return math.ceil(round(self.min_excesses / self.tail_fraction, 9))

    def __call__(self, calibration_scores: Scores, test_scores: Scores, target_fpr: float) -> float:
        """z_q, or the conformal rank as described above."""
        n = len(calibration_scores)
        require_scores(calibration_scores, n, "calibration rows")
        require_rows(self, n, target_fpr)
        counted_fpr = self.min_excesses / n
        tail = self._tail(calibration_scores) if target_fpr < counted_fpr else None
        if tail is not None:
            # A lower rate must not get a lower threshold, also at the transition from counting to fitting.
            counted = Conformal()(calibration_scores, test_scores, counted_fpr)
            return max(counted, tail.score_at(target_fpr))
        if n < Conformal().rows_needed(target_fpr):
            raise DataError(
                f"expected {self.min_excesses} or more of the highest calibration scores to follow a generalised Pareto"
                f" distribution, got {n:,} scores whose tail does not and too few to count {target_fpr:g} of them;"
                f" write {override('target_fpr', rounded_up(Conformal().lowest_rate(n)))}, or raise"
                " protocol.calibration_fraction"
            )
        return Conformal()(calibration_scores, test_scores, target_fpr)

    def _tail(self, scores: Scores) -> "Tail | None":
        rank = conformal_rank(len(scores), self.tail_fraction)
        start = float(np.partition(scores, rank - 1)[rank - 1])
        excesses = np.sort(scores[scores > start]) - start  # sorted: a sum must not depend on the order of rows
        if len(excesses) < self.min_excesses or not np.isfinite(excesses).all():
            return None
        shape, scale = fit_pareto(excesses)
        limit = max(KS_TOLERATED, KS_LIMIT / math.sqrt(len(excesses)))
        if kstest(excesses, genpareto(shape, scale=scale).cdf).statistic > limit:
            return None
        return Tail(start, len(excesses) / len(scores), shape, scale)


@dataclass(frozen=True)
class Tail:
    """`share` of the scores lies above `start`, and these follow a generalised Pareto distribution."""

    start: float
    share: float
    shape: float
    scale: float

    def score_at(self, rate: float) -> float:
        """The score exceeded at this rate; `start` for rates that ties moved below the tail."""
        return float(genpareto.isf(min(1.0, rate / self.share), self.shape, self.start, self.scale))


def fit_pareto(excesses: Scores) -> tuple[float, float]:
    """The maximum-likelihood shape, at least -1, and scale of the generalised Pareto distribution.

    One search over theta = shape / scale; for a given theta, the best shape is the mean of log(1 + theta y) (Grimshaw
    1993). Below a shape of -1 the likelihood has no maximum; at -1 the distribution is uniform up to the largest
    excess. Finite for any positive excesses, and equivariant under scaling.
    """
    unit = float(np.median(excesses))
    y = excesses / unit

    def shape_of(theta: float) -> float:
        return float(np.log1p(theta * y).mean())

    def loss(theta: float) -> float:  # minus the mean log-likelihood, up to a constant
        scale = shape_of(theta) / theta if abs(theta) > _FLATTEST * 1e-3 else float(y.mean())
        return math.log(scale) + shape_of(theta)

    lowest = -(1 - 1e-9) / float(y.max())
    if shape_of(lowest) < -1:
        lowest = float(brentq(lambda theta: shape_of(theta) + 1, lowest, 0.0, xtol=abs(lowest) * 1e-12))
    flattest = max(-_FLATTEST, lowest)
    bounded = [*lowest * np.linspace(1.0, 0.1, 40), *-np.geomspace(-lowest * 0.1, -flattest * 0.1, 20)]
    thetas = np.unique([*bounded, *np.geomspace(_FLATTEST, _STEEPEST, 100)])
    best = int(np.argmin([loss(theta) for theta in thetas]))
    low, high = thetas[max(best - 1, 0)], thetas[min(best + 1, len(thetas) - 1)]
    found = minimize_scalar(loss, bounds=(low, high), method="bounded", options={"xatol": (high - low) * 1e-9})
    if math.log(y.max()) - 1 <= found.fun:
        return -1.0, float(y.max()) * unit
    theta = float(found.x)
    scale = shape_of(theta) / theta if abs(theta) > _FLATTEST * 1e-3 else float(y.mean())
    return shape_of(theta), scale * unit
