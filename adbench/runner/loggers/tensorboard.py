"""TensorBoard logger; view with tensorboard --logdir FOLDER."""

from typing import TYPE_CHECKING

from adbench.config.extras import require_package
from adbench.runner.loggers.base import RunLogger

if TYPE_CHECKING:
    from pytorch_lightning.loggers import Logger


class TensorBoard(RunLogger):
    """Writes FOLDER/RUN/version_N; N counts the attempts."""

    def __init__(self, folder: str) -> None:
        require_package("tensorboard", "tensorboard", "logger=tensorboard")
        self.folder = folder

    def open(self, run: str) -> "Logger":
        from pytorch_lightning.loggers import TensorBoardLogger

        return TensorBoardLogger(self.folder, name=run, default_hp_metric=False)
