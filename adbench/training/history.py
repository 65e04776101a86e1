"""Per-epoch history of a training."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback

from adbench.arrays.types import Matrix
from adbench.errors import PrunedError
from adbench.evaluation.metric_table import CALIBRATION_LOSS
from adbench.results.record import STOP, read_history
from adbench.training.losses import has_one_loss, loss_names, mean_loss
from adbench.training.module import TrainableModule


class History(Callback):
    """Writes one line per epoch: the mean losses, the seconds since the fit began and, for a detector with one loss,
    that of x_calibration, if given. Raises PrunedError afterwards if a sweep created a file STOP.

    The lines are part of a checkpoint: a resumed training has no lines of later epochs.

    tell: called with each line and, when resuming from a checkpoint, with the earlier ones.
    """

    def __init__(
        self, path: Path, x_calibration: Matrix | None = None, tell: Callable[[dict[str, float]], None] | None = None
    ) -> None:
        self.path, self.tell = path, tell
        self.x_calibration = x_calibration if x_calibration is not None and len(x_calibration) else None
        self.started = 0.0
        self.seconds_before = 0.0

    def state_dict(self) -> dict[str, Any]:
        """The lines and the time spent on them."""
        return {"text": self.path.read_text(encoding="ascii"), "seconds": self._seconds()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Write the lines again; on_train_start is not called if all epochs are done."""
        self.path.write_text(state_dict["text"], encoding="ascii")
        self.seconds_before = state_dict["seconds"]
        if self.tell:
            for row in read_history(self.path):
                self.tell(row)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write the header, unless resuming."""
        assert isinstance(pl_module, TrainableModule)
        self.started = time.perf_counter()
        if trainer.is_global_zero and trainer.current_epoch == 0:
            self.path.write_text(",".join(self._names(pl_module)) + "\n", encoding="ascii")

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Add the epoch's line."""
        assert isinstance(pl_module, TrainableModule)
        if trainer.is_global_zero:
            self.add(trainer.current_epoch, pl_module, pl_module.mean_losses())
        # Not after the last epoch, when little remains. All processes must stop, or one would wait for the others.
        stop = trainer.current_epoch + 1 < (trainer.max_epochs or 0) and self.path.with_name(STOP).exists()
        if trainer.strategy.reduce_boolean_decision(stop, all=False):
            raise PrunedError(f"after epoch {trainer.current_epoch + 1}")

    def add(self, epoch: int, detector: TrainableModule, losses: dict[str, float]) -> None:
        """Add a line."""
        values = [str(epoch), f"{self._seconds():.3f}", *map(str, losses.values())]
        if (x := self._rows(detector)) is not None:
            values.append(str(mean_loss(detector, x)))
        with self.path.open("a", encoding="ascii") as file:
            file.write(",".join(values) + "\n")
        if self.tell:
            self.tell(dict(zip(self._names(detector), map(float, values), strict=True)))

    def _names(self, pl_module: TrainableModule) -> list[str]:
        calibration = [CALIBRATION_LOSS] if self._rows(pl_module) is not None else []
        return ["epoch", "seconds", *loss_names(pl_module), *calibration]

    def _rows(self, pl_module: TrainableModule) -> Matrix | None:
        return self.x_calibration if has_one_loss(pl_module) else None

    def _seconds(self) -> float:
        return self.seconds_before + time.perf_counter() - self.started


class StackedHistory(Callback):
    """The histories of fused runs, in the order of their networks."""

    def __init__(self, histories: Sequence[History]) -> None:
        self.histories = histories

    def state_dict(self) -> dict[str, Any]:
        """The states of all histories."""
        return {"histories": [history.state_dict() for history in self.histories]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore all histories."""
        for history, state in zip(self.histories, state_dict["histories"], strict=True):
            history.load_state_dict(state)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write every run's header."""
        for history in self.histories:
            history.on_train_start(trainer, pl_module)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Add every run's line."""
        assert isinstance(pl_module, TrainableModule)
        losses = pl_module.losses_by_network()
        for i, history in enumerate(self.histories):
            history.add(trainer.current_epoch, pl_module, {name: of_all[i] for name, of_all in losses.items()})
