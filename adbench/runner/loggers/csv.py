"""CSV logger: one table per run."""

from typing import TYPE_CHECKING

from adbench.runner.loggers.base import RunLogger

if TYPE_CHECKING:
    from pytorch_lightning.loggers import Logger


class Csv(RunLogger):
    """Writes FOLDER/RUN/version_N/metrics.csv, with the configuration in hparams.yaml; N counts the attempts."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def open(self, run: str) -> "Logger":
        from pytorch_lightning.loggers import CSVLogger

        return CSVLogger(self.folder, name=run, flush_logs_every_n_steps=1)
