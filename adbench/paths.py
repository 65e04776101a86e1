"""Where the configurations and the bundled datasets lie: in the checkout, or inside the installed package."""

import os
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_CHECKOUT = _PACKAGE.parent
DATA_VARIABLE = "ADBENCH_DATA"


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
