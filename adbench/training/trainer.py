"""Neural training through Lightning, at the speed of a plain loop."""

import copy
import logging
import re
import signal
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback
from torch.multiprocessing.spawn import ProcessRaisedException

from adbench.arrays.types import Matrix
from adbench.config.checks import require_at_least, require_not_negative, require_one_of
from adbench.errors import ConfigError, PrunedError
from adbench.training.batches import Batches
from adbench.training.checkpoint import Checkpoint, random_states, restore_random_states
from adbench.training.compile import compile_losses
from adbench.training.module import TrainableModule

# Lightning's notices about devices and its own products.
for _name in ("pytorch_lightning", "lightning_fabric"):
    logging.getLogger(_name).setLevel(logging.WARNING)

# A loader without workers is the point here; LeafSpec is Lightning's own debt. Set at import, so that spawned
# training processes are as quiet as this one.
warnings.filterwarnings("ignore", ".*does not have many workers.*")
warnings.filterwarnings("ignore", ".*LeafSpec.*")
# Stacked networks with several learning rates have parameters that are rows of one tensor.
warnings.filterwarnings("ignore", ".*gradient layout contract.*")

ACCELERATORS = ("cpu", "gpu", "mps")
# Not plain "ddp": its child processes run this process's whole command line again.
STRATEGIES = ("auto", "ddp_fork", "ddp_spawn")
PRECISIONS = ("32-true", "bf16-mixed", "16-mixed")
SCHEDULES = ("constant", "linear")


