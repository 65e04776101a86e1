"""Checks whether a threshold kept its promised false-positive rate, from a run's metrics.

`promise_p` is the probability of at least the observed number of false alarms if the test normals are exchangeable with
the calibration normals, over draws of both: the threshold's rate follows a distribution (`ThresholdRule.rate_law`), and
the count is drawn at that rate. Fewer alarms than promised break nothing.
"""

from collections.abc import Mapping, Sequence

SURE = 0.05  # of kept promises, at most this share is called exceeded

Metrics = Mapping[str, float]


def promises(m: Metrics) -> bool:
    """True if the threshold promises a false-positive rate."""
    return bool(m.get("promises_fpr", True))


def judges_rows_together(m: Metrics) -> bool:
    """True if the threshold depends on the set of tested rows, so that it differs for other rows."""
    return not promises(m) and "fpr_bound" not in m


def p_value(of_runs: Sequence[Metrics]) -> float | None:
    """The p value of one run or, for several that share their test rows, twice the mean, which is valid under any
    dependence (Vovk & Wang 2020, "Combining p-values via averaging"). None if a run has none, such as one of an earlier
    version."""
    found = [m["promise_p"] for m in of_runs if "promise_p" in m]
    if not found or len(found) < len(of_runs):
        return None
    return found[0] if len(found) == 1 else min(1.0, 2 * sum(found) / len(found))


def exceeded(of_runs: Sequence[Metrics]) -> bool | None:
    """True if there were more false alarms than promised and than chance explains; None if unknown."""
    p = p_value(of_runs)
    return None if p is None else p < SURE and sum(m["test_fpr"] - m["target_fpr"] for m in of_runs) > 0


def reason(m: Metrics) -> str:
    """The explanation of an exceeded promise."""
    shown = "the test normals are not like the calibration normals"
    return shown if m.get("promise_exact", 1) else f"{shown}, or their fitted tail does not hold"
