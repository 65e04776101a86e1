"""Tests of resuming a killed run, which ends as if uninterrupted."""

import contextlib
import multiprocessing
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pytorch_lightning.callbacks import Callback

from adbench.cli.main import main
from adbench.config.compose import compose
from adbench.errors import DataError, ScoresError
from adbench.models.autoencoders.ae import AE
from adbench.results.record import Run, read_run
from adbench.runner import stages as run_stages
from adbench.runner.reporter import Reporter
from adbench.runner.run import run_path, train
from adbench.testing.capabilities import ONE_LOSS, RESUMABLE, SEVERAL_LOSSES, example_of, models_that
from adbench.training import checkpoint

MODELS = models_that(RESUMABLE)
KINDS = [example_of(RESUMABLE, ONE_LOSS), example_of(RESUMABLE, SEVERAL_LOSSES)]
EPOCHS = 4
EVERY_EPOCH = "trainer.checkpoint_seconds=0"


class Watching(Reporter):
    """Records the notes, and presses Ctrl-C at the end of an epoch, before its checkpoint."""

    def __init__(self, stop_in: int | None = None) -> None:
        self.stop_in, self.notes = stop_in, []

    def note(self, sentence: str) -> None:
        self.notes.append(sentence)

    def callbacks(self) -> list[Any]:
        return [self.Stop(self)]

    class Stop(Callback):
        def __init__(self, watching: "Watching") -> None:
            self.watching = watching

        def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
            if trainer.current_epoch == self.watching.stop_in:
                raise KeyboardInterrupt


@pytest.fixture
def settings(quick: list[str]) -> list[str]:
    return [*quick, f"trainer.max_epochs={EPOCHS}", "trainer.limit_batches=5", "controls.nearest_rows=100"]


@pytest.fixture
def stopped(settings: list[str]) -> Path:
    """The checkpoint of an autoencoder's run that was stopped in its third epoch."""
    return stop(["model=ae", *settings, EVERY_EPOCH], epoch=2)


def stop(overrides: list[str], epoch: int) -> Path:
    with pytest.raises(KeyboardInterrupt):
        train(overrides, reporter=Watching(stop_in=epoch))
    return run_path(compose(overrides)) / "checkpoint.ckpt"


def again(settings: list[str], **more: Any) -> tuple[Run, list[str]]:
    """Repeat the same command."""
    watching = Watching()
    return train(["model=ae", *settings, EVERY_EPOCH], reporter=watching, **more), watching.notes


def losses(run: Run) -> list[list[str]]:
    """The history without its column of seconds."""
    lines = [line.split(",") for line in (run.folder / "history.csv").read_text().splitlines()]
    return [[line[0], *line[2:]] for line in lines]


def untimed(run: Run) -> dict[str, float]:
    return {name: value for name, value in run.metrics.items() if "second" not in name}


def require_same(resumed: Run, undisturbed: Run) -> None:
    assert (resumed.status, undisturbed.status) == ("done", "done"), resumed.error
    assert (resumed.folder / "scores.parquet").read_bytes() == (undisturbed.folder / "scores.parquet").read_bytes()
    assert untimed(resumed) == untimed(undisturbed)
    files = {path.name for path in resumed.folder.iterdir()}
    assert files == {path.name for path in undisturbed.folder.iterdir()}
    assert "checkpoint.ckpt" not in files
    if "history.csv" in files:
        assert losses(resumed) == losses(undisturbed)


@pytest.mark.parametrize("model", KINDS)
def test_a_stopped_run_ends_as_an_undisturbed_one(model: str, settings: list[str], tmp_path: Path) -> None:
    undisturbed = train([f"model={model}", *settings, f"runs_dir={tmp_path / 'undisturbed'}"])
    states = plain(checkpoint.random_states())
    assert undisturbed.environment["resumed_after_epoch"] is None
    overrides = [f"model={model}", *settings, EVERY_EPOCH]
    for epoch in (2, 3):
        stop(overrides, epoch)
    watching = Watching()
    resumed = train(overrides, reporter=watching)
    assert watching.notes == [f"resumed after epoch 3 of {EPOCHS}"]
    assert resumed.environment["resumed_after_epoch"] == 3
    require_same(resumed, undisturbed)
    assert plain(checkpoint.random_states()) == states


def plain(states: dict[str, Any]) -> dict[str, Any]:
    return states | {"torch": states["torch"].tolist()}


