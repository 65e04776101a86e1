"""How many false alarms are wanted: as a rate, or as alerts a day among rows a day; and whether anybody typed it."""

import sys
from collections.abc import Container
from typing import Any

from adbench.errors import ConfigError

RELAX = "relax_fpr"


def insist_on_rate(config: dict[str, Any], typed: Container[str]) -> None:
    """Make a rate that was typed one that is kept or refused. typed: keys that somebody gave a value."""
    if RELAX not in typed and ("target_fpr" in typed or config["alerts_per_day"] is not None):
        config[RELAX] = False


def resolve_rate(config: dict[str, Any], default_fpr: float) -> None:
    """Where alerts_per_day and rows_per_day are given, make target_fpr the rate that they amount to.

    Raises ConfigError for one without the other, for both beside a target_fpr that is not the default, and for
    numbers that make no rate.
    """
    keys = ("alerts_per_day", "rows_per_day")
    alerts, rows = (config[key] for key in keys)
    if alerts is None and rows is None:
        return
    if alerts is None or rows is None:
        given, missing = keys if rows is None else keys[::-1]
        raise ConfigError(f"expected {missing} beside {given}, got none; write both, or target_fpr= alone")
    for key in keys:
        value = config[key]
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= sys.float_info.max:
            raise ConfigError(f"expected {key} to be a number above 0, got {value!r}")
    if config["target_fpr"] != default_fpr:
        raise ConfigError(
            f"expected either alerts_per_day and rows_per_day or target_fpr, got target_fpr={config['target_fpr']}"
            " beside them; drop one"
        )
    if not 0 < alerts / rows < 1:
        raise ConfigError(f"expected fewer alerts_per_day than rows_per_day, got {alerts} of {rows}")
    config["target_fpr"] = alerts / rows
