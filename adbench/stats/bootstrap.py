"""Bootstrap intervals for average precision, whose sampling variance has no formula as AUROC's has (DeLong's).

Rows are resampled among the anomalies and among the normals, so that the base rate, on which average precision
depends, stays as it is. A resample is a weight a row: the scores are sorted once, not once a resample.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from adbench.arrays.types import Scores
from adbench.stats.interval import Interval

Labels = npt.NDArray[np.int8]
_CELLS = 4_000_000  # weights that are held at a time


def average_precision_interval(
    scores: Scores, label: Labels, confidence: float = 0.95, n_resamples: int = 2000, seed: int = 0
) -> Interval:
    """The percentile interval for one score's average precision. Both labels must occur."""
    ranked = _Ranked(scores, label)
    resampled = np.concatenate([ranked.average_precision(w) for w in _weights(label, n_resamples, seed)])
    return _percentiles(ranked.observed(), resampled, confidence)


def average_precision_difference(
    a: Scores, b: Scores, label: Labels, confidence: float = 0.95, n_resamples: int = 2000, seed: int = 0
) -> Interval:
    """The same for a minus b on the same rows, each resample scored by both, so their correlation counts."""
    ranked_a, ranked_b = _Ranked(a, label), _Ranked(b, label)
    resampled = [
        ranked_a.average_precision(w) - ranked_b.average_precision(w) for w in _weights(label, n_resamples, seed)
    ]
    return _percentiles(ranked_a.observed() - ranked_b.observed(), np.concatenate(resampled), confidence)


class _Ranked:
    """Rows by falling score."""

    def __init__(self, scores: Scores, label: Labels) -> None:
        self.order = np.argsort(-scores, kind="stable")
        self.label = label[self.order].astype(np.float32)
        self.anomalous = np.flatnonzero(self.label)
        # Rows that tie are reported together: an anomaly's precision is that at the last of its ties.
        last_of_ties = np.append(np.flatnonzero(np.diff(scores[self.order])), len(scores) - 1)
        self.at = last_of_ties[np.searchsorted(last_of_ties, self.anomalous)]

    def average_precision(self, weights: npt.NDArray[np.float32]) -> Scores:
        """One a row of weights (resamples, rows): the mean over anomalies of the precision where they are reported."""
        ordered = weights[:, self.order]
        reported = np.cumsum(ordered, axis=1, dtype=np.float64)[:, self.at]
        of_anomalies = ordered[:, self.anomalous].astype(np.float64)
        found = np.cumsum(of_anomalies, axis=1)[:, np.searchsorted(self.anomalous, self.at, side="right") - 1]
        precision = np.divide(found, reported, out=np.zeros_like(found), where=reported > 0)
        mean: Scores = (precision * of_anomalies).sum(axis=1) / of_anomalies.sum(axis=1)
        return mean

    def observed(self) -> float:
        return float(self.average_precision(np.ones((1, len(self.order)), dtype=np.float32))[0])


def _weights(label: Labels, n_resamples: int, seed: int) -> Iterator[npt.NDArray[np.float32]]:
    """How often each row was drawn, (resamples, rows), some resamples at a time."""
    rng = np.random.default_rng(seed)
    kinds = [np.flatnonzero(label == value) for value in (0, 1)]
    at_a_time = max(1, _CELLS // len(label))
    for start in range(0, n_resamples, at_a_time):
        weights = np.zeros((min(at_a_time, n_resamples - start), len(label)), dtype=np.float32)
        for row in weights:
            for rows in kinds:
                row[rows] = np.bincount(rng.integers(0, len(rows), len(rows)), minlength=len(rows))
        yield weights


def _percentiles(value: float, resampled: Scores, confidence: float) -> Interval:
    low, high = np.quantile(resampled, [0.5 - confidence / 2, 0.5 + confidence / 2])
    return Interval(value, float(low), float(high))
