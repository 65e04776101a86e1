"""The wanted rate of false alarms, given as a rate or as alerts per day, and whether the user typed it.

Also the conditions of use: the base rate of anomalies and the rows per day.
"""

import math
import sys
from collections.abc import Container
from dataclasses import dataclass
from typing import Any

from adbench.errors import ConfigError
from adbench.text import three_digits

RELAX = "relax_fpr"


@dataclass(frozen=True)
class Use:
    """Conditions of use. base_rate: the share of anomalies among the rows. rows_per_day: normal rows per day."""

    base_rate: float
    rows_per_day: float | None = None

    @property
    def odds(self) -> float:
        """Anomalies per normal row."""
        return self.base_rate / (1 - self.base_rate)

    @property
    def words(self) -> str:
        """The base rate as text, such as "1 anomaly in 10,000 rows"."""
        return f"1 anomaly in {three_digits(1 / self.base_rate)} rows"


def use_of(config: dict[str, Any]) -> Use | None:
    """The conditions of use of a composed configuration; None if it has no base rate."""
    base_rate = config.get("base_rate")
    return None if base_rate is None else require_use(base_rate, config.get("rows_per_day"))


def require_use(base_rate: Any, rows_per_day: Any, is_option: bool = False) -> Use:
    """The conditions of use. Raises ConfigError unless base_rate is between 0 and 1, and rows_per_day above 0 or None.

    is_option: whether they were typed as --base-rate and --rows-per-day.
    """
    if not _is_number(base_rate) or not 0 < base_rate < 1 or math.isinf(1 / base_rate):
        name, written = ("--base-rate", "--base-rate 1e-4") if is_option else ("base_rate", "base_rate=1e-4")
        raise ConfigError(
            f"expected {name} to be a number between 0 and 1, got {base_rate!r}; write the share of anomalies among the"
            f" rows where the detector is used, such as {written}"
        )
    if rows_per_day is not None:
        _require_above_0("--rows-per-day" if is_option else "rows_per_day", rows_per_day)
    return Use(float(base_rate), None if rows_per_day is None else float(rows_per_day))


def insist_on_rate(config: dict[str, Any], typed: Container[str]) -> None:
    """Forbid relaxing a rate that the user typed: it is kept or refused. typed: keys that the user gave a value."""
    if RELAX not in typed and ("target_fpr" in typed or config["alerts_per_day"] is not None):
        config[RELAX] = False


def resolve_rate(config: dict[str, Any], default_fpr: float) -> None:
    """Set target_fpr from alerts_per_day and rows_per_day, if they are given.

    Raises ConfigError for one without the other, unless it is rows_per_day with a base_rate; for both together with a
    target_fpr other than the default; and for numbers that make no valid rate.
    """
    keys = ("alerts_per_day", "rows_per_day")
    alerts, rows = (config[key] for key in keys)
    use = use_of(config)
    if alerts is None and (rows is None or use is not None):
        return
    if alerts is None or rows is None:
        given, missing = keys if rows is None else keys[::-1]
        other = "" if rows is None else ", or base_rate= to see the alarms of so many rows a day"
        raise ConfigError(f"expected {missing} beside {given}, got none; write both, or target_fpr= alone{other}")
    for key in keys:
        _require_above_0(key, config[key])
    if config["target_fpr"] != default_fpr:
        raise ConfigError(
            f"expected either alerts_per_day and rows_per_day or target_fpr, got target_fpr={config['target_fpr']}"
            " beside them; drop one"
        )
    if not 0 < alerts / rows < 1:
        raise ConfigError(f"expected fewer alerts_per_day than rows_per_day, got {alerts} of {rows}")
    config["target_fpr"] = alerts / rows


def _require_above_0(key: str, value: Any) -> None:
    if not _is_number(value) or not 0 < value <= sys.float_info.max:
        raise ConfigError(f"expected {key} to be a number above 0, got {value!r}")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
