"""A run's progress in the terminal: the stage it is in, and the training step by step. Only imported to draw."""

from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from adbench.models.neural import NeuralDetector
from adbench.runner.reporter import Reporter
from adbench.training.batches import Batches

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

    def note(self, sentence: str) -> None:
        """Above the line that moves."""
        self.progress.console.print(f"adbench: {sentence}", markup=False, highlight=False, soft_wrap=True)

    def warn(self, sentence: str) -> None:
        """The same, to be seen."""
        warning = f"adbench: warning: {sentence}"
        self.progress.console.print(warning, style="bold yellow", markup=False, highlight=False, soft_wrap=True)

    def callbacks(self) -> list[Any]:
        """The callback that moves the bar while the detector trains."""
        return [_TrainingBar(self.progress, self.task)]


class _TrainingBar(Callback):
    def __init__(self, progress: Progress, task: TaskID) -> None:
        self.progress, self.task = progress, task
        self.rows_before = self.batches_before = 0  # in the epochs that are over
        self.total_batches = 0
        self.shown = 0.0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Now the number of steps is known."""
        loader = trainer.train_dataloader
        assert isinstance(loader, Batches)
        self.total_batches = loader.n_batches * (trainer.max_epochs or 1)
        self.batches_before = loader.n_batches * trainer.current_epoch  # after a checkpoint
        self.progress.reset(self.task, total=self.total_batches, completed=self.batches_before)
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
        """Count the epoch's rows and batches before they are forgotten."""
        assert isinstance(pl_module, NeuralDetector)
        self.rows_before += pl_module.rows_done
        self.batches_before += pl_module.batches_done

    def _show(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        assert isinstance(module, NeuralDetector)
        elapsed = self.progress.tasks[0].elapsed or 0.0
        rate = (self.rows_before + module.rows_done) / elapsed if elapsed else 0.0
        done = self.batches_before + module.batches_done
        losses = "  ".join(f"{name} {loss:.4f}" for name, loss in module.mean_losses().items())
        detail = (
            f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}  step {done:,}/{self.total_batches:,}"
            f"  {losses}  {rate:,.0f} rows/s"
        )
        self.progress.update(self.task, completed=done, detail=detail)
