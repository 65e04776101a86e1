"""Corruptions of a table: added columns of noise, and synthetic anomalies of one type in place of the real ones.

After Han et al. 2022, "ADBench: Anomaly Detection Benchmark" (NeurIPS), sections on types of anomalies and on noise.
The rows must be in memory.
"""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from adbench.config.checks import require_fraction, require_one_of
from adbench.data.base import Features
from adbench.errors import ConfigError, DataError

LOCAL, GLOBAL, DEPENDENCY = "local", "global", "dependency"
KINDS = (LOCAL, GLOBAL, DEPENDENCY)
ALPHA = 5.0  # a local anomaly's covariance, relative to its neighbourhood's, as in ADBench
MOST_IRRELEVANT = 0.99  # of all columns: 99 noise columns per real one
WIDER = 0.1  # of the fitted range: how far global anomalies exceed it on each side
MIXTURE_ROWS, MIXTURE_COMPONENTS = 2_000, range(1, 6)  # ADBench uses all rows and 1 to 10; fewer here to save time
Rng = np.random.Generator
Rows = tuple[npt.NDArray[np.float64], npt.NDArray[np.int32]]  # (rows, numeric columns), (rows, categorical columns)


def require_irrelevant(share: float | None) -> None:
    """Raise ConfigError for an invalid share of columns."""
    if share is not None:
        require_fraction("protocol.irrelevant", share)
        if share > MOST_IRRELEVANT:
            raise ConfigError(f"expected protocol.irrelevant to be at most {MOST_IRRELEVANT:g}, got {share:g}")


def require_kind(kind: str | None) -> None:
    """Raise ConfigError for an unknown kind of anomalies."""
    if kind is not None:
        require_one_of("protocol.synthetic", kind, KINDS)


def with_irrelevant(parts: Sequence[Features], share: float, rng: Rng) -> list[Features]:
    """The parts, of which the first is fitted on, with noise columns making up this share of all columns.

    Each noise column is uniform over the range of a randomly chosen numeric column.
    """
    fit = _in_memory(parts[0])
    n_columns = len(fit.numeric_names) + len(fit.vocabularies)
    n_noise = max(1, round(share / (1 - share) * n_columns))
    low, high = np.zeros(n_noise), np.ones(n_noise)
    if fit.numeric_names:
        drawn = rng.integers(len(fit.numeric_names), size=n_noise)
        low, high = fit.numeric.min(axis=0)[drawn], fit.numeric.max(axis=0)[drawn]
    prefix = "noise"
    while any(name.startswith(prefix) for name in (*fit.numeric_names, *fit.vocabularies)):
        prefix = f"_{prefix}"
    names = (*fit.numeric_names, *(f"{prefix}{i + 1}" for i in range(n_noise)))
    return [
        Features(
            np.asfortranarray(np.hstack([part.numeric, rng.uniform(low, high, (len(part), n_noise))])),
            names,
            part.codes,
            part.vocabularies,
        )
        for part in map(_in_memory, parts)
    ]


def with_synthetic(test: Features, label: npt.NDArray[np.int8], fit: Features, kind: str, rng: Rng) -> Features:
    """The test rows with each anomaly replaced by a synthetic one of this kind, generated from their normal rows.

    local: a normal row plus noise with `ALPHA` - 1 times the covariance of its component of a Gaussian mixture, which
    gives `ALPHA` times that covariance around the component's mean; each number is rounded to the nearest fitted
    value, so that no single value gives the anomaly away. global: every column uniform over the fitted range and a
    tenth beyond it, integers where the fitted values are. dependency: every column drawn from normal rows on its own,
    so that each column alone looks normal. (ADBench smooths those columns with a kernel, whose values between
    integers would give anomalies away.) Mixture and ranges are fitted on the fit rows.
    """
    test, fit = _in_memory(test), _in_memory(fit)
    anomalous = label == 1
    normals, n = test.take(np.flatnonzero(~anomalous)), int(anomalous.sum())
    made = {LOCAL: _local, GLOBAL: _global, DEPENDENCY: _dependency}[kind](normals, fit, n, rng)
    numeric, codes = test.numeric.copy(order="F"), test.codes.copy(order="F")
    numeric[anomalous], codes[anomalous] = made
    return Features(numeric, test.numeric_names, codes, test.vocabularies)


def _local(normals: Features, fit: Features, n: int, rng: Rng) -> Rows:
    if not normals.numeric_names:
        raise DataError("expected numeric columns to make local anomalies of, got none; try protocol.synthetic=global")
    base = rng.integers(len(normals), size=n)
    mean, scale = fit.numeric.mean(axis=0), fit.numeric.std(axis=0)
    scale[scale == 0] = 1.0
    mixture = _mixture((fit.numeric - mean) / scale, rng)
    rows = normals.numeric[base]
    component_of = mixture.predict((rows - mean) / scale)
    for component, cholesky in enumerate(np.linalg.cholesky(mixture.covariances_)):
        moved = component_of == component
        noise = rng.normal(size=(int(moved.sum()), len(scale))) @ cholesky.T
        rows[moved] += np.sqrt(ALPHA - 1) * noise * scale
    values = [_nearest(column, np.unique(fitted)) for column, fitted in zip(rows.T, fit.numeric.T, strict=True)]
    return np.stack(values, axis=1), normals.codes[base]


def _global(normals: Features, fit: Features, n: int, rng: Rng) -> Rows:
    low, high = fit.numeric.min(axis=0), fit.numeric.max(axis=0)
    beyond = WIDER * (high - low)
    numeric = rng.uniform(low - beyond, high + beyond, (n, len(low)))
    whole = (fit.numeric == np.round(fit.numeric)).all(axis=0)
    numeric[:, whole] = np.round(numeric[:, whole])
    codes = [rng.choice(np.unique(column), n) for column in fit.codes.T]
    return numeric, np.stack(codes, axis=1) if codes else np.empty((n, 0), np.int32)


def _dependency(normals: Features, fit: Features, n: int, rng: Rng) -> Rows:
    def drawn(columns: npt.NDArray[Any]) -> npt.NDArray[Any]:
        found = [column[rng.integers(len(normals), size=n)] for column in columns.T]
        return np.stack(found, axis=1) if found else np.empty((n, 0), columns.dtype)

    return drawn(normals.numeric), drawn(normals.codes)


def _mixture(x: npt.NDArray[np.float64], rng: Rng) -> Any:
    """The Gaussian mixture with the best BIC."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    some = x[np.sort(rng.permutation(len(x))[:MIXTURE_ROWS])]
    seed = int(rng.integers(2**31))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # duplicates, frequent in tables of connections
        fitted = [GaussianMixture(k, random_state=seed).fit(some) for k in MIXTURE_COMPONENTS if k < len(some)]
    if not fitted:
        raise DataError(f"expected at least two fit rows to make local anomalies by, got {len(x):,}; bring more")
    return min(fitted, key=lambda mixture: mixture.bic(some))


def _nearest(x: npt.NDArray[np.float64], values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The nearest of the sorted values to each x."""
    above = np.searchsorted(values, x).clip(1, len(values) - 1) if len(values) > 1 else np.zeros(len(x), np.intp)
    below = np.maximum(above - 1, 0)
    return np.where(x - values[below] < values[above] - x, values[below], values[above])


def _in_memory(features: Features) -> Features:
    if any(part is not None for part in (features.positions, features.selected, features.recoded)):
        raise DataError(
            "expected a table in memory to add noise columns or synthetic anomalies to, got one on disk; raise"
            " memory_gb"
        )
    return features
