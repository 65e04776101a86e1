"""Validated settings of the configuration group `trainer`."""

from dataclasses import dataclass
from typing import Literal

from adbench.config.checks import require_at_least, require_not_negative, require_one_of
from adbench.errors import ConfigError

ACCELERATORS = ("cpu", "gpu", "mps")
# Not plain "ddp": its child processes repeat the parent's whole command line.
STRATEGIES = ("auto", "ddp_fork", "ddp_spawn")
PRECISIONS = ("32-true", "bf16-mixed", "16-mixed")
SCHEDULES = ("constant", "linear")


@dataclass(frozen=True, kw_only=True)
class TrainerSettings:
    """Settings of a training, with Lightning's names where they correspond.

    Every field is checked on construction: ConfigError reports an invalid value or a missing device.
    """

    max_epochs: int
    min_steps: int | None  # train at least this many batches, in more epochs than max_epochs if needed (0, None: no)
    schedule: str  # of the learning rate: constant, or linear decay to zero, per batch
    batch_size: int
    precision: str
    accelerator: str
    devices: int
    strategy: str
    threads: int  # CPU threads per process
    batches_per_step: int  # batches per Lightning step
    shuffle: bool
    limit_batches: int | None  # maximum batches per epoch (None: all)
    checkpoint_seconds: float | None  # minimum time between checkpoints (None: no checkpoints)
    calibration_loss: bool  # whether history.csv records the calibration rows' loss per epoch
    compile: bool  # compile the losses with torch
    seed: int  # of the row order

    def __post_init__(self) -> None:
        for key in ("max_epochs", "batch_size", "devices", "threads", "batches_per_step"):
            require_at_least(f"trainer.{key}", getattr(self, key), 1)
        if self.limit_batches is not None:
            require_at_least("trainer.limit_batches", self.limit_batches, 1)
        if self.checkpoint_seconds is not None:
            require_not_negative("trainer.checkpoint_seconds", self.checkpoint_seconds)
        if self.min_steps is not None:
            require_at_least("trainer.min_steps", self.min_steps, 0)
        require_one_of("trainer.schedule", self.schedule, SCHEDULES)
        require_one_of("trainer.precision", self.precision, PRECISIONS)
        require_one_of("trainer.accelerator", self.accelerator, ACCELERATORS)
        require_one_of("trainer.strategy", self.strategy, STRATEGIES)
        _require_device(self.accelerator, self.devices, self.precision)

    @property
    def in_this_process(self) -> bool:
        """True if training happens in this process, so that callbacks see their own detector."""
        return self.strategy == "auto" and self.devices == 1

    @property
    def start_method(self) -> Literal["fork", "spawn"] | None:
        """The start method of training processes, "fork" or "spawn"; None if training in this process."""
        if self.in_this_process:
            return None
        if self.strategy == "auto":
            return "fork" if self.accelerator == "cpu" else "spawn"  # CUDA does not survive a fork
        return "fork" if self.strategy == "ddp_fork" else "spawn"

    def epochs(self, n_batches: int) -> int:
        """The number of epochs for n_batches batches per epoch; limit_batches overrules min_steps."""
        if self.limit_batches is not None:
            return self.max_epochs
        return max(self.max_epochs, -(-(self.min_steps or 0) // n_batches))


def _require_device(accelerator: str, devices: int, precision: str) -> None:
    if accelerator != "cpu":
        import torch  # imported late: settings for the CPU are checked without torch

        if accelerator == "gpu" and torch.cuda.device_count() < devices:
            raise ConfigError(
                f"expected {devices} CUDA device(s) for this trainer, got {torch.cuda.device_count()}; take trainer=cpu"
            )
        if accelerator == "mps" and devices > 1:
            raise ConfigError(f"expected trainer.devices=1 for trainer=mps, got {devices}; take trainer=ddp_cpu")
        if accelerator == "mps" and not torch.backends.mps.is_available():
            raise ConfigError("expected an Apple silicon GPU for trainer=mps, got none; take trainer=cpu")
    elif precision == "16-mixed":
        raise ConfigError("expected a GPU for trainer.precision=16-mixed, got the processor; take bf16-mixed")
