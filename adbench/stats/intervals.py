"""Confidence intervals of a mean over seeds."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, stdtrit  # imports in a fifth of scipy.stats' time

from adbench.stats.interval import Interval

Values = npt.NDArray[np.float64]


def t_interval(values: Iterable[float], confidence: float = 0.95) -> Interval:
    """Student's interval for the mean; the bounds are NaN for fewer than two values, also the value for none."""
    x = as_values(values)
    if len(x) < 2:
        return Interval(float(x[0]) if len(x) else float("nan"), float("nan"), float("nan"))
    return around(float(x.mean()), standard_error(x), len(x) - 1, confidence)


def around(value: float, error: float, df: float, confidence: float) -> Interval:
    """The interval of a value whose standard error has df degrees of freedom."""
    half = float(half_width(error, df, confidence))
    return Interval(value, value - half, value + half)


def half_width(error: npt.ArrayLike, df: npt.ArrayLike, confidence: float = 0.95) -> Values:
    """Half widths of Student's intervals for these standard errors; NaN for zero degrees of freedom."""
    width: Values = stdtrit(np.asarray(df, dtype=np.float64), 0.5 + confidence / 2) * np.asarray(error)
    return width


def bootstrap_interval(
    values: Iterable[float], confidence: float = 0.95, n_resamples: int = 5000, seed: int = 0
) -> Interval:
    """A bootstrap interval for the mean over seeds, free of assumptions about the distribution's shape.

    The percentiles are expanded so that the interval of a few normal values is as wide as Student's (the expanded
    percentile interval of Hesterberg 2015, The American Statistician 69:371); plain percentiles are far too narrow
    for five seeds. Still, no bootstrap sees beyond its sample: with fewer than ten values, and no reason to doubt
    their normality, use `t_interval`.
    """
    x = as_values(values)
    if len(x) < 2:
        return t_interval(x)
    rng = np.random.default_rng(seed)
    means = x[rng.integers(0, len(x), (n_resamples, len(x)))].mean(axis=1)
    t = float(stdtrit(len(x) - 1, 0.5 - confidence / 2))
    tail = float(ndtr(t * np.sqrt(len(x) / (len(x) - 1))))
    low, high = np.quantile(means, [tail, 1 - tail])
    return Interval(float(x.mean()), float(low), float(high))


def as_values(values: Iterable[float]) -> Values:
    """Numbers as an array of float64."""
    return np.fromiter(values, dtype=np.float64)


def standard_error(x: Values) -> float:
    """Standard error of the mean; exactly 0 if all values are equal, despite rounding in the mean."""
    return 0.0 if (x == x[0]).all() else float(x.std(ddof=1) / np.sqrt(len(x)))
