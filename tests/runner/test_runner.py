"""Tests of a whole run, from overrides to the files of its folder, on tiny files in the real format."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from adbench.config.compose import compose
from adbench.config.instantiate import build, locate
from adbench.config.options import groups
from adbench.errors import AdbenchError, DataError, RunFolderError, ScoresError
from adbench.evaluation.seal import SealedLabels, digest
from adbench.evaluation.thresholds.top_fraction import TopFraction
from adbench.inference.load import load
from adbench.models.autoencoders.ae import AE
from adbench.models.neural import NeuralDetector
from adbench.results.folder import RunFolder
from adbench.results.record import FILES, HISTORY, Run, read_run
from adbench.runner.run import run_path, train


def leftovers(quick: list[str]) -> list[Path]:
    runs_dir = Path(next(o for o in quick if o.startswith("runs_dir=")).removeprefix("runs_dir="))
    return list(runs_dir.rglob("*")) if runs_dir.exists() else []


@pytest.mark.parametrize("model", groups()["model"])
def test_a_run_leaves_every_file_and_believable_metrics(model: str, quick: list[str]) -> None:
    run = train([f"model={model}", *quick])
    assert run.status == "done", run.error
    neural = is_neural(run)
    assert {path.name for path in run.folder.iterdir()} == set(FILES) - {"error.txt", "stop", "model.skops"} - (
        set() if neural else {HISTORY}
    )
    m = run.metrics
    assert (m["n_calibration"], m["n_test"]) == (round(0.2 * (m["n_fit"] + m["n_calibration"])), 1500)
    assert m["roc_auc_low"] <= m["roc_auc"] <= m["roc_auc_high"]
    controls = {"nearest_neighbour", "mean_abs_z", "pca_residual", "seen_in_training", "random", "oracle_best_column"}
    for control in controls | ({"untrained"} if neural else set()):
        assert f"control/{control}/average_precision" in m
    assert m["control/oracle_best_column/roc_auc"] >= 0.5
    if neural:
        assert m["training_gain"] == pytest.approx(m["roc_auc"] - m["control/untrained/roc_auc"])
    else:
        assert not {name for name in m if "training_gain" in name or "untrained" in name}
    n_epochs = 2 if neural else 1
    assert m["rows_per_second"] == pytest.approx(n_epochs * m["n_fit"] / m["fit_seconds"])
    assert all(isinstance(value, int | float) for value in m.values())


def is_neural(run: Run) -> bool:
    return issubclass(locate(compose([f"model={run.config['choices']['model']}"])["model"], "model"), NeuralDetector)


def test_the_controls_are_part_of_what_a_run_is(quick: list[str]) -> None:
    base = train(["model=pca", *quick])
    every = train(["model=pca", *quick, "controls.nearest_rows=null"])
    few = train(["model=pca", *quick, "controls.nearest_rows=1"])
    assert len({base.folder, every.folder, few.folder}) == 3
    # The tiny files have fewer distinct rows than the limit.
    name = "control/nearest_neighbour/roc_auc"
    assert base.metrics[name] == every.metrics[name] != few.metrics[name]
    assert every.environment["oracle_best_column"]


def test_a_rule_that_asks_for_test_scores_alone_decides_for_the_controls_too(
    quick: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    acts: list[str] = []
    rule, unguarded = TopFraction.__call__, SealedLabels.open
    monkeypatch.setattr(TopFraction, "__call__", lambda *args: acts.append("threshold") or rule(*args))
    monkeypatch.setattr(SealedLabels, "open", lambda *args: acts.append("labels") or unguarded(*args))
    m = train(["model=pca", "model.n_components=10", *quick, "threshold=top_fraction"]).metrics
    assert acts == ["threshold"] * 7 + ["labels"]  # the model and its six controls
    # With 10 components the model is the control pca_residual.
    decisions = ("threshold", "precision", "recall", "f1", "test_fpr")
    assert {name: m[f"control/pca_residual/{name}"] for name in decisions} == pytest.approx(
        {name: m[name] for name in decisions}
    )
    shares = {
        control: m[f"control/{control}/recall"] * m["base_rate"]
        + m[f"control/{control}/test_fpr"] * (1 - m["base_rate"])
        for control in ("nearest_neighbour", "mean_abs_z", "random", "seen_in_training")
    }
    assert shares == pytest.approx(dict.fromkeys(shares, 0.2) | {"seen_in_training": 0.0})  # its two values tie
    assert "control/oracle_best_column/f1" not in m


def test_a_rule_that_needs_calibration_scores_decides_for_the_model_alone(quick: list[str]) -> None:
    m = train(["model=pca", *quick]).metrics
    assert {name for name in m if name.startswith("control/") and name.endswith(("threshold", "/f1"))} == set()


def test_metrics_follow_from_the_scores_on_disk(quick: list[str]) -> None:
    run = train(["model=ae", *quick])
    scores = pd.read_parquet(run.folder / "scores.parquet")
    assert list(scores.columns) == ["row", "score", "label", "family", "attack"]
    assert scores["row"].tolist() == list(range(3000, 4500))  # the test file follows the training file
    reported = scores["score"] > run.metrics["threshold"]
    assert reported[scores["label"] == 1].mean() == pytest.approx(run.metrics["recall"])
    assert reported[scores["label"] == 0].mean() == pytest.approx(run.metrics["test_fpr"])
    recorded = (run.folder / "frozen.sha256").read_text().strip()
    assert recorded == digest(scores["score"].to_numpy(), run.metrics["threshold"])


def test_the_same_seed_gives_the_same_bytes_and_zero_is_a_seed(quick: list[str], tmp_path: Path) -> None:
    def scores_of(seed: int, folder: str) -> bytes:
        run = train(["model=vae", *quick, f"seed={seed}", f"runs_dir={tmp_path / folder}"])
        return (run.folder / "scores.parquet").read_bytes()

    assert scores_of(0, "a") == scores_of(0, "b")
    assert scores_of(0, "a") != scores_of(1, "a")


def test_a_finished_run_is_not_run_again_unless_forced(quick: list[str]) -> None:
    first = train(["model=ae", *quick])
    written = (first.folder / "metrics.json").stat().st_mtime_ns
    again = train(["model=ae", *quick])
    assert again.metrics == first.metrics
    assert (first.folder / "metrics.json").stat().st_mtime_ns == written
    train(["model=ae", *quick], force=True)
    assert (first.folder / "metrics.json").stat().st_mtime_ns > written


def test_the_folder_is_enough_to_score_again(quick: list[str], tiny_data: Path) -> None:
    run = train(["model=vae", *quick])
    fitted = load(run.folder)
    table = build({"_target_": "adbench.data.nslkdd.load", "folder": str(tiny_data)}, "data")
    x = fitted.encoder.transform(table.features.take(np.flatnonzero(table.is_test)))
    saved = pd.read_parquet(run.folder / "scores.parquet")["score"]
    np.testing.assert_array_equal(fitted.detector.score_rows(x), saved)


def test_labels_are_opened_once_and_after_the_scores_are_on_disk(
    quick: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []
    unguarded = SealedLabels.open

    def watched(self: SealedLabels, frozen: Any) -> Any:
        folder = frozen.record.parent
        on_disk = pd.read_parquet(folder / "scores.parquet")
        seen.append((list(on_disk.columns), on_disk["score"].tolist() == frozen.scores.tolist()))
        return unguarded(self, frozen)

    monkeypatch.setattr(SealedLabels, "open", watched)
    train(["model=ae", *quick])
    assert seen == [(["row", "score"], True)]


def test_the_validation_protocol_never_touches_the_test_file(quick: list[str]) -> None:
    run = train(["model=ae", "protocol=labelled_validation", *quick])
    rows = pd.read_parquet(run.folder / "scores.parquet")["row"]
    assert rows.max() < 3000
    assert run.metrics["novel/n"] == 0


@pytest.mark.parametrize(
    "override",
    [
        "model.latent_size=0",
        "model.learning_rate=-1.0",
        "seed=-1",
        "controls.nearest_rows=0",
        "~controls.nearest_rows",
        "+controls.more=1",
        "seed=4294967296",
        "target_fpr=0.0",
        "protocol.calibration_fraction=1.5",
        "target_fpr=0.0001",
        "data.folder=/nowhere",
        "trainer=gpu",
        "+model.wings=2",
        "model._target_=os.system",
        "data.folder=3",
        "trainer.devices=0",
        "trainer.threads=100000000000",
        "trainer.batch_size=1000000000000000000000",
    ],
)
def test_a_wrong_request_leaves_nothing_behind(override: str, quick: list[str]) -> None:
    before = leftovers(quick)
    with pytest.raises(AdbenchError) as caught:
        train(["model=ae", *quick, override])
    assert "\n" not in str(caught.value)
    assert leftovers(quick) == before == []


def test_a_diverged_training_is_refused_and_leaves_nothing_behind(quick: list[str]) -> None:
    with pytest.raises(ScoresError, match=r"lower model\.learning_rate"):
        train(["model=ae", *quick, "model.learning_rate=1e30"])
    assert leftovers(quick) == []


def test_a_model_that_scores_nan_is_refused(quick: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AE, "score", lambda self, x: x[:, 0] * np.nan)
    with pytest.raises(ScoresError, match="expected finite scores, got nan for number 1 of the calibration rows"):
        train(["model=ae", *quick])
    assert leftovers(quick) == []


def test_a_folder_that_another_run_is_using_is_left_alone(quick: list[str], tmp_path: Path) -> None:
    config = compose(["model=ae", *quick])
    other = RunFolder(run_path(config))
    other.start(config)
    other.write_text("history.csv", "theirs")
    for wrong in ([], ["data.folder=/nowhere"]):
        with pytest.raises(RunFolderError, match="got .* that is running it; wait for its end"):
            train(["model=ae", *quick, *wrong])
    assert (other.path / "history.csv").read_text() == "theirs"
    other.unlock()
    assert train(["model=ae", *quick]).status == "done"


@pytest.mark.parametrize("override", ["data.folder=/nowhere", "trainer=gpu"])
def test_a_forced_run_that_cannot_be_done_leaves_the_finished_one(override: str, quick: list[str]) -> None:
    run = train(["model=ae", *quick])
    before = {path.name: path.read_bytes() for path in run.folder.iterdir()}
    with pytest.raises(AdbenchError):
        train(["model=ae", *quick, override], force=True)
    assert {path.name: path.read_bytes() for path in run.folder.iterdir()} == before


def test_other_peoples_files_in_a_run_folder_survive(quick: list[str]) -> None:
    run = train(["model=ae", *quick])
    (run.folder / "notes.txt").write_text("mine")
    (run.folder / "metrics.json").unlink()
    with pytest.raises(DataError):
        train(["model=ae", *quick, "data.folder=/nowhere"])
    assert (run.folder / "notes.txt").read_text() == "mine"


def test_a_runs_folder_that_cannot_be_written(quick: list[str], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunFolderError, match="File name too long.*name another with runs_dir="):
        train(["model=ae", *quick, f"runs_dir={'x' * 300}"])
    with pytest.raises(RunFolderError, match=r"/file/.*name another with runs_dir="):
        train(["model=ae", *quick, f"runs_dir={tmp_path / 'file'}"])


def test_a_disk_that_fills_up_in_mid_run(quick: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pyarrow.parquet.write_table", full)
    with pytest.raises(RunFolderError, match="No space left on device"):
        train(["model=ae", *quick])
    assert leftovers(quick) == []


def test_a_failure_inside_a_run_stays_visible(quick: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: AE, x: Any) -> Any:
        raise ZeroDivisionError("the model's own bug")

    monkeypatch.setattr(AE, "loss", broken)
    run = train(["model=ae", *quick])
    assert (run.status, run.error) == ("failed", "ZeroDivisionError: the model's own bug")
    assert "Traceback" in (run.folder / "error.txt").read_text()
    monkeypatch.undo()
    assert not (run.folder / "metrics.json").exists()


def test_a_forced_run_that_crashes_keeps_the_finished_one_aside(
    quick: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = train(["model=ae", *quick])
    with monkeypatch.context() as patch:
        patch.setattr(AE, "loss", lambda self, x: 1 / 0)
        assert train(["model=ae", *quick], force=True).status == "failed"
    assert json.loads((run.folder / ".previous" / "metrics.json").read_text()) == run.metrics
    assert train(["model=ae", *quick]).status == "done"
    assert not (run.folder / ".previous").exists()


def test_an_interrupted_run_is_incomplete_and_the_same_command_finishes_it(
    quick: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(AE, "loss", lambda self, x: (_ for _ in ()).throw(KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            train(["model=ae", *quick])
    (folder,) = {path.parent for path in leftovers(quick) if path.name == "config.yaml"}
    assert read_run(folder).status == "incomplete"
    finished = train(["model=ae", *quick])
    assert (finished.folder, finished.status) == (folder, "done")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("metrics.json", '{"roc_auc": 0.'),
        ("metrics.json", "[]"),
        ("metrics.json", "{}"),
        ("metrics.json", '{"roc_auc": 0.5}'),
        ("metrics.json", '{"roc_auc": NaN}'),
        ("metrics.json", '{"roc_auc": "x"}'),
        ("metrics.json", "[" * 5000),
        ("metrics.json", '{"roc_auc": ' + "1" * 401 + "}"),
        ("config.yaml", "choices: {data: nslkdd, model: ae}\nseed: 0\nx: {y: {2020-01-01: 2}}"),
        ("config.yaml", "choices: {data: nslkdd, model: ae}\nseed: 0\nx: 0x" + "f" * 6000),
        ("config.yaml", "choices: {data: nslkdd, model: [1]}\nseed: 0"),
        ("config.yaml", "choices: {model: ae}\nseed: 0"),
        ("config.yaml", "choices: {data: nslkdd, model: ae}\nseed: zero"),
        ("config.yaml", "choices: {data: nslkdd, model: '\\e[31mred'}\nseed: 0"),
        ("config.yaml", "a: &a [1]\nchoices: {data: nslkdd, model: ae}\nseed: 0\nb: *a"),
        ("config.yaml", "[" * 5000),
        ("config.yaml", "!!python/object/apply:os.system [ls]"),
        ("config.yaml", "just a word"),
    ],
)
def test_a_damaged_run_folder_is_one_sentence(name: str, content: str, quick: list[str]) -> None:
    run: Run = train(["model=ae", *quick])
    (run.folder / name).write_text(content)
    with pytest.raises(RunFolderError, match=str(run.folder)) as caught:
        read_run(run.folder)
    assert "\n" not in str(caught.value)
