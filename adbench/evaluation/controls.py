"""Controls: the scores reached without any deep model. A model that does not beat them learned nothing new.

Each is fitted on the same matrix as the model and scores the same test rows; one of them, which does not depend on the
encoding, sees how unusual the values of the table's own columns are. `adbench.runner.stages` adds two more: the same
network untrained, and the best single column, which needs the labels.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

import numpy as np
import numpy.typing as npt

from adbench.arrays.memmap import release_pages
from adbench.arrays.neighbours import nearest_distances
from adbench.arrays.row_hash import distinct_rows, row_hashes
from adbench.arrays.types import Matrix, Scores
from adbench.config.checks import require_at_least

PREFIX = "control/"  # of the controls' metrics
UNTRAINED = "untrained"
ORACLE = "oracle_best_column"  # picked with the test labels: not available to any real detector
PCA_COMPONENTS = 10
NEAREST_ROWS = 5_000  # the default number of rows to search for the nearest neighbour: see configs/train.yaml
_BLOCK_ROWS = 16_384  # bounds the memory of a float64 copy
_BLOCK_COLUMNS = 8

Named = tuple[Matrix, Sequence[str]]  # rows and their column names


class Controls:
    """The controls that every run is compared with.

    nearest_rows: search the nearest neighbour among this many distinct fit rows, drawn at random (None: all).
    """

    def __init__(self, nearest_rows: int | None) -> None:
        if nearest_rows is not None:
            require_at_least("controls.nearest_rows", nearest_rows, 1)
        self.nearest_rows = nearest_rows

    def __call__(self, fit: Matrix, test: Matrix, deviations: Matrix, seed: int) -> dict[str, Scores]:
        """Control name -> scores of the test rows. deviations: theirs; see `adbench.preprocess.deviations`."""
        rows = _Rows(fit, test, deviations, seed, self.nearest_rows)
        return {name: control.scores(rows) for name, control in CONTROLS.items()}


@dataclass(frozen=True)
class _Rows:
    """The input of the controls."""

    fit: Matrix
    test: Matrix
    deviations: Matrix
    seed: int
    nearest_rows: int | None

    @cached_property
    def moments(self) -> dict[str, Scores]:
        """The scores of both controls that need the moments, computed in one pass over the rows."""
        return _moment_scores(self.fit, self.test)


@dataclass(frozen=True)
class Control:
    """A control. title: its name in tables. scores: computes the scores of the test rows."""

    title: str
    scores: Callable[[_Rows], Scores]


def _nearest_neighbour(rows: _Rows) -> Scores:
    reference, _ = distinct_rows(rows.fit)
    if rows.nearest_rows is not None and len(reference) > rows.nearest_rows:
        drawn = np.random.default_rng((rows.seed, 1)).choice(reference, rows.nearest_rows, replace=False)
        reference = np.sort(drawn)
    scored, place = distinct_rows(rows.test)
    return nearest_distances(rows.test, rows.fit[reference], rows_of_x=scored)[place]


def _mean_deviation(rows: _Rows) -> Scores:
    return np.concatenate([np.abs(block, dtype=np.float64).mean(axis=1) for block in _blocks(rows.deviations)])


def _seen_in_training(rows: _Rows) -> Scores:
    return np.where(np.isin(row_hashes(rows.test), row_hashes(rows.fit)), 0.0, 1.0)


def _random(rows: _Rows) -> Scores:
    return np.random.default_rng(rows.seed).random(len(rows.test))


CONTROLS = {
    "nearest_neighbour": Control("nearest neighbour", _nearest_neighbour),
    "pca_residual": Control("PCA residual", lambda rows: rows.moments["pca_residual"]),
    "mean_abs_z": Control("mean |z|", lambda rows: rows.moments["mean_abs_z"]),
    "mean_deviation": Control("mean robust |z|", _mean_deviation),
    "seen_in_training": Control("seen in training or not", _seen_in_training),
    "random": Control("random", _random),
}
TITLES = {
    UNTRAINED: "same network, untrained",
    **{name: control.title for name, control in CONTROLS.items()},
    ORACLE: "best column, by test labels",
}


def best_column(encoded: Named, own: Named, label: npt.NDArray[np.int8]) -> tuple[str, Scores]:
    """The single column that best separates the test labels, by AUROC in either direction, and scores derived from it.

    encoded: the rows as models see them. own: their deviations in the table's own columns, tried signed and absolute,
    so that both tails can be anomalous. The first column wins ties. Needs the labels, so it runs behind the seal.
    """
    best, name, scores = -1.0, "", np.zeros(len(label))
    for (x, names), of in ((encoded, np.asarray), (own, np.asarray), (own, np.abs)):
        for i, values in enumerate(chain.from_iterable(_columns(x))):
            column = of(values)
            if abs(wins := _wins(column, label == 1)) > best:
                best, name, scores = abs(wins), names[i], np.copysign(1.0, wins) * column.astype(np.float64)
    return name, scores


def _columns(x: Matrix) -> Iterator[npt.NDArray[np.float32]]:
    """The columns as contiguous rows, in blocks of as many as share a cache line."""
    for start in range(0, x.shape[1], _BLOCK_COLUMNS):
        yield np.ascontiguousarray(x[:, start : start + _BLOCK_COLUMNS].T)


def _wins(column: npt.NDArray[np.float32], anomalous: npt.NDArray[np.bool_]) -> float:
    """The number of (anomaly, normal) pairs in which the anomaly is larger, minus those in which it is smaller."""
    n_anomalies = np.count_nonzero(anomalous)
    n_normals = len(column) - n_anomalies
    high = column == column.max()
    if (high | (column == column.min())).all():  # as in most columns: two values, or a constant
        n_high = np.count_nonzero(high)
        found = np.count_nonzero(high & anomalous)
        return float(found * (n_normals - (n_high - found)) - (n_anomalies - found) * (n_high - found))
    values, n_equal = np.unique(column[anomalous], return_counts=True)
    normals = np.sort(column[~anomalous])
    below = np.searchsorted(normals, values, side="left") + np.searchsorted(normals, values, side="right")
    return float((n_equal * below).sum() - n_anomalies * n_normals)


def _moment_scores(fit: Matrix, test: Matrix) -> dict[str, Scores]:
    """Mean |z| over the columns, and the squared residual of the leading principal components; see `PCA`."""
    mean, scale, components, low, high = _moments(fit)
    mean_abs_z, pca_residual = np.empty(len(test)), np.empty(len(test))
    for start in range(0, len(test), _BLOCK_ROWS):
        block = slice(start, start + _BLOCK_ROWS)
        centred = test[block].astype(np.float64) - mean
        mean_abs_z[block] = np.abs(centred / scale).mean(axis=1)
        inside = np.clip(test[block], low, high) - mean
        residual = centred - (inside @ components) @ components.T
        pca_residual[block] = (residual**2).sum(axis=1)
        release_pages(test)
    return {"mean_abs_z": mean_abs_z, "pca_residual": pca_residual}


def _blocks(x: Matrix) -> Iterator[Matrix]:
    """The rows in blocks; memory-mapped pages are released after each."""
    for start in range(0, len(x), _BLOCK_ROWS):
        yield np.asarray(x)[start : start + _BLOCK_ROWS]
        release_pages(x)


def _moments(fit: Matrix) -> tuple[Scores, Scores, Scores, Matrix, Matrix]:
    """Mean (columns,), standard deviation (columns,), leading principal directions (columns, components), smallest and
    largest values (columns,)."""
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
    leading = directions[:, -min(PCA_COMPONENTS, max(1, n_columns // 2)) :]
    return np.where(constant, fit[0], mean), deviation, leading, low, high
