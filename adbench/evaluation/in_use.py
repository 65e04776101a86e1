"""The meaning of a threshold in use: alarms per day, and the share that is right, at a given base rate.

Recall and false-positive rate do not depend on the share of anomalies; precision does. The figures assume that normals
and anomalies in use are like the tested ones.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from adbench.config.alarm_rate import Use
from adbench.evaluation.promise import Metrics, judges_rows_together
from adbench.stats.interval import Interval
from adbench.stats.proportion import wilson_interval
from adbench.text import three_digits

NEEDED = frozenset({"test_fpr", "recall", "base_rate", "n_test"})  # metrics


@dataclass(frozen=True)
class InUse:
    """A run's threshold at given conditions of use.

    alarms_per_right: alarms raised per right one; infinite if none is right. The others are per day, None if the rows
    per day are unknown. Each interval covers at least 95 %.
    """

    alarms_per_right: Interval
    false_alarms: Interval | None
    found: Interval | None
    anomalies: float | None

    def document(self) -> dict[str, Any]:
        """The document that `--json` prints, with null for infinity."""
        named = {"alarms_per_right": self.alarms_per_right, "false_alarms_a_day": self.false_alarms}
        named |= {"found_a_day": self.found}
        return {
            name: None if interval is None else [_finite(x) for x in (interval.value, interval.low, interval.high)]
            for name, interval in named.items()
        }


def in_use(of_runs: Sequence[Metrics], use: Use) -> InUse | None:
    """The figures of one run or, for several of a configuration, their means between the outermost bounds. None if the
    threshold depends on how many anomalies are tested."""
    if any(judges_rows_together(m) for m in of_runs):
        return None
    fpr = _together([Interval(m["test_fpr"], *_bounds(m, "test_fpr", 1 - m["base_rate"])) for m in of_runs])
    recall = _together([Interval(m["recall"], *_bounds(m, "recall", m["base_rate"])) for m in of_runs])
    alarms = Interval(
        _alarms_per_right(fpr.value, recall.value, use.odds),
        _alarms_per_right(fpr.low, recall.high, use.odds),
        _alarms_per_right(fpr.high, recall.low, use.odds),
    )
    if use.rows_per_day is None:
        return InUse(alarms, None, None, None)
    anomalies = use.rows_per_day * use.odds
    return InUse(alarms, _times(fpr, use.rows_per_day), _times(recall, anomalies), anomalies)


def _bounds(m: Metrics, name: str, share: float) -> tuple[float, float]:
    """The bounds of a rate in this share of the test rows; without stored bounds, Wilson's over all rows."""
    if f"{name}_low" in m and f"{name}_high" in m:
        return m[f"{name}_low"], m[f"{name}_high"]
    found = wilson_interval(m[name], max(1.0, share * m["n_test"]))
    return found.low, found.high


def _alarms_per_right(fpr: float, recall: float, odds: float) -> float:
    """Alarms per right one. Combining opposite bounds of both rates makes its interval slightly conservative."""
    return 1 + fpr / (recall * odds) if recall * odds > 0 else math.inf


def _together(intervals: Sequence[Interval]) -> Interval:
    value = sum(one.value for one in intervals) / len(intervals)
    return Interval(value, min(one.low for one in intervals), max(one.high for one in intervals))


def _times(interval: Interval, factor: float) -> Interval:
    return Interval(interval.value * factor, interval.low * factor, interval.high * factor)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def sentence(found: InUse) -> str:
    """The result in words, such as "of n alarms one is right"."""
    n = found.alarms_per_right
    if math.isinf(n.value):
        best = f"; at best one of {three_digits(n.low)}" if math.isfinite(n.low) else ""
        return f"no alarm is right{best}"
    if n.value < 2:
        low, high = (0.0 if math.isinf(x) else 1 / x for x in (n.high, n.low))
        return f"{100 / n.value:.1f} % of alarms are right (95 % interval {100 * low:.1f} to {100 * high:.1f} %)"
    most = "none" if math.isinf(n.high) else three_digits(n.high)
    return f"of {three_digits(n.value)} alarms one is right (95 % interval {three_digits(n.low)} to {most})"


def right_of(alarms_per_right: float) -> str:
    """The same for a narrow column: "1 of 85.5", or "64.7 %" if most alarms are right."""
    if math.isinf(alarms_per_right):
        return "none"
    return f"1 of {three_digits(alarms_per_right)}" if alarms_per_right >= 2 else f"{100 / alarms_per_right:.1f} %"
