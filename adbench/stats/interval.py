"""A value with the interval that its rows leave open."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Interval:
    """A value with the bounds of its confidence interval."""

    value: float
    low: float
    high: float
