"""Controls: what a table gives away without any deep model. A model that does not beat them learned nothing new.

Each is fitted on the same matrix as the model, and scores the same test rows. One more, the same network
untrained, is the model's own: see `adbench.runner.run`.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from adbench.arrays.memmap import let_go
from adbench.arrays.neighbours import nearest_distances
from adbench.arrays.row_hash import distinct_rows, row_hashes
from adbench.arrays.types import Matrix, Scores
from adbench.config.checks import require_at_least

ORACLE = "oracle_best_column"  # picked with the test labels: nobody can reach it on purpose
PCA_COMPONENTS = 10
_BLOCK_ROWS = 16_384  # bounds the memory of a float64 copy
_BLOCK_COLUMNS = 8


class Controls:
    """The controls that every run is compared with.

    nearest_rows: the nearest neighbour is looked for among so many distinct fit rows, drawn at random (None: all).
    """

    def __init__(self, nearest_rows: int | None) -> None:
        if nearest_rows is not None:
            require_at_least("controls.nearest_rows", nearest_rows, 1)
        self.nearest_rows = nearest_rows

    def __call__(self, fit: Matrix, test: Matrix, seed: int) -> dict[str, Scores]:
        """Control name -> scores of the test rows."""
        return {
            "nearest_neighbour": self._nearest_neighbour(fit, test, seed),
            **_moment_scores(fit, test),
            "seen_in_training": np.where(np.isin(row_hashes(test), row_hashes(fit)), 0.0, 1.0),
            "random": np.random.default_rng(seed).random(len(test)),
        }

    def _nearest_neighbour(self, fit: Matrix, test: Matrix, seed: int) -> Scores:
        reference, _ = distinct_rows(fit)
        if self.nearest_rows is not None and len(reference) > self.nearest_rows:
            drawn = np.random.default_rng((seed, 1)).choice(reference, self.nearest_rows, replace=False)
            reference = np.sort(drawn)
        scored, place = distinct_rows(test)
        return nearest_distances(test, fit[reference], rows_of_x=scored)[place]


def best_column(test: Matrix, label: npt.NDArray[np.int8]) -> tuple[int, Scores]:
    """The column that alone separates the test labels best, by AUROC in either direction, and scores made of it.

    The first of several equals. It needs the labels, so it belongs behind the seal.
    """
    anomalous = label == 1
    wins = [_wins(column, anomalous) for block in _columns(test) for column in block]
    best = int(np.abs(wins).argmax())
    return best, np.copysign(1.0, wins[best]) * test[:, best].astype(np.float64)


def _columns(x: Matrix) -> Iterator[npt.NDArray[np.float32]]:
    """The columns as contiguous rows, some at a time: as many as share a line of the processor's cache."""
    for start in range(0, x.shape[1], _BLOCK_COLUMNS):
        yield np.ascontiguousarray(x[:, start : start + _BLOCK_COLUMNS].T)


def _wins(column: npt.NDArray[np.float32], anomalous: npt.NDArray[np.bool_]) -> float:
    """The pairs that the anomaly wins by a larger value, less those it loses."""
    n_anomalies = np.count_nonzero(anomalous)
    n_normals = len(column) - n_anomalies
    high = column == column.max()
    if (high | (column == column.min())).all():  # as in most columns: a category, or a constant
        n_high = np.count_nonzero(high)
        found = np.count_nonzero(high & anomalous)
        return float(found * (n_normals - (n_high - found)) - (n_anomalies - found) * (n_high - found))
    values, n_equal = np.unique(column[anomalous], return_counts=True)
    normals = np.sort(column[~anomalous])
    below = np.searchsorted(normals, values, side="left") + np.searchsorted(normals, values, side="right")
    return float((n_equal * below).sum() - n_anomalies * n_normals)


def _moment_scores(fit: Matrix, test: Matrix) -> dict[str, Scores]:
    """Mean |z| of the columns, and the squared residual of the leading principal components."""
    mean, scale, components = _moments(fit)
    mean_abs_z, pca_residual = np.empty(len(test)), np.empty(len(test))
    for start in range(0, len(test), _BLOCK_ROWS):
        block = slice(start, start + _BLOCK_ROWS)
        centred = test[block].astype(np.float64) - mean
        mean_abs_z[block] = np.abs(centred / scale).mean(axis=1)
        residual = centred - (centred @ components) @ components.T
        pca_residual[block] = (residual**2).sum(axis=1)
        let_go(test)
    return {"mean_abs_z": mean_abs_z, "pca_residual": pca_residual}


def _blocks(x: Matrix) -> Iterator[Matrix]:
    """Some rows at a time; those of a file are let go when the next are read."""
    for start in range(0, len(x), _BLOCK_ROWS):
        yield np.asarray(x)[start : start + _BLOCK_ROWS]
        let_go(x)


def _moments(fit: Matrix) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Mean (columns,), standard deviation (columns,) and leading principal directions (columns, components)."""
    n_rows, n_columns = fit.shape
    total, covariance = np.zeros((1, n_columns)), np.zeros((n_columns, n_columns))
    low = high = fit[0]
    for block in _blocks(fit):
        total = np.concatenate([total, block]).sum(axis=0, keepdims=True)  # row after row, in float64
        low, high = np.minimum(low, block.min(axis=0)), np.maximum(high, block.max(axis=0))
    mean = total[0] / n_rows
    for block in _blocks(fit):
        centred = block - mean
        covariance += centred.T @ centred
    covariance /= n_rows
    constant = low == high
    deviation = np.where(constant, 1.0, np.sqrt(np.diag(covariance)))
    _, directions = np.linalg.eigh(covariance)  # ascending eigenvalues
    return np.where(constant, fit[0], mean), deviation, directions[:, -min(PCA_COMPONENTS, max(1, n_columns // 2)) :]
