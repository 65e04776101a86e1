"""The top share of the test rows themselves: DAGMM's rule, and how published code takes it."""

import numpy as np

from adbench.arrays.types import Scores
from adbench.config.checks import require_fraction, require_one_of
from adbench.evaluation.seal import require_scores
from adbench.evaluation.thresholds.base import ThresholdRule

AT_LEAST, ABOVE = "at_least", "above"


class TopFraction(ThresholdRule):
    """At most this share of the test rows is reported, those with the highest scores (Zong et al. 2018, DAGMM).

    Rows that tie at the cut are not reported, so of scores with heavy ties it can be much less; none of two values
    where the higher one is more frequent.
    percentile: None, or the cut of published code, numpy.percentile(scores, 100 - 100 fraction), which lies between two
    scores where the fraction does: "at_least" reports the rows at it or above (scores >= cut, as the code of ALAD and
    GOAD), with all that tie there; "above" those above it alone. Of 7 distinct scores and a fraction of 0.2 either
    reports 2, and the rule without it 1.
    Transductive: whether a row is reported depends on which other rows are tested, so a row alone cannot be judged.
    It promises no false-positive rate and ignores `target_fpr`. A good fraction is the share of anomalies among the
    test rows, which is known in a benchmark and nowhere else: read its results as those of a detector that was told.
    """

    promises_rate = False

    def __init__(self, fraction: float, percentile: str | None = None) -> None:
        require_fraction("threshold.fraction", fraction)
        if percentile is not None:
            require_one_of("threshold.percentile", percentile, (AT_LEAST, ABOVE))
        self.fraction, self.percentile = fraction, percentile

    def rows_needed(self, target_fpr: float) -> int:
        """None: calibration rows are not looked at."""
        return 0

    def lowest_rate(self, n_calibration: int) -> float:
        """Any: it is not looked at."""
        return 0.0

    def __call__(self, calibration_scores: Scores, test_scores: Scores, target_fpr: float) -> float:
        """The threshold; without a percentile the lowest that reports no more than the fraction."""
        n = len(test_scores)
        require_scores(test_scores, n, "test rows")
        # The rounding undoes what the product lost, which would otherwise drop a row from an exact share.
        if self.percentile is None:
            n_reported = min(n - 1, int(round(self.fraction * n, 9)))
            return float(np.partition(test_scores, n - n_reported - 1)[n - n_reported - 1])
        cut = np.percentile(test_scores, round(100 - 100 * self.fraction, 9))
        # A row is reported above the threshold: what equals the cut is above the number before it.
        return float(cut if self.percentile == ABOVE else np.nextafter(cut, -np.inf))
