"""Checkpoints of a training at the end of epochs, from which the same command resumes."""

import hashlib
import io
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.plugins import CheckpointIO

from adbench.storage.atomic import replacing

_MAGIC = b"adbench checkpoint 1\n"
_OURS = "adbench"  # key of adbench's own part of a checkpoint


def identity(config: dict[str, Any], environment: dict[str, Any], run: str) -> dict[str, Any]:
    """Everything the bits of a result depend on, in plain types; a checkpoint with another identity is unusable.

    environment: includes the run's code. run: the run's name, which covers the configuration except keys left out of
    its hash.
    """
    made_with = {key: value for key, value in environment.items() if key not in ("start", "git_commit", "cpu")}
    trainer = {key: value for key, value in config["trainer"].items() if key != "checkpoint_seconds"}
    on_gpu = torch.cuda.is_available() and trainer["accelerator"] == "gpu"
    processor = torch.cuda.get_device_name() if on_gpu else torch.backends.cpu.get_cpu_capability()
    return made_with | {"run": run, "trainer": trainer, "processor": processor, "trained_with": []}


class CheckpointFile(CheckpointIO):
    """Writes Lightning's checkpoints atomically, and reads them as data that cannot run code.

    The leading digest detects corrupted bytes, which torch does not.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write the checkpoint, replacing an old one atomically."""
        buffer = io.BytesIO()
        torch.save(checkpoint, buffer)
        content = buffer.getvalue()
        with replacing(Path(path)) as partial:
            partial.write_bytes(_MAGIC + hashlib.sha256(content).digest() + content)

    def load_checkpoint(self, path: Any, map_location: Any = "cpu", weights_only: bool | None = True) -> dict[str, Any]:
        """Read a checkpoint, always with weights_only. Raises ValueError if damaged, or torch's own errors."""
        content = Path(path).read_bytes()
        start = len(_MAGIC) + hashlib.sha256().digest_size
        if content[:start] != _MAGIC + hashlib.sha256(content[start:]).digest():
            raise ValueError("not a whole checkpoint")
        checkpoint: dict[str, Any] = torch.load(io.BytesIO(content[start:]), map_location="cpu", weights_only=True)
        return checkpoint

    def remove_checkpoint(self, path: Any) -> None:
        """Remove the checkpoint."""
        Path(path).unlink(missing_ok=True)


class Checkpoint(pl.callbacks.Checkpoint):
    """Saves the state of the training and restores it bit for bit.

    Saved at the end of an epoch if `seconds` have passed since the last time, and after the last epoch, so that a later
    kill does not lose the training. Being a subclass of Lightning's Checkpoint, it is called after the detector and all
    other callbacks. identity: must be equal for a checkpoint to be resumed. say: called with a sentence for the user.
    """

    def __init__(self, path: Path, seconds: float, identity: dict[str, Any], say: Callable[[str], None]) -> None:
        self.path, self.seconds, self.identity, self.say = path, seconds, identity, say
        self.file = CheckpointFile()
        self.used = False  # whether a training has used it
        self.epochs = 0  # finished epochs
        self.resumed_after: int | None = None
        self.seconds_before = 0.0  # time spent on the resumed epochs, over all attempts
        self._started = self._last = time.perf_counter()
        self._unsaved = False

    def usable(self) -> Path | None:
        """The path if it holds a checkpoint to resume; any other file there is left alone and reported."""
        if not self.path.is_file():
            return None
        try:
            theirs = self.file.load_checkpoint(self.path)[_OURS]["identity"]
            differing = [key for key, value in self.identity.items() if key not in theirs or theirs[key] != value]
        except Exception:
            # Malformed bytes can make torch raise anything; training starts over in any case.
            self.say(f"starts over: {self.path} cannot be read as a checkpoint")
            return None
        if differing:
            self.say(f"starts over: {self.path} was made with another {', '.join(differing)}")
            return None
        return self.path

    def of(self, **identity: Any) -> "Checkpoint":
        """A checkpoint at the same path with these changes of identity."""
        return Checkpoint(self.path, self.seconds, self.identity | identity, self.say)

    def forget(self) -> None:
        """Delete the checkpoint and reset, after a training that could not continue."""
        self.path.unlink(missing_ok=True)
        self.used, self.epochs, self.resumed_after, self.seconds_before = False, 0, None, 0.0

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Start the clock at the beginning of the training."""
        self.used = True
        self._started = self._last = time.perf_counter()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save, unless saved recently."""
        self.epochs, self._unsaved = self.epochs + 1, True
        if time.perf_counter() - self._last >= self.seconds:
            self._save(trainer)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save the trained state for the stages that follow."""
        if self._unsaved:
            self._save(trainer)

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Add the state that Lightning leaves out."""
        checkpoint[_OURS] = {
            "identity": self.identity,
            "epochs": self.epochs,
            "seconds": self.seconds_before + time.perf_counter() - self._started,
            "random": random_states(),
        }

    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Restore that state. Lightning draws no random numbers between this and the next batch."""
        ours = checkpoint[_OURS]
        self.epochs = self.resumed_after = ours["epochs"]
        self.seconds_before = ours["seconds"]
        restore_random_states(ours["random"])
        self.say(f"resumed after epoch {self.resumed_after} of {trainer.max_epochs}")

    def _save(self, trainer: pl.Trainer) -> None:
        try:
            trainer.save_checkpoint(self.path, weights_only=False)
        except OSError as error:
            # The training matters more than its checkpoint.
            self.say(f"goes on without a checkpoint: {self.path} cannot be written ({error.strerror or error})")
            self.seconds = float("inf")
        self._last, self._unsaved = time.perf_counter(), False


def random_states() -> dict[str, Any]:
    """States of torch's, numpy's and Python's global generators, in types that torch.load accepts with weights_only."""
    numpy: Any = np.random.get_state(legacy=False)  # noqa: NPY002  # the global generator, on purpose
    states = {
        "torch": torch.get_rng_state(),
        "numpy": numpy | {"state": numpy["state"] | {"key": numpy["state"]["key"].tolist()}},
        "python": random.getstate(),
    }
    if torch.cuda.is_available() and torch.cuda.is_initialized():  # do not initialise it for this
        states["cuda"] = torch.cuda.get_rng_state_all()
    if torch.backends.mps.is_available():
        states["mps"] = torch.mps.get_rng_state()
    return states


def restore_random_states(states: dict[str, Any]) -> None:
    """Restore the states returned by `random_states`."""
    torch.set_rng_state(states["torch"])
    numpy = states["numpy"]
    key = np.array(numpy["state"]["key"], dtype=np.uint32)
    np.random.set_state(numpy | {"state": numpy["state"] | {"key": key}})  # noqa: NPY002
    random.setstate(states["python"])
    if "cuda" in states:
        torch.cuda.set_rng_state_all(states["cuda"])
    if "mps" in states:
        torch.mps.set_rng_state(states["mps"])
