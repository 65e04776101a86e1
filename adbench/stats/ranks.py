"""Rank tests of several models over several datasets: Demsar, Statistical comparisons of classifiers over multiple
data sets, JMLR 7 (2006). A table has one row per dataset and one column per model.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from adbench.stats.intervals import Values


@dataclass(frozen=True)
class Friedman:
    """Tests of equal ranks: Friedman's, and the more powerful one of Iman and Davenport."""

    mean_ranks: Values  # one per model; 1 is the best possible
    chi2: float
    p_value: float  # of chi2
    f: float
    f_p_value: float  # of f; at least the chance of identical orders on all datasets, (1 / k!) ^ (n - 1)


def ranks(table: npt.ArrayLike, higher_is_better: bool = True) -> Values:
    """Ranks of the models per row, 1 for the best; ties share their mean rank. Values must be finite."""
    values = np.asarray(table, dtype=np.float64)
    if values.ndim != 2 or not np.isfinite(values).all():
        raise ValueError("expected a full table of finite numbers, a row a dataset and a column a model")
    ranked: Values = stats.rankdata(-values if higher_is_better else values, axis=1)
    return ranked


def mean_ranks(table: npt.ArrayLike, higher_is_better: bool = True) -> Values:
    """The mean rank per model over the datasets."""
    return ranks(table, higher_is_better).mean(axis=0)


def friedman(table: npt.ArrayLike, higher_is_better: bool = True, correct_ties: bool = True) -> Friedman:
    """Friedman's test of at least two models on at least two datasets. correct_ties: False for Demsar's formula."""
    ranked = ranks(table, higher_is_better)
    n, k = ranked.shape
    if n < 2 or k < 2:
        raise ValueError(f"expected at least two datasets and two models, got {n} and {k}")
    mean = ranked.mean(axis=0)
    between = n * float(((mean - (k + 1) / 2) ** 2).sum())
    untied = k * (k + 1) / 12
    within = float(ranked.var(axis=1, ddof=1).mean()) if correct_ties else untied
    if within == 0:  # nothing but ties
        return Friedman(mean, 0.0, 1.0, 0.0, 1.0)
    chi2 = between / within
    rest = n * (k - 1) - chi2
    f = (n - 1) * chi2 / rest if rest > 1e-9 else float("inf")  # infinite if the order is the same on every dataset
    # If all orders agree, f is infinite and its p value 0, yet two datasets agree on two models half of the time.
    smallest = math.factorial(k) ** -float(n - 1) if k <= 50 else 0.0
    f_p_value = max(float(stats.f.sf(f, k - 1, (k - 1) * (n - 1))), smallest)
    return Friedman(mean, chi2, float(stats.chi2.sf(chi2, k - 1)), f, f_p_value)


def wilcoxon(a: Sequence[float], b: Sequence[float]) -> float:
    """Two-sided p value of the signed-rank test for two models on the same datasets; 1 if all values are equal.

    It is at least 2 / 2^n for n datasets: with fewer than six, nothing is significant at 5 %.
    """
    difference = np.asarray(a, dtype=np.float64) - np.asarray(b, dtype=np.float64)
    if not difference.any():
        return 1.0
    return float(stats.wilcoxon(difference).pvalue)


def critical_difference(n_models: int, n_datasets: int, alpha: float = 0.05) -> float:
    """Nemenyi's critical difference: mean ranks further apart than this differ significantly."""
    q = float(stats.studentized_range.ppf(1 - alpha, n_models, np.inf)) / np.sqrt(2)
    return float(q * np.sqrt(n_models * (n_models + 1) / (6 * n_datasets)))


def not_separated(mean_ranks: npt.ArrayLike, difference: float) -> list[list[int]]:
    """The maximal groups of models whose mean ranks lie within `difference`, best first: a diagram's bars.

    Each group holds positions in `mean_ranks`, sorted by rank; single models form no group.
    """
    values = np.asarray(mean_ranks, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    ordered, found, reached = values[order], [], 0
    for first in range(len(order)):
        end = int(np.searchsorted(ordered, ordered[first] + difference, side="right"))
        if end - first > 1 and end > reached:
            found.append([int(i) for i in order[first:end]])
            reached = end
    return found
