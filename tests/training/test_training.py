"""Tests of training through Lightning: row order, batches per step, processes, precision, interrupts."""

import os
import signal
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
from adbench.errors import ConfigError
from adbench.models.autoencoders.ae import AE
from adbench.models.neural import NeuralDetector
from adbench.testing.capabilities import NEURAL, ONE_LOSS, SEVERAL_LOSSES, example_of, models_that
from adbench.training.batches import Batches
from adbench.training.compile import _Compiled
from adbench.training.history import History
from adbench.training.trainer import Training

MODELS = models_that(NEURAL)
KINDS = [example_of(ONE_LOSS), example_of(SEVERAL_LOSSES)]


def rows(n: int, columns: int = 6) -> np.ndarray:
    return np.random.default_rng(0).random((n, columns), dtype=np.float32)


def fitted(
    model: str,
    x: np.ndarray,
    *overrides: str,
    callback: Callback | None = None,
    say: Callable[[str], None] = print,
) -> NeuralDetector:
    few = ["trainer.max_epochs=2", "trainer.min_steps=0", "trainer.batch_size=32"]
    config = compose([f"model={model}", *few, *overrides])
    settings = build(config["trainer"], "trainer", seed=config["seed"])
    training = Training(settings, [callback] if callback else [], say=say)
    seed_everything(config["seed"], workers=True, verbose=False)
    detector: NeuralDetector = build(config["model"], "model", columns=Columns.numbers(x.shape[1]))
    detector.fit(x, training)
    return detector


def draws(detector: NeuralDetector, x: np.ndarray) -> bool:
    """True if the detector's losses draw noise."""
    before = torch.get_rng_state()
    for loss, _ in detector.objectives():
        loss(torch.from_numpy(x))
    return not torch.equal(torch.get_rng_state(), before)


def weights(detector: NeuralDetector) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in detector.parameters()])


def batches(x: torch.Tensor, shuffle: bool = True, limit: int | None = None, seed: int = 0) -> Batches:
    return Batches([x.numpy()], [seed], batch_size=4, batches_per_step=3, shuffle=shuffle, limit=limit)


def order_of(loader: Batches) -> list[int]:
    return [int(row) for step in loader for batch in step for row in batch[:, 0]]


def test_a_pass_visits_every_row_once_in_batches_of_the_asked_size() -> None:
    loader = batches(torch.arange(30.0)[:, None])
    steps = [list(step) for step in loader]
    assert len(steps) == len(loader) == 3
    assert [[len(batch) for batch in step] for step in steps] == [[4, 4, 4], [4, 4, 4], [4, 2]]
    assert sorted(order_of(loader)) == list(range(30))


def test_the_order_is_a_function_of_seed_and_epoch() -> None:
    x = torch.arange(30.0)[:, None]
    first = order_of(batches(x))
    assert first == order_of(batches(x)) != order_of(batches(x, seed=1))
    later = batches(x)
    later.sampler.set_epoch(1)
    assert order_of(later) != first
    assert order_of(batches(x, shuffle=False, limit=2)) == list(range(8))


