"""Weights & Biases logger, offline; wandb sync FOLDER/wandb/offline-run-* uploads the logs."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adbench.config.extras import require_package
from adbench.runner.loggers.base import RunLogger

if TYPE_CHECKING:
    from pytorch_lightning.loggers import Logger


class Wandb(RunLogger):
    """Writes FOLDER/wandb/offline-run-TIME-ID, without network access."""

    def __init__(self, folder: str, project: str) -> None:
        require_package("wandb", "wandb", "logger=wandb")
        self.folder, self.project = folder, project

    def open(self, run: str) -> "Logger":
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")  # to the vendor
        import wandb
        from pytorch_lightning.loggers import WandbLogger

        Path(self.folder).mkdir(parents=True, exist_ok=True)  # otherwise wandb uses the system's temporary folder
        settings = wandb.Settings(console="off", silent=True, save_code=False)
        experiment = wandb.init(mode="offline", dir=self.folder, project=self.project, name=run, settings=settings)
        return WandbLogger(experiment=experiment)

    def close(self, logger: Any, success: bool) -> None:
        logger.experiment.finish(exit_code=0 if success else 1)
