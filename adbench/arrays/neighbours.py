"""Exact nearest-neighbour distances between rows of matrices. Needs no torch."""

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from adbench.arrays.memmap import release_pages
from adbench.arrays.types import Matrix

Wide = npt.NDArray[np.float64]  # (rows, columns)

_BLOCK_ENTRIES = 1 << 20  # entries of a block of distances, 4 MiB: fits in the processor's cache
_WORTH = 100  # pairs of rows per squared column count, from which on shortening the rows pays
_LEFT = 0.005  # share of the variance that the omitted directions may hold together
_BLOCK_PAIRS = 1 << 15  # pairs of rows whose distances are computed exactly at a time


def nearest_distances(
    x: Matrix, reference: Matrix, k: int = 1, rows_of_x: npt.NDArray[np.intp] | None = None
) -> npt.NDArray[np.float64]:
    """Euclidean distance of each row of x to the k-th nearest of at least k rows of `reference`, shape (rows,).

    rows_of_x: use only these rows of x, without copying them all.

    Exact, and therefore independent of the batch: a float32 product finds the candidates that its rounding error cannot
    exclude, and their distances are computed in float64 from the differences.
    """
    centre = reference.mean(axis=0, dtype=np.float64)  # shorter rows, smaller errors
    centred = reference - centre
    n = len(x) if rows_of_x is None else len(rows_of_x)
    pays = n * len(reference) > _WORTH * len(centre) ** 2
    leading = _directions(centred) if pays else None
    short = _shortened(centred, leading)
    # The product below is |r|^2 - 2 x.r minus a bound on its error, `unit` (2 |r|^2 + |x|^2); the part with |x|^2 is
    # moved to the other side. unit: Higham 2002, "Accuracy and Stability of Numerical Algorithms", section 3.1.
    unit = 2 * (short.shape[1] + 8) * 2.0**-24
    squares = (short**2).sum(axis=1)
    factors = np.hstack([-2 * short, (squares * (1 - 2 * unit))[:, None]]).astype(np.float32)
    # The nearest row of each of k parts: the furthest of these k bounds the k-th distance from above.
    parts = list(pairwise(len(reference) * i // k for i in range(k + 1)))
    distances = np.empty(n)
    n_rows = max(1, _BLOCK_ENTRIES // len(reference))
    for start in range(0, len(distances), n_rows):
        block = np.asarray(x)[slice(start, start + n_rows) if rows_of_x is None else rows_of_x[start : start + n_rows]]
        from_centre = _shortened(block - centre, leading)
        with_one = np.hstack([from_centre, np.ones((len(block), 1))]).astype(np.float32)
        lowest = with_one @ factors.T  # (block, reference)
        nearby = np.stack([lowest[:, a:b].argmin(axis=1) + a for a, b in parts], axis=1)
        rows = np.repeat(np.arange(len(block)), k)
        enough = _squared_distances(block, reference, rows, nearby.ravel()).reshape(-1, k).max(axis=1)
        limit = enough - (1 - unit) * (from_centre**2).sum(axis=1)
        in_question = lowest <= np.nextafter(limit.astype(np.float32), np.float32(np.inf))[:, None]
        # Flattened first: np.nonzero is slow in two dimensions.
        rows, columns = np.divmod(np.flatnonzero(in_question), len(reference))
        squared = _squared_distances(block, reference, rows, columns)
        ordered = squared[np.lexsort((squared, rows))]
        distances[start : start + n_rows] = np.sqrt(ordered[np.searchsorted(rows, np.arange(len(block))) + k - 1])
        release_pages(x)
    return distances


def _directions(centred: Wide) -> tuple[Wide, int] | None:
    """The principal directions in descending order, shape (columns, columns), and how many of them to keep; None if all
    are needed."""
    variances, directions = np.linalg.eigh(centred.T @ centred)  # ascending
    n_kept = int(np.searchsorted(np.cumsum(variances[::-1]), (1 - _LEFT) * variances.sum())) + 1
    return (directions[:, ::-1], n_kept) if n_kept < len(variances) - 1 else None


def _shortened(centred: Wide, leading: tuple[Wide, int] | None) -> Wide:
    """The leading coordinates and the length of the rest; shortening can only reduce the distance of two rows."""
    if leading is None:
        return centred
    directions, n_kept = leading
    turned = centred @ directions
    rest = np.sqrt((turned[:, n_kept:] ** 2).sum(axis=1, keepdims=True))
    return np.hstack([turned[:, :n_kept], rest])


def _squared_distances(
    x: Matrix, reference: Matrix, rows: npt.NDArray[np.intp], columns: npt.NDArray[np.intp]
) -> npt.NDArray[np.float64]:
    """|x[row] - reference[column]|^2 of each pair."""
    squared = np.empty(len(rows))
    for start in range(0, len(rows), _BLOCK_PAIRS):
        pairs = slice(start, start + _BLOCK_PAIRS)
        difference = x[rows[pairs]].astype(np.float64) - reference[columns[pairs]]
        squared[pairs] = (difference**2).sum(axis=1)
    return squared
