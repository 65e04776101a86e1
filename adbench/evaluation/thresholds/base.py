"""The contract of a threshold rule."""

from typing import Protocol

from adbench.arrays.types import Scores
from adbench.config.checks import require_fraction
from adbench.errors import DataError


class ThresholdRule(Protocol):
    """Finds the score above which a row is reported; a score that equals the threshold is not reported.

    promises_rate: whether the rule undertakes to report no more than `target_fpr` of normal rows that resemble the
    calibration rows. A rule that does must not use the test scores: its threshold would depend on who is tested.
    """

    promises_rate: bool

    def rows_needed(self, target_fpr: float) -> int:
        """Without so many calibration rows the rule has no answer; 0 where it needs none."""

    def __call__(self, calibration_scores: Scores, test_scores: Scores, target_fpr: float) -> float:
        """The threshold. Raises DataError when there are too few calibration rows for the asked rate."""


def require_rows(rule: ThresholdRule, n_calibration: int, target_fpr: float) -> None:
    """Raise DataError when the rule needs more calibration rows than there are, ConfigError when the rate is none."""
    require_fraction("target_fpr", target_fpr)
    needed = rule.rows_needed(target_fpr)
    if n_calibration >= needed:
        return
    if not n_calibration:
        raise DataError(
            f"expected at least {needed:,} calibration rows for target_fpr={target_fpr}, got none from this protocol; "
            "choose another protocol=, or threshold=top_fraction, which needs none and promises nothing"
        )
    raise DataError(
        f"expected at least {needed:,} calibration rows for target_fpr={target_fpr}, got {n_calibration:,}; "
        "raise target_fpr or protocol.calibration_fraction, or try threshold=evt, which extrapolates"
    )
