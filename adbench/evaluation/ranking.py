"""Threshold-free quality: how well scores rank anomalies above normals."""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

Scores = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """A value with the bounds of its confidence interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Placements:
    """The placement values of scores (DeLong, DeLong & Clarke-Pearson 1988), from which AUROC and its variance follow.

    of_anomalies[i]: the share of normals that anomaly i outscores; of_normals[j]: the share of anomalies that
    outscore normal j; ties count one half. Either mean is the AUROC.
    """

    of_anomalies: Scores
    of_normals: Scores

    @property
    def roc_auc(self) -> float:
        return float(self.of_anomalies.mean())


def place(scores: Scores, label: npt.NDArray[np.int8]) -> Placements:
    """Placement values by two sorts, O(n log n). Both labels must occur."""
    anomalies, normals = scores[label == 1], scores[label == 0]
    return Placements(_share_below(anomalies, normals), 1.0 - _share_below(normals, anomalies))


def _share_below(x: Scores, reference: Scores) -> Scores:
    ordered = np.sort(reference)
    below = np.searchsorted(ordered, x, side="left") + np.searchsorted(ordered, x, side="right")
    return below / (2.0 * len(ordered))


def auroc_interval(placements: Placements, confidence: float = 0.95) -> Interval:
    """DeLong's interval for one AUROC, cut to [0, 1]."""
    return _normal_interval(placements.of_anomalies, placements.of_normals, confidence, 0.0, 1.0)


def auroc_difference(a: Placements, b: Placements, confidence: float = 0.95) -> Interval:
    """DeLong's interval for AUROC(a) - AUROC(b) of two scores on the same rows, so their covariance counts."""
    of_anomalies = a.of_anomalies - b.of_anomalies
    of_normals = a.of_normals - b.of_normals
    return _normal_interval(of_anomalies, of_normals, confidence, -1.0, 1.0)


def _normal_interval(
    of_anomalies: Scores, of_normals: Scores, confidence: float, lowest: float, highest: float
) -> Interval:
    # One row of a kind has no sample variance: nothing is known, and the interval says so.
    if min(len(of_anomalies), len(of_normals)) < 2:
        return Interval(float(of_anomalies.mean()), lowest, highest)
    variance = of_anomalies.var(ddof=1) / len(of_anomalies) + of_normals.var(ddof=1) / len(of_normals)
    half_width = NormalDist().inv_cdf(0.5 + confidence / 2) * float(np.sqrt(variance))
    value = float(of_anomalies.mean())
    return Interval(value, max(lowest, value - half_width), min(highest, value + half_width))


def ranking_metrics(scores: Scores, label: npt.NDArray[np.int8]) -> dict[str, float]:
    """Threshold-free metrics from one sort.

    `average_precision` is scikit-learn's step-wise sum, not a trapezoid. `tpr_at_..._fpr` is the best detection
    rate among thresholds whose false-positive rate does not exceed the given one, without interpolation.
    `oracle_best_f1` picks its threshold with the test labels: nobody can reach it on purpose. Nor can they reach
    `oracle_f1_at_count`, where as many rows are reported as there are anomalies, so that precision, recall and F1 are
    one number; of rows whose scores tie at that cut, the same share is anomalous as of all of them.
    """
    true_positives, false_positives = counts_by_threshold(scores, label)
    n_anomalies, n_normals = true_positives[-1], false_positives[-1]
    recall = true_positives / n_anomalies
    fpr = false_positives / n_normals
    precision = true_positives / (true_positives + false_positives)
    f1 = 2 * true_positives / (true_positives + false_positives + n_anomalies)
    steps = np.diff(recall, prepend=0.0)
    trapezoids = np.diff(fpr, prepend=0.0) * (recall - steps / 2)
    return {
        "roc_auc": float(trapezoids.sum()),
        "average_precision": float((precision * steps).sum()),
        "tpr_at_1pct_fpr": _recall_within(recall, fpr, 0.01),
        "tpr_at_0p1pct_fpr": _recall_within(recall, fpr, 0.001),
        "oracle_best_f1": float(f1.max()),
        "oracle_f1_at_count": _f1_at_count(true_positives, false_positives),
    }


def _f1_at_count(true_positives: Scores, false_positives: Scores) -> float:
    reported = np.append(0.0, true_positives + false_positives)
    found = np.append(0.0, true_positives)
    return float(np.interp(true_positives[-1], reported, found) / true_positives[-1])


def counts_by_threshold(scores: Scores, label: npt.NDArray[np.int8]) -> tuple[Scores, Scores]:
    """True and false positives when everything at or above each distinct score is reported, highest first."""
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    last_of_ties = np.append(np.flatnonzero(np.diff(ordered)), len(ordered) - 1)
    true_positives = np.cumsum(label[order], dtype=np.float64)[last_of_ties]
    return true_positives, last_of_ties + 1 - true_positives


def _recall_within(recall: Scores, fpr: Scores, limit: float) -> float:
    within = np.flatnonzero(fpr <= limit)
    return float(recall[within[-1]]) if len(within) else 0.0
