"""The top share of the test rows: DAGMM's rule, and its variants in published code."""

import numpy as np

from adbench.arrays.types import Scores
from adbench.config.checks import require_fraction, require_one_of
from adbench.evaluation.seal import require_scores
from adbench.evaluation.thresholds.base import ThresholdRule

AT_LEAST, ABOVE = "at_least", "above"


class TopFraction(ThresholdRule):
    """Reports at most this fraction of the test rows, those with the highest scores (Zong et al. 2018, DAGMM).

    Rows tied at the cut are not reported, so with heavy ties the share can be much smaller, and with two values it is 0
    if the higher one is more frequent than the fraction.
    percentile: None, or how published code uses the cut numpy.percentile(scores, 100 - 100 fraction), which can lie
    between two scores: "at_least" reports scores >= cut (the code of ALAD and GOAD), including all ties; "above" only
    scores above it. For 7 distinct scores and a fraction of 0.2, both report 2 rows, and the rule without it reports 1.
    Transductive: whether a row is reported depends on the other tested rows, so a row alone cannot be judged. It
    promises no false-positive rate and ignores `target_fpr`. A good fraction is the share of anomalies among the test
    rows, which is known only in a benchmark: read its results as those of a detector that was told the answer.
    """

    promises_rate = False

    def __init__(self, fraction: float, percentile: str | None = None) -> None:
        require_fraction("threshold.fraction", fraction)
        if percentile is not None:
            require_one_of("threshold.percentile", percentile, (AT_LEAST, ABOVE))
        self.fraction, self.percentile = fraction, percentile

    def rows_needed(self, target_fpr: float) -> int:
        """Zero: calibration rows are not used."""
        return 0

    def lowest_rate(self, n_calibration: int) -> float:
        """Zero: the rule ignores the rate."""
        return 0.0

    def __call__(self, calibration_scores: Scores, test_scores: Scores, target_fpr: float) -> float:
        """The threshold; without percentile, the lowest that reports at most the fraction."""
        n = len(test_scores)
        require_scores(test_scores, n, "test rows")
        # Rounding undoes the error of the product, which would otherwise drop a row from an exact share.
        if self.percentile is None:
            n_reported = min(n - 1, int(round(self.fraction * n, 9)))
            return float(np.partition(test_scores, n - n_reported - 1)[n - n_reported - 1])
        cut = np.percentile(test_scores, round(100 - 100 * self.fraction, 9))
        # Reported rows are above the threshold: scores equal to the cut are above the next smaller float.
        return float(cut if self.percentile == ABOVE else np.nextafter(cut, -np.inf))
