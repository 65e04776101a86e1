"""The contract of a threshold rule."""

import math
from dataclasses import dataclass
from typing import Protocol

from adbench.arrays.types import Scores
from adbench.config.checks import require_fraction
from adbench.errors import DataError
from adbench.stats.rate_law import RateLaw
from adbench.text import override

EVT_ROWS = 2_500  # calibration rows that configs/threshold/evt.yaml takes


@dataclass(frozen=True)
class Alarms:
    """How many test rows a threshold reported, and of how many normals."""

    n_false: int
    n_right: int
    n_normals: int


class ThresholdRule(Protocol):
    """Finds the score above which a row is reported; a score that equals the threshold is not reported.

    promises_rate: whether the rule undertakes to report no more than `target_fpr` of normal rows that resemble the
    calibration rows. A rule that does must not use the test scores: its threshold would depend on who is tested. One
    that does not is given them, and judges all rows of a file together.
    """

    promises_rate: bool

    def rows_needed(self, target_fpr: float) -> int:
        """Without so many calibration rows the rule has no answer; 0 where it needs none."""

    def lowest_rate(self, n_calibration: int) -> float:
        """The smallest rate that so many calibration rows, one at least, are enough for; 0 where any is."""

    def __call__(self, calibration_scores: Scores, test_scores: Scores, target_fpr: float) -> float:
        """The threshold. Raises DataError when there are too few calibration rows for the asked rate."""

    def rate_law(self, n_calibration: int, target_fpr: float) -> RateLaw | None:
        """The law of the threshold's rate among normals that are exchangeable with the calibration rows, over the draw
        of these; None where nothing is promised.
        """
        return None

    def judged(self, alarms: Alarms, n_calibration: int, target_fpr: float) -> dict[str, float]:
        """Metrics that say what became of the rule's promise; see `adbench.evaluation.promise`."""
        law = self.rate_law(n_calibration, target_fpr)
        return {} if law is None else {"promise_p": law.at_least(alarms.n_false, alarms.n_normals)}

    def caveat(self, n_calibration: int, n_test: int) -> str:
        """What is worth a line before a training; "" where nothing is."""
        return ""


def require_rows(rule: ThresholdRule, n_calibration: int, target_fpr: float, n_fit: int | None = None) -> None:
    """Raise DataError when the rule needs more calibration rows than there are, ConfigError when the rate is none.

    n_fit: the rows beside them, where the protocol sets rows aside at all.
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
    """The rate that a threshold is set for: `target_fpr`, or the smallest that so few calibration rows can promise.

    relax: whether it may be another. Raises as `require_rows` does.
    """
    require_fraction("target_fpr", target_fpr)
    lowest = rule.lowest_rate(n_calibration) if relax and n_calibration else 0.0
    rate = lowest if target_fpr < lowest < 1 else target_fpr
    require_rows(rule, n_calibration, rate, n_fit)
    return rate


def rounded_up(rate: float) -> float:
    """Three digits of it, and no less than it."""
    step = 10.0 ** (math.floor(math.log10(rate)) - 2)
    return float(f"{math.ceil(round(rate / step, 6)) * step:.3g}")