def test_a_large_matrix_is_shuffled_in_windows_the_same_on_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adbench.training.batches.BLOCK_ROWS", 3)
    monkeypatch.setattr("adbench.training.batches.WINDOW_ROWS", 12)
    x = np.arange(100, dtype=np.float32)[:, None]
    np.save(tmp_path / "x.npy", x)
    on_disk = np.load(tmp_path / "x.npy", mmap_mode="c")

    def order(rows: np.ndarray, shuffle: bool = True) -> list[int]:
        return order_of(Batches([rows], [0], batch_size=4, batches_per_step=2, shuffle=shuffle, limit=None))

    assert order(on_disk) == order(x)  # small: row by row
    assert order(on_disk, shuffle=False) == list(range(100))
    row_by_row = order(x)
    monkeypatch.setattr("adbench.training.batches.SHUFFLED_BYTES", 100)
    windows = order(on_disk)
    assert windows == order(x) != row_by_row
    assert sorted(windows) == list(range(100))
    assert {row // 3 for row in windows[:12]} != {0, 1, 2, 3}
    assert len({row // 3 for row in windows[:12]}) in (4, 5)  # of four blocks, or five where the last is a short one


def test_each_process_takes_its_share_of_every_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    x = torch.arange(29.0)[:, None]
    whole = order_of(batches(x))
    shares = []
    for rank in range(2):
        monkeypatch.setattr("adbench.training.batches._world_size", lambda: 2)
        monkeypatch.setattr("adbench.training.batches._rank", lambda rank=rank: rank)
        shares.append([batch[:, 0].tolist() for step in batches(x) for batch in step])
    assert len(shares[0]) == len(shares[1])
    for i, (a, b) in enumerate(zip(*shares, strict=True)):
        assert sorted(a + b) == sorted(whole[4 * i : 4 * i + 4])
    assert len(shares[0]) == 7  # the 29th row alone cannot be shared


@pytest.mark.parametrize(
    ("min_steps", "limit", "epochs"),
    [("0", "null", 2), ("null", "null", 2), ("4", "null", 2), ("5", "null", 3), ("100", "1", 2)],
)
def test_min_steps_takes_as_many_epochs_as_they_need(tmp_path: Path, min_steps: str, limit: str, epochs: int) -> None:
    overrides = [f"trainer.min_steps={min_steps}", f"trainer.limit_batches={limit}", "trainer.max_epochs=2"]
    settings = build(compose(["trainer.batch_size=32", *overrides])["trainer"], "trainer", seed=0)
    training = Training(settings, [History(tmp_path / "history.csv")])
    detector: NeuralDetector = build(compose(["model=ae"])["model"], "model", columns=Columns.numbers(6))
    rows_an_epoch = 64 if limit == "null" else 32  # in two batches, or in one
    assert detector.fit(rows(64), training) == epochs * rows_an_epoch
    assert len((tmp_path / "history.csv").read_text().splitlines()) == 1 + epochs
    assert detector.steps_done == epochs * rows_an_epoch / 32


class Rates(Callback):
    """Records every optimiser's learning rate after each Lightning step."""

    def __init__(self) -> None:
        self.seen: list[list[float]] = []

    def on_train_batch_end(self, trainer: Any, *_: Any) -> None:
        self.seen.append([group["lr"] for optimizer in trainer.optimizers for group in optimizer.param_groups])


def test_the_learning_rate_falls_to_zero_where_it_is_told_to() -> None:
    one_batch_a_step = ["trainer.batches_per_step=1", "model.learning_rate=0.6"]
    linear, constant = Rates(), Rates()
    fitted("gan", rows(96), *one_batch_a_step, "trainer.schedule=linear", callback=linear)
    fitted("gan", rows(96), *one_batch_a_step, "trainer.schedule=constant", callback=constant)
    falling = [[rate] * 2 for rate in (0.6, 0.5, 0.4, 0.3, 0.2, 0.1)]  # over three batches and two epochs
    np.testing.assert_allclose(linear.seen, falling)
    assert constant.seen == [[0.6] * 2] * 6


@pytest.mark.parametrize("model", KINDS)
def test_two_processes_train_and_bring_the_weights_back(model: str) -> None:
    x = rows(256)
    alone, together = (
        fitted(model, x, "trainer.max_epochs=1"),
        fitted(model, x, "trainer.max_epochs=1", "trainer.devices=2"),
    )
    untrained = fitted(model, x, "trainer.max_epochs=1", "model.learning_rate=1e-30")
    assert not torch.allclose(weights(together), weights(untrained), atol=1e-4)
    if not draws(together, x):  # without noise, two halves of a batch give the gradient of the whole
        torch.testing.assert_close(weights(together), weights(alone), rtol=1e-3, atol=1e-4)


def test_overfitting_one_batch_lowers_the_loss() -> None:
    losses: list[float] = []

    class Watch(Callback):
        def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
            losses.append(pl_module.mean_losses()["loss"])

    fitted("ae", rows(256), "debug=overfit", "trainer.max_epochs=300", callback=Watch())
    assert losses[-1] < losses[0] / 5


def test_ctrl_c_is_a_keyboard_interrupt_and_leaves_ctrl_c_working() -> None:
    class PressCtrlC(Callback):
        def on_train_batch_end(self, *_: Any) -> None:
            os.kill(os.getpid(), signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        fitted("ae", rows(256), callback=PressCtrlC())
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("trainer.max_epochs=0", r"trainer\.max_epochs to be a whole number of at least 1, got 0"),
        ("trainer.min_steps=-1", r"trainer\.min_steps to be a whole number of at least 0, got -1"),
        ("trainer.min_steps=some", r"trainer\.min_steps"),
        ("trainer.schedule=magic", "trainer.schedule to be one of constant, linear, got magic"),
        ("trainer.batch_size=-1", r"trainer\.batch_size"),
        ("trainer.devices=0", r"trainer\.devices"),
        ("trainer.threads=0", r"trainer\.threads"),
        ("trainer.limit_batches=0", r"trainer\.limit_batches"),
        ("trainer.limit_batches=few", r"trainer\.limit_batches"),
        ("trainer.checkpoint_seconds=-1", r"trainer\.checkpoint_seconds to be a number of at least 0, got -1"),
        ("trainer.checkpoint_seconds=often", r"a number for trainer\.checkpoint_seconds, such as 2\.0, got 'often'"),
        ("trainer.precision=8-bit", "one of 32-true, bf16-mixed, 16-mixed, got 8-bit"),
        ("trainer.precision=16-mixed", "take bf16-mixed"),
        ("trainer.accelerator=abacus", "one of cpu, gpu, mps, got abacus"),
        ("trainer.strategy=magic", r"trainer\.strategy to be one of"),
        ("trainer.strategy=ddp", r"trainer\.strategy to be one of auto, ddp_fork, ddp_spawn"),
    ],
)
def test_a_wrong_trainer_is_one_sentence(override: str, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        build(compose([override])["trainer"], "trainer", seed=0)


@pytest.mark.skipif(torch.cuda.is_available(), reason="has the device whose absence is tested")
@pytest.mark.parametrize("trainer", ["gpu", "ddp"])
def test_a_device_that_is_not_there(trainer: str) -> None:
    with pytest.raises(ConfigError, match="CUDA device.*take trainer=cpu"):
        build(compose([f"trainer={trainer}"])["trainer"], "trainer", seed=0)


def test_a_batch_too_large_for_the_device_goes_through_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    honest, said = AE.loss, []
    x = rows(200)
    whole = fitted("ae", x)

    def hungry(self: AE, batch: torch.Tensor) -> torch.Tensor:
        if len(batch) > 8:
            raise torch.OutOfMemoryError("too much")
        return honest(self, batch)

    monkeypatch.setattr(AE, "loss", hungry)
    parts = fitted("ae", x, say=said.append)
    assert [sentence.split(" parts")[0] for sentence in said] == [
        f"out of memory: a batch goes through in {n}" for n in (2, 4)
    ]
    torch.testing.assert_close(weights(parts), weights(whole), rtol=1e-3, atol=1e-5)
    monkeypatch.setattr(AE, "loss", lambda self, batch: (_ for _ in ()).throw(torch.OutOfMemoryError("always")))
    with pytest.raises(torch.OutOfMemoryError):
        fitted("ae", x)


def test_without_a_compiler_it_goes_on_and_says_so_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_compiler(*_: object, **__: object) -> None:
        raise RuntimeError("no C++ compiler found")

    plain, said = fitted("ae", rows(200)), []
    monkeypatch.setattr(torch, "compile", lambda loss, dynamic, options: no_compiler)
    config = compose(["model=ae", "trainer.max_epochs=2", "trainer.min_steps=0", "trainer.batch_size=32"])
    training = Training(build(config["trainer"] | {"compile": True}, "trainer", seed=0), say=said.append)
    seed_everything(0, workers=True, verbose=False)
    detector: NeuralDetector = build(config["model"], "model", columns=Columns.numbers(6))
    detector.fit(rows(200), training)
    assert said == ["goes on without trainer.compile: no C++ compiler found"]
    assert torch.equal(weights(detector), weights(plain))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's own
@pytest.mark.parametrize("model", MODELS)
def test_compiled_losses_train_to_the_same_weights(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    x, compiled_batches = rows(200), []
    call = _Compiled.__call__

    def counting(self: _Compiled, batch: torch.Tensor) -> torch.Tensor:
        loss = call(self, batch)
        compiled_batches.append(self.compiled is not None)
        return loss

    monkeypatch.setattr(_Compiled, "__call__", counting)
    compiled = fitted(model, x, "trainer.compile=true")
    assert compiled_batches
    assert all(compiled_batches)
    torch.testing.assert_close(weights(compiled), weights(fitted(model, x)), rtol=1e-3, atol=1e-4)
