"""Range checks of configured values; each failure is one sentence with the key as typed."""

import math

from adbench.errors import ConfigError

LARGEST = 2**32


def require_at_least(key: str, value: int, minimum: int) -> None:
    """Raise ConfigError unless value is an integer >= minimum that libraries can represent."""
    if isinstance(value, bool) or not isinstance(value, int) or value < minimum:
        raise ConfigError(f"expected {key} to be a whole number of at least {minimum}, got {value}")
    if value >= LARGEST:
        raise ConfigError(f"expected {key} to be a whole number below {LARGEST}, got {value}")


def require_positive(key: str, value: float) -> None:
    """Raise ConfigError unless value is a finite number > 0."""
    if not (math.isfinite(value) and value > 0):
        raise ConfigError(f"expected {key} to be a number above 0, got {value}")


def require_not_negative(key: str, value: float) -> None:
    """Raise ConfigError unless value is a finite number >= 0."""
    if not (math.isfinite(value) and value >= 0):
        raise ConfigError(f"expected {key} to be a number of at least 0, got {value}")


def require_fraction(key: str, value: float) -> None:
    """Raise ConfigError unless 0 < value < 1."""
    if not 0 < value < 1:
        raise ConfigError(f"expected {key} to be a number between 0 and 1, got {value}")


def require_share(key: str, value: float, highest: float) -> None:
    """Raise ConfigError unless 0 <= value <= highest."""
    if not 0 <= value <= highest:
        raise ConfigError(f"expected {key} to be a number from 0 to {highest}, got {value}")


def require_widths(key: str, widths: list[int]) -> None:
    """Raise ConfigError unless widths is a list of integers >= 1."""
    if not isinstance(widths, list) or not widths:
        raise ConfigError(f"expected {key} to be a list of layer widths such as [64,32], got {widths}")
    for width in widths:
        require_at_least(f"each width in {key}", width, 1)


def require_one_of(key: str, value: str, allowed: tuple[str, ...]) -> None:
    """Raise ConfigError unless value is one of the allowed words."""
    if value not in allowed:
        raise ConfigError(f"expected {key} to be one of {', '.join(allowed)}, got {value}")
