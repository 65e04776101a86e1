"""Threshold-free metrics of how well scores rank anomalies above normals."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from adbench.arrays.types import Scores

LIMITS = {"tpr_at_1pct_fpr": 0.01, "tpr_at_0p1pct_fpr": 0.001}  # metric -> its maximal false-positive rate
_SAMPLED = 256  # scores sampled to choose a sorting algorithm


@dataclass(frozen=True)
class Placements:
    """Placement values of scores (DeLong, DeLong & Clarke-Pearson 1988), which give AUROC and its variance.

    of_anomalies[i]: the share of normals that anomaly i outscores. of_normals[j]: the share of anomalies that outscore
    normal j. Ties count one half. The mean of either is the AUROC.
    """

    of_anomalies: Scores
    of_normals: Scores

    @property
    def roc_auc(self) -> float:
        return float(self.of_anomalies.mean())


def placement_values(scores: Scores, label: npt.NDArray[np.int8]) -> Placements:
    """Placement values of scores, without other metrics. Both labels must occur."""
    return rank(scores, label).placements()


@dataclass(frozen=True)
class Ranking:
    """Scores sorted once, for all metrics. Both labels must occur.

    order: the rows by descending score. last_of_ties: the position in it of the last row of each distinct score.
    true_positives, false_positives: the counts if all rows at or above each distinct score are reported, highest first.
    """

    label: npt.NDArray[np.int8]
    order: npt.NDArray[np.intp]
    last_of_ties: npt.NDArray[np.intp]
    true_positives: Scores
    false_positives: Scores

    def placements(self) -> Placements:
        """Placement values, in the order of the rows."""
        n_tied = np.diff(self.last_of_ties, prepend=-1)
        of_anomaly = np.repeat(_share_below(self.false_positives), n_tied)
        of_normal = np.repeat(1.0 - _share_below(self.true_positives), n_tied)
        anomalous = self.label == 1
        placed = np.empty(len(anomalous))
        placed[self.order] = np.where(anomalous[self.order], of_anomaly, of_normal)
        return Placements(placed[anomalous], placed[~anomalous])

    def metrics(self) -> dict[str, float]:
        """Threshold-free metrics.

        `average_precision` is scikit-learn's step-wise sum, not a trapezoid. `tpr_at_..._fpr` is the best detection
        rate among thresholds whose false-positive rate does not exceed the given one, without interpolation.
        `oracle_best_f1` picks its threshold with the test labels, so no real detector can reach it; nor
        `oracle_f1_at_count`, which reports as many rows as there are anomalies, so that precision, recall and F1 are
        equal (rows tied at that cut contribute their share of anomalies).
        """
        n_anomalies, n_normals = self.true_positives[-1], self.false_positives[-1]
        reported = (self.last_of_ties + 1).astype(np.float64)
        recall = self.true_positives / n_anomalies
        fpr = self.false_positives / n_normals
        steps = np.diff(recall, prepend=0.0)
        trapezoids = np.diff(fpr, prepend=0.0) * (recall - steps / 2)
        return {
            "roc_auc": float(trapezoids.sum()),
            "average_precision": float((self.true_positives / reported * steps).sum()),
            **{name: recall_within(recall, fpr, limit) for name, limit in LIMITS.items()},
            "oracle_best_f1": float((2 * self.true_positives / (reported + n_anomalies)).max()),
            "oracle_f1_at_count": _f1_at_count(self.true_positives, reported),
        }


def rank(scores: Scores, label: npt.NDArray[np.int8]) -> Ranking:
    """Sort the scores, shape (rows,), together with their labels."""
    order = _falling(scores)
    ordered = scores[order]
    last_of_ties = np.append(np.flatnonzero(ordered[1:] != ordered[:-1]), len(ordered) - 1)
    true_positives = np.cumsum(label[order], dtype=np.float64)[last_of_ties]
    return Ranking(label, order, last_of_ties, true_positives, last_of_ties + 1 - true_positives)


def _falling(scores: Scores) -> npt.NDArray[np.intp]:
    """The rows by descending score. The order of ties is irrelevant, so either sort may be used.

    Numpy's quicksort is vectorised but slowest if a few values fill most rows, which a merge sort handles with almost
    no work.
    """
    sample = np.sort(scores[:: len(scores) // _SAMPLED + 1])
    n_ties = np.count_nonzero(sample[1:] == sample[:-1])
    return np.argsort(-scores, kind="stable" if 4 * n_ties > len(sample) else "quicksort")


def _share_below(counts: Scores) -> Scores:
    """The share of the counted rows below each distinct score; ties count one half. counts: rows at or above it."""
    return (2 * (counts[-1] - counts) + np.diff(counts, prepend=0.0)) / (2 * counts[-1])


def _f1_at_count(true_positives: Scores, reported: Scores) -> float:
    n_anomalies = true_positives[-1]
    cut = int(np.searchsorted(reported, n_anomalies))  # the highest score at which at least this many rows are reported
    around = slice(max(cut - 1, 0), cut + 1)
    n_reported, n_found = reported[around], true_positives[around]
    if cut == 0:
        n_reported, n_found = np.append(0.0, n_reported), np.append(0.0, n_found)
    return float(np.interp(n_anomalies, n_reported, n_found) / n_anomalies)


def recall_within(recall: Scores, fpr: Scores, limit: float) -> float:
    """The last of these recalls whose false-positive rate, which ascends, does not exceed the limit."""
    within = int(np.searchsorted(fpr, limit, side="right"))
    return float(recall[within - 1]) if within else 0.0
