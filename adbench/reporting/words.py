"""Number formatting for the report."""

import math


def plural(n: int, word: str) -> str:
    """`1 run`, `2 runs`."""
    return f"{n:,} {word}{'' if n == 1 else 's'}"


def number(value: object, digits: int = 4) -> str:
    """A number with fixed digits; "" if missing or not finite."""
    known = isinstance(value, int | float) and math.isfinite(value)
    return f"{value:.{digits}f}" if known else ""


def percent(value: object) -> str:
    """A share in percent with two to three significant digits; "" if missing or not finite."""
    if not isinstance(value, int | float) or not math.isfinite(value):
        return ""
    share = 100 * value
    return f"{share:.1f} %" if share >= 9.95 or share == 0 else f"{share:.2f} %" if share >= 0.095 else f"{share:.2g} %"