def test_a_run_stopped_after_its_training_does_not_train_again(
    settings: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    undisturbed = train(["model=vae", *settings, f"runs_dir={tmp_path / 'undisturbed'}"])
    with monkeypatch.context() as patch:
        patch.setattr(run_stages, "_with_untrained", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            train(["model=vae", *settings])  # by default, seconds pass between two checkpoints
    with monkeypatch.context() as patch:
        patch.setattr("adbench.models.neural.NeuralDetector.training_step", lambda *_: pytest.fail("it trains again"))
        resumed = train(["model=vae", *settings])
    require_same(resumed, undisturbed)
    trained = float((resumed.folder / "history.csv").read_text().splitlines()[-1].split(",")[1])
    assert resumed.metrics["fit_seconds"] > trained
    rate = EPOCHS * resumed.metrics["n_fit"] / resumed.metrics["fit_seconds"]
    assert resumed.metrics["rows_per_second"] == pytest.approx(rate)


def test_a_run_starts_over_from_a_ruined_checkpoint(stopped: Path, settings: list[str], tmp_path: Path) -> None:
    stopped.write_bytes(stopped.read_bytes()[:-1])
    run, notes = again(settings)
    assert notes == [f"starts over: {stopped} cannot be read as a checkpoint"]
    require_same(run, train(["model=ae", *settings, f"runs_dir={tmp_path / 'undisturbed'}"]))


def test_a_forced_run_does_not_resume(stopped: Path, settings: list[str]) -> None:
    assert again(settings, force=True)[1] == []
    assert not stopped.exists()
    stopped.write_bytes(b"left by a kill right after the metrics")
    lock = stopped.with_name(".lock")
    lock.write_text("of a process that was killed")
    again(settings)
    assert not stopped.exists()
    assert not lock.exists()


def test_a_wrong_request_keeps_the_checkpoint(stopped: Path, settings: list[str]) -> None:
    with pytest.raises(DataError):
        again([*settings, "data.folder=/nowhere"])
    assert again(settings)[1] == [f"resumed after epoch 2 of {EPOCHS}"]


def test_a_run_that_fails_leaves_no_checkpoint(
    stopped: Path, settings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(AE, "score", lambda self, x: x[:, 0] * np.nan)
        with pytest.raises(ScoresError):
            again(settings)
    assert not stopped.exists()
    with monkeypatch.context() as patch:
        patch.setattr(AE, "score", lambda self, x: 1 / 0)
        assert again(settings)[0].status == "failed"
    assert not stopped.exists()


def test_several_processes_and_models_without_training_have_none(
    settings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("adbench.runner.stages.Checkpoint", lambda *_: pytest.fail("expected no checkpoint"))
        assert train(["model=ae", *settings, "trainer=ddp_cpu"]).status == "done"
    assert train(["model=pca", *settings], reporter=(watching := Watching())).status == "done"
    assert watching.notes == []


# Progress of a process when killed: the file just written, its number of lines, and the maximum seconds since.
LOADING, TRAINING = ("config.yaml", 1, 0.5), ("history.csv", 2, 1.0)
FORKING = multiprocessing.get_context("forkserver")  # imports once what every attempt needs
FORKING.set_forkserver_preload(["adbench.training.trainer", "adbench.evaluation.evaluate", "adbench.preprocess.base"])


@pytest.fixture
def long(tmp_path: Path) -> list[str]:
    """Overrides for a run on a table that trains long enough to be killed."""
    draw = np.random.default_rng(0)
    anomalous = draw.random(4000) < 0.1
    rows = np.column_stack([draw.normal(size=(4000, 6)) + 2 * anomalous[:, None], anomalous])
    np.savetxt(tmp_path / "table.csv", rows, "%.3f", ",", header="a,b,c,d,e,f,label", comments="")
    data = ["data=table", f"data.path={tmp_path / 'table.csv'}", "data.label=label", "target_fpr=0.05"]
    return [*data, EVERY_EPOCH, f"runs_dir={tmp_path / 'runs'}"]


def by_fork(arguments: list[str], log: Path) -> Any:
    process = FORKING.Process(target=command, args=(arguments, log))
    process.start()
    return process, lambda: process.exitcode, process.join


def command(arguments: list[str], log: Path) -> None:
    """`adbench` with these arguments, in a process that has imported it."""
    sys.argv = ["adbench", *arguments]
    with log.open("a") as file, contextlib.redirect_stderr(file), contextlib.redirect_stdout(None):
        main()


def by_shell(arguments: list[str], log: Path) -> Any:
    call = [sys.executable, "-c", "from adbench.cli.main import main; main()", *arguments]
    with log.open("a") as file:
        process = subprocess.Popen(call, stdout=subprocess.DEVNULL, stderr=file)
    return process, process.poll, process.wait


def kill_after(started: Any, folder: Path, written: tuple[str, int, float], share: float) -> None:
    """Send SIGKILL once the process has written a file, after a share of the given seconds."""
    (process, code, wait), since = started, time.time()
    name, n_lines, seconds = written
    while code() is None:
        with contextlib.suppress(FileNotFoundError):  # it is set aside while the process starts
            fresh = (folder / name).stat().st_mtime > since
            if fresh and (folder / name).read_bytes().count(b"\n") >= n_lines:
                time.sleep(share * seconds)
                break
        time.sleep(0.005)
    process.kill()
    wait()


@pytest.mark.parametrize(
    ("model", "start", "n_kills", "n_epochs"),
    [
        (example_of(RESUMABLE), by_fork, 3, 150),
        *(pytest.param(model, by_shell, 10, 2000, marks=pytest.mark.slow) for model in MODELS),
    ],
)
def test_a_killed_run_ends_as_an_undisturbed_one(
    model: str, start: Callable[..., Any], n_kills: int, n_epochs: int, long: list[str], tmp_path: Path
) -> None:
    draw, overrides, log = (
        random.Random(0),
        [f"model={model}", *long, f"trainer.max_epochs={n_epochs}"],
        tmp_path / "log",
    )
    folder, trained = run_path(compose(overrides)), ("history.csv", n_epochs + 1, 0.2)
    moments = [TRAINING, *draw.choices([LOADING, TRAINING], weights=[1, 3], k=n_kills - 2), trained]
    for moment in moments:
        assert not (folder / "metrics.json").exists(), "too short a run to be killed so often"
        kill_after(start(["train", *overrides], log), folder, moment, draw.random())
    _, code, wait = start(["train", *overrides, "--json"], log)
    wait()
    assert code() == 0, log.read_text()
    assert log.read_text().count("adbench: resumed after epoch ") >= n_kills // 2
    require_same(read_run(folder), train([*overrides, f"runs_dir={tmp_path / 'undisturbed'}"]))
