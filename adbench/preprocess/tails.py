"""Distances outside the fitted range, in units robust to a few outliers among the fit rows."""

from typing import Any

import numpy as np
import numpy.typing as npt

from adbench.config.checks import require_one_of

LINEAR, LOG = "linear", "log"
TAILS = (LINEAR, LOG)
Column = npt.NDArray[np.float64]  # (rows,)

# The middle half of the rows; if these share one value, wider ranges up to all rows.
_SHARES = (0.5, 0.9, 0.98, 0.998, 1.0)
_ROUNDING = 2.0**-50  # relative rounding error of a value
_FINEST = 2.0**-40  # relative to a column's largest value; smaller widths cannot be its scale


def robust_scale(x: Column) -> float:
    """The standard deviation of the normal distribution with a column's interquartile range.

    If more than half of the rows share a value, the range of the middle 90 %, 98 %, 99.8 % or all rows is used
    likewise. For a constant column, the absolute value, or 1 if it is zero.
    """
    from scipy.special import ndtri

    shares, finest = np.array(_SHARES), _FINEST * max(abs(x.min()), abs(x.max()))
    for share, low, high in zip(_SHARES, *np.quantile(x, [(1 - shares) / 2, (1 + shares) / 2]), strict=True):
        if np.isfinite(high - low) and high - low > finest:
            return float((high - low) / (2 * ndtri((1 + min(share, 0.998)) / 2)))
    return own_unit(float(x[0]))


def own_unit(value: float) -> float:
    """The unit of change of a column that is constantly this value."""
    return abs(value) or 1.0


def require_tail(tail: str | None) -> None:
    """Raise ConfigError for an unknown tail."""
    if tail is not None:
        require_one_of("preprocess.tail", tail, TAILS)


def grown(distance: npt.NDArray[np.float64], tail: str | None) -> npt.NDArray[np.float64]:
    """The amount that a distance outside, in robust scales, adds to the encoded end: increasing, and 0 at 0."""
    if tail is None:
        return np.zeros_like(distance)
    return np.log1p(distance) if tail == LOG else distance


def departure(x: npt.NDArray[np.float64], constant: npt.NDArray[np.float64]) -> npt.NDArray[Any]:
    """The distance of values from their column's constant: 0 if unchanged, else at least 1, negative if below.

    x: (rows, columns); constant: (columns,). Grows with the logarithm of the distance in the column's own unit.
    """
    unit = np.where(constant == 0, 1.0, np.abs(constant))
    distance = (x - constant) / unit
    return np.where(np.abs(distance) <= _ROUNDING, 0.0, np.sign(distance) * (1 + np.log1p(np.abs(distance))))
