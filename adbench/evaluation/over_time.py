"""Performance over time: the test rows of a run in chronological slices."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from adbench.arrays.order import Order
from adbench.evaluation.ranking import placement_values
from adbench.evaluation.seal import Frozen, Labels
from adbench.text import time_text

PREFIX = "time/"  # of the slices' metrics
IS_DATE = "times_are_dates"  # in environment.json
SLICES = 10
_DAYS = 2 * 86_400.0  # seconds; longer ranges are given in days
_ROWS_OF_A_SLICE = 20  # at least, on average


@dataclass(frozen=True)
class Slice:
    """A chronological slice of the test rows. NaN: a metric that needs rows the slice does not have."""

    start: float
    end: float
    n: int
    roc_auc: float
    recall: float
    test_fpr: float


def time_slices(frozen: Frozen, labels: Labels, order: Order) -> dict[str, float]:
    """The metrics of up to ten slices of about equally many test rows, at the same threshold; the first slice's are
    named `time/0/roc_auc` etc. Rows with equal times are in the same slice.

    `start` and `end` are the first and last time of a slice, `n` and `n_anomalies` its counts. `roc_auc` needs both
    labels, `recall` anomalies and `test_fpr` normals. Empty if there are too few rows.
    """
    metrics: dict[str, float] = {}
    slices = list(_slices(order.time))
    for i, rows in enumerate(slices if len(slices) > 1 else ()):
        scores, label = frozen.scores[rows], labels.label[rows]
        reported, anomalous = scores > frozen.threshold, label == 1
        found: dict[str, float] = {"start": float(order.time[rows].min()), "end": float(order.time[rows].max())}
        found |= {"n": len(rows), "n_anomalies": int(anomalous.sum())}
        if anomalous.any():
            found["recall"] = float(reported[anomalous].mean())
        if not anomalous.all():
            found["test_fpr"] = float(reported[~anomalous].mean())
        if anomalous.any() and not anomalous.all():
            found["roc_auc"] = placement_values(scores, label).roc_auc
        metrics |= {f"{PREFIX}{i}/{name}": value for name, value in found.items()}
    return metrics


def _slices(time: npt.NDArray[np.float64]) -> Iterator[npt.NDArray[np.intp]]:
    n_slices = min(SLICES, len(time) // _ROWS_OF_A_SLICE)
    ordered = np.sort(time)
    starts = np.unique(ordered[[len(time) * i // n_slices for i in range(n_slices)]])  # the first row of each time
    place = np.searchsorted(starts, time, side="right")
    for i in range(len(starts)):
        yield np.flatnonzero(place == i + 1)


def slices_in(m: Mapping[str, float]) -> list[Slice]:
    """The slices of a finished run; empty if its rows had no time."""
    found = []
    for i in range(SLICES):
        of = {name: m.get(f"{PREFIX}{i}/{name}", np.nan) for name in Slice.__dataclass_fields__}
        if not np.isnan([of["start"], of["end"], of["n"]]).any():
            found.append(Slice(**of))  # type: ignore[arg-type]
    return found


def in_words(m: Mapping[str, float], is_date: bool) -> str | None:
    """The first, the last and the worst slice, as one line for people."""
    slices = slices_in(m)
    if not slices:
        return None
    ranked = [one.roc_auc for one in slices if not np.isnan(one.roc_auc)]
    alarmed = [one.test_fpr for one in slices if not np.isnan(one.test_fpr)]
    told = []
    if ranked:
        told.append(f"AUROC {ranked[0]:.3f} first, {ranked[-1]:.3f} last, {min(ranked):.3f} at worst")
    if alarmed:
        first, last, worst = (f"{100 * rate:.1f} %" for rate in (alarmed[0], alarmed[-1], max(alarmed)))
        told.append(f"false alarms {first}, {last}, {worst}" if ranked else f"false alarms {first} first, {last} last")
    ends = slices[0].start, slices[-1].end
    first, last = (time_text(end, is_date) for end in ends)
    if is_date and ends[1] - ends[0] > _DAYS:
        first, last = first[:10], last[:10]
    return f"over time, {len(slices)} slices, {first} to {last}: {'; '.join(told)}"
