"""Tests of reproducing a run: the verdict, the recorded changes, and malformed folders."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from typer.testing import CliRunner, Result

from adbench.cli.main import app
from adbench.config.compose import compose
from adbench.config.recompose import recompose
from adbench.errors import AdbenchError, ConfigError
from adbench.evaluation.seal import digest
from adbench.models.autoencoders import ae
from adbench.models.neural import log_error
from adbench.results.record import Run, read_run
from adbench.runner.reproduce import (
    DIFFERENT,
    EQUIVALENT,
    IDENTICAL,
    WITHIN_NOISE,
    _of_other_scores,
    reproduce,
)
from adbench.runner.run import train
from adbench.runner.score_difference import Difference
from adbench.stats.interval import Interval


def invoke(*arguments: Any) -> Result:
    return CliRunner().invoke(app, ["reproduce", *map(str, arguments)])


def edit_config(run: Run, change: Callable[[dict[str, Any]], Any]) -> None:
    path = run.folder / "config.yaml"
    config = yaml.safe_load(path.read_text())
    change(config)
    path.write_text(yaml.safe_dump(config, sort_keys=False))


def edit_json(path: Path, **values: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def pretend(run: Run, other: Run) -> None:
    """Replace the folder's scores and metrics by another run's."""
    for name in ("scores.parquet", "frozen.sha256", "metrics.json"):
        shutil.copy(other.folder / name, run.folder / name)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("model", ["vae", "iforest"])
def test_the_same_run_is_identical_and_nothing_is_left_or_touched(
    model: str, tiny: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = train([f"model={model}", *tiny, "logger=csv"])
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    before = contents(tmp_path)
    found = reproduce(run.folder)
    assert (found.verdict, found.largest_difference, found.changed) == (IDENTICAL, 0.0, {})
    assert (found.recomposed.unknown, found.recomposed.defaulted, found.recomposed.notes) == ({}, {}, [])
    assert contents(tmp_path) == before
    result = invoke(run.folder)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("identical: all ")
    assert "changed: nothing that a run records" in result.stdout


def test_json_is_one_document_and_keep_leaves_the_run(tiny: list[str], tmp_path: Path) -> None:
    run = train(["model=pca", *tiny])
    result = invoke(run.folder, "--keep", tmp_path / "again", "--json")
    document = json.loads(result.stdout)
    assert (result.exit_code, document["verdict"]) == (0, IDENTICAL)
    assert document["again"] == str(tmp_path / "again" / run.folder.name)
    assert read_run(Path(document["again"])).status == "done"
    assert document["metrics"]["roc_auc"] == [run.metrics["roc_auc"]] * 2
    for keep in (tmp_path / "again", run.folder.parent):  # never overwrites a finished run, the original included
        refused = invoke(run.folder, "--keep", keep)
        assert (refused.exit_code, "name another with --keep" in refused.stderr) == (2, True)


@pytest.fixture
def changed_code(quick: list[str]) -> Run:
    """A run by older code, beside runs of other seeds by the current code."""
    overrides = ["model=ae", "controls.nearest_rows=100", *quick]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(ae, "log_error", lambda error, scale: log_error(error, 3 * scale))
        run = train(overrides)
    for seed in (1, 2, 3):
        train([*overrides, f"seed={seed}"])
    return run


NOTHING = Interval(0.0, 0.0, 0.0)
ANOTHER = {"cpu": "Another processor x 2"}


def test_a_change_that_the_test_rows_tell_is_different_whatever_other_seeds_do(changed_code: Run) -> None:
    found = reproduce(changed_code.folder)
    interval = found.auroc_difference
    assert interval is not None
    assert not interval.low <= 0 <= interval.high
    assert abs(interval.value) > 0.001
    assert (found.verdict, found.largest_difference and found.largest_difference > 0) == (DIFFERENT, True)
    assert "have to give the same bits" in found.reason  # no file of it was edited
    edit_json(changed_code.folder / "environment.json", **ANOTHER)
    result = invoke(changed_code.folder)
    assert (result.exit_code, "the test rows tell the two apart" in result.stdout) == (1, True), result.stdout
    assert "on the other side of the threshold: " in result.stdout
    result = invoke(changed_code.folder, "--margin", "0.9")
    assert (result.exit_code, result.stdout.startswith("equivalent: ")) == (0, True), result.stdout
    assert "exclude a change of more than 0.9" in result.stdout
    refused = invoke(changed_code.folder, "--margin", "-1")
    assert (refused.exit_code, "expected --margin" in refused.stderr) == (2, True)


def test_what_the_test_rows_leave_open_is_noise_only_where_rounding_makes_as_much(tiny: list[str]) -> None:
    first, other = (train(["model=ae", "protocol.split_seed=0", f"seed={seed}", *tiny]) for seed in (0, 3))
    pretend(first, other)
    edit_json(first.folder / "environment.json", **ANOTHER)
    found = reproduce(first.folder)
    interval = found.auroc_difference
    assert interval is not None
    assert interval.low <= 0 <= interval.high
    assert (found.verdict, found.rounding is not None and found.rounding < 1e-3) == (DIFFERENT, True)
    assert "a change of more than 0.001 is not excluded, and rounding alone changes" in found.reason


@pytest.mark.parametrize(
    ("noise", "flipped", "verdict"),
    [(0.002, 0.01, WITHIN_NOISE), (0.001, 0.01, DIFFERENT), (0.002, 0.0, DIFFERENT), (None, 0.0, DIFFERENT)],
)
def test_within_rounding_noise(noise: float | None, flipped: float, verdict: str) -> None:
    measured = None if noise is None else Difference(Interval(-noise, -1, 1), flipped, NOTHING)
    found = Difference(Interval(0.005, -0.01, 0.02), 0.02, NOTHING)
    assert _of_other_scores(found, False, 0.001, lambda: measured)[0] == verdict
    beyond = Difference(Interval(0.005, 0.001, 0.009), 0.0, NOTHING)
    assert _of_other_scores(beyond, False, 0.001, lambda: pytest.fail("the interval excludes 0"))[0] == DIFFERENT


def test_other_bits_are_equivalent_elsewhere_and_different_where_they_were_made(tiny: list[str]) -> None:
    run = train(["model=pca", *tiny])
    rows = pd.read_parquet(run.folder / "scores.parquet")
    rows["score"] += 1e-9
    rows.to_parquet(run.folder / "scores.parquet")
    frozen = digest(rows["score"].to_numpy(), run.metrics["threshold"])
    (run.folder / "frozen.sha256").write_text(frozen)
    found = reproduce(run.folder)
    assert (found.verdict, "have to give the same bits" in found.reason) == (DIFFERENT, True)
    code = json.loads((run.folder / "environment.json").read_text())["code"]
    for was in (ANOTHER, {"threads": 8}, {"code": code | {"task": {"sha256": "0" * 64}}}, {"trained_with": ["other"]}):
        edit_json(run.folder / "environment.json", **run.environment | was)
        found = reproduce(run.folder)
        assert (found.verdict, found.recomposed.notes, len(found.changed)) == (EQUIVALENT, [], 1)
        assert found.largest_difference == pytest.approx(1e-9, rel=1e-3)


def test_edited_metrics_and_scores_are_found(tiny: list[str]) -> None:
    run = train(["model=pca", *tiny])
    edit_json(run.folder / "metrics.json", recall=0.123)
    found = reproduce(run.folder)
    assert (found.verdict, found.reason) == (DIFFERENT, "the same scores, but other metrics of them: recall")
    edit_json(run.folder / "metrics.json", threshold=0.5)
    assert "frozen.sha256" in reproduce(run.folder).recomposed.notes[0]


def test_changed_data_are_said_first_and_moved_data_are_named(tiny: list[str], table: Path, tmp_path: Path) -> None:
    run = train(["model=pca", *tiny])
    moved = tmp_path / "moved" / table.name
    moved.parent.mkdir()
    table.rename(moved)
    refused = invoke(run.folder)
    assert (refused.exit_code, str(table) in refused.stderr) == (2, True)
    same = reproduce(run.folder, [f"data.path={moved}"])
    assert (same.verdict, same.changed) == (IDENTICAL, {})
    assert same.recomposed.overridden == {"data.path": str(moved)}
    moved.write_text("".join(moved.read_text().splitlines(keepends=True)[:-50]))
    result = invoke(run.folder, f"data.path={moved}")
    assert result.stdout.startswith(f"the data changed: {table.name}\n")
    assert "on other test rows or labels" in result.stdout
    assert result.exit_code == 1


def test_environment_and_configuration_are_compared(tiny: list[str]) -> None:
    run = train(["model=ae", *tiny])
    packages = run.environment["packages"] | {"torch": "0.1"}
    edit_json(run.folder / "environment.json", python="2.7", packages=packages, git_commit="\x1b[31mabc")

    def age(config: dict[str, Any]) -> None:
        del config["trainer"]["schedule"], config["logger"], config["init_seed"]
        config["trainer"]["patience"], config["choices"]["optimizer"] = 3, "adam"

    edit_config(run, age)
    result = invoke(run.folder)
    assert result.exit_code == 0, result.output
    for line in (
        "changed: package torch: 0.1 -> ",
        "changed: python: 2.7 -> ",
        "changed: git_commit: ?[31mabc -> ",
        "changed: trainer.patience=3 is not known today",
        "changed: trainer.schedule was not stored; its default is constant",
        "note: there is no group optimizer any more",
    ):
        assert line in result.stdout, line
    assert "init_seed" not in result.stdout
    assert "\x1b" not in result.stdout


def test_stored_values_are_taken_not_todays_defaults(tiny: list[str]) -> None:
    overrides = ["model=ae", "model.latent_size=3", "preprocess=minmax", "protocol.calibration_fraction=0.3", "seed=7"]
    stored = compose([*overrides, *tiny, "alerts_per_day=5", "rows_per_day=100", "target_fpr=0.01"])
    made = recompose(yaml.safe_load(yaml.safe_dump(stored)))
    assert {**made.config, "runs_dir": "", "logger": {}} == {**stored, "runs_dir": "", "logger": {}}
    assert made.config["target_fpr"] == 0.05


def test_a_data_folder_of_another_machine_is_replaced(quick: list[str]) -> None:
    stored = compose(["model=ae", *quick, "data.folder=/nowhere/data"])
    made = recompose(stored)
    assert made.config["data"]["folder"] is None
    assert made.notes == ["the data folder /nowhere/data is not here; today's default is taken"]


@pytest.mark.parametrize(
    "change",
    [
        lambda config: config["trainer"].update({"callback": {"_target_": "os.system", "command": "touch PWNED"}}),
        lambda config: config.update({"hydra": {"run": {"dir": "PWNED"}}}),
        lambda config: config.update(logger={"csv": {"_target_": "os.mkdir", "path": "PWNED"}}),
        lambda config: config["data"].update(folder="${oc.env:HOME}"),
        lambda config: config.update(runs_dir="PWNED"),
    ],
)
def test_a_strangers_configuration_runs_nothing(
    change: Callable[[dict[str, Any]], Any], tiny: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = train(["model=pca", *tiny])
    edit_config(run, change)
    monkeypatch.chdir(tmp_path)
    before = contents(tmp_path)
    assert reproduce(run.folder).verdict == IDENTICAL
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda config: config["choices"].update(model="../../evil"), "an option in config.yaml that is not a name"),
        (lambda config: config["choices"].update(model="evil"), "expected a model that exists, got model=evil"),
        (lambda config: config["trainer"].update(max_epochs="many"), "expected a whole number for trainer.max_epochs"),
        (lambda config: config.update(model=[1]), "a model in config.yaml that is no group of keys"),
        (lambda config: config.update(trainer=[1]), "expected a group of keys for trainer"),
        (lambda config: config.update(target_fpr=float("nan")), "expected a finite number for target_fpr"),
        (lambda config: config.update(init_seed=-1), "expected init_seed"),
        (lambda config: config["data"].update(path="nowhere.csv"), "nowhere.csv"),
        (lambda config: config.pop("choices"), "no composed configuration"),
        (lambda config: config["model"].update(_target_="os.system"), "got 'os.system'; nothing else is run from"),
        (lambda config: config["data"].update(_target_="adbench.data.nslkdd.load"), "data._target_ in"),
        (lambda config: config.update(format=3), "format 2 or lower"),
        (lambda config: config.update(format=True), "format 2 or lower"),
        (lambda config: (config.pop("format"), config["model"].update(_target_="os.system")), "adbench.models., got"),
    ],
)
def test_what_does_not_fit_is_refused(change: Callable[[dict[str, Any]], Any], sentence: str, tiny: list[str]) -> None:
    run = train(["model=pca", *tiny])
    edit_config(run, change)
    result = invoke(run.folder)
    assert (result.exit_code, result.stdout) == (2, "")
    assert sentence in result.stderr


@pytest.mark.parametrize("override", ["model=vae", "seed=1", "+data.x=1", "~data.drop", "model._target_=os.system"])
def test_only_single_keys_may_be_given(override: str, tiny: list[str]) -> None:
    with pytest.raises(ConfigError):
        recompose(compose(["model=pca", *tiny]), [override])


def test_without_a_finished_run_there_is_nothing_to_compare_with(tiny: list[str], tmp_path: Path) -> None:
    run = train(["model=pca", *tiny])
    (run.folder / "scores.parquet").write_bytes(b"PAR1 nothing PAR1")
    with pytest.raises(AdbenchError, match="expected the scores of a finished run"):
        reproduce(run.folder)
    (run.folder / "metrics.json").unlink()
    for folder, sentence in ((run.folder, "which is incomplete"), (tmp_path, "expected a run folder")):
        result = invoke(folder)
        assert (result.exit_code, result.stdout, sentence in result.stderr) == (2, "", True)


def test_a_run_that_fails_today_is_different(tiny: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from adbench.models.classical.pca import PCA

    run = train(["model=pca", *tiny])

    def broken(self: PCA, x: Any) -> Any:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr(PCA, "learn", broken)
    result = invoke(run.folder)
    assert result.exit_code == 1
    assert "different: today it failed: ZeroDivisionError: oops" in result.stdout
