"""Two configurations, compared on the runs that both have."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from math import hypot, isnan, nan, sqrt
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import stdtr

from adbench.stats.interval import Interval
from adbench.stats.intervals import around

# Differences of numbers near one another carry their rounding, which is no variance.
_ROUNDING = 1e-12

Key = tuple[Any, Any]  # (data, seed)
Blocks = npt.NDArray[np.floating[Any]]  # the influences of the test rows, summed by blocks of them


@dataclass(frozen=True)
class Comparison:
    """a minus b, over `n` pairs of runs of the same data and seed.

    difference: the mean over groups of related data of the mean over seeds; its bounds, and all that follows from
    them, are nan where nothing tells the variance. p_value: two-sided, of no difference. probability: that the true
    difference has the sign of this one, in [0.5, 1]. rows_known: whether the share of the test rows is in it.
    by_data: the difference on each of the data, with intervals that all hold together.
    """

    n: int
    n_datasets: int
    difference: Interval
    error: float  # standard error of the difference
    of_seeds: float  # the part of it that more seeds lessen
    p_value: float
    probability: float
    rows_known: bool
    by_data: dict[Hashable, Interval]

    @property
    def is_mixed(self) -> bool:
        """Whether a is the better one on some data and the worse one on others, surely on either."""
        surely = [(of.low > 0) - (of.high < 0) for of in self.by_data.values()]
        return min(surely) < 0 < max(surely)


@dataclass(frozen=True)
class _Stratum:
    """The pairs of one of the data. variance: of their mean; nan where nothing tells it."""

    mean: float
    n: int
    of_seeds: float
    of_rows: float
    variance: float
    df: float


def compare(
    a: Mapping[Key, float],
    b: Mapping[Key, float],
    confidence: float = 0.95,
    *,
    rows: Callable[[Key], Blocks | None] = lambda _: None,
    related: Callable[[Any], Hashable] = lambda data: data,
) -> Comparison | None:
    """Compare values by (data, seed) where both have one; None where they have none in common.

    rows: the influences of the test rows on the difference of a pair, in the same blocks for all of them. Seeds tell
    how repeatable a training is; which detector is better, another sample of test rows could decide otherwise, and
    runs that share their test rows share that error. related: data of one group are one source, since they share
    rows; each group counts the same, and the errors of its members add up.

    The question is about these data: seeds and test rows vary, data do not. The probability follows from the t
    distribution with a flat prior; its degrees of freedom are Welch's and Satterthwaite's. Data with one pair take the
    variance over seeds of the others, if those have any.
    """
    pairs: defaultdict[Hashable, list[Key]] = defaultdict(list)
    scale = 0.0
    for key in sorted(a.keys() & b.keys(), key=repr):
        if np.isfinite(a[key]) and np.isfinite(b[key]):
            pairs[key[0]].append(key)
            scale = max(scale, abs(a[key]), abs(b[key]))
    if not pairs:
        return None
    blocks = {data: [rows(key) for key in keys] for data, keys in pairs.items()}
    known = all(x is not None for of_data in blocks.values() for x in of_data)
    differences = {data: np.array([a[key] - b[key] for key in keys]) for data, keys in pairs.items()}
    lone = _pooled([x for x in differences.values() if len(x) > 1], scale)
    strata = {data: _stratum(x, blocks[data] if known else None, lone, scale) for data, x in differences.items()}
    mean, error, df, of_seeds = _over_groups(strata, related)
    n, each = sum(map(len, pairs.values())), 1 - (1 - confidence) / len(strata)
    by_data = {data: _interval(of.mean, sqrt(of.variance), of.df, each) for data, of in strata.items()}
    if isnan(error) or (error <= _ROUNDING * scale and not known):
        # Runs that agree to the last digit say that training has no randomness, and nothing of the test rows.
        nothing = Interval(mean, nan, nan)
        return Comparison(n, len(strata), nothing, nan, nan, nan, nan, known, dict.fromkeys(by_data, nothing))
    if error <= _ROUNDING * scale:
        certain = abs(mean) > _ROUNDING * scale
        exact = Interval(mean, mean, mean)
        return Comparison(n, len(strata), exact, 0.0, 0.0, 1.0 - certain, 0.5 + certain / 2, known, by_data)
    probability = float(stdtr(df, abs(mean) / error))
    interval = around(mean, error, df, confidence)
    return Comparison(n, len(strata), interval, error, of_seeds, 2 * (1 - probability), probability, known, by_data)


def variance_of_mean(values: npt.NDArray[np.float64], blocks: Sequence[Blocks] | None) -> tuple[float, float, float]:
    """Of the mean over seeds: what the seeds bring, what the test rows bring, and both together.

    What the values of several seeds differ by is in both where their test rows differ, and is counted once.
    """
    n = len(values)
    of_seeds = float(values.var(ddof=1)) / n if n > 1 and not (values == values[0]).all() else 0.0
    if blocks is None:
        return of_seeds, 0.0, of_seeds
    table = np.asarray(blocks, dtype=np.float64)
    mean = table.mean(axis=0)
    unbiased = len(mean) / max(len(mean) - 1, 1)  # for the blocks, which sum to 0
    of_rows = unbiased * float((mean**2).sum())
    apart = unbiased * float(((table - mean) ** 2).sum()) / (n - 1) / n if n > 1 else 0.0
    return of_seeds, of_rows, max(of_seeds, of_rows, of_seeds + of_rows - apart)


def rows_df(blocks: Sequence[Blocks]) -> float:
    """The degrees of freedom of what the test rows bring: fewer, where few blocks carry most of it."""
    squares = np.asarray(blocks, dtype=np.float64).mean(axis=0) ** 2
    fourth = float((squares**2).sum())
    return max(1.0, min(len(squares) - 1.0, 3 * float(squares.sum()) ** 2 / fourth)) if fourth else len(squares) - 1.0


def _pooled(several: Sequence[npt.NDArray[np.float64]], scale: float) -> tuple[float, float]:
    """The variance over seeds that stands in for that of data with one pair, and its degrees of freedom; nan where
    the others have none: a variance of 0 is not borrowed."""
    if not several:
        return nan, 0.0
    df = sum(len(x) - 1 for x in several)
    variance = sum(float(((x - x.mean()) ** 2).sum()) for x in several) / df
    return (variance, df) if variance > (_ROUNDING * scale) ** 2 else (nan, 0.0)


def _stratum(
    x: npt.NDArray[np.float64], blocks: Sequence[Any] | None, lone: tuple[float, float], scale: float
) -> _Stratum:
    n, mean = len(x), float(x.mean())
    of_seeds, of_rows, variance = variance_of_mean(x, blocks)
    df_seeds = n - 1.0
    if n == 1:
        of_seeds, df_seeds = lone
        variance = of_seeds + of_rows
    if of_seeds <= (_ROUNDING * scale) ** 2:
        of_seeds, variance = 0.0, of_rows
    parts = [(of_seeds, df_seeds)] + ([(of_rows, rows_df(blocks))] if blocks is not None else [])
    weights = sum(part**2 / df for part, df in parts if df)
    df = sum(part for part, _ in parts) ** 2 / weights if weights else max(1.0, df_seeds)
    return _Stratum(mean, n, of_seeds, of_rows, variance, df)


def _over_groups(
    strata: Mapping[Hashable, _Stratum], related: Callable[[Any], Hashable]
) -> tuple[float, float, float, float]:
    """The mean over groups of the mean over their data, its standard error, degrees of freedom, and the part of the
    error that seeds bring."""
    groups: defaultdict[Hashable, list[_Stratum]] = defaultdict(list)
    for data, stratum in strata.items():
        groups[related(data)].append(stratum)
    k, means, errors, seeds, dfs = len(groups), [], [], [], []
    for members in groups.values():
        means.append(sum(of.mean for of in members) / len(members))
        errors.append(sum(sqrt(of.variance) for of in members) / len(members))  # as of one source
        seeds.append(sqrt(sum(of.of_seeds for of in members)) / len(members))
        dfs.append(min(of.df for of in members))
    variance = sum(error**2 for error in errors)
    weights = sum(error**4 / df for error, df in zip(errors, dfs, strict=True) if df)
    # Data that borrow a variance vary with those that they have it from.
    borrowed = any(of.n == 1 for of in strata.values())
    df = variance**2 / weights if weights and not borrowed else min(dfs)
    return sum(means) / k, sqrt(variance) / k, df, hypot(*seeds) / k


def _interval(mean: float, error: float, df: float, confidence: float) -> Interval:
    if isnan(error):
        return Interval(mean, nan, nan)
    return around(mean, error, df, confidence) if error else Interval(mean, mean, mean)
