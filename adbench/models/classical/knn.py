"""Nearest neighbours, scored by the distance to the fit rows."""

import numpy as np

from adbench.arrays.columns import Columns
from adbench.arrays.neighbours import nearest_distances
from adbench.arrays.row_hash import distinct_rows
from adbench.arrays.types import Arrays, Matrix, Scores
from adbench.config.checks import require_at_least
from adbench.errors import ConfigError
from adbench.models.base import ClassicalDetector, draw_seed


class KNN(ClassicalDetector):
    """Distance to the k-th nearest distinct fit row (Ramaswamy et al. 2000, "Efficient Algorithms for Mining
    Outliers from Large Data Sets"), by brute force, exact.

    Duplicates count once: otherwise the k-th nearest of many copies would measure how often a row was recorded.

    max_rows: the maximum number of distinct fit rows; more are sampled down to it (None: all are used). Scoring time,
    memory and the saved model grow with it.
    """

    def __init__(self, columns: Columns, k: int, max_rows: int | None) -> None:
        super().__init__()
        require_at_least("model.k", k, 1)
        if max_rows is not None:
            require_at_least("model.max_rows", max_rows, 1)
        self.k, self.max_rows = k, max_rows

    def learn(self, x: Matrix) -> Arrays:
        """The distinct rows of x, at most max_rows."""
        reference = self._distinct(x)
        if len(reference) < self.k:
            raise ConfigError(f"expected model.k to be at most the {len(reference):,} distinct fit rows, got {self.k}")
        return {"reference": reference}

    def update(self, x: Matrix) -> None:
        """Add these rows, sampling max_rows of all if there are more."""
        self.learned = {"reference": self._distinct(np.concatenate([self.learned["reference"], x]))}

    def _distinct(self, x: Matrix) -> Matrix:
        rows, _ = distinct_rows(x)
        if self.max_rows is not None and len(rows) > self.max_rows:
            rows = np.sort(np.random.default_rng(draw_seed()).choice(rows, self.max_rows, replace=False))
        return x[rows]

    def score_rows(self, x: Matrix) -> Scores:
        """The distance to the k-th nearest reference row; duplicates in x are looked up once."""
        rows, place = distinct_rows(x)
        return nearest_distances(x[rows], self.learned["reference"], self.k)[place]
