"""A run's progress in the terminal: the stage it is in, and the training step by step. Only imported to draw."""

from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from adbench.models.base import NeuralDetector
from adbench.runner import Reporter

REFRESHES_PER_SECOND = 5


class RichReporter(Reporter):
    """Draws one line that says what the run is doing; while it trains, how far and how fast."""

    def __init__(self, console: Console) -> None:
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[detail]}"),
            TimeRemainingColumn(compact=True),
            console=console,
            transient=True,
            refresh_per_second=REFRESHES_PER_SECOND,
        )
        self.task = self.progress.add_task("start", total=None, detail="")

    def __enter__(self) -> "RichReporter":
        self.progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.progress.stop()

    def stage(self, name: str) -> None:
        """Show the stage's name, with a bar of unknown length."""
        self.progress.reset(self.task, description=name, total=None, detail="")

    def callbacks(self) -> list[Any]:
        """The callback that moves the bar while the detector trains."""
        return [_TrainingBar(self.progress, self.task)]


class _TrainingBar(Callback):
    def __init__(self, progress: Progress, task: TaskID) -> None:
        self.progress, self.task = progress, task
        self.rows_before = 0  # in the epochs that are over
        self.shown = 0.0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Now the number of steps is known."""
        self.progress.reset(self.task, total=int(trainer.num_training_batches) * (trainer.max_epochs or 1))
        self.shown = self.progress.get_time()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Refresh by time, not by step: reading the loss waits for the device."""
        now = self.progress.get_time()
        if now - self.shown < 1 / REFRESHES_PER_SECOND:
            return
        self.shown = now
        self._show(trainer, pl_module)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Count the epoch's rows before they are forgotten."""
        assert isinstance(pl_module, NeuralDetector)
        self.rows_before += pl_module.rows_done

    def _show(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        assert isinstance(module, NeuralDetector)
        elapsed = self.progress.tasks[0].elapsed or 0.0
        rate = (self.rows_before + module.rows_done) / elapsed if elapsed else 0.0
        losses = " ".join(f"{loss:.4g}" for loss in module.mean_losses())
        detail = f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}  loss {losses}  {rate:,.0f} rows/s"
        done = trainer.fit_loop.total_batch_idx + 1
        self.progress.update(self.task, completed=done, detail=detail)
