"""Tests of loggers: what they receive, and that neither they nor their absence change a run."""

import csv
import importlib.util
import multiprocessing
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from pytorch_lightning.loggers import CSVLogger

from adbench.config.compose import compose
from adbench.config.identity import run_name
from adbench.config.options import groups
from adbench.config.overrides import expand
from adbench.errors import AdbenchError, ConfigError
from adbench.models.autoencoders.ae import AE
from adbench.results.record import Run, read_history, read_run
from adbench.runner.loggers.csv import Csv
from adbench.runner.loggers.mlflow import MLflow
from adbench.runner.reporter import Reporter
from adbench.runner.run import train
from adbench.sweeps.plan import plan
from adbench.testing.capabilities import CLASSICAL, ONE_LOSS, SEVERAL_LOSSES, example_of


class Notes(Reporter):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, sentence: str) -> None:
        self.notes.append(sentence)


def scores(run: Run) -> bytes:
    assert run.status == "done", run.error
    return (run.folder / "scores.parquet").read_bytes()


def table_of(run: Run, version: int = 0) -> tuple[list[dict[str, str]], dict[str, Any]]:
    folder = run.folder.parent / "logs" / "csv" / run.folder.name / f"version_{version}"
    return list(csv.DictReader((folder / "metrics.csv").read_text().splitlines())), yaml.safe_load(
        (folder / "hparams.yaml").read_text()
    )


@pytest.mark.parametrize("model", [example_of(ONE_LOSS), example_of(SEVERAL_LOSSES), example_of(CLASSICAL)])
def test_a_logger_hears_of_settings_epochs_metrics_and_status(model: str, tiny: list[str]) -> None:
    run = train([f"model={model}", "logger=csv", *tiny])
    rows, settings = table_of(run)
    history = read_history(run.folder / "history.csv")
    assert len(rows) == len(history) + 1
    for row, epoch in zip(rows, history, strict=False):
        assert {f"history/{name}": float(row[f"history/{name}"]) for name in epoch if name != "epoch"} == {
            f"history/{name}": value for name, value in epoch.items() if name != "epoch"
        }
    assert {name: float(rows[-1][name]) for name in run.metrics} == run.metrics
    expected = {"status": "done", "model": model, "seed": 0, "target_fpr": 0.1, "data.label": "label"}
    assert expected.items() <= settings.items()
    assert not {key for key in settings if key.startswith("logger")}


def test_several_at_once_hold_the_same_numbers_and_change_no_score(tiny: list[str], tmp_path: Path) -> None:
    mlflow = pytest.importorskip("mlflow")
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    pytest.importorskip("wandb")
    without = train(["model=ae", *tiny, f"runs_dir={tmp_path / 'other'}"])
    reporter = Notes()
    run = train(["model=ae", *tiny, "logger=[csv,tensorboard,mlflow,wandb]"], reporter=reporter)
    assert reporter.notes == []
    assert scores(run) == scores(without)
    assert run.folder.name == without.folder.name
    logs = run.folder.parent / "logs"
    curve = events.EventAccumulator(str(logs / "tensorboard" / run.folder.name / "version_0"))
    curve.Reload()
    losses = [row["loss"] for row in read_history(run.folder / "history.csv")]
    assert [event.value for event in curve.Scalars("history/loss")] == pytest.approx(losses)
    client = mlflow.MlflowClient(f"sqlite:///{logs / 'mlflow.db'}")
    (stored,) = client.search_runs([client.get_experiment_by_name("adbench").experiment_id])
    assert (stored.info.run_name, stored.info.status) == (run.folder.name, "FINISHED")
    assert stored.data.metrics["roc_auc"] == run.metrics["roc_auc"]
    assert [m.value for m in client.get_metric_history(stored.info.run_id, "history/loss")] == losses
    assert stored.data.params["model.latent_size"] == str(run.config["model"]["latent_size"])
    (offline,) = (logs / "wandb" / "wandb").glob("offline-run-*/run-*.wandb")
    assert b"roc_auc" in offline.read_bytes()
    assert {path.name for path in run.folder.iterdir()} == {path.name for path in without.folder.iterdir()}


