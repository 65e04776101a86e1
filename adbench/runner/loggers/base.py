"""The contract of logger options: one Lightning logger per run."""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytorch_lightning.loggers import Logger


class RunLogger(ABC):
    """A logger option, built before the run; its constructor refuses missing packages and writes nothing.

    Heavy imports belong inside methods, not at the top of the file.
    """

    @abstractmethod
    def open(self, run: str) -> "Logger":
        """Open a logger for one attempt at the run of this name."""

    def close(self, logger: "Logger", success: bool) -> None:
        """Finalize the logger."""
        logger.finalize("success" if success else "failed")
