"""Columns replaced by their quantile level among the fit rows, with a tail outside their range."""

from typing import Any

import numpy as np
import numpy.typing as npt

from adbench.config.checks import require_at_least
from adbench.preprocess.base import Encoder, Numeric

# Smaller quantiles count as 0: the interpolation slope between them would overflow.
NOTHING = 1e-290


class Quantile(Encoder):
    """The share of fit rows below a value, in [0, 1], interpolated between quantiles.

    A value shared by many rows gets the middle of the levels it spans, except at the two ends: the minimum is 0 and
    the maximum 1, whatever their share. Without a tail, the distance beyond the fitted range is lost.
    """

    def __init__(self, n_quantiles: int, categories: str | None = None, tail: str | None = None) -> None:
        super().__init__(categories, tail)
        require_at_least("preprocess.n_quantiles", n_quantiles, 2)
        self.n_quantiles = n_quantiles
        self.corners: list[tuple[Numeric, Numeric]] = []

    def fit_numeric(self, x: Numeric) -> dict[str, npt.NDArray[Any]]:
        quantiles = np.quantile(x, np.linspace(0.0, 1.0, self.n_quantiles), axis=0)  # (n_quantiles, numeric columns)
        quantiles[np.abs(quantiles) < NOTHING] = 0.0
        return {"quantiles": quantiles}

    def prepare(self) -> None:
        self.corners = [_corners(quantiles) for quantiles in self.arrays["quantiles"].T]

    def scale(self, x: Numeric) -> Numeric:
        scaled = np.empty_like(x)
        for column, (values, levels) in enumerate(self.corners):
            scaled[:, column] = np.interp(x[:, column], values, levels)
        return scaled


def _corners(quantiles: Numeric) -> tuple[Numeric, Numeric]:
    """The values and levels of the piecewise linear map from value to level.

    At equal quantiles the map jumps, from the first of their levels to the middle and on to the last. A jump is a
    line between adjacent floats, with no value between them, so that a single np.interp is exact.
    """
    values, counts = np.unique(quantiles, return_counts=True)
    shared = values[counts > 1]
    corners = np.unique(np.concatenate([np.nextafter(shared, -np.inf), values, np.nextafter(shared, np.inf)]))
    return corners, _level(corners, quantiles)


def _level(x: Numeric, quantiles: Numeric) -> Numeric:
    levels = np.linspace(0.0, 1.0, len(quantiles))
    # np.interp takes the last of several equal quantiles, and the first when mirrored: the mean of both is the
    # middle of the levels that a shared value spans (as in scikit-learn).
    upper = np.interp(x, quantiles, levels)
    lower = -np.interp(-x, -quantiles[::-1], -levels[::-1])
    middle: Numeric = (upper + lower) / 2
    middle[x <= quantiles[0]] = 0.0
    # A constant column has no separate upper end: any value above it is new and gets 1.
    middle[(x >= quantiles[-1]) & (x > quantiles[0])] = 1.0
    return middle
