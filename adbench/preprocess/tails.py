"""How strange a number is that lies outside what was fitted: in units that a few strange fitted rows do not change."""

from typing import Any

import numpy as np
import numpy.typing as npt

from adbench.config.checks import require_one_of

LINEAR, LOG = "linear", "log"
TAILS = (LINEAR, LOG)
Column = npt.NDArray[np.float64]  # (rows,)

# The middle half of the rows; where they share one value, more of them, and in the end all.
_SHARES = (0.5, 0.9, 0.98, 0.998, 1.0)
_ROUNDING = 2.0**-50  # of a value, what arithmetic alone can change
_FINEST = 2.0**-40  # of a column's largest value: smaller distances are no scale at its ends


def robust_scale(x: Column) -> float:
    """The interquartile range of a column as the standard deviation of a normal distribution that has it.

    Where more than half of the rows share a value: the range of 90 % of the rows, of 98 %, 99.8 % or all of them, each
    as if it were normal. A constant column: the size of its value, or 1 for a column of zeros.
    """
    from scipy.special import ndtri

    shares, finest = np.array(_SHARES), _FINEST * max(abs(x.min()), abs(x.max()))
    for share, low, high in zip(_SHARES, *np.quantile(x, [(1 - shares) / 2, (1 + shares) / 2]), strict=True):
        if np.isfinite(high - low) and high - low > finest:
            return float((high - low) / (2 * ndtri((1 + min(share, 0.998)) / 2)))
    return own_unit(float(x[0]))


def own_unit(value: float) -> float:
    """The unit in which a column changes that was always this value."""
    return abs(value) or 1.0


def require_tail(tail: str | None) -> None:
    """Raise ConfigError for what is no tail."""
    if tail is not None:
        require_one_of("preprocess.tail", tail, TAILS)


def grown(distance: npt.NDArray[np.float64], tail: str | None) -> npt.NDArray[np.float64]:
    """What a distance of so many scales outside adds to the encoded end, 0 for none; grows with the distance."""
    if tail is None:
        return np.zeros_like(distance)
    return np.log1p(distance) if tail == LOG else distance


def departure(x: npt.NDArray[np.float64], constant: npt.NDArray[np.float64]) -> npt.NDArray[Any]:
    """How far columns lie from what they always were: 0; or 1 and more, for any change, below it negative.

    x: (rows, columns); constant: (columns,). The logarithm of the distance, in the column's own unit, is added.
    """
    unit = np.where(constant == 0, 1.0, np.abs(constant))
    distance = (x - constant) / unit
    return np.where(np.abs(distance) <= _ROUNDING, 0.0, np.sign(distance) * (1 + np.log1p(np.abs(distance))))
