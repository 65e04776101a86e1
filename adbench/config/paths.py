"""Where the configurations and the bundled datasets lie: in the checkout, or inside the installed package."""

import os
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent
_CHECKOUT = _PACKAGE.parent
DATA_VARIABLE = "ADBENCH_DATA"
CACHE_VARIABLE = "ADBENCH_CACHE"


def _in_checkout_or_package(checkout: str, package: str) -> Path:
    # An editable install can hold a stale copy inside the package: a checkout wins.
    if (_CHECKOUT / "pyproject.toml").is_file() and (_CHECKOUT / checkout).is_dir():
        return _CHECKOUT / checkout
    return _PACKAGE / package


def config_folder() -> Path:
    """The folder of the YAML files that Hydra composes."""
    return _in_checkout_or_package("configs", "configs")


def data_folder() -> Path:
    """The folder of the datasets: the environment variable ADBENCH_DATA, else the bundled files."""
    named = os.environ.get(DATA_VARIABLE)
    return Path(named) if named else _in_checkout_or_package("data", "bundled")


def cache_folder() -> Path:
    """The folder of what can be made again: the environment variable ADBENCH_CACHE, else the user's own for caches."""
    if named := os.environ.get(CACHE_VARIABLE):
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "adbench"
