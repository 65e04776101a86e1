"""What an option of the group logger gives: a Lightning logger for each run."""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

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
