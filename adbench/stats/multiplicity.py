"""Corrections for multiple tests."""

from collections.abc import Iterable

import numpy as np

from adbench.stats.intervals import Values, as_values


def holm(p_values: Iterable[float]) -> Values:
    """p values adjusted for multiple tests (Holm 1979), to be compared with alpha itself."""
    p = as_values(p_values)
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    adjusted[order] = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)).clip(max=1.0)
    return adjusted
