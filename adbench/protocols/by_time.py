"""Division by time: train on earlier rows, test on later ones, as in use."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from adbench.arrays.order import Order
from adbench.config.checks import require_at_least, require_fraction, require_not_negative
from adbench.data.base import Table
from adbench.errors import ConfigError, DataError
from adbench.protocols.base import Parts, Protocol, Rows
from adbench.text import override

FOLDS = 4  # by default
MAX_FOLDS = 1_000

Times = npt.NDArray[np.float64]  # (rows,)


class ByTime(Protocol):
    """`one_class` divided by time: early normals fit, later ones calibrate, all later rows test.

    The constraints are those of Pendlebury et al. 2019, "TESSERACT: Eliminating Experimental Bias in Malware
    Classification across Space and Time": all training rows precede all test rows, and the normals and anomalies of
    the test part cover the same period at their natural ratio. The most recent training normals calibrate, as in
    use. Anomalies before the test part are left out. Rows with equal times are in the same part. The division is
    deterministic: seeds affect the detector alone.

    calibration_fraction: share of the training normals, the latest ones, that is never fitted on. test_fraction: for
    datasets without a test file, the share of the normals in the test part; unused with folds. gap: length of the
    period before the test part from which nothing is learned, in seconds or units of a numeric time; None: no gap.
    fold, folds: a growing window: of folds + 1 blocks with equally many normals, fold k learns from the first k + 1
    and is tested on the next one. A test file must be later than all other rows.
    """

    def __init__(
        self,
        calibration_fraction: float,
        test_fraction: float,
        deduplicate: bool,
        gap: float | None = None,
        fold: int | None = None,
        folds: int | None = None,
    ) -> None:
        super().__init__(None, deduplicate)
        require_fraction("protocol.calibration_fraction", calibration_fraction)
        require_fraction("protocol.test_fraction", test_fraction)
        if gap is not None:
            if isinstance(gap, bool) or not isinstance(gap, int | float):
                raise ConfigError(f"expected protocol.gap to be a number of seconds, got {gap!r}")
            require_not_negative("protocol.gap", gap)
        self.calibration_fraction, self.test_fraction, self.gap = calibration_fraction, test_fraction, gap or 0.0
        self.fold, self.folds = _fold_of(fold, folds)

    def relabel(self, table: Table) -> Table:
        """Mark the test part as a test file, so that anomalies before it count as known."""
        order = _order(table)
        if not table.is_test.any():
            return replace(table, is_test=order.time >= self._window(table)[0])
        if self.fold is not None:
            raise DataError(
                f"expected a table without a test file for protocol.fold={self.fold}, got {table.name} with one; name"
                " all files by data.path=, and the folds divide them"
            )
        last, first = order.time[~table.is_test].max(initial=-np.inf), order.time[table.is_test].min()
        if last >= first:
            raise DataError(
                f"expected a test file that is later than the other rows for protocol=by_time, got its first row at"
                f" {order.text(first)} and the last one before it at {order.text(last)}; name all files by data.path=,"
                " and by_time divides them"
            )
        return table

    def within(self, table: Table) -> Rows:
        return np.flatnonzero(_order(table).time < self._end(table))

    def divide(self, table: Table, rng: np.random.Generator) -> Parts:
        order = _order(table)
        test = np.flatnonzero(table.is_test & (order.time < self._end(table)))
        start = order.time[test].min()
        _require_both_labels(table, test, self.fold)
        normals = np.flatnonzero((table.label == 0) & ~table.is_test & (order.time < start - self.gap))
        if not len(normals):
            raise DataError(
                f"expected normal rows before {order.text(start - self.gap)} to learn from, got none; lower"
                " protocol.gap, or protocol.test_fraction"
            )
        times = order.time[normals]
        calibrates_from = _cut(times, len(times) - round(self.calibration_fraction * len(times)))
        if calibrates_from is None:
            raise DataError(
                f"expected normal rows of several times before the test part, of which the last ones calibrate, got"
                f" {len(normals):,} of {order.text(times[0])} alone; lower protocol.test_fraction, or protocol.gap"
            )
        return Parts(fit=normals[times < calibrates_from], calibration=normals[times >= calibrates_from], test=test)

    def _window(self, table: Table) -> tuple[float, float]:
        """Start and end of the test period of a table without a test file."""
        times = _order(table).time[table.label == 0]
        n = len(times)
        if self.fold is None:
            return _require_times([_cut(times, n - round(self.test_fraction * n)), np.inf], table)
        wanted = [round(n * block / (self.folds + 1)) for block in (self.fold + 1, self.fold + 2)]
        last = self.fold + 1 == self.folds
        return _require_times([_cut(times, wanted[0]), np.inf if last else _cut(times, wanted[1])], table)

    def _end(self, table: Table) -> float:
        return np.inf if self.fold is None else self._window(table)[1]


def _fold_of(fold: Any, folds: Any) -> tuple[int | None, int]:
    if folds is not None:
        require_at_least("protocol.folds", folds, 1)
        if folds > MAX_FOLDS:
            raise ConfigError(f"expected protocol.folds to be at most {MAX_FOLDS:,}, got {folds:,}")
    if fold is None:
        if folds is not None:
            raise ConfigError(
                f"expected protocol.fold, the one of protocol.folds={folds} to test on, got none; write"
                f" {override('protocol.fold', 0)}, or sweep them with 'protocol.fold=range({folds})'"
            )
        return None, FOLDS
    require_at_least("protocol.fold", fold, 0)
    if fold >= (folds or FOLDS):
        raise ConfigError(
            f"expected protocol.fold to be one of 0 to {(folds or FOLDS) - 1}, got {fold}; write"
            f" {override('protocol.folds', fold + 1)} for so many"
        )
    return fold, folds or FOLDS


def _order(table: Table) -> Order:
    if table.order is None:
        raise DataError(
            f"expected rows with a time for protocol=by_time, got {table.name}, which has none; data.time= names the"
            " column of it in a table of your own"
        )
    return table.order


def _cut(times: Times, n_before: int) -> float | None:
    """The start of the later part if about n_before rows come earlier; None if all times are equal.

    Rows with equal times stay together, and neither part is empty.
    """
    ordered = np.sort(times)
    cuts = np.flatnonzero(ordered[1:] > ordered[:-1]) + 1
    return float(ordered[cuts[np.argmin(np.abs(cuts - n_before))]]) if len(cuts) else None


def _require_times(window: Sequence[float | None], table: Table) -> tuple[float, float]:
    start, end = window
    if start is None or end is None or start >= end:
        n = len(np.unique(_order(table).time[table.label == 0]))
        raise DataError(
            f"expected normal rows of more times in {table.name}, to learn from the earlier and to test on the later"
            f" ones, got {n:,}; take fewer protocol.folds, or another protocol="
        )
    return start, end


def _require_both_labels(table: Table, test: Rows, fold: int | None) -> None:
    n_anomalies = int(table.label[test].sum())
    if 0 < n_anomalies < len(test):
        return
    order = _order(table).take(test)
    lacking, label = ("anomalies", 1) if not n_anomalies else ("normal rows", 0)
    rest = _order(table).take(table.label == label)
    way = "another protocol.fold" if fold is not None else "another protocol.test_fraction"
    raise DataError(
        f"expected normal rows and anomalies in the test part, {order.span}, got no {lacking} among its {len(test):,}"
        f" rows; the table has them from {rest.span}: take {way}"
    )
