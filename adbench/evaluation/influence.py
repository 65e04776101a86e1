"""Influence of each test row on a metric, and the metrics' confidence intervals that follow from it.

The influences on a metric have mean 0 among the anomalies and among the normals, and their squares sum to its variance
(infinitesimal jackknife; for AUROC, the variance of DeLong, DeLong & Clarke-Pearson 1988). Rows that are copies of each
other are one draw: their influences are summed before squaring.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv, expit, logit, stdtrit

from adbench.arrays.types import Scores
from adbench.evaluation.ranking import Placements, Ranking, recall_within
from adbench.stats.interval import Interval
from adbench.stats.proportion import wilson_interval

N_BLOCKS = 256  # blocks of rows by content, in which a run's influences are stored
FEW = 10  # expected errors; with fewer, the normal approximation is not used
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class Influences:
    """Influences on a metric. value: the metric. of_anomalies, of_normals: the influence of each of these rows."""

    value: float
    of_anomalies: Scores
    of_normals: Scores

    def __sub__(self, other: "Influences") -> "Influences":
        """The influences on the difference of two metrics of the same rows."""
        return Influences(
            self.value - other.value, self.of_anomalies - other.of_anomalies, self.of_normals - other.of_normals
        )


def auroc_influences(placements: Placements) -> Influences:
    """The influences on AUROC."""
    value = placements.roc_auc
    return Influences(
        value,
        (placements.of_anomalies - value) / len(placements.of_anomalies),
        (placements.of_normals - placements.of_normals.mean()) / len(placements.of_normals),
    )


def average_precision_influences(ranking: Ranking) -> Influences:
    """The influences on average precision at a fixed base rate: its derivatives with respect to the rows' weights."""
    found, false = ranking.true_positives, ranking.false_positives
    reported, n_tied, n_anomalies = found + false, np.diff(ranking.last_of_ties, prepend=-1), found[-1]
    of_step = np.diff(found, prepend=0.0)  # anomalies at each distinct score
    precision = found / reported
    value = float((precision * of_step).sum() / n_anomalies)
    below = [np.cumsum((of_step * part / reported**2)[::-1])[::-1] for part in (false, found)]
    by_row = [np.repeat(x, n_tied) / n_anomalies for x in (precision - value + below[0], -below[1])]
    anomalous = ranking.label == 1
    placed = np.empty(len(anomalous))
    placed[ranking.order] = np.where(anomalous[ranking.order], *by_row)
    parts = placed[anomalous], placed[~anomalous]
    return Influences(value, parts[0] - parts[0].mean(), parts[1] - parts[1].mean())


def share_influences(counted: npt.NDArray[np.bool_], label: npt.NDArray[np.int8], of: int) -> Influences:
    """The influences on the share of the rows with label `of` that are counted."""
    parts = [np.zeros(int((label == one).sum())) for one in (0, 1)]
    chosen = counted[label == of]
    value = float(chosen.mean())
    parts[of] = (chosen - value) / len(chosen)
    return Influences(value, parts[1], parts[0])


class Copies:
    """Groups of equal test rows.

    identity: (rows,) equal numbers for rows with equal features; None: all rows are distinct. label: of the same rows.
    """

    def __init__(self, identity: npt.NDArray[np.uint64] | None, label: npt.NDArray[np.int8]) -> None:
        if identity is None:
            identity = np.arange(len(label), dtype=np.uint64)
        # Blocks depend on content alone, so that they are the same for other seeds, models and protocols.
        mixed = (identity * _GOLDEN) >> np.uint64(32)
        blocks = ((mixed * _GOLDEN) >> np.uint64(56)).astype(np.intp)
        self._blocks = [blocks[label == one] for one in (0, 1)]
        self.of_normals, self.of_anomalies = (_Distinct.among(identity[label == one]) for one in (0, 1))
        self.n_distinct = len(np.unique(identity))

    def in_blocks(self, influences: Influences) -> Scores:
        """The influences summed by blocks of rows, (N_BLOCKS,); the squares of these sum to the variance as well."""
        parts = zip(self._blocks, (influences.of_normals, influences.of_anomalies), strict=True)
        return np.sum([np.bincount(block, x, minlength=N_BLOCKS) for block, x in parts], axis=0)


