"""Tests of objectives: measured without test rows, refused otherwise, and used to end runs early."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pytorch_lightning.callbacks import Callback
from typer.testing import CliRunner

from adbench.arrays.columns import Columns
from adbench.cli.main import app
from adbench.config.compose import compose
from adbench.config.identity import run_name
from adbench.errors import ConfigError
from adbench.models.neural import NeuralDetector
from adbench.models.variational.vae import VAE
from adbench.results.record import HISTORY, STOP, read_history
from adbench.runner.run import Reporter, run_path, train
from adbench.sweeps.objective import LEGAL, Objective
from adbench.testing.capabilities import ONE_LOSS, SEVERAL_LOSSES, example_of, models_that
from adbench.training.losses import mean_loss

CURVE = "trainer.calibration_loss=true"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("objective=test/roc_auc", "owes nothing to the test rows, got test/roc_auc: what is chosen by a test metric"),
        ("objective=roc_auc", "owes nothing to the test rows, got roc_auc"),
        ("objective=test/f1", "owes nothing to the test rows, got test/f1"),
        ("objective=validation/roc_auc", "got protocol=one_class: its labels are those of the test rows"),
        ("objective=validation/roc_auc protocol=random_split", "got protocol=random_split: its labels are those of"),
        ("objective=validation/recall", "expected an objective that exists, got validation/recall"),
        ("objective=calibration/los", "did you mean calibration/loss"),
        ("objective=calibration/loss model=gan", "expected a model that minimises one loss .*got model=gan"),
        ("objective=fit/loss model=pca", "expected a model that minimises one loss .*got model=pca"),
        ("objective=calibration/loss protocol=goad", "expected a protocol with calibration rows .*got protocol=goad"),
        ("objective=calibration/loss model=ae,vae", "expected one model to choose by calibration/loss, got several"),
        ("objective=fit/loss preprocess=minmax,quantile", "expected one preprocess to choose by fit/loss"),
        ("objective=fit/loss data=nslkdd,kddcup99", "expected one data to choose by fit/loss"),
    ],
)
def test_a_cheating_or_meaningless_objective_is_refused_before_anything_runs(
    words: str, sentence: str, tmp_path: Path
) -> None:
    for sampler in ([], ["sampler=tpe", "trainer.max_epochs=1,2"]):
        result = CliRunner().invoke(app, ["sweep", *words.split(), *sampler, f"runs_dir={tmp_path / 'runs'}"])
        assert result.exit_code == 2
        assert len(result.stderr.splitlines()) == 1
        with pytest.raises(AssertionError, match=sentence):
            raise AssertionError(result.stderr)
        assert not list(tmp_path.iterdir())


def test_a_loss_says_less_and_a_validation_metric_more_and_only_losses_are_known_while_training() -> None:
    for name in LEGAL:
        objective = Objective(name)
        is_loss = name.endswith("/loss")
        assert objective.direction == ("minimize" if is_loss else "maximize")
        assert (objective.history_column is not None) == is_loss
        assert objective.best([1.0, 2.0]) == (1.0 if is_loss else 2.0)
    with pytest.raises(ConfigError):
        Objective("test/average_precision")


@pytest.mark.parametrize("model", models_that(ONE_LOSS))
def test_the_losses_are_measured_and_change_no_score(model: str, quick: list[str], tmp_path: Path) -> None:
    without = train([f"model={model}", *quick])
    asked = train([f"model={model}", *quick, CURVE, f"runs_dir={tmp_path / 'other'}"])
    assert without.folder.name == asked.folder.name
    assert (without.folder / "scores.parquet").read_bytes() == (asked.folder / "scores.parquet").read_bytes()
    curve = read_history(asked.folder / HISTORY)
    plain = read_history(without.folder / HISTORY)
    assert [row["loss"] for row in plain] == [row["loss"] for row in curve]
    assert "calibration_loss" not in plain[0]
    for run in (without, asked):
        assert run.metrics["fit_loss"] == curve[-1][str(Objective("fit/loss").history_column)]
        assert run.metrics["calibration_loss"] == curve[-1][str(Objective("calibration/loss").history_column)]
        assert Objective("calibration/loss").value(run) == run.metrics["calibration_loss"]


def test_adversaries_have_no_loss_to_compare(quick: list[str]) -> None:
    run = train([f"model={example_of(SEVERAL_LOSSES)}", *quick, CURVE])
    assert not {"fit_loss", "calibration_loss"} & run.metrics.keys()
    assert list(read_history(run.folder / HISTORY)[0]) == ["epoch", "seconds", "discriminator_loss", "generator_loss"]
    assert Objective("fit/loss").value(run) is None


def test_a_protocol_without_calibration_rows_has_the_loss_of_the_fit_alone(tiny_data: Path, tmp_path: Path) -> None:
    where = [f"data.folder={tiny_data}", f"runs_dir={tmp_path / 'runs'}", "trainer.max_epochs=1"]
    run = train(["model=ae", "protocol=dagmm", "threshold=top_fraction", CURVE, *where])
    assert run.status == "done", run.error
    assert "fit_loss" in run.metrics
    assert "calibration_loss" not in run.metrics


def test_the_loss_is_the_mean_over_rows_and_draws_the_same_each_time_without_a_trace() -> None:
    detector = VAE(Columns.numbers(3), [4], 2, beta=1.0, min_scale=0.1, n_samples=1, learning_rate=0.1).train()
    x = np.random.default_rng(0).random((2500, 3), dtype=np.float32)
    torch.manual_seed(5)
    np.random.seed(5)  # noqa: NPY002
    first = mean_loss(detector, x)
    after = torch.rand(1), np.random.rand()  # noqa: NPY002
    torch.manual_seed(5)
    np.random.seed(5)  # noqa: NPY002
    assert (torch.rand(1), np.random.rand()) == after  # noqa: NPY002
    assert mean_loss(detector, x) == first
    assert detector.training
    detector.beta = 0.0  # the rest of the loss is linear in rows up to the draws
    halves = [mean_loss(detector, part) for part in (x[:1250], x[1250:])]
    assert mean_loss(detector, x) == pytest.approx(np.mean(halves), rel=0.05)


class Stopping(Reporter):
    """Simulates a sweep that requests a stop in the middle of the second epoch."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def callbacks(self) -> list[Any]:
        stop = self.folder / STOP

        class Touch(Callback):
            def on_train_epoch_start(self, trainer: Any, *_: Any) -> None:
                if trainer.current_epoch == 1:
                    stop.touch()

        return [Touch()]


