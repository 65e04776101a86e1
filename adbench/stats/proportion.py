"""Confidence interval of a proportion."""

import math
from statistics import NormalDist

from adbench.stats.interval import Interval


def wilson_interval(share: float, n_rows: float, confidence: float = 0.95) -> Interval:
    """Wilson's score interval (1927) of a share among n independent rows; inside [0, 1], also for a share of 0."""
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    shrink = 1 + z**2 / n_rows
    middle = (share + z**2 / (2 * n_rows)) / shrink
    half_width = z / shrink * math.sqrt(share * (1 - share) / n_rows + z**2 / (4 * n_rows**2))
    # With shares of 0 or 1, rounding could put a bound on the wrong side of the share.
    return Interval(share, max(0.0, min(share, middle - half_width)), min(1.0, max(share, middle + half_width)))
