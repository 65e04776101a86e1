"""Numbers as the page writes them."""

import math


def plural(n: int, word: str) -> str:
    """`1 run`, `2 runs`."""
    return f"{n:,} {word}{'' if n == 1 else 's'}"


def number(value: object, digits: int = 4) -> str:
    """Blank where there is none."""
    known = isinstance(value, int | float) and math.isfinite(value)
    return f"{value:.{digits}f}" if known else ""


def percent(value: object) -> str:
    """As short as it can be read; blank where there is none."""
    if not isinstance(value, int | float) or not math.isfinite(value):
        return ""
    share = 100 * value
    return f"{share:.1f} %" if share >= 9.95 or share == 0 else f"{share:.2f} %" if share >= 0.095 else f"{share:.2g} %"
