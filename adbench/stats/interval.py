"""A value with a confidence interval."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Interval:
    """A value with the bounds of its confidence interval."""

    value: float
    low: float
    high: float
