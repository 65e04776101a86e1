"""Tests of fused runs: ordinary run folders, equal to separate runs, and split up where necessary."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner, Result

from adbench.cli.main import app
from adbench.config.compose import compose
from adbench.executors.base import APART, RAN
from adbench.executors.worker import run_jobs
from adbench.models.autoencoders.ae import AE
from adbench.models.neural import NeuralDetector
from adbench.results.record import Run, read_history, read_run
from adbench.runner import run as runner
from adbench.runner.fused import run_together
from adbench.runner.reporter import Reporter
from adbench.runner.run import ApartError, Context
from adbench.sweeps.plan import plan
from adbench.testing.capabilities import ONE_LOSS, SEVERAL_LOSSES, STACKABLE, example_of, models_that

SECONDS = ("_seconds", "rows_per_second")


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def configs(overrides: Sequence[str], *each: Sequence[str]) -> list[dict]:
    return [compose([*overrides, *own]) for own in each]


def seeds(n: int) -> list[list[str]]:
    return [[f"seed={seed}"] for seed in range(n)]


def alone(config: dict, folder: Path) -> Run:
    return runner.run(config | {"runs_dir": str(folder)}, Context(Reporter()))


def require_equal(one: Run, other: Run) -> None:
    assert one.status == other.status == "done", (one.error, other.error)
    assert one.metrics.keys() == other.metrics.keys()
    for name, value in one.metrics.items():
        if not name.endswith(SECONDS):
            assert other.metrics[name] == pytest.approx(value, rel=1e-3, abs=2e-3), name


@pytest.mark.parametrize("model", models_that(STACKABLE))
def test_runs_trained_as_one_are_what_they_are_alone(model: str, tiny: list[str], tmp_path: Path) -> None:
    several = configs([*tiny, f"model={model}"], *seeds(3), ["init_seed=5", "protocol.split_seed=1"])
    runs = [outcome.result() for outcome in run_together(several, Context(Reporter()))]
    for run, config in zip(runs, several, strict=True):
        require_equal(alone(config, tmp_path / "alone"), run)
        others = {other.folder.name for other in runs} - {run.folder.name}
        assert set(run.environment["trained_with"]) == others
        assert len(read_history(run.folder / "history.csv")) == 2
    assert len({run.metrics["threshold"] for run in runs}) == len(runs)


def test_tables_with_other_numbers_of_columns_are_trained_as_one(quick: list[str], tmp_path: Path) -> None:
    several = configs([*quick, "model=vae"], *seeds(4), ["preprocess=standard"])
    runs = [outcome.result() for outcome in run_together(several, Context(Reporter()))]
    columns = {json.loads((run.folder / "model.json").read_text())["n_features"] for run in runs}
    assert len(columns) > 1  # rare categories are not in every split
    for run, config in zip(runs, several, strict=True):
        require_equal(alone(config, tmp_path / "alone"), run)


def test_what_has_other_shapes_or_no_steps_is_left_to_be_run_apart(tiny: list[str]) -> None:
    several = configs([*tiny, "model=ae"], [], ["protocol.calibration_fraction=0.3"], ["seed=1"])
    first, other, last = run_together(several, Context(Reporter()))
    assert first.result().status == last.result().status == "done"
    with pytest.raises(ApartError, match="fit rows"):
        other.result()
    assert not runner.run_path(several[1]).exists()
    outcomes = run_jobs(configs([*tiny, "model=iforest"], *seeds(2)), Context(Reporter()))
    assert outcomes == [{"outcome": RAN, "error": ""}, {"outcome": APART, "error": ""}]


def test_a_loss_that_mixes_networks_is_noticed(tiny: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def mixing(self: AE, x: torch.Tensor) -> torch.Tensor:
        error = (x - self.reconstruct(x)).square()
        return error.mean(dim=(-2, -1)) * (1 + error.mean())  # mixes all networks

    several = configs([*tiny, "model=ae"], *seeds(2))
    monkeypatch.setattr(AE, "loss", mixing)
    first, other = run_together(several, Context(Reporter()))
    assert first.result().status == "done"
    assert "trained_with" not in first.result().environment
    with pytest.raises(ApartError, match="not the same alone"):
        other.result()


def test_a_finished_run_and_a_wrong_one_do_not_disturb_the_others(tiny: list[str]) -> None:
    several = configs([*tiny, "model=ae"], *seeds(3), ["seed=4", "target_fpr=0.001"])
    done = alone(several[1], Path(several[1]["runs_dir"]))
    outcomes = run_jobs(several, Context(Reporter()))
    assert [outcome["outcome"] for outcome in outcomes] == [RAN, RAN, RAN, "refused"]
    assert read_run(done.folder).metrics == done.metrics
    assert read_run(runner.run_path(several[3])).status == "failed"


def test_an_error_in_the_training_fails_each_run(tiny: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("no more")

    several = configs([*tiny, "model=ae"], *seeds(2))
    monkeypatch.setattr("adbench.training.trainer.Training.fit_stacked", broken)
    for outcome in run_together(several, Context(Reporter())):
        run = outcome.result()
        assert run.status == "failed"
        assert "no more" in run.error


def test_what_a_device_cannot_hold_is_halved(
    tiny: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    honest = AE.loss

    def hungry(self: AE, x: torch.Tensor) -> torch.Tensor:
        if self.training and self.members is not None and len(x) > 2 and self._rows:
            raise torch.OutOfMemoryError("too much")
        return honest(self, x)

    monkeypatch.setattr(AE, "loss", hungry)
    several = configs([*tiny, "model=ae", "trainer.batch_size=32"], *seeds(4))
    runs = [outcome.result() for outcome in run_together(several, Context(Reporter()))]
    assert "2 runs are trained as one, not 4" in caplog.text
    for run, config in zip(runs, several, strict=True):
        assert len(run.environment["trained_with"]) == 1
        require_equal(alone(config, tmp_path / "alone"), run)


@pytest.mark.parametrize("model", [example_of(STACKABLE, ONE_LOSS), example_of(STACKABLE, SEVERAL_LOSSES)])
def test_a_group_that_was_killed_goes_on_to_the_same_bits(
    model: str, tiny: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    overrides = [*tiny, f"model={model}", "trainer.max_epochs=4", "trainer.checkpoint_seconds=0"]
    undisturbed = run_together(configs([*overrides, f"runs_dir={tmp_path / 'whole'}"], *seeds(3)), Context(Reporter()))
    several, honest = configs(overrides, *seeds(3)), NeuralDetector.on_train_epoch_start

    def killed(self: NeuralDetector) -> None:
        if self.current_epoch == 2:
            raise KeyboardInterrupt
        honest(self)

    with monkeypatch.context() as patch:
        patch.setattr(NeuralDetector, "on_train_epoch_start", killed)
        with pytest.raises(KeyboardInterrupt):
            run_together(several, Context(Reporter()))
    # Only the first run's folder remains, with the shared checkpoint.
    assert [runner.run_path(config).exists() for config in several] == [True, False, False]
    for whole, again in zip(undisturbed, run_together(several, Context(Reporter())), strict=True):
        one, other = whole.result(), again.result()
        assert other.environment["resumed_after_epoch"] == 2
        assert len(read_history(other.folder / "history.csv")) == 4
        assert {name: value for name, value in one.metrics.items() if "second" not in name} == {
            name: value for name, value in other.metrics.items() if "second" not in name
        }


def test_a_checkpoint_of_several_is_none_for_one(
    tiny: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    overrides = [*tiny, "model=ae", "trainer.checkpoint_seconds=0"]
    several, fail = configs(overrides, *seeds(2)), NeuralDetector.on_train_epoch_start

    def killed(self: NeuralDetector) -> None:
        if self.current_epoch == 1:
            raise KeyboardInterrupt
        fail(self)

    with monkeypatch.context() as patch:
        patch.setattr(NeuralDetector, "on_train_epoch_start", killed)
        with pytest.raises(KeyboardInterrupt):
            run_together(several, Context(Reporter()))
    run = runner.run(several[0], Context(Reporter()))
    assert run.environment["resumed_after_epoch"] is None
    require_equal(alone(several[0], tmp_path / "alone"), run)


def test_a_sweep_trains_its_seeds_as_one(tiny: list[str]) -> None:
    jobs = [*tiny, "model=ae,iforest", "seed=range(3)", "executor.workers=1"]
    result = invoke("sweep", *jobs, "--json")
    assert result.exit_code == 0, result.output
    runs = [read_run(Path(run["run"])) for run in json.loads(result.stdout)["runs"]]
    assert [len(run.environment.get("trained_with", [])) for run in runs] == [2, 2, 2, 0, 0, 0]
    assert "not trained as one" not in result.stderr  # not expected of a forest


def test_a_sweep_says_once_what_is_run_apart(tiny: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = [*tiny, "model=ae", "seed=range(3)", "executor.workers=1", "trainer.calibration_loss=true"]
    result = invoke("sweep", *jobs)
    assert result.exit_code == 0, result.output
    assert result.stderr.count("trainer.calibration_loss is told after each epoch") == 1


def test_fuse_switches_it_off(tiny: list[str]) -> None:
    result = invoke("sweep", *tiny, "model=ae", "seed=range(2)", "executor.workers=1", "fuse=1", "--json")
    runs = [read_run(Path(run["run"])) for run in json.loads(result.stdout)["runs"]]
    assert [run.environment.get("trained_with", []) for run in runs] == [[], []]


@pytest.mark.parametrize(
    ("overrides", "most"),
    [([], 8), (["fuse=3"], 3), (["sampler=random", "objective=calibration/loss", "model.latent_size=2,3"], 1)],
)
def test_only_where_all_jobs_are_known_they_go_together(tiny: list[str], overrides: list[str], most: int) -> None:
    assert plan([*tiny, "model=ae", "seed=range(2)", *overrides]).most == most


def test_fuse_has_to_be_a_number_above_zero(tiny: list[str]) -> None:
    result = invoke("sweep", *tiny, "seed=range(2)", "fuse=0")
    assert result.exit_code == 2
    assert "fuse" in result.stderr
