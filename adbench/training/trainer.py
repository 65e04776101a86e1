"""Training through Lightning at the speed of a plain loop."""

import copy
import multiprocessing
import re
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.strategies import DDPStrategy
from torch.multiprocessing.spawn import ProcessRaisedException

from adbench.arrays.types import Matrix
from adbench.errors import PrunedError
from adbench.training.batches import Batches
from adbench.training.checkpoint import Checkpoint, random_states, restore_random_states
from adbench.training.compile import compiled_losses
from adbench.training.module import Steps, TrainableModule
from adbench.training.process import QuietProcess, quiet
from adbench.training.settings import TrainerSettings


def _say_nothing(sentence: str) -> None:
    """Discard the sentence."""


@dataclass(frozen=True)
class Training:
    """The trainer a detector receives: settings, callbacks and a checkpoint.

    checkpoint: to resume from and to save to. say: called with sentences for the user.
    """

    settings: TrainerSettings
    callbacks: Sequence[Callback] = ()
    checkpoint: Checkpoint | None = None
    say: Callable[[str], None] = _say_nothing

    def fit(self, module: TrainableModule, x: Matrix) -> int:
        """Train the module on the rows of x, shape (rows, ..., columns); returns the rows processed over all epochs.

        Ctrl-C raises KeyboardInterrupt, not Lightning's SystemExit.
        """
        return self.fit_stacked(module, [x], [self.settings.seed])

    def fit_stacked(self, module: TrainableModule, xs: Sequence[Matrix], seeds: Sequence[int]) -> int:
        """Train a stacked detector, each network on its own rows in the order of its own seed."""
        settings = self.settings
        batches = Batches(
            xs,
            seeds,
            settings.batch_size,
            settings.batches_per_step,
            settings.shuffle,
            settings.limit_batches,
            self._device(),
        )
        epochs = settings.epochs(batches.n_batches)
        compiled = compiled_losses(module, self.say) if settings.compile and settings.in_this_process else {}
        decay_steps = epochs * batches.n_batches if settings.schedule == "linear" else None
        initial, states, parts = copy.deepcopy(module.state_dict()), random_states(), 1
        while True:
            module.steps = Steps(decay_steps, parts, compiled)
            try:
                with quiet():
                    self._run(module, batches, epochs)
                break
            except torch.OutOfMemoryError:
                # Stacked networks: the caller first tries fewer of them.
                if module.members is not None or parts * 2 > settings.batch_size:
                    raise
            finally:
                module.steps = Steps()
            parts *= 2
            self.say(f"out of memory: a batch goes through in {parts} parts, whose gradients add up to its own")
            module.load_state_dict(initial)
            restore_random_states(states)
            if self.checkpoint is not None:
                self.checkpoint.forget()
        return batches.n_rows * epochs

    def _run(self, module: TrainableModule, batches: Batches, epochs: int) -> None:
        # A detector may train twice; sharing a file, the second training would resume from the first.
        checkpoint = None if self.checkpoint is None or self.checkpoint.used else self.checkpoint
        trainer = self._trainer(epochs, len(module.objectives()), checkpoint)
        on_interrupt, others = signal.getsignal(signal.SIGINT), set(multiprocessing.active_children())
        try:
            trainer.fit(module.train(), batches, ckpt_path=checkpoint.usable() if checkpoint else None)
        except SystemExit:
            # Lightning ignores further interrupts while shutting down, and never restores the handler.
            signal.signal(signal.SIGINT, on_interrupt)
            # It does not stop its child processes either, for which this process would wait at exit.
            for process in set(multiprocessing.active_children()) - others:
                process.kill()  # they catch SIGTERM, and can wait for each other forever
            raise KeyboardInterrupt from None
        except ProcessRaisedException as error:  # in a training process: only the text of its error remains
            if pruned := re.search(r"PrunedError: (.*)", str(error)):
                raise PrunedError(pruned[1]) from None
            raise

    def _device(self) -> torch.device | None:
        """The device that holds all rows during training; None if each batch is moved on its own."""
        accelerator = self.settings.accelerator
        if not self.settings.in_this_process or accelerator == "cpu":
            return None
        return torch.device("cuda", torch.cuda.current_device()) if accelerator == "gpu" else torch.device("mps")

    def _trainer(self, epochs: int, n_objectives: int, checkpoint: Checkpoint | None) -> pl.Trainer:
        """A Trainer that only trains; adbench itself does all logging, saving and display."""
        settings, strategy = self.settings, None
        callbacks = [*self.callbacks, *([checkpoint] if checkpoint else [])]
        if settings.start_method is not None:
            # A step of one of several objectives leaves the other parameters without gradients.
            strategy = DDPStrategy(start_method=settings.start_method, find_unused_parameters=n_objectives > 1)
            callbacks = [QuietProcess(), *callbacks]
        return pl.Trainer(
            max_epochs=epochs,
            precision=settings.precision,  # type: ignore[arg-type]
            accelerator=settings.accelerator,
            devices=settings.devices,
            strategy=strategy or "auto",
            callbacks=callbacks,
            plugins=checkpoint.file if checkpoint else None,
            deterministic=True,
            logger=False,
            enable_checkpointing=checkpoint is not None,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
        )
