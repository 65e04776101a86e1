"""Columns replaced by their quantile level among the fit rows."""

from typing import Any

import numpy as np
import numpy.typing as npt

from adbench.checks import require_at_least
from adbench.preprocess.encoder import Encoder, Numeric


class Quantile(Encoder):
    """The share of fit rows below a value, in [0, 1]; between two quantiles it is interpolated.

    A value that many rows share gets the middle of the levels it spans, except at the two ends: the smallest
    value is 0 and the largest 1, whatever their share. A value beyond the range of the fit rows gets the level
    of the end it passed, so how far it lies outside is not kept.
    """

    def __init__(self, n_quantiles: int) -> None:
        super().__init__()
        require_at_least("preprocess.n_quantiles", n_quantiles, 2)
        self.n_quantiles = n_quantiles

    def fit_numeric(self, x: Numeric) -> dict[str, npt.NDArray[Any]]:
        levels = np.linspace(0.0, 1.0, self.n_quantiles)
        return {"quantiles": np.quantile(x, levels, axis=0)}  # (n_quantiles, numeric columns)

    def scale(self, x: Numeric) -> Numeric:
        levels = np.linspace(0.0, 1.0, len(self.arrays["quantiles"]))
        scaled = np.empty_like(x)
        for column, quantiles in enumerate(self.arrays["quantiles"].T):
            scaled[:, column] = _level(x[:, column], quantiles, levels)
        return scaled


def _level(x: Numeric, quantiles: Numeric, levels: Numeric) -> Numeric:
    # np.interp takes the last of several equal quantiles, and the first when everything is mirrored: the mean
    # of the two is the middle of the levels that a shared value spans (as scikit-learn does it).
    upper = np.interp(x, quantiles, levels)
    lower = -np.interp(-x, -quantiles[::-1], -levels[::-1])
    middle: Numeric = (upper + lower) / 2
    middle[x <= quantiles[0]] = 0.0
    # A column that was constant at fit has no upper end of its own: what lies above it is new, so it is 1.
    middle[(x >= quantiles[-1]) & (x > quantiles[0])] = 1.0
    return middle
