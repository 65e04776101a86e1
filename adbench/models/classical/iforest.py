"""Isolation forest, scored by how few random cuts isolate a row."""

import numpy as np
import numpy.typing as npt

from adbench.arrays.columns import Columns
from adbench.arrays.types import Arrays, Matrix, Scores
from adbench.config.checks import require_at_least
from adbench.models.base import ClassicalDetector, draw_seed


class IForest(ClassicalDetector):
    """Isolation forest (Liu, Ting & Zhou 2008) with their score, 2^(-E(h) / c(sample_size)), in (0, 1].

    The trees are grown by scikit-learn, then stored and scored as arrays of nodes.

    A row outside the range of the fit rows would have widened it: a random cut of a column isolates the row at once
    with probability gap / (range + gap), and a cut of a random column with p, the mean over columns. Its path length h
    is therefore replaced by the expected one, (1 - (1 - p)^h) / p. All other rows get the paper's score. However far
    a row lies outside, its score stays below 1.

    sample_size: rows per tree, at most all of them.
    """

    def __init__(self, columns: Columns, n_trees: int, sample_size: int) -> None:
        super().__init__()
        require_at_least("model.n_trees", n_trees, 1)
        require_at_least("model.sample_size", sample_size, 2)
        self.n_trees, self.sample_size = n_trees, sample_size
        self.seed = draw_seed()

    def learn(self, x: Matrix) -> Arrays:
        """The nodes of all trees, concatenated.

        A leaf is its own child, so that a row stays once it has arrived. `length` is the path from the root to a leaf,
        plus the expected further path that would separate the leaf's rows.
        """
        from sklearn.ensemble import IsolationForest

        sample_size = min(self.sample_size, len(x))
        forest = IsolationForest(n_estimators=self.n_trees, max_samples=sample_size, random_state=self.seed).fit(x)
        trees = [estimator.tree_ for estimator in forest.estimators_]
        roots = np.cumsum([0, *(tree.node_count for tree in trees)])[:-1]
        inner = np.concatenate([tree.children_left for tree in trees]) >= 0
        own = np.arange(len(inner))
        offset = np.repeat(roots, [tree.node_count for tree in trees])
        left, right = (
            np.where(inner, np.concatenate([getattr(tree, side) for tree in trees]) + offset, own)
            for side in ("children_left", "children_right")
        )
        depth = np.zeros(len(inner))
        for node in np.flatnonzero(inner):  # parents come before their children
            depth[[left[node], right[node]]] = depth[node] + 1
        rows_at = np.concatenate([tree.n_node_samples for tree in trees])
        return {
            "root": roots.astype(np.int32),
            "left": left.astype(np.int32),
            "right": right.astype(np.int32),
            "feature": np.where(inner, np.concatenate([tree.feature for tree in trees]), 0).astype(np.int32),
            "threshold": np.concatenate([tree.threshold for tree in trees]),
            "length": depth + average_path_length(rows_at),
            "depth": np.array([depth.max()], dtype=np.int32),
            "sample_size": np.array([sample_size], dtype=np.int32),
            "range": np.stack([x.min(axis=0), x.max(axis=0)]),
        }

    def score(self, x: Matrix) -> Scores:
        """Scores from a simultaneous descent of all rows through all trees, one level per step."""
        forest = self.learned
        nodes = np.tile(forest["root"], (len(x), 1))  # (rows, trees)
        rows = np.arange(len(x))[:, None]
        for _ in range(forest["depth"][0]):
            goes_left = x[rows, forest["feature"][nodes]] <= forest["threshold"][nodes]
            nodes = np.where(goes_left, forest["left"][nodes], forest["right"][nodes])
        mean_length = self._cut_short(x, forest["length"][nodes].mean(axis=1))
        scores: Scores = 2.0 ** (-mean_length / average_path_length(forest["sample_size"]))
        return scores

    def _cut_short(self, x: Matrix, length: Scores) -> Scores:
        """The mean path lengths, shortened for rows outside the fitted range."""
        if "range" not in self.learned:  # missing in older runs
            return length
        low, high = self.learned["range"].astype(np.float64)
        gap = np.maximum(np.maximum(low - x, x - high), 0.0)
        apart = np.divide(gap, gap + (high - low), out=np.zeros_like(gap), where=gap > 0).mean(axis=1)
        outside = apart > 0
        p = apart[outside]
        length[outside] = -np.expm1(length[outside] * np.log1p(-np.minimum(p, 1 - 1e-12))) / p
        return length


def average_path_length(n: npt.NDArray[np.integer]) -> npt.NDArray[np.float64]:
    """c(n), the mean path length of an unsuccessful search in a binary search tree of n rows: 0, 1, then
    2 H(n - 1) - 2 (n - 1) / n with the harmonic number H(i) = ln i + Euler's constant.
    """
    many = np.maximum(n, 3).astype(np.float64)
    length = 2.0 * (np.log(many - 1.0) + np.euler_gamma) - 2.0 * (many - 1.0) / many
    return np.where(n > 2, length, np.where(n == 2, 1.0, 0.0))