class Training:
    """How neural detectors are trained, with the arguments of Lightning's Trainer where they share a name.

    min_steps: as many epochs as so many batches take, where max_epochs are fewer (None or 0: max_epochs, always).
    schedule: of the learning rate, which stays as it is or falls linearly, with every batch, to zero.
    threads: processor threads a process. batches_per_step: batches that one Lightning step runs.
    limit_batches: only so many batches an epoch (None: all). checkpoint_seconds: least time between two checkpoints
    (None: there are none). compile: the losses, by torch. calibration_loss: whether history.csv tells it after each
    epoch. Every field is checked before any work: ConfigError says what does not fit, or which device is not there.
    """

    def __init__(
        self,
        max_epochs: int,
        min_steps: int | None,
        schedule: str,
        batch_size: int,
        precision: str,
        accelerator: str,
        devices: int,
        strategy: str,
        threads: int,
        batches_per_step: int,
        shuffle: bool,
        limit_batches: int | None,
        checkpoint_seconds: float | None,
        calibration_loss: bool,
        compile: bool,
        seed: int,
    ) -> None:
        whole = {"max_epochs": max_epochs, "batch_size": batch_size, "devices": devices, "threads": threads}
        for key, value in (whole | {"batches_per_step": batches_per_step}).items():
            require_at_least(f"trainer.{key}", value, 1)
        if limit_batches is not None:
            require_at_least("trainer.limit_batches", limit_batches, 1)
        if checkpoint_seconds is not None:
            require_not_negative("trainer.checkpoint_seconds", checkpoint_seconds)
        if min_steps is not None:
            require_at_least("trainer.min_steps", min_steps, 0)
        require_one_of("trainer.schedule", schedule, SCHEDULES)
        require_one_of("trainer.precision", precision, PRECISIONS)
        require_one_of("trainer.accelerator", accelerator, ACCELERATORS)
        require_one_of("trainer.strategy", strategy, STRATEGIES)
        _require_device(accelerator, devices, precision)
        self.max_epochs, self.batch_size, self.precision = max_epochs, batch_size, precision
        self.min_steps, self.schedule = min_steps or 0, schedule
        self.accelerator, self.devices, self.strategy = accelerator, devices, strategy
        if devices > 1 and strategy == "auto":
            self.strategy = "ddp_fork" if accelerator == "cpu" else "ddp_spawn"  # CUDA does not survive a fork
        self.batches_per_step, self.shuffle, self.limit_batches = batches_per_step, shuffle, limit_batches
        self.seed, self.checkpoint_seconds, self.calibration_loss = seed, checkpoint_seconds, calibration_loss
        self.compile = compile
        self.callbacks: list[Callback] = []
        self.say: Callable[[str], None] = lambda sentence: None  # to the user
        self.checkpoint: Checkpoint | None = None
        torch.set_num_threads(threads)
        # Lightning's deterministic=True would fill each new tensor first, which on a GPU is one more launch for each.
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]

    @property
    def in_this_process(self) -> bool:
        """Whether this process trains itself, so that callbacks see the detector they belong to."""
        return self.strategy == "auto"

    def keep_checkpoint(self, path: Path, identity: dict[str, Any], say: Callable[[str], None]) -> None:
        """Let `fit` go on from a checkpoint there, and leave its own; not where other processes train.

        say: called with what the user should know of the training.
        """
        self.say = say
        if self.in_this_process and self.checkpoint_seconds is not None:
            self.checkpoint = Checkpoint(path, self.checkpoint_seconds, identity, say)

    def fit(self, module: TrainableModule, x: Matrix) -> int:
        """Train the module on the rows of x, shape (rows, columns); returns the rows gone through in all.

        Ctrl-C arrives as KeyboardInterrupt, not as Lightning's SystemExit.
        """
        return self.fit_stacked(module, [x], [self.seed])

    def fit_stacked(self, module: TrainableModule, xs: Sequence[Matrix], seeds: Sequence[int]) -> int:
        """The same for a detector stacked of several, each with its own rows in the order of its own seed."""
        batches = Batches(
            xs, seeds, self.batch_size, self.batches_per_step, self.shuffle, self.limit_batches, self._device()
        )
        epochs = self.epochs(batches.n_batches)
        if self.schedule == "linear":
            module.decay_steps = epochs * batches.n_batches
        if self.compile and self.in_this_process:
            compile_losses(module, self.say)
        initial, states = copy.deepcopy(module.state_dict()), random_states()
        while True:
            try:
                self._run(module, batches, epochs)
                break
            except torch.OutOfMemoryError:
                # Of several networks, fewer come first.
                if module.members is not None or module.batch_parts * 2 > self.batch_size:
                    raise
            module.batch_parts *= 2
            self.say(
                f"out of memory: a batch goes through in {module.batch_parts} parts, whose gradients add up to its own"
            )
            module.load_state_dict(initial)
            restore_random_states(states)
            if self.checkpoint is not None:
                self.checkpoint.forget()
        module.compiled_losses = {}
        return batches.n_rows * epochs

    def _run(self, module: TrainableModule, batches: Batches, epochs: int) -> None:
        # A detector may train twice; with one file the second training would go on from the first.
        checkpoint = None if self.checkpoint is None or self.checkpoint.used else self.checkpoint
        trainer = self._trainer(epochs, len(module.objectives()), checkpoint)
        on_interrupt = signal.getsignal(signal.SIGINT)
        try:
            trainer.fit(module.train(), batches, ckpt_path=checkpoint.usable() if checkpoint else None)
        except SystemExit:
            # Lightning ignores further interrupts while it shuts down, and leaves it at that.
            signal.signal(signal.SIGINT, on_interrupt)
            # Nor does it tell its child processes, for which this one would then wait at its end.
            for process in getattr(trainer.strategy.launcher, "procs", ()):
                process.kill()  # they catch what terminate sends, and can wait for each other for ever
            raise KeyboardInterrupt from None
        except ProcessRaisedException as error:  # of a training process: all that is left of its error is the text
            if pruned := re.search(r"PrunedError: (.*)", str(error)):
                raise PrunedError(pruned[1]) from None
            raise

    def _device(self) -> torch.device | None:
        """Where all rows lie during the training; processes of their own take each batch to theirs."""
        if not self.in_this_process or self.accelerator == "cpu":
            return None
        return torch.device("cuda", torch.cuda.current_device()) if self.accelerator == "gpu" else torch.device("mps")

    def epochs(self, n_batches: int) -> int:
        """Passes over the rows. What limits its batches is there to be quick: min_steps then says nothing."""
        if self.limit_batches is not None:
            return self.max_epochs
        return max(self.max_epochs, -(-self.min_steps // n_batches))

    def _trainer(self, epochs: int, n_objectives: int, checkpoint: Checkpoint | None) -> pl.Trainer:
        """A Trainer that does nothing but train: what it can log, save or draw, adbench does once a run."""
        # A step of one of several players leaves the others' parameters without gradients.
        unused = "_find_unused_parameters_true" if self.strategy.startswith("ddp") and n_objectives > 1 else ""
        return pl.Trainer(
            max_epochs=epochs,
            precision=self.precision,  # type: ignore[arg-type]
            accelerator=self.accelerator,
            devices=self.devices,
            strategy=self.strategy + unused,
            callbacks=[*self.callbacks, *([checkpoint] if checkpoint else [])],
            plugins=checkpoint.file if checkpoint else None,
            deterministic=True,
            logger=False,
            enable_checkpointing=checkpoint is not None,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
        )


def _require_device(accelerator: str, devices: int, precision: str) -> None:
    if accelerator == "gpu" and torch.cuda.device_count() < devices:
        raise ConfigError(
            f"expected {devices} CUDA device(s) for this trainer, got {torch.cuda.device_count()}; take trainer=cpu"
        )
    if accelerator == "mps" and devices > 1:
        raise ConfigError(f"expected trainer.devices=1 for trainer=mps, got {devices}; take trainer=ddp_cpu")
    if accelerator == "mps" and not torch.backends.mps.is_available():
        raise ConfigError("expected an Apple silicon GPU for trainer=mps, got none; take trainer=cpu")
    if precision == "16-mixed" and accelerator == "cpu":
        raise ConfigError("expected a GPU for trainer.precision=16-mixed, got the processor; take bf16-mixed")
