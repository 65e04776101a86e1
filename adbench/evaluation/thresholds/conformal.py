"""Split-conformal calibration: a rank whose promise holds for any number of calibration rows."""

import math

import numpy as np

from adbench.arrays.types import Scores
from adbench.evaluation.seal import require_scores
from adbench.evaluation.thresholds.base import require_rows


class Conformal:
    """The ceil((n + 1) (1 - target_fpr))-th smallest of n calibration scores (Vovk et al. 2005).

    Guarantee: a later normal row scores above it with probability at most `target_fpr`, whatever the distribution
    of scores and whatever n. The probability is over the draw of the calibration rows too: for one draw of
    continuous scores the rate follows Beta(n + 1 - rank, rank), whose mean is the promise.
    Assumption: the later row is exchangeable with the calibration rows. Normals that drifted are promised nothing.
    """

    promises_rate = True

    def rows_needed(self, target_fpr: float) -> int:
        """So many that the rank exists."""
        return math.ceil(round(1 / target_fpr, 9)) - 1

    def lowest_rate(self, n_calibration: int) -> float:
        """That of the highest rank."""
        return 1 / (n_calibration + 1)

    def __call__(self, calibration_scores: Scores, test_scores: Scores, target_fpr: float) -> float:
        """The calibration score of that rank."""
        n = len(calibration_scores)
        require_scores(calibration_scores, n, "calibration rows")
        require_rows(self, n, target_fpr)
        rank = conformal_rank(n, target_fpr)
        return float(np.partition(calibration_scores, rank - 1)[rank - 1])


def conformal_rank(n: int, target_fpr: float) -> int:
    """ceil((n + 1) (1 - target_fpr)), at most n."""
    # The rounding undoes what 1 - target_fpr lost, which would otherwise push an exact rank up by one.
    return min(n, math.ceil(round((n + 1) * (1 - target_fpr), 9)))


def p_values(calibration_scores: Scores, scores: Scores) -> Scores:
    """(1 + the number of calibration scores at or above a score) / (n + 1), for each score.

    Of a normal row exchangeable with the calibration rows it is at most p with probability at most p, for every p.
    It is at most `target_fpr` exactly when `Conformal` reports the row. The p-values of several rows share their
    calibration rows, so they are not independent (Bates et al. 2023, "Testing for outliers with conformal p-values").
    """
    require_scores(calibration_scores, len(calibration_scores), "calibration rows")
    n = len(calibration_scores)
    n_below = np.searchsorted(np.sort(calibration_scores), scores, side="left").astype(np.float64)
    return (1 + n - n_below) / (n + 1)
