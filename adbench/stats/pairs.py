"""Two configurations, compared on the runs that both have."""

from collections import defaultdict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr

from adbench.stats.interval import Interval
from adbench.stats.intervals import Values, around

# Differences of numbers near one another carry their rounding, which is no variance.
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Comparison:
    """a minus b, over `n` pairs of runs of the same data and seed."""

    n: int
    n_datasets: int
    difference: Interval  # mean over datasets of the mean over seeds; bounds are nan where nothing tells the variance
    error: float  # standard error of the difference
    probability: float  # that the true difference has the sign of this one, in [0.5, 1]; nan as the bounds


def compare(
    a: Mapping[tuple[Hashable, int], float], b: Mapping[tuple[Hashable, int], float], confidence: float = 0.95
) -> Comparison | None:
    """Compare values by (data, seed) where both have one; None where they have none in common.

    The question is about these datasets: seeds vary, datasets do not, and each counts the same however many seeds it
    has. The probability follows from the t distribution of that stratified mean with a flat prior; its degrees of
    freedom are Welch's and Satterthwaite's. A dataset with one pair takes the variance of the others.
    """
    by_data: defaultdict[Hashable, list[float]] = defaultdict(list)
    scale = 0.0
    for data, seed in sorted(a.keys() & b.keys(), key=repr):
        x, y = a[data, seed], b[data, seed]
        if np.isfinite(x) and np.isfinite(y):
            by_data[data].append(x - y)
            scale = max(scale, abs(x), abs(y))
    if not by_data:
        return None
    strata = [np.asarray(differences) for differences in by_data.values()]
    n, mean = sum(map(len, strata)), float(np.mean([stratum.mean() for stratum in strata]))
    error, df = _error_of_mean(strata)
    if df == 0:
        return Comparison(n, len(strata), Interval(mean, float("nan"), float("nan")), float("nan"), float("nan"))
    if error <= _ROUNDING * scale:
        certain = abs(mean) > _ROUNDING * scale
        return Comparison(n, len(strata), Interval(mean, mean, mean), 0.0, 1.0 if certain else 0.5)
    probability = float(stdtr(df, abs(mean) / error))
    return Comparison(n, len(strata), around(mean, error, df, confidence), error, probability)


def _error_of_mean(strata: list[Values]) -> tuple[float, float]:
    """Standard error of the mean of the strata's means, and its degrees of freedom; (nan, 0) where nothing tells."""
    several = [stratum for stratum in strata if len(stratum) > 1]
    if not several:
        return float("nan"), 0.0
    variance = np.array([stratum.var(ddof=1) for stratum in several])
    count = np.array([len(stratum) for stratum in several])
    # The error's square is a weighted sum of these variances; the pooled one stands in for that of lone pairs.
    weight = 1 / count + (len(strata) - len(several)) * (count - 1) / (count - 1).sum()
    parts = weight * variance
    total = float(parts.sum())
    df = total**2 / float((parts**2 / (count - 1)).sum()) if total > 0 else float((count - 1).sum())
    return float(np.sqrt(total)) / len(strata), df
