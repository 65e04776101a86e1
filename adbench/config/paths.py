"""Paths of the configurations and bundled datasets, in the checkout or inside the installed package."""

import os
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent
_CHECKOUT = _PACKAGE.parent
DATA_VARIABLE = "ADBENCH_DATA"
CACHE_VARIABLE = "ADBENCH_CACHE"


def _in_checkout_or_package(checkout: str, package: str) -> Path:
    # A checkout takes precedence: an editable install can hold a stale copy inside the package.
    if (_CHECKOUT / "pyproject.toml").is_file() and (_CHECKOUT / checkout).is_dir():
        return _CHECKOUT / checkout
    return _PACKAGE / package


def config_folder() -> Path:
    """The folder of the YAML files that Hydra composes."""
    return _in_checkout_or_package("configs", "configs")


def data_folder() -> Path:
    """The folder of the datasets: the environment variable ADBENCH_DATA, or the bundled files."""
    named = os.environ.get(DATA_VARIABLE)
    return Path(named) if named else _in_checkout_or_package("data", "bundled")


def cache_folder() -> Path:
    """The cache folder: the environment variable ADBENCH_CACHE, or the user's cache folder."""
    if named := os.environ.get(CACHE_VARIABLE):
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "adbench"