def test_a_run_that_is_told_to_stop_is_pruned_and_runs_later_as_if_nothing_had_been(quick: list[str]) -> None:
    overrides = ["model=ae", *quick, "trainer.max_epochs=4"]
    folder = run_path(compose(overrides))
    run = train(overrides, reporter=Stopping(folder))
    assert (run.status, run.error) == ("pruned", "after epoch 2")
    assert len(read_history(folder / HISTORY)) == 2
    assert not (folder / "metrics.json").exists()
    (folder / STOP).touch()  # a sweep that noticed the end too late
    again = train(overrides)
    assert (again.status, (folder / STOP).exists()) == ("done", False)


def test_a_run_is_not_stopped_after_its_last_epoch(quick: list[str]) -> None:
    overrides = ["model=ae", *quick]
    assert train(overrides, reporter=Stopping(run_path(compose(overrides)))).status == "done"


def test_several_processes_are_pruned_together(quick: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    overrides = ["model=ae", "trainer=ddp_cpu", *quick, "trainer.max_epochs=3"]
    stop, honest = run_path(compose(overrides)) / STOP, NeuralDetector.on_train_epoch_start

    def touching(self: NeuralDetector) -> None:
        stop.touch()
        honest(self)

    monkeypatch.setattr(NeuralDetector, "on_train_epoch_start", touching)
    run = train(overrides)
    assert (run.status, run.error) == ("pruned", "after epoch 1")


def test_a_curve_is_no_other_run() -> None:
    assert run_name(compose([CURVE])) == run_name(compose([]))
    config = compose([])
    Objective("calibration/loss").prepare(config)
    assert config["trainer"]["calibration_loss"]
