"""What an option of the group logger gives: a Lightning logger for each run."""

import importlib.util
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from adbench.errors import ConfigError

if TYPE_CHECKING:
    from pytorch_lightning.loggers import Logger


class RunLogger(ABC):
    """Built before the run is, with plain arguments: the constructor refuses what is not installed and writes nothing.

    Nothing that it imports may be imported at the top of its file.
    """

    @abstractmethod
    def open(self, run: str) -> "Logger":
        """A logger for one attempt at the run of this name."""

    def close(self, logger: "Logger", success: bool) -> None:
        """Nothing more will come."""
        logger.finalize("success" if success else "failed")


def require_installed(package: str, logger: str) -> None:
    """Raise ConfigError unless the package is installed. logger: the option, and the extra that brings the package."""
    if importlib.util.find_spec(package) is None:
        raise ConfigError(
            f"expected the package {package} for logger={logger}, got none; pip install 'adbench-runner[{logger}]'"
        )
