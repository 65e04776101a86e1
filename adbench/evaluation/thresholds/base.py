"""The interface of threshold rules."""

import math
from dataclasses import dataclass
from typing import Protocol

from adbench.arrays.types import Scores
from adbench.config.checks import require_fraction
from adbench.errors import DataError
from adbench.stats.rate_law import RateLaw
from adbench.text import override

EVT_ROWS = 2_500  # calibration rows that configs/threshold/evt.yaml needs


@dataclass(frozen=True)
class Alarms:
    """Counts of the reported test rows and of the test normals."""

    n_false: int
    n_right: int
    n_normals: int


class ThresholdRule(Protocol):
    """Finds the score above which a row is reported; a score equal to the threshold is not reported.

    promises_rate: whether the rule promises to report at most `target_fpr` of normal rows that are like the calibration
    rows. Such a rule must not use the test scores: its threshold would depend on which rows are tested. Other rules get
    them and judge all rows of a file together.
    """

    promises_rate: bool

    def rows_needed(self, target_fpr: float) -> int:
        """The minimum number of calibration rows for this rate; 0 if none are needed."""

    def lowest_rate(self, n_calibration: int) -> float:
        """The smallest rate that n_calibration rows (at least one) allow; 0 if any rate is possible."""

    def __call__(self, calibration_scores: Scores, test_scores: Scores, target_fpr: float) -> float:
        """The threshold. Raises DataError if there are too few calibration rows for the rate."""

    def rate_law(self, n_calibration: int, target_fpr: float) -> RateLaw | None:
        """The distribution of the threshold's rate among normals exchangeable with the calibration rows, over draws of
        these; None if no rate is promised."""
        return None

    def judged(self, alarms: Alarms, n_calibration: int, target_fpr: float) -> dict[str, float]:
        """Metrics about the outcome of the rule's promise; see `adbench.evaluation.promise`."""
        law = self.rate_law(n_calibration, target_fpr)
        return {} if law is None else {"promise_p": law.at_least(alarms.n_false, alarms.n_normals)}

    def caveat(self, n_calibration: int, n_test: int) -> str:
        """A caveat to print before training; "" if there is none."""
        return ""


def require_rows(rule: ThresholdRule, n_calibration: int, target_fpr: float, n_fit: int | None = None) -> None:
    """Raise DataError if the rule needs more calibration rows than there are, ConfigError if the rate is invalid.

    n_fit: the number of fit rows, if the protocol sets calibration rows aside at all.
    """
    require_fraction("target_fpr", target_fpr)
    needed = rule.rows_needed(target_fpr)
    if n_calibration >= needed:
        return
    expected = f"expected at least {needed:,} calibration rows for target_fpr={target_fpr:g}, got"
    if not n_calibration:
        few = "this protocol" if n_fit is None else f"so few normal rows as here ({n_fit:,} to fit on)"
        way = "choose another protocol=" if n_fit is None else "bring more of them"
        raise DataError(
            f"{expected} none from {few}; {way}, or {override('threshold', 'top_fraction')}, which needs none and"
            " promises nothing"
        )
    ways = []
    if (lowest := rule.lowest_rate(n_calibration)) < 1:
        ways.append(f"write {override('target_fpr', rounded_up(lowest))}, which they can promise")
    ways.append("raise protocol.calibration_fraction")
    if getattr(rule, "confidence", None) is not None and n_calibration >= math.ceil(round(1 / target_fpr, 9)) - 1:
        ways.append(f"write {override('threshold.confidence', None)}, which promises it on average over such rows")
    if target_fpr < lowest and needed > EVT_ROWS <= n_calibration:
        ways.append(f"try {override('threshold', 'evt')}, which extrapolates")
    raise DataError(f"{expected} {n_calibration:,}; {', or '.join(ways)}")


def promised_rate(
    rule: ThresholdRule, n_calibration: int, target_fpr: float, relax: bool, n_fit: int | None = None
) -> float:
    """The rate that the threshold is set for: `target_fpr` or, if the calibration rows are too few, the smallest
    possible one.

    relax: whether it may differ from `target_fpr`. Raises as `require_rows` does.
    """
    require_fraction("target_fpr", target_fpr)
    lowest = rule.lowest_rate(n_calibration) if relax and n_calibration else 0.0
    rate = lowest if target_fpr < lowest < 1 else target_fpr
    require_rows(rule, n_calibration, rate, n_fit)
    return rate


def rounded_up(rate: float) -> float:
    """The rate rounded up to three significant digits."""
    step = 10.0 ** (math.floor(math.log10(rate)) - 2)
    return float(f"{math.ceil(round(rate / step, 6)) * step:.3g}")
