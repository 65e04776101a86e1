"""Tests of tables with few rows: they run; a typed rate is promised or refused."""

import json
import re
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_breast_cancer
from typer.testing import CliRunner

from adbench.cli.main import app
from adbench.config import compose as compose_module
from adbench.config import options as options_module
from adbench.config import overrides as overrides_module
from adbench.config.compose import compose
from adbench.config.identity import run_name
from adbench.config.paths import config_folder
from adbench.errors import DataError
from adbench.evaluation.thresholds.base import EVT_ROWS, promised_rate, require_rows, rounded_up
from adbench.evaluation.thresholds.conformal import Conformal
from adbench.evaluation.thresholds.evt import PeaksOverThreshold
from adbench.evaluation.thresholds.quantile import Quantile
from adbench.results.record import read_run
from adbench.runner.reproduce import IDENTICAL, reproduce
from adbench.runner.run import train
from adbench.sweeps.plan import Rules, SweepReporter, plan
from adbench.sweeps.schedule import sweep

RULES = [Conformal(), Conformal(0.9), Conformal(0.2), Quantile(), PeaksOverThreshold(0.02, 50)]


@pytest.fixture
def medical(tmp_path: Path) -> list[str]:
    """Overrides for a medical table: 357 benign rows, 212 malignant ones."""
    table = load_breast_cancer(as_frame=True).frame
    table["diagnosis"] = table.pop("target").map({0: "malignant", 1: "benign"})
    table.to_csv(tmp_path / "rows.csv", index=False)
    return [
        *("model=pca", "data=table", f"data.path={tmp_path / 'rows.csv'}", "data.label=diagnosis"),
        f"runs_dir={tmp_path / 'runs'}",
    ]


def test_a_small_table_just_runs_and_says_what_its_rows_can_promise(medical: list[str]) -> None:
    result = CliRunner().invoke(app, ["train", *medical])
    assert result.exit_code == 0, result.stderr
    assert result.stderr.count("36 calibration rows cannot promise 1 % of false alarms") == 1
    assert re.search(r"promised 2\.70 %, achieved .*\n.*so few calibration rows cannot promise 1\.00 %", result.stdout)
    run = train(medical)
    assert run.metrics["target_fpr"] == 1 / 37
    assert run.config["target_fpr"] == 0.01
    assert reproduce(run.folder).verdict == IDENTICAL


def test_a_rate_that_was_typed_is_promised_or_refused(medical: list[str]) -> None:
    run = train(medical)
    before = sorted((path.name, path.read_bytes()) for path in run.folder.iterdir())
    for rate in (["target_fpr=0.01"], ["alerts_per_day=1", "rows_per_day=100"]):
        with pytest.raises(DataError, match="at least 99 calibration rows for target_fpr=0.01, got 36") as caught:
            train([*medical, *rate])
    assert sorted((path.name, path.read_bytes()) for path in run.folder.iterdir()) == before
    (advised,) = re.findall(r"target_fpr=\S+(?=, which)", str(caught.value))
    assert train([*medical, advised]).metrics["target_fpr"] == 0.0271
    typed = train([*medical, "target_fpr=0.01", "relax_fpr=true"])
    assert typed.folder == run.folder


def test_a_rate_that_can_be_promised_gives_the_run_that_it_always_gave(tiny: list[str]) -> None:
    default, typed = ([*tiny, "target_fpr=0.1", *relax] for relax in ([], ["relax_fpr=true"]))
    assert run_name(compose(default)) == run_name(compose(typed))
    assert compose(default)["relax_fpr"] is False
    assert compose([])["relax_fpr"] is True
    assert compose(["alerts_per_day=1", "rows_per_day=100"])["relax_fpr"] is False


def test_a_rate_in_the_file_of_an_experiment_was_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "configs"
    shutil.copytree(config_folder(), folder)
    (folder / "experiment" / "mine.yaml").write_text("# @package _global_\ntarget_fpr: 0.01\n")
    for module in (compose_module, options_module, overrides_module):
        monkeypatch.setattr(module, "config_folder", lambda: folder)
    assert compose(["experiment=mine"])["relax_fpr"] is False
    assert compose(["experiment=dagmm_kdd99"])["relax_fpr"] is True


@given(st.integers(1, 5000), st.floats(1e-6, 0.5))
def test_the_promised_rate_is_the_least_that_the_rows_can_promise(n: int, rate: float) -> None:
    for rule in RULES:
        lowest = rule.lowest_rate(n)
        if lowest < 1:
            promised = promised_rate(rule, n, rate, relax=True)
            assert promised == max(rate, lowest)
            if lowest:
                require_rows(rule, n, rounded_up(lowest))
                assert lowest * (1 - 1e-9) <= rounded_up(lowest) < 1.02 * lowest
        if rule.rows_needed(rate) > n:
            with pytest.raises(DataError):
                promised_rate(rule, n, rate, relax=False)


def test_evt_is_advised_from_the_rows_on_that_it_takes() -> None:
    threshold = compose(["threshold=evt"])["threshold"]
    assert threshold["min_excesses"] / threshold["tail_fraction"] == EVT_ROWS


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ("protocol=one_class,labelled_validation", "expected a dataset with a test file for protocol=labelled"),
        ("target_fpr=0.1,0.01", "at least 99 calibration rows for target_fpr=0.01"),
    ],
)
def test_a_sweep_that_cannot_be_run_is_refused_before_its_first_job(
    keys: str, sentence: str, medical: list[str], tmp_path: Path
) -> None:
    planned = plan([*medical, keys, "seed=0,1", "executor.workers=1"])
    with pytest.raises(DataError, match=f"{sentence}.*(, in the job .*protocol=|protocol.calibration_fraction)"):
        sweep(planned, Rules(), SweepReporter())
    assert not (tmp_path / "runs").exists()


def test_a_sweep_whose_runs_are_there_loads_nothing(medical: list[str], tmp_path: Path) -> None:
    run = train(medical)
    config = read_run(run.folder).config
    planned = plan([*medical, "executor.workers=1"])
    assert [job.path for job in planned.sampler.jobs] == [run.folder]
    planned.sampler.jobs[0].config["data"]["path"] = "/nowhere"
    assert [found.status for found in sweep(planned, Rules(), SweepReporter())] == ["done"]
    assert json.loads((run.folder / "metrics.json").read_text())["target_fpr"] > config["target_fpr"]
