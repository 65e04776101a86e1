"""The empirical quantile, as it is commonly used."""

import math

import numpy as np

from adbench.arrays.types import Scores
from adbench.evaluation.seal import require_scores
from adbench.evaluation.thresholds.base import ThresholdRule, require_rows
from adbench.stats.rate_law import RateLaw


class Quantile(ThresholdRule):
    """`numpy.quantile(calibration_scores, 1 - target_fpr)`, interpolated between two neighbouring scores.

    It treats n calibration scores as the distribution itself. For scores spread evenly around the quantile, the
    expected rate is target_fpr + (1 - 2 target_fpr) / (n + 1), which exceeds the promise by nearly one row of n + 1.
    That is negligible with many rows; with few, `Conformal` keeps the promise that this rule breaks.
    """

    promises_rate = True

    def rows_needed(self, target_fpr: float) -> int:
        """The number of calibration rows at which at least one is expected above the threshold."""
        return math.ceil(round(1 / target_fpr, 9))

    def lowest_rate(self, n_calibration: int) -> float:
        """One of the calibration rows."""
        return 1 / n_calibration

    def rate_law(self, n_calibration: int, target_fpr: float) -> RateLaw:
        """The distribution of the rate at the lower of the two neighbouring scores, which is never smaller: the rule's
        own excess over the promise says nothing about the test rows."""
        rank = math.floor(round((n_calibration - 1) * (1 - target_fpr), 9)) + 1
        return RateLaw(n_calibration + 1 - rank, rank)

    def __call__(self, calibration_scores: Scores, test_scores: Scores, target_fpr: float) -> float:
        """The interpolated quantile."""
        require_scores(calibration_scores, len(calibration_scores), "calibration rows")
        require_rows(self, len(calibration_scores), target_fpr)
        return float(np.quantile(calibration_scores, 1 - target_fpr))