@dataclass(frozen=True)
class _Distinct:
    """The distinct rows of one label. place: each row's index among them; None if all rows are distinct."""

    n_rows: int
    n: int
    place: npt.NDArray[np.intp] | None

    @classmethod
    def among(cls, identity: npt.NDArray[np.uint64]) -> "_Distinct":
        values, place = np.unique(identity, return_inverse=True)
        return cls(len(identity), len(values), place if len(values) < len(identity) else None)

    def spread(self, influences: Scores) -> "_Spread":
        """The variance and effective sizes of influences of one label's rows."""
        if self.n < 2:
            return _Spread(float("nan"), 1.0, 1.0)
        sums = influences if self.place is None else np.bincount(self.place, influences, minlength=self.n)
        squares = sums**2
        total = float(squares.sum())
        if not total > 0:
            return _Spread(0.0, self.n - 1.0, float(self.n))
        # A sum of squares dominated by a few terms has fewer degrees of freedom than terms.
        df = min(self.n - 1.0, 3 * total**2 / float((squares**2).sum()))
        n_effective = min(float(self.n), self.n_rows * float((influences**2).sum()) / total)
        return _Spread(total * self.n / (self.n - 1), max(df, 1.0), max(n_effective, 1.0))


@dataclass(frozen=True)
class _Spread:
    """Variance due to one label's rows, NaN if unknown. n: the number of independent rows with the same variance."""

    variance: float
    df: float
    n: float


def variance(of: Influences, copies: Copies) -> float:
    """The variance of a metric, or of a difference of two; NaN if a label has only one distinct row."""
    return sum(spread.variance for spread in _spreads(of, copies))


def auroc_interval(placements: Placements, copies: Copies, confidence: float = 0.95) -> Interval:
    """DeLong's interval over distinct rows, on the log-odds scale, which keeps it inside [0, 1].

    With few or no misranked rows, the variance estimate is unreliable: the interval is then widened to the one that
    Newcombe (2006, Statistics in Medicine 25:559, method 5) derives from AUROC itself.
    """
    of = auroc_influences(placements)
    anomalies, normals = _spreads(of, copies)
    value = of.value
    if not np.isfinite(anomalies.variance + normals.variance):
        return Interval(value, 0.0, 1.0)
    bounds = _on_log_odds(value, anomalies, normals, confidence)
    if min(value, 1 - value) * min(anomalies.n, normals.n) < FEW or bounds[0] == bounds[1]:
        bounds = _wider(bounds, _newcombe(value, anomalies.n, normals.n, confidence))
    return Interval(value, *bounds)


def average_precision_interval(ranking: Ranking, copies: Copies, confidence: float = 0.95) -> Interval:
    """The interval of average precision over distinct rows, on the log-odds scale; widened to Wilson's interval of a
    share if few anomalies are missed."""
    of = average_precision_influences(ranking)
    anomalies, normals = _spreads(of, copies)
    value = min(of.value, 1.0)
    if not np.isfinite(anomalies.variance + normals.variance):
        return Interval(value, 0.0, 1.0)
    bounds = _on_log_odds(value, anomalies, normals, confidence)
    if min(value, 1 - value) * anomalies.n < FEW or bounds[0] == bounds[1]:
        wilson = wilson_interval(value, anomalies.n, confidence)
        bounds = _wider(bounds, (wilson.low, wilson.high))
    return Interval(value, *bounds)


def recall_within_interval(ranking: Ranking, copies: Copies, limit: float, confidence: float = 0.95) -> Interval:
    """The interval of the detection rate at a false-positive rate of at most `limit`.

    Two quantities are uncertain: the share of anomalies found (Wilson), and the threshold with that rate among all
    normals (Clopper and Pearson on its rank). They are combined as by Zou and Donner (2008, Statistics in Medicine
    27:1693). If the limit allows so few normals that the threshold lies beyond all of them, the interval is [0, 1].
    """
    n_anomalies, n_normals = ranking.true_positives[-1], ranking.false_positives[-1]
    recall, fpr = ranking.true_positives / n_anomalies, ranking.false_positives / n_normals
    value = recall_within(recall, fpr, limit)
    steps = int(np.searchsorted(fpr, limit, side="right"))
    reported = np.zeros(len(ranking.label), dtype=bool)
    reported[ranking.order[: ranking.last_of_ties[steps - 1] + 1 if steps else 0]] = True
    found = copies.of_anomalies.spread(share_influences(reported, ranking.label, 1).of_anomalies)
    false = copies.of_normals.spread(share_influences(reported, ranking.label, 0).of_normals)
    if not np.isfinite(found.variance + false.variance):
        return Interval(value, 0.0, 1.0)
    n_false = np.floor(limit * false.n + 1e-9)
    tail = 0.5 - confidence / 2
    lowest, highest = (betaincinv(n_false + 1, max(false.n - n_false, 1.0), q) for q in (tail, 1 - tail))
    stricter, laxer = limit**2 / highest, min(1.0, limit**2 / lowest)
    fewest = recall_within(recall, fpr, stricter) if stricter * false.n >= 1 else 0.0
    wilson = wilson_interval(value, found.n, confidence)
    low = value - np.hypot(value - wilson.low, value - min(fewest, value))
    high = value + np.hypot(wilson.high - value, max(recall_within(recall, fpr, laxer), value) - value)
    return Interval(value, max(0.0, float(low)), min(1.0, float(high)))


