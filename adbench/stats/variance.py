"""Variance components of a metric, and the number of seeds needed to find a difference."""

import math
from collections.abc import Hashable, Mapping, Sequence

import numpy as np

from adbench.errors import DataError
from adbench.stats.interval import Interval
from adbench.stats.intervals import Values

RESIDUAL = "residual"
_MOST = 10_000_000  # seeds; a difference that needs more is treated as none


def components(values: Sequence[float], factors: Mapping[str, Sequence[Hashable]]) -> dict[str, float]:
    """Variance components of the factors, such as split, init and order, and of the `residual`: their interactions and
    all other variation.

    factors: name -> level per run. Estimated by the method of moments: the sums of squares between the levels of each
    factor (Henderson's first method) and of the residual (his third) are equated to their expectations, so that the
    design may be unbalanced. Negative estimates become 0.
    Raises DataError for factors that these runs cannot separate.
    """
    squares, expected, _ = _sums_of_squares(values, factors)
    solution = np.linalg.solve(expected, squares)
    return dict(zip((*factors, RESIDUAL), (max(0.0, float(value)) for value in solution), strict=True))


def share_intervals(
    values: Sequence[float], factors: Mapping[str, Sequence[Hashable]], confidence: float = 0.95, n_draws: int = 4000
) -> dict[str, Interval]:
    """The share of the variance due to each factor and the `residual`, with intervals.

    Generalized confidence intervals (Weerahandi 1993, JASA 88:899): each expectation is replaced by the sum of squares
    over a chi-square draw, and the components are solved for as in `components`. A few levels per factor carry little
    information, so that most intervals are wide. Raises DataError as `components` does.
    """
    found = components(values, factors)
    squares, expected, df = _sums_of_squares(values, factors)
    chi2 = np.random.default_rng(0).chisquare(df, (n_draws, len(df)))
    drawn = np.linalg.solve(expected, (squares * df / chi2).T).T.clip(min=0.0)
    total = drawn.sum(axis=1, keepdims=True)
    shares = np.divide(drawn, total, out=np.zeros_like(drawn), where=total > 0)
    ends = np.quantile(shares, [0.5 - confidence / 2, 0.5 + confidence / 2], axis=0).T
    whole = sum(found.values())
    return {
        name: Interval(part / whole if whole else 0.0, float(low), float(high))
        for (name, part), (low, high) in zip(found.items(), ends, strict=True)
    }


def seeds_needed(
    difference: float, sd_of_paired_difference: float, alpha: float = 0.05, power: float = 0.8, sides: int = 2
) -> int | None:
    """The total number of paired seeds with which a paired t test finds a difference of this size.

    None if no number suffices: for a zero difference or an unknown standard deviation.
    """
    if difference == 0 or not math.isfinite(difference) or not math.isfinite(sd_of_paired_difference):
        return None
    if sd_of_paired_difference == 0:
        return 2
    effect = abs(difference) / sd_of_paired_difference

    def enough(n: int) -> bool:
        return effect * math.sqrt(n) >= noncentrality(n - 1, alpha, power, sides)

    high = 2
    while not enough(high):
        high *= 2
        if high > _MOST:
            return None
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if middle >= 2 and enough(middle) else (middle, high)
    return high


def noncentrality(df: float, alpha: float = 0.05, power: float = 0.8, sides: int = 1) -> float:
    """The true difference, in standard errors, that a t test finds with this power.

    sides: 2 for a two-sided test, ignoring the probability of the wrong sign.
    """
    from scipy import optimize, stats  # takes a second, and most tables do not need it

    critical = float(stats.t.isf(alpha / sides, df))
    if df > 1000:
        return critical + float(stats.norm.isf(1 - power))

    def missing(size: float) -> float:
        return float(stats.nct.sf(critical, df, size)) - power

    return float(optimize.brentq(missing, 0.0, 3 * critical + 10, xtol=1e-6))


def _incidence(levels: Sequence[Hashable]) -> Values:
    """Indicator matrix of a factor, shape (runs, levels)."""
    names = list(dict.fromkeys(levels))
    return np.array([[float(level == name) for name in names] for level in levels]).reshape(len(levels), len(names))


def _sums_of_squares(
    values: Sequence[float], factors: Mapping[str, Sequence[Hashable]]
) -> tuple[Values, Values, Values]:
    """Sums of squares between the levels of each factor and of the residual, each component's coefficient in their
    expectations (sums, components), and their degrees of freedom."""
    y = np.asarray(values, dtype=np.float64)
    for name, levels in factors.items():
        if len(levels) != len(y):
            raise DataError(f"expected a level of {name} for each of {len(y)} runs, got {len(levels)}")
    incidence = {name: _incidence(levels) for name, levels in factors.items()}
    centre = np.full((len(y), len(y)), 1 / max(len(y), 1))
    design = np.hstack([np.ones((len(y), 1)), *incidence.values()])
    # Quadratic forms y'Ay, invariant to constants: one between the levels of each factor, one for the residual.
    forms = [z @ np.diag(1 / z.sum(axis=0)) @ z.T - centre for z in incidence.values()]
    forms.append(np.eye(len(y)) - design @ np.linalg.pinv(design))
    effects = [z @ z.T for z in incidence.values()] + [np.eye(len(y))]
    expected = np.array([[float((form * effect).sum()) for effect in effects] for form in forms])
    if len(y) < 2 or np.linalg.matrix_rank(expected, tol=1e-8 * max(1.0, np.abs(expected).max())) < len(forms):
        raise DataError(
            f"expected runs in which {', '.join(factors)} vary apart from each other, got {len(y)} that cannot tell"
            " them apart; add runs in which one changes and the others stay"
        )
    df = [len(set(levels)) - 1 for levels in factors.values()] + [len(y) - np.linalg.matrix_rank(design)]
    return np.array([float(y @ form @ y) for form in forms]), expected, np.array(df, dtype=np.float64)
