"""Rows of a matrix: which are the same, and how far one is from the nearest of others. Needs no torch."""

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from adbench.arrays.memmap import release_pages
from adbench.arrays.types import Matrix

Wide = npt.NDArray[np.float64]  # (rows, columns)

_BLOCK_ENTRIES = 1 << 20  # of a block of distances, 4 MiB: it stays in the processor's cache
_WORTH = 100  # pairs of rows for each square of the columns, from which on it pays to shorten rows
_LEFT = 0.005  # of the variance: what the directions that are left out may hold together
_BLOCK_PAIRS = 1 << 15  # of rows whose distance is computed exactly, at once


def nearest_distances(
    x: Matrix, reference: Matrix, k: int = 1, rows_of_x: npt.NDArray[np.intp] | None = None
) -> npt.NDArray[np.float64]:
    """Euclidean distance of each row of x to the k-th nearest of at least k rows of `reference`, shape (rows,).

    rows_of_x: of these rows of x only, which then need not be copied.

    Exact, and so the same in any batch: a float32 product finds every row that its rounding error leaves in
    question, and the distances to those are computed in float64 by their differences.
    """
    centre = reference.mean(axis=0, dtype=np.float64)  # shorter rows, smaller errors
    centred = reference - centre
    n = len(x) if rows_of_x is None else len(rows_of_x)
    pays = n * len(reference) > _WORTH * len(centre) ** 2
    leading = _directions(centred) if pays else None
    short = _shortened(centred, leading)
    # The product below is |r|^2 - 2 x.r less a bound on its error, `unit` (2 |r|^2 + |x|^2); the part of |x|^2 is
    # added to the other side. unit: Higham 2002, "Accuracy and Stability of Numerical Algorithms", section 3.1.
    unit = 2 * (short.shape[1] + 8) * 2.0**-24
    squares = (short**2).sum(axis=1)
    factors = np.hstack([-2 * short, (squares * (1 - 2 * unit))[:, None]]).astype(np.float32)
    # The best of each of k parts: k rows, the furthest of which bounds the k-th distance from above.
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
        # Flat: numpy is slow to look in two dimensions.
        rows, columns = np.divmod(np.flatnonzero(in_question), len(reference))
        squared = _squared_distances(block, reference, rows, columns)
        ordered = squared[np.lexsort((squared, rows))]
        distances[start : start + n_rows] = np.sqrt(ordered[np.searchsorted(rows, np.arange(len(block))) + k - 1])
        release_pages(x)
    return distances


def _directions(centred: Wide) -> tuple[Wide, int] | None:
    """The principal directions, leading ones first, shape (columns, columns), and how many tell nearly all; None where
    all are needed.
    """
    variances, directions = np.linalg.eigh(centred.T @ centred)  # ascending
    n_kept = int(np.searchsorted(np.cumsum(variances[::-1]), (1 - _LEFT) * variances.sum())) + 1
    return (directions[:, ::-1], n_kept) if n_kept < len(variances) - 1 else None


def _shortened(centred: Wide, leading: tuple[Wide, int] | None) -> Wide:
    """Leading coordinates, and the length of the rest: so shortened, two rows can only come nearer to each other."""
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