def share_interval(
    counted: npt.NDArray[np.bool_], label: npt.NDArray[np.int8], of: int, copies: Copies, confidence: float = 0.95
) -> Interval:
    """Wilson's interval of the share of this label's rows that are counted, over distinct rows."""
    influences = share_influences(counted, label, of)
    rows, distinct = (
        (influences.of_normals, copies.of_normals) if of == 0 else (influences.of_anomalies, copies.of_anomalies)
    )
    return wilson_interval(influences.value, distinct.spread(rows).n, confidence)


def difference_interval(of: Influences, copies: Copies, confidence: float = 0.95) -> Interval:
    """The interval of a difference of two metrics of the same rows."""
    anomalies, normals = _spreads(of, copies)
    total = anomalies.variance + normals.variance
    if not np.isfinite(total):
        return Interval(of.value, -1.0, 1.0)
    # If both agree on all rows, few rows differ, but not necessarily none (the rule of three).
    half = 3 / min(anomalies.n, normals.n) if total == 0 else _half(anomalies, normals, confidence)
    return Interval(of.value, max(-1.0, of.value - half), min(1.0, of.value + half))


def over_types_interval(
    placements: Placements, types: dict[str, npt.NDArray[np.intp]], copies: Copies, confidence: float = 0.95
) -> Interval | None:
    """The interval of AUROC over types of anomalies: the types are the sampling units, not their rows.

    types: name -> positions among the anomalies. A jackknife over types with Student's t and one degree of freedom less
    than types. None for a single type, which says nothing about others.
    """
    if len(types) < 2:
        return None
    value = placements.roc_auc
    n = np.array([len(rows) for rows in types.values()], dtype=np.float64)
    of_type = np.array([placements.of_anomalies[rows].mean() for rows in types.values()])
    without = ((n * of_type).sum() - n * of_type) / (n.sum() - n)
    k = len(n)
    anomalies = _Spread((k - 1) / k * float(((without - without.mean()) ** 2).sum()), k - 1.0, float(k))
    normals = copies.of_normals.spread(auroc_influences(placements).of_normals)
    if not np.isfinite(normals.variance):
        return Interval(value, 0.0, 1.0)
    bounds = _on_log_odds(value, anomalies, normals, confidence)
    if min(value, 1 - value) * min(k, normals.n) < FEW:
        bounds = _wider(bounds, _newcombe(value, float(k), normals.n, confidence))
    return Interval(value, *bounds)


def _spreads(of: Influences, copies: Copies) -> tuple[_Spread, _Spread]:
    return copies.of_anomalies.spread(of.of_anomalies), copies.of_normals.spread(of.of_normals)


def _half(anomalies: _Spread, normals: _Spread, confidence: float) -> float:
    """Half of Student's interval, with the degrees of freedom of Welch and Satterthwaite."""
    total = anomalies.variance + normals.variance
    if not total:
        return 0.0
    df = total**2 / (anomalies.variance**2 / anomalies.df + normals.variance**2 / normals.df)
    return float(stdtrit(df, 0.5 + confidence / 2) * np.sqrt(total))


def _on_log_odds(value: float, anomalies: _Spread, normals: _Spread, confidence: float) -> tuple[float, float]:
    if not 0 < value < 1:
        return value, value
    half = _half(anomalies, normals, confidence) / (value * (1 - value))
    centre = float(logit(value))
    return float(expit(centre - half)), float(expit(centre + half))


def _wider(a: tuple[float, float], b: tuple[float, float]) -> tuple[float, float]:
    return min(a[0], b[0]), max(a[1], b[1])


def _newcombe(value: float, n_anomalies: float, n_normals: float, confidence: float) -> tuple[float, float]:
    """The values of AUROC that are at most z of their own standard errors away from the given one."""
    z: float = float(stdtrit(1e9, 0.5 + confidence / 2))

    def error(of: Any) -> Any:
        size = (n_anomalies + n_normals) / 2 - 1
        spread = 1 + size * ((1 - of) / (2 - of) + of / (1 + of))
        return np.sqrt(of * (1 - of) * spread / (n_anomalies * n_normals))

    def end(outer: float) -> float:
        inner = value
        for _ in range(60):  # bisection, to the last bit
            middle = (inner + outer) / 2
            inner, outer = (middle, outer) if abs(middle - value) <= z * error(middle) else (inner, middle)
        return inner

    return end(0.0), end(1.0)
