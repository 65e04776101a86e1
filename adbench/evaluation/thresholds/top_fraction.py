"""The top share of the test rows themselves: DAGMM's rule."""

import numpy as np

from adbench.arrays.types import Scores
from adbench.config.checks import require_fraction
from adbench.evaluation.seal import require_scores
from adbench.evaluation.thresholds.base import ThresholdRule


class TopFraction(ThresholdRule):
    """At most this share of the test rows is reported, those with the highest scores (Zong et al. 2018, DAGMM).

    Rows that tie at the cut are not reported, so of scores with heavy ties it can be much less; none of two values
    where the higher one is more frequent. It is `scores > numpy.percentile(scores, 80)`.
    Transductive: whether a row is reported depends on which other rows are tested, so a row alone cannot be judged.
    It promises no false-positive rate and ignores `target_fpr`. A good fraction is the share of anomalies among the
    test rows, which is known in a benchmark and nowhere else: read its results as those of a detector that was told.
    """

    promises_rate = False

    def __init__(self, fraction: float) -> None:
        require_fraction("threshold.fraction", fraction)
        self.fraction = fraction

    def rows_needed(self, target_fpr: float) -> int:
        """None: calibration rows are not looked at."""
        return 0

    def lowest_rate(self, n_calibration: int) -> float:
        """Any: it is not looked at."""
        return 0.0

    def __call__(self, calibration_scores: Scores, test_scores: Scores, target_fpr: float) -> float:
        """The lowest threshold that reports no more than the fraction; of rows tied at the cut, none is reported."""
        n = len(test_scores)
        require_scores(test_scores, n, "test rows")
        # The rounding undoes what the product lost, which would otherwise drop a row from an exact share.
        n_reported = min(n - 1, int(round(self.fraction * n, 9)))
        return float(np.partition(test_scores, n - n_reported - 1)[n - n_reported - 1])
