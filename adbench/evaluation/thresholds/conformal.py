"""Split-conformal calibration: a rank whose promise holds for any number of calibration rows."""

import bisect
import math

import numpy as np

from adbench.arrays.types import Scores
from adbench.config.checks import require_fraction
from adbench.evaluation.seal import require_scores
from adbench.evaluation.thresholds.base import Alarms, ThresholdRule, require_rows
from adbench.stats.rate_law import RateLaw


class Conformal(ThresholdRule):
    """The ceil((n + 1) (1 - target_fpr))-th smallest of n calibration scores (Vovk et al. 2005).

    Guarantee: a later normal row scores above it with probability at most `target_fpr`, for any distribution of scores
    and any n. The probability is over the draw of the calibration rows too: for one draw of continuous scores, the rate
    follows Beta(n + 1 - rank, rank), whose mean is the promise.
    Assumption: the later row is exchangeable with the calibration rows. Nothing is promised for normals that drifted.

    confidence: None for that promise, which about half of all draws of calibration rows exceed slightly. Otherwise the
    rank is the smallest that keeps that promise and whose rate is above `target_fpr` for at most 1 - confidence of the
    draws (Vovk 2012, "Conditional validity of inductive conformal predictors"; Bates et al. 2023): fewer alarms on
    average, and more calibration rows needed.
    """

    promises_rate = True

    def __init__(self, confidence: float | None = None) -> None:
        if confidence is not None:
            require_fraction("threshold.confidence", confidence)
        self.confidence = confidence

    def rows_needed(self, target_fpr: float) -> int:
        """The number of calibration rows from which on the rank exists."""
        on_average = math.ceil(round(1 / target_fpr, 9)) - 1
        if self.confidence is None:
            return on_average
        return max(on_average, math.ceil(round(math.log1p(-self.confidence) / math.log1p(-target_fpr), 6)))

    def lowest_rate(self, n_calibration: int) -> float:
        """The rate of the highest rank."""
        on_average = 1 / (n_calibration + 1)
        if self.confidence is None:
            return on_average
        return max(on_average, -math.expm1(math.log1p(-self.confidence) / n_calibration))

    def rate_law(self, n_calibration: int, target_fpr: float) -> RateLaw:
        """The distribution of the rank's rate."""
        rank = conformal_rank(n_calibration, target_fpr, self.confidence)
        return RateLaw(n_calibration + 1 - rank, rank)

    def judged(self, alarms: Alarms, n_calibration: int, target_fpr: float) -> dict[str, float]:
        """The metrics of any rule, and the cost of the confidence."""
        found = super().judged(alarms, n_calibration, target_fpr)
        if self.confidence is None:
            return found
        expected = self.rate_law(n_calibration, target_fpr).mean
        return found | {"promise_confidence": self.confidence, "expected_fpr": expected}

    def __call__(self, calibration_scores: Scores, test_scores: Scores, target_fpr: float) -> float:
        """The calibration score of that rank."""
        n = len(calibration_scores)
        require_scores(calibration_scores, n, "calibration rows")
        require_rows(self, n, target_fpr)
        rank = conformal_rank(n, target_fpr, self.confidence)
        return float(np.partition(calibration_scores, rank - 1)[rank - 1])


def conformal_rank(n: int, target_fpr: float, confidence: float | None = None) -> int:
    """ceil((n + 1) (1 - target_fpr)), or a higher rank that respects `target_fpr` with this confidence; at most n."""
    # Rounding undoes the error of 1 - target_fpr, which would otherwise push an exact rank up by one.
    on_average = min(n, math.ceil(round((n + 1) * (1 - target_fpr), 9)))
    if confidence is None:
        return on_average
    from scipy.special import bdtr  # importing it takes longer than everything else here

    # The rate exceeds the target if at most n - rank of the rows lie in the top share of that size.
    allowed = (1 - confidence) * (1 + 1e-9)
    n_allowed = bisect.bisect_right(range(n), allowed, key=lambda n_above: float(bdtr(n_above, n, target_fpr)))
    return max(on_average, n - max(0, n_allowed - 1))


def p_values(calibration_scores: Scores, scores: Scores) -> Scores:
    """(1 + the number of calibration scores at or above a score) / (n + 1), for each score.

    For a normal row exchangeable with the calibration rows, it is at most p with probability at most p, for every p. It
    is at most `target_fpr` exactly if `Conformal` reports the row. The p-values of several rows share their calibration
    rows, so they are not independent (Bates et al. 2023, "Testing for outliers with conformal p-values").
    """
    require_scores(calibration_scores, len(calibration_scores), "calibration rows")
    n = len(calibration_scores)
    n_below = np.searchsorted(np.sort(calibration_scores), scores, side="left").astype(np.float64)
    return (1 + n - n_below) / (n + 1)
