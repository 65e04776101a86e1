"""Was the promise of a threshold kept? What the metrics of a run say of it.

`promise_p` is the probability of so many false alarms or more, if the test normals were exchangeable with the
calibration normals. It is over the draw of both: the threshold's rate has a law of its own (`ThresholdRule.rate_law`),
and the count is drawn under that rate. Fewer alarms than promised break nothing.
"""

from collections.abc import Mapping, Sequence

SURE = 0.05  # of promises that are kept, at most so many are called exceeded

Metrics = Mapping[str, float]


def promises(m: Metrics) -> bool:
    """Whether the threshold promises a false-positive rate."""
    return bool(m.get("promises_fpr", True))


def judges_rows_together(m: Metrics) -> bool:
    """Whether the threshold depends on which rows are tested: it is another one elsewhere."""
    return not promises(m) and "fpr_bound" not in m


def p_value(of_runs: Sequence[Metrics]) -> float | None:
    """That of one run, or of several that share their test rows: twice the mean, which is one under any dependence
    (Vovk & Wang 2020, "Combining p-values via averaging"). None where one has none, as a run from before there was any.
    """
    found = [m["promise_p"] for m in of_runs if "promise_p" in m]
    if not found or len(found) < len(of_runs):
        return None
    return found[0] if len(found) == 1 else min(1.0, 2 * sum(found) / len(found))


def exceeded(of_runs: Sequence[Metrics]) -> bool | None:
    """Whether there were more false alarms than promised, and than chance explains; None where it is not known."""
    p = p_value(of_runs)
    return None if p is None else p < SURE and sum(m["test_fpr"] - m["target_fpr"] for m in of_runs) > 0


def reason(m: Metrics) -> str:
    """What an exceeded promise shows."""
    shown = "the test normals are not like the calibration normals"
    return shown if m.get("promise_exact", 1) else f"{shown}, or their fitted tail does not hold"
