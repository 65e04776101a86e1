"""Paired comparison of two configurations on the runs they share."""

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

# Rounding error of differences between nearly equal numbers, relative to them; not counted as variance.
_ROUNDING = 1e-12

Key = tuple[Any, Any]  # (data, seed)
Blocks = npt.NDArray[np.floating[Any]]  # influences of the test rows, summed per block


@dataclass(frozen=True)
class Comparison:
    """a minus b, over `n` pairs of runs of the same data and seed.

    difference: the mean over groups of related data of the mean over seeds; its bounds, and everything derived from
    them, are NaN if the variance is unknown. p_value: two-sided, of no difference. probability: that the true
    difference has the same sign, in [0.5, 1]. rows_known: whether the variance includes that of the test rows.
    by_data: the difference per dataset, with simultaneous intervals.
    """

    n: int
    n_datasets: int
    difference: Interval
    error: float  # standard error of the difference
    of_seeds: float  # the part of it that more seeds reduce
    p_value: float
    probability: float
    rows_known: bool
    by_data: dict[Hashable, Interval]

    @property
    def is_mixed(self) -> bool:
        """True if a is significantly better on some data and significantly worse on others."""
        surely = [(of.low > 0) - (of.high < 0) for of in self.by_data.values()]
        return min(surely) < 0 < max(surely)


@dataclass(frozen=True)
class _Stratum:
    """The pairs on one dataset. variance: of their mean; NaN if unknown."""

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
    """Compare the values at the (data, seed) keys that both have; None if they share no key.

    rows: the influences of the test rows on a pair's difference, in the same blocks for all pairs. Seeds measure only
    the repeatability of training; another sample of test rows could reverse the comparison, and runs on the same test
    rows share that error. related: maps data to a group, such as data that share rows; groups are weighted equally,
    and the errors within one add up.

    The conclusion holds for these data: seeds and test rows are random, data are fixed. The probability follows from
    the t distribution with a flat prior; its degrees of freedom are Welch's and Satterthwaite's. Data with one pair
    borrow the variance over seeds of the others, if available.
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
        # Runs that agree to the last digit show that training is deterministic, but nothing about the test rows.
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
    """The variance of the mean over seeds: due to seeds, due to test rows, and both together.

    If test rows differ between seeds, the variance between seeds contains theirs, which is counted once.
    """
    n = len(values)
    of_seeds = float(values.var(ddof=1)) / n if n > 1 and not (values == values[0]).all() else 0.0
    if blocks is None:
        return of_seeds, 0.0, of_seeds
    table = np.asarray(blocks, dtype=np.float64)
    mean = table.mean(axis=0)
    unbiased = len(mean) / max(len(mean) - 1, 1)  # the blocks sum to 0
    of_rows = unbiased * float((mean**2).sum())
    apart = unbiased * float(((table - mean) ** 2).sum()) / (n - 1) / n if n > 1 else 0.0
    return of_seeds, of_rows, max(of_seeds, of_rows, of_seeds + of_rows - apart)


def rows_df(blocks: Sequence[Blocks]) -> float:
    """Degrees of freedom of the variance due to test rows: fewer if a few blocks dominate it."""
    squares = np.asarray(blocks, dtype=np.float64).mean(axis=0) ** 2
    fourth = float((squares**2).sum())
    return max(1.0, min(len(squares) - 1.0, 3 * float(squares.sum()) ** 2 / fourth)) if fourth else len(squares) - 1.0


def _pooled(several: Sequence[npt.NDArray[np.float64]], scale: float) -> tuple[float, float]:
    """The variance over seeds that data with one pair borrow, and its degrees of freedom; NaN if the others have no
    variance: 0 is not borrowed."""
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
    error due to seeds."""
    groups: defaultdict[Hashable, list[_Stratum]] = defaultdict(list)
    for data, stratum in strata.items():
        groups[related(data)].append(stratum)
    k, means, errors, seeds, dfs = len(groups), [], [], [], []
    for members in groups.values():
        means.append(sum(of.mean for of in members) / len(members))
        errors.append(sum(sqrt(of.variance) for of in members) / len(members))  # fully correlated
        seeds.append(sqrt(sum(of.of_seeds for of in members)) / len(members))
        dfs.append(min(of.df for of in members))
    variance = sum(error**2 for error in errors)
    weights = sum(error**4 / df for error, df in zip(errors, dfs, strict=True) if df)
    # Data with a borrowed variance are not independent of its source.
    borrowed = any(of.n == 1 for of in strata.values())
    df = variance**2 / weights if weights and not borrowed else min(dfs)
    return sum(means) / k, sqrt(variance) / k, df, hypot(*seeds) / k


def _interval(mean: float, error: float, df: float, confidence: float) -> Interval:
    if isnan(error):
        return Interval(mean, nan, nan)
    return around(mean, error, df, confidence) if error else Interval(mean, mean, mean)
