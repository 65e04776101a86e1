"""Tests of checkpoint files: their content, when they are written, and refused replacements."""

import hashlib
import io
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pytorch_lightning import seed_everything
from pytorch_lightning.callbacks import Callback

from adbench.arrays.columns import Columns
from adbench.config.compose import compose
from adbench.config.instantiate import build
from adbench.models.autoencoders.ae import AE
from adbench.results.provenance import describe
from adbench.training import checkpoint
from adbench.training.checkpoint import Checkpoint, CheckpointFile
from adbench.training.trainer import Training

EPOCHS = 4
EVERY_EPOCH = "trainer.checkpoint_seconds=0"
MALICIOUS_FILE = "it_ran"


class StopIn(Callback):
    """Presses Ctrl-C at the end of an epoch, before its checkpoint."""

    def __init__(self, epoch: int | None) -> None:
        self.epoch = epoch

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        if trainer.current_epoch == self.epoch:
            raise KeyboardInterrupt


class Scheduled(AE):
    """An autoencoder whose learning rate decays every epoch."""

    def configure_optimizers(self) -> Any:
        (optimizer,) = super().configure_optimizers()
        return [optimizer], [torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)]

    def on_train_epoch_end(self) -> None:
        self.lr_schedulers().step()


IDENTITY = checkpoint.identity(compose([]), describe(compose([]), {"file": "0"}), "nslkdd-ae-s0-00000000")


def fit(
    path: Path,
    override: str = EVERY_EPOCH,
    stop_in: int | None = None,
    say: Callable[[str], None] = print,
    times: int = 1,
) -> torch.Tensor | None:
    """A detector's weights after a bare training with this checkpoint."""
    x = np.random.default_rng(0).random((256, 6), dtype=np.float32)
    config = compose([f"trainer.max_epochs={EPOCHS}", "trainer.batch_size=32", override])
    settings = build(config["trainer"], "trainer", seed=0)
    kept = None if settings.checkpoint_seconds is None else Checkpoint(path, settings.checkpoint_seconds, IDENTITY, say)
    training = Training(settings, [StopIn(stop_in)], kept, say)
    seed_everything(0, verbose=False)
    detector = Scheduled(Columns.numbers(6), [4], 2, error_scale=1.0, learning_rate=0.01)
    try:
        for _ in range(times):
            detector.fit(x, training)
    except KeyboardInterrupt:
        return None
    return torch.cat([parameter.detach().flatten() for parameter in detector.parameters()])


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The bytes of a usable checkpoint."""
    path = tmp_path_factory.mktemp("whole") / "checkpoint.ckpt"
    fit(path, stop_in=2)
    return path.read_bytes()


class Malicious:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {MALICIOUS_FILE}",)


def sealed(content: bytes) -> bytes:
    """The content with a matching digest, as an attacker could write it."""
    return checkpoint._MAGIC + hashlib.sha256(content).digest() + content


def saved(document: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(document, buffer)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        lambda whole: b"",
        lambda whole: whole[: len(whole) // 2],
        lambda whole: whole[:-1000] + bytes([whole[-1000] ^ 1]) + whole[-999:],
        lambda whole: b"\x80\x04garbage",
        lambda whole: pickle.dumps(Malicious()),
        lambda whole: saved(Malicious()),
        lambda whole: sealed(pickle.dumps(Malicious())),
        lambda whole: sealed(saved({"adbench": Malicious()})),
        lambda whole: sealed(saved({"adbench": 3})),
        lambda whole: sealed(saved({"state_dict": {"weight": torch.zeros(2)}})),
    ],
    ids="empty truncated flipped garbage pickle torch sealed_pickle sealed_torch number foreign".split(),
)
def test_what_is_no_checkpoint_is_ignored_and_never_run(
    content: Any, whole: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path, said = tmp_path / "checkpoint.ckpt", list[str]()
    path.write_bytes(whole)
    found = Checkpoint(path, 0.0, IDENTITY, said.append)
    assert (found.usable(), said) == (path, [])
    path.write_bytes(content(whole))
    assert found.usable() is None
    assert said == [f"starts over: {path} cannot be read as a checkpoint"]
    assert not Path(MALICIOUS_FILE).exists()


def test_the_malicious_pickle_would_have_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.load(io.BytesIO(saved(Malicious())), weights_only=False)
    assert Path(MALICIOUS_FILE).exists()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("adbench", "0.0.1"),
        ("packages", {"torch": "2.0.0"}),
        ("device", "gpu x 1"),
        ("data_sha256", {}),
        ("code", ""),
        ("trainer", {"threads": 2}),
        ("run", "nslkdd-ae-s1-00000000"),
    ],
)
def test_a_checkpoint_made_with_something_else_is_ignored(key: str, value: Any, whole: bytes, tmp_path: Path) -> None:
    path, said = tmp_path / "checkpoint.ckpt", list[str]()
    path.write_bytes(whole)
    assert IDENTITY.keys() >= {key}
    assert Checkpoint(path, 0.0, IDENTITY | {key: value}, said.append).usable() is None
    assert said == [f"starts over: {path} was made with another {key}"]


def test_a_checkpoint_that_cannot_be_written_does_not_end_the_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, said = tmp_path / "nowhere" / "checkpoint.ckpt", list[str]()
    assert fit(path, say=said.append) is not None
    reason = f"goes on without a checkpoint: {path} cannot be written (No such file or directory)"
    assert said == [reason, reason]  # the last one is retried


@pytest.mark.parametrize(
    ("override", "expected"),
    [(EVERY_EPOCH, EPOCHS), ("trainer.checkpoint_seconds=1000", 1), ("trainer.checkpoint_seconds=null", 0)],
)
def test_how_often(override: str, expected: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    times: list[int] = []
    monkeypatch.setattr(CheckpointFile, "save_checkpoint", lambda *_, **__: times.append(1))
    fit(tmp_path / "checkpoint.ckpt", override)
    assert len(times) == expected


def test_a_learning_rate_schedule_goes_on(tmp_path: Path) -> None:
    undisturbed = fit(tmp_path / "a.ckpt")
    assert fit(tmp_path / "b.ckpt", stop_in=1) is fit(tmp_path / "b.ckpt", stop_in=2) is None
    resumed = fit(tmp_path / "b.ckpt")
    assert resumed is not None
    assert undisturbed is not None
    assert torch.equal(resumed, undisturbed)


def test_a_second_training_of_the_same_detector_leaves_the_first_ones_checkpoint(tmp_path: Path) -> None:
    path, said = tmp_path / "checkpoint.ckpt", list[str]()
    undisturbed = fit(path, times=2)
    whole = path.read_bytes()
    resumed = fit(path, times=2, say=said.append)
    assert said == [f"resumed after epoch {EPOCHS} of {EPOCHS}"]
    assert path.read_bytes() == whole
    assert resumed is not None
    assert undisturbed is not None
    assert torch.equal(resumed, undisturbed)
