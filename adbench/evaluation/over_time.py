"""Does it go on working? The test rows of a run in order of time, a part of them after the other."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from adbench.arrays.order import Order
from adbench.evaluation.ranking import placement_values
from adbench.evaluation.seal import Frozen, Labels
from adbench.text import time_text

PREFIX = "time/"  # of the names of their metrics
IS_DATE = "times_are_dates"  # in environment.json
SLICES = 10
_DAYS = 2 * 86_400.0  # seconds; of a longer time the days alone are told
_ROWS_OF_A_SLICE = 20  # at least, on average


@dataclass(frozen=True)
class Slice:
    """A part of the test rows that follow each other in time. NaN: what needs rows that it has none of."""

    start: float
    end: float
    n: int
    roc_auc: float
    recall: float
    test_fpr: float


def time_slices(frozen: Frozen, labels: Labels, order: Order) -> dict[str, float]:
    """The metrics of up to ten slices of about equally many test rows, by the same threshold: `time/0/roc_auc` of the
    first. Rows of one time are in one slice.

    `start` and `end` are the first and last time in it, `n` and `n_anomalies` its rows; `roc_auc` is there where it has
    both labels, `recall` where it has anomalies and `test_fpr` where it has normals. None where there are too few rows.
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
    starts = np.unique(ordered[[len(time) * i // n_slices for i in range(n_slices)]])  # of rows of one time, the first
    place = np.searchsorted(starts, time, side="right")
    for i in range(len(starts)):
        yield np.flatnonzero(place == i + 1)


def slices_in(m: Mapping[str, float]) -> list[Slice]:
    """The slices of a finished run; none where its rows had no time."""
    found = []
    for i in range(SLICES):
        of = {name: m.get(f"{PREFIX}{i}/{name}", np.nan) for name in Slice.__dataclass_fields__}
        if not np.isnan([of["start"], of["end"], of["n"]]).any():
            found.append(Slice(**of))  # type: ignore[arg-type]
    return found


def in_words(m: Mapping[str, float], is_date: bool) -> str | None:
    """The first, the last and the worst slice, in one line for people."""
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
