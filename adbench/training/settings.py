"""How neural detectors are trained: the settings of the configuration group `trainer`, checked."""

from dataclasses import dataclass
from typing import Literal

from adbench.config.checks import require_at_least, require_not_negative, require_one_of
from adbench.errors import ConfigError

ACCELERATORS = ("cpu", "gpu", "mps")
# Not plain "ddp": its child processes run this process's whole command line again.
STRATEGIES = ("auto", "ddp_fork", "ddp_spawn")
PRECISIONS = ("32-true", "bf16-mixed", "16-mixed")
SCHEDULES = ("constant", "linear")


@dataclass(frozen=True, kw_only=True)
class TrainerSettings:
    """Settings of a training, named as Lightning's Trainer names them where they are the same.

    Every field is checked when it is made: ConfigError says what does not fit, or which device is not there.
    """

    max_epochs: int
    min_steps: int | None  # train at least this many batches, in more epochs than max_epochs if needed (0, None: no)
    schedule: str  # of the learning rate: constant, or linear, falling to zero with every batch
    batch_size: int
    precision: str
    accelerator: str
    devices: int
    strategy: str
    threads: int  # of the processor, per process
    batches_per_step: int  # batches that one Lightning step runs
    shuffle: bool
    limit_batches: int | None  # batches per epoch at most (None: all)
    checkpoint_seconds: float | None  # least time between two checkpoints (None: there are none)
    calibration_loss: bool  # whether history.csv tells the loss of the calibration rows after each epoch
    compile: bool  # the losses, by torch
    seed: int  # of the order of the rows

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
        """Whether this process trains itself, so that callbacks see the detector they belong to."""
        return self.strategy == "auto" and self.devices == 1

    @property
    def start_method(self) -> Literal["fork", "spawn"] | None:
        """How training processes are started, "fork" or "spawn"; None where this process trains itself."""
        if self.in_this_process:
            return None
        if self.strategy == "auto":
            return "fork" if self.accelerator == "cpu" else "spawn"  # CUDA does not survive a fork
        return "fork" if self.strategy == "ddp_fork" else "spawn"

    def epochs(self, n_batches: int) -> int:
        """Passes over rows that make n_batches batches per pass; with limit_batches, min_steps is ignored."""
        if self.limit_batches is not None:
            return self.max_epochs
        return max(self.max_epochs, -(-(self.min_steps or 0) // n_batches))


def _require_device(accelerator: str, devices: int, precision: str) -> None:
    if accelerator != "cpu":
        import torch  # here, so that settings for the processor are checked without it

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
