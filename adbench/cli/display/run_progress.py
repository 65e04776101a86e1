"""A run's progress in the terminal: its stage, and the training step by step. Imported only when drawing."""

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
    """Draws one line with the current stage and, during training, the progress and speed."""

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
        """Print a note above the progress line."""
        self.progress.console.print(f"adbench: {sentence}", markup=False, highlight=False, soft_wrap=True)

    def warn(self, sentence: str) -> None:
        """Print a warning above the progress line, highlighted."""
        warning = f"adbench: warning: {sentence}"
        self.progress.console.print(warning, style="bold yellow", markup=False, highlight=False, soft_wrap=True)

    def callbacks(self) -> list[Any]:
        """The callback that moves the bar while the detector trains."""
        return [_TrainingBar(self.progress, self.task)]


class _TrainingBar(Callback):
    def __init__(self, progress: Progress, task: TaskID) -> None:
        self.progress, self.task = progress, task
        self.rows_before = self.batches_before = 0  # in finished epochs
        self.total_batches = 0
        self.shown = 0.0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Set the number of steps, which is known from here on."""
        loader = trainer.train_dataloader
        assert isinstance(loader, Batches)
        self.total_batches = loader.n_batches * (trainer.max_epochs or 1)
        self.batches_before = loader.n_batches * trainer.current_epoch  # when resuming from a checkpoint
        self.progress.reset(self.task, total=self.total_batches, completed=self.batches_before)
        self.shown = self.progress.get_time()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Refresh at time intervals, not at each step: reading the loss waits for the device."""
        now = self.progress.get_time()
        if now - self.shown < 1 / REFRESHES_PER_SECOND:
            return
        self.shown = now
        self._show(trainer, pl_module)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Add the epoch's rows and batches to the totals before the module resets them."""
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