def test_what_is_finished_is_not_logged_again_and_an_attempt_has_a_log_of_its_own(tiny: list[str]) -> None:
    run = train(["model=pca", "logger=csv", *tiny])
    logs = run.folder.parent / "logs" / "csv" / run.folder.name
    train(["model=pca", "logger=csv", *tiny])
    assert [path.name for path in logs.iterdir()] == ["version_0"]
    train(["model=pca", "logger=csv", *tiny], force=True)
    assert len(table_of(run, 1)[0]) == 1


def test_a_logger_that_draws_does_not_move_the_draws_of_the_training(
    tiny: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def draw(*_: Any, **__: Any) -> None:
        random.random(), np.random.random(), torch.rand(1)  # noqa: NPY002

    plain = train(["model=vae", *tiny, f"runs_dir={tmp_path / 'other'}"])
    monkeypatch.setattr(CSVLogger, "log_metrics", draw)
    monkeypatch.setattr(CSVLogger, "log_hyperparams", draw)
    assert scores(train(["model=vae", "logger=csv", *tiny])) == scores(plain)


@pytest.mark.parametrize("when", ["open", "log_metrics", "close"])
def test_a_logger_that_breaks_is_left_out_and_said(when: str, tiny: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(CSVLogger if when == "log_metrics" else Csv, when, full)
    reporter = Notes()
    run = train(["model=ae", "logger=csv", *tiny], reporter=reporter)
    assert run.status == "done"
    assert reporter.notes == ["goes on without logger=csv (OSError: [Errno 28] No space left on device)"]


def test_a_store_that_is_none_is_said(tiny: list[str], tmp_path: Path) -> None:
    pytest.importorskip("mlflow")
    (tmp_path / "store.db").write_bytes(b"no database" * 1000)
    reporter = Notes()
    run = train(
        ["model=pca", "logger=mlflow", f"logger.mlflow.store={tmp_path / 'store.db'}", *tiny], reporter=reporter
    )
    assert run.status == "done"
    assert len(reporter.notes) == 1
    assert reporter.notes[0].startswith("goes on without logger=mlflow (")


@pytest.mark.parametrize("option", ["tensorboard", "mlflow", "wandb"])
def test_what_is_not_installed_is_refused_with_the_extra_that_brings_it(
    option: str, tiny: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name == option else there(name, *more))
    sentence = rf"pip install 'adbench-runner\[{option}\]'"
    with pytest.raises(ConfigError, match=sentence):
        train(["model=pca", *tiny, f"logger=[csv,{option}]"])
    with pytest.raises(ConfigError, match=sentence):
        plan(["model=pca", *tiny, "seed=range(3)", f"logger=[csv,{option}]"])
    assert not (tmp_path / "runs").exists()


def test_a_wrong_request_leaves_no_log(tiny: list[str], tmp_path: Path) -> None:
    with pytest.raises(AdbenchError, match="nowhere"):
        train(["model=pca", "logger=csv", *tiny, "data.label=nowhere"])
    assert not (tmp_path / "runs").exists()


def test_a_failed_run_is_logged_as_one(tiny: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    mlflow = pytest.importorskip("mlflow")

    def broken(self: AE, x: Any) -> Any:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr(AE, "loss", broken)
    run = train(["model=ae", "logger=mlflow", *tiny])
    assert run.status == "failed"
    client = mlflow.MlflowClient(f"sqlite:///{run.folder.parent / 'logs' / 'mlflow.db'}")
    (stored,) = client.search_runs([client.get_experiment_by_name("adbench").experiment_id])
    assert (stored.info.status, stored.data.params["status"]) == ("FAILED", "failed")


def test_an_interrupted_run_says_so_and_the_next_attempt_tells_all_epochs(
    tiny: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    overrides = ["model=ae", "logger=csv", *tiny, "trainer.max_epochs=4", "trainer.checkpoint_seconds=0"]
    log_metrics = CSVLogger.log_metrics

    def interrupted(self: CSVLogger, metrics: Any, step: int) -> None:
        if step == 2:
            raise KeyboardInterrupt
        log_metrics(self, metrics, step)

    monkeypatch.setattr(CSVLogger, "log_metrics", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train(overrides)
    monkeypatch.undo()
    run = train(overrides)
    assert run.environment["resumed_after_epoch"] == 2
    rows, settings = table_of(run, 1)
    assert [row["step"] for row in rows] == ["0", "1", "2", "3", "3"]
    assert settings["status"] == "done"
    assert table_of(run, 0)[1]["status"] == "interrupted"


def test_training_processes_of_their_own_are_told_too(tiny: list[str]) -> None:
    run = train(["model=ae", "logger=csv", "trainer=ddp_cpu", *tiny])
    assert [row["step"] for row in table_of(run)[0]] == ["0", "1", "1"]


def test_several_are_one_run_and_the_names_of_runs_know_none() -> None:
    configs = [compose(more) for more in ([], ["logger=csv"], ["logger=[csv,wandb]"], ["logger=null"], ["logger=[]"])]
    assert len({run_name(config) for config in configs}) == 1
    assert [sorted(config.get("logger") or {}) for config in configs] == [[], ["csv"], ["csv", "wandb"], [], []]
    assert len(expand(["logger=[csv,mlflow]", "seed=0,1"])) == 2
    assert set(groups()["logger"]) == {"none", "csv", "tensorboard", "mlflow", "wandb"}


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("logger=csv,mlflow", r"in brackets, as in logger=\[csv,tensorboard\]"),
        ("logger=glob(*)", "in brackets"),
        ("logger=[csv,tensorbord]", "did you mean tensorboard"),
        ("logger=[[csv]]", "expected a logger that exists"),
        ("logger={csv:1}", "expected a logger that exists"),
        ("logger.csv.folder=x", "expected a key that exists"),
        ("+logger.csv=1", "expected the keys of a logger under logger.csv"),
        ("+logger.csv._target_=os.getcwd", "expected logger.csv._target_ to name something in adbench.runner.loggers."),
        ("+logger.x={_target_:adbench.runner.loggers.csv.Csv,folder:x,more:1}", "logger.x.more"),
    ],
)
def test_what_is_no_logger_is_refused(override: str, sentence: str, tiny: list[str], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=sentence):
        train(["model=pca", *tiny, override])
    with pytest.raises(ConfigError, match=sentence):
        plan(["model=pca", *tiny, override]).sampler.jobs and train(["model=pca", *tiny, override])
    assert not (tmp_path / "runs").exists()


def test_a_run_from_before_there_were_loggers_is_read(tiny: list[str]) -> None:
    run = train(["model=pca", *tiny])
    config = yaml.safe_load((run.folder / "config.yaml").read_text())
    assert config.pop("logger") == {}
    (run.folder / "config.yaml").write_text(yaml.safe_dump(config))
    assert read_run(run.folder).metrics == run.metrics


def test_without_a_logger_none_is_imported(tiny: list[str]) -> None:
    script = f"import sys; from adbench.runner.run import train; train({['model=ae', *tiny]!r}); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "adbench.runner.loggers.log" in loaded
    own = {f"adbench.runner.loggers.{name}" for name in ("csv", "tensorboard", "mlflow", "wandb")}
    assert not loaded & (own | {"tensorboard", "mlflow", "wandb", "sqlalchemy"})


def test_processes_that_make_one_store_at_the_same_time_do_not_break_it(tmp_path: Path) -> None:
    mlflow = pytest.importorskip("mlflow")
    store, n_epochs = tmp_path / "logs" / "mlflow.db", 30
    context = multiprocessing.get_context("spawn")
    together = context.Barrier(2)
    processes = [context.Process(target=log_many, args=(store, name, n_epochs, together)) for name in "ab"]
    for process in processes:
        process.start()
    for process in processes:
        process.join(timeout=120)
    assert [process.exitcode for process in processes] == [0, 0]
    client = mlflow.MlflowClient(f"sqlite:///{store}")
    (experiment,) = [e for e in client.search_experiments() if e.name == "adbench"]
    stored = client.search_runs([experiment.experiment_id])
    assert sorted(run.info.run_name for run in stored) == ["a", "b"]
    assert all(len(client.get_metric_history(run.info.run_id, "loss")) == n_epochs for run in stored)


def log_many(store: Path, name: str, n_epochs: int, together: Any) -> None:
    maker = MLflow(str(store), "adbench")
    together.wait()
    logger = maker.open(name)
    for epoch in range(n_epochs):
        logger.log_metrics({"loss": 1.0}, epoch)
    maker.close(logger, success=True)
