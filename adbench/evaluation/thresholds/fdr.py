"""Benjamini and Hochberg's rule: bounds the expected share of normals among the reported rows."""

import math

import numpy as np

from adbench.arrays.types import Scores
from adbench.config.checks import require_fraction
from adbench.evaluation.seal import require_scores
from adbench.evaluation.thresholds.base import Alarms, ThresholdRule, require_rows


class BenjaminiHochberg(ThresholdRule):
    """Reports the i smallest of m conformal p-values, for the largest i for which these are at most i level / m.

    Guarantee: the share of normal rows among the reported ones, 0 if none is reported, is at most `level` on average
    over draws of calibration and test rows, for any distribution of scores. The p-values of the m test rows share their
    calibration rows, which leaves them positively dependent (PRDS), and that suffices (Benjamini & Yekutieli 2001;
    Bates et al. 2023, "Testing for outliers with conformal p-values", theorem 2). The average is `level` times the
    share of normals, and a single file can exceed it.
    Assumption: normal test rows are exchangeable with the calibration rows.
    Transductive: whether a row is reported depends on the other tested rows, so a row alone cannot be judged. No
    labels are used. It promises no false-positive rate and ignores `target_fpr`.
    A p-value is at least 1 / (n + 1): in a file with fewer anomalies than m / (level (n + 1)), no row is reported.
    """

    promises_rate = False

    def __init__(self, level: float) -> None:
        require_fraction("threshold.level", level)
        self.level = level

    def rows_needed(self, target_fpr: float) -> int:
        """One; with very few, no row is reported."""
        return 1

    def lowest_rate(self, n_calibration: int) -> float:
        """Zero: the rule ignores the rate."""
        return 0.0

    def __call__(self, calibration_scores: Scores, test_scores: Scores, target_fpr: float) -> float:
        """The calibration score just below the reported rows; if none is reported, the highest score of all."""
        n, m = len(calibration_scores), len(test_scores)
        require_scores(calibration_scores, n, "calibration rows")
        require_scores(test_scores, m, "test rows")
        require_rows(self, n, target_fpr)
        normals, tested = np.sort(calibration_scores), np.sort(test_scores)[::-1]
        n_above = n - np.searchsorted(normals, tested, side="left")  # p = (1 + n_above) / (n + 1), ascending
        # Rounding undoes the error of the product, which would otherwise reject a p-value at its bound.
        bound = np.round(self.level * (n + 1) * np.arange(1, m + 1) / m, 9)
        found = np.flatnonzero(1 + n_above <= bound)
        if not len(found):
            return float(max(normals[-1], tested[0]))
        return float(normals[max(0, n - 1 - n_above[found[-1]])])

    def judged(self, alarms: Alarms, n_calibration: int, target_fpr: float) -> dict[str, float]:
        """The promised and the achieved share of normals among the reported rows."""
        n_reported = alarms.n_false + alarms.n_right
        return {"fdr_level": self.level, "test_fdp": alarms.n_false / max(1, n_reported), "n_reported": n_reported}

    def caveat(self, n_calibration: int, n_test: int) -> str:
        """The number of anomalies needed before any row is reported."""
        rows = f"{n_calibration:,} calibration rows"
        needed = math.ceil(round(n_test / (self.level * (n_calibration + 1)), 9))
        if needed > n_test:
            return (
                f"with {rows}, threshold.level={self.level:g} reports no test row: it takes"
                f" {math.ceil(round(1 / self.level, 9)) - 1:,} of them"
            )
        if needed > 1:
            return (
                f"with {rows}, threshold.level={self.level:g} reports at least {needed:,} of {n_test:,} test rows or"
                " none: fewer anomalies are not found; more calibration rows lower that number"
            )
        return ""
