"""Distribution of an unknown rate and of counts under it: beta and beta-binomial."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

_CHUNK = 1024  # terms in the first chunk of a sum; doubled each time


@dataclass(frozen=True)
class RateLaw:
    """Beta(above, below). The rate at which new scores exceed the k-th smallest of n continuous ones is distributed as
    Beta(n + 1 - k, k), whatever the scores' distribution (Vovk 2012); with ties the rate is no larger.
    """

    above: float
    below: float

    @property
    def mean(self) -> float:
        """The expected rate."""
        return self.above / (self.above + self.below)

    def at_least(self, count: int, n: int) -> float:
        """P(beta-binomial count of n >= count), accurate to rounding."""
        if count <= 0:
            return 1.0
        if count > n:
            return 0.0
        # Sum the shorter tail outwards: the terms decrease, and the sum stops once they are negligible.
        if count > n * self.mean:
            return min(1.0, self._sum(count, n, 1))
        return max(0.0, 1.0 - self._sum(count - 1, n, -1))

    def _sum(self, start: int, n: int, step: int) -> float:
        """The total probability of start, start + step, ... to the end."""
        term, total = self._probability(start, n), 0.0
        for counts in _chunks(start, n if step > 0 else 0, step):
            lower = (counts if step > 0 else counts - 1).astype(np.float64)  # of each pair of adjacent counts
            ratios = (n - lower) / (lower + 1) * (lower + self.above) / (n - lower - 1 + self.below)
            terms = term * np.cumprod(np.append(1.0, ratios if step > 0 else 1 / ratios))
            total += float(terms[:-1].sum())
            term = float(terms[-1])
            if term <= 1e-17 * total:
                return total
        return total + term

    def _probability(self, count: int, n: int) -> float:
        """The probability of exactly this count."""
        log = _log_beta(count + self.above, n - count + self.below) - _log_beta(self.above, self.below)
        return math.exp(log + math.lgamma(n + 1) - math.lgamma(count + 1) - math.lgamma(n - count + 1))


def _chunks(start: int, end: int, step: int) -> "Iterator[np.ndarray]":
    """Chunks of start, start + step, ..., excluding the end."""
    size = _CHUNK
    while start != end:
        stop = min(start + size, end) if step > 0 else max(start - size, end)
        yield np.arange(start, stop, step)
        start, size = stop, 2 * size


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
