"""Test for a shift between two samples."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Shift:
    """Result of a two-sample test. probability: that a value of the second sample exceeds one of the first, ties
    counting one half. p: the two-sided p value of its difference from .5 under equal distributions.
    """

    probability: float
    p: float


def mann_whitney(x: Values, y: Values, n_x: float | None = None, n_y: float | None = None) -> Shift:
    """The test of Mann & Whitney (1947) in the normal approximation, corrected for ties and continuity.

    n_x, n_y: effective numbers of independent values; None: the sample sizes. See `effective_size`.
    """
    ordered = np.sort(x)
    below = np.searchsorted(ordered, y, side="left") + np.searchsorted(ordered, y, side="right")
    probability = float(below.mean() / (2 * len(x)))
    n_x, n_y = float(n_x or len(x)), float(n_y or len(y))
    n_tied = np.unique(np.concatenate([x, y]), return_counts=True)[1].astype(np.float64)
    n = float(len(x) + len(y))
    untied = 1 - float((n_tied**3 - n_tied).sum()) / (n**3 - n)
    error = math.sqrt(max(untied, 0.0) * (1 / n_x + 1 / n_y + 1 / (n_x * n_y)) / 12)
    apart = max(abs(probability - 0.5) - 0.5 / (n_x * n_y), 0.0)
    return Shift(probability, math.erfc(apart / error / math.sqrt(2)) if error > 0 else 1.0)


def effective_size(group: npt.NDArray[np.generic]) -> float:
    """The effective sample size if the values of a group are copies (Kish 1965): (sum of sizes)^2 / sum of squared
    sizes.
    """
    sizes = np.unique(group, return_counts=True)[1].astype(np.float64)
    return float(sizes.sum() ** 2 / (sizes**2).sum())
