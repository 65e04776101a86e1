"""What a threshold means where it is used: alarms a day, and how many of them are right, at a base rate of one's own.

Recall and false-positive rate do not depend on how many anomalies there are; precision does. All this presumes that
normals and anomalies are like the tested ones.
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
    """What a run's threshold comes to there.

    alarms_per_right: so many alarms are raised for one that is right; infinite where none is. The others a day, None
    where nobody says how many rows come. Each interval covers in 95 of 100 cases at least.
    """

    alarms_per_right: Interval
    false_alarms: Interval | None
    found: Interval | None
    anomalies: float | None

    def document(self) -> dict[str, Any]:
        """As `--json` prints it; null for what is infinite."""
        named = {"alarms_per_right": self.alarms_per_right, "false_alarms_a_day": self.false_alarms}
        named |= {"found_a_day": self.found}
        return {
            name: None if interval is None else [_finite(x) for x in (interval.value, interval.low, interval.high)]
            for name, interval in named.items()
        }


def in_use(of_runs: Sequence[Metrics], use: Use) -> InUse | None:
    """Of one run, or of several of a configuration: their means, between the outermost bounds. None where the threshold
    depends on how many anomalies are tested.
    """
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
    """Of a rate among this share of the test rows; of a run that has none, as if no row were a copy."""
    if f"{name}_low" in m and f"{name}_high" in m:
        return m[f"{name}_low"], m[f"{name}_high"]
    found = wilson_interval(m[name], max(1.0, share * m["n_test"]))
    return found.low, found.high


def _alarms_per_right(fpr: float, recall: float, odds: float) -> float:
    """The interval of it lies between the bounds of both rates taken against each other, so it is a little wide."""
    return 1 + fpr / (recall * odds) if recall * odds > 0 else math.inf


def _together(intervals: Sequence[Interval]) -> Interval:
    value = sum(one.value for one in intervals) / len(intervals)
    return Interval(value, min(one.low for one in intervals), max(one.high for one in intervals))


def _times(interval: Interval, factor: float) -> Interval:
    return Interval(interval.value * factor, interval.low * factor, interval.high * factor)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def sentence(found: InUse) -> str:
    """Of n alarms one is right."""
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
    """The same for a narrow column: "1 of 85.5"; "64.7 %" where most are."""
    if math.isinf(alarms_per_right):
        return "none"
    return f"1 of {three_digits(alarms_per_right)}" if alarms_per_right >= 2 else f"{100 / alarms_per_right:.1f} %"
