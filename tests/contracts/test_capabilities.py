"""Tests of each capability of the contract, by itself and in a run."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adbench.arrays.columns import CODE, ONE_HOT, Column, Columns
from adbench.config.compose import compose
from adbench.data.base import Features, Table
from adbench.errors import AdbenchError, ConfigError, DataError, RunFolderError
from adbench.inference.load import load
from adbench.models.base import as_taken
from adbench.preprocess.standard import Standard
from adbench.protocols.base import Parts
from adbench.protocols.one_class import OneClass
from adbench.results.record import Run
from adbench.runner import run as runner
from adbench.runner.reporter import Reporter
from adbench.runner.run import run_path, train
from adbench.testing.detectors import Check, checks_of
from tests.contracts.detectors import Averaged, Convolutions, Embeddings, Mixture, NearerTo, Scaled

DETECTORS = (Convolutions, Embeddings, NearerTo, Averaged, Mixture, Scaled)
CASES = [(detector, check) for detector in DETECTORS for check in checks_of(detector)]


@pytest.mark.parametrize(("detector", "check"), CASES, ids=[f"{d.__name__}-{check.__name__}" for d, check in CASES])
def test_a_detector(detector: Callable[[Columns], Any], check: Check) -> None:
    check(detector)


@pytest.fixture
def run_of(tiny: list[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Run]:
    """A run of a detector in place of the option pca."""

    def run(detector: type, *overrides: str, base: list[str] = tiny) -> Run:
        monkeypatch.setattr(detector, "__module__", "adbench.models.classical.pca")
        monkeypatch.setattr("adbench.models.classical.pca.PCA", detector)
        return train(["model=pca", "model.n_components=1", *base, *overrides])

    return run


def test_what_calibrates_never_sees_the_rows_that_set_the_threshold(run_of: Callable[..., Run]) -> None:
    Averaged.calibrated.clear()
    run = run_of(Averaged)
    assert run.status == "done", run.error
    (seen,) = Averaged.calibrated
    n_calibration = run.metrics["n_calibration"]
    assert len(seen) == pytest.approx(n_calibration, abs=1)
    fitted = load(run.folder)
    assert len(np.intersect1d(fitted.detector.score_rows(seen), calibration_scores(run))) == 0
    assert len(calibration_scores(run)) == n_calibration


def test_the_untrained_twin_is_calibrated_as_the_detector_is(tiny: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Scaled, "__module__", "adbench.models.autoencoders.ae")
    monkeypatch.setattr("adbench.models.autoencoders.ae.AE", Scaled)
    run = train(["model=ae", "model.hidden_sizes=[8]", *tiny])
    assert run.status == "done", run.error
    assert "control/untrained/roc_auc" in run.metrics
    assert load(run.folder).detector.unit > 0


def test_half_a_capability_is_refused() -> None:
    class Half(Averaged):
        def objects(self) -> dict[str, Any]:
            return {}

    with pytest.raises(TypeError, match="got no restore_objects, trusted"):
        checks_of(Half)


def calibration_scores(run: Run) -> np.ndarray:
    import pandas as pd

    return pd.read_parquet(run.folder / "calibration.parquet")["score"].to_numpy()


def test_half_of_the_calibration_rows_have_to_be_enough(run_of: Callable[..., Run]) -> None:
    with pytest.raises(AdbenchError, match="calibration rows"):
        run_of(Averaged, "target_fpr=0.015")  # all of them would suffice


def test_objects_of_a_library_come_back_from_the_folder(run_of: Callable[..., Run]) -> None:
    run = run_of(Mixture)
    assert run.status == "done", run.error
    fitted = load(run.folder)
    np.testing.assert_array_equal(fitted.detector.score_rows(np.ones((3, 12), np.float32)).shape, (3,))
    assert (run.folder / "model.skops").is_file()


class Stranger:
    """A type that no model trusts."""

    def __setstate__(self, state: Any) -> None:
        raise AssertionError("expected a type that is not trusted never to be made")


def test_objects_of_other_types_are_refused_before_they_are_made(run_of: Callable[..., Run], tmp_path: Any) -> None:
    import skops.io

    run = run_of(Mixture)
    held = Stranger()
    held.value = 1  # type: ignore[attr-defined]
    stranger = skops.io.dumps({"mixture": held})
    for content in (stranger, b"", b"PK\x03\x04garbage", stranger[: len(stranger) // 2]):
        (run.folder / "model.skops").write_bytes(content)
        with pytest.raises(RunFolderError, match="expected the files of a finished run in") as caught:
            load(run.folder)
        assert "\n" not in str(caught.value)
    (run.folder / "model.skops").unlink()
    with pytest.raises(RunFolderError):
        load(run.folder)


def test_codes_are_refused_by_whoever_would_take_them_for_numbers(tiny_data: Any, quick: list[str]) -> None:
    with pytest.raises(ConfigError, match=r"write preprocess\.categories=null"):
        train(["model=ae", "preprocess.categories=codes", *quick])


def test_an_encoder_without_a_choice_of_categories_runs_under_the_same_name(tiny: list[str]) -> None:
    config = compose(["model=pca", *tiny])
    name = run_path(config).name
    del config["preprocess"]["categories"]
    run = runner.run(config, runner.Context(Reporter()))
    assert run.status == "done", run.error
    assert run.folder.name == name


def test_codes_of_the_encoder_reach_a_detector_and_controls_stay_what_they_were(
    run_of: Callable[..., Run], quick: list[str]
) -> None:
    codes = run_of(ClassicalEmbeddings, "data=nslkdd", base=[*quick, "preprocess.categories=codes"])
    assert codes.status == "done", codes.error
    one_hot = train(["model=pca", "data=nslkdd", *quick])
    controls = [name for name in one_hot.metrics if name.startswith("control/") and "/lead" not in name]
    assert len(controls) > 4
    for name in controls:
        assert codes.metrics[name] == pytest.approx(one_hot.metrics[name], rel=1e-6), name
    assert codes.folder.name != one_hot.folder.name
    assert load(codes.folder).encoder.columns.of_kind(CODE).size == 3


class ClassicalEmbeddings(Averaged):
    """Claims to take codes."""

    takes_codes = True

    def learn(self, x: np.ndarray) -> dict[str, np.ndarray]:
        return super().learn(x)


class Windowed(Standard):
    """Twelve columns as windows of three steps."""

    def _columns(self) -> Columns:
        return Columns(tuple(Column(f"x{i}") for i in range(4)), steps=3)

    def transform(self, features: Features, out: np.ndarray | None = None) -> np.ndarray:
        out = np.zeros((len(features), 3, 4), np.float32) if out is None else out
        super().transform(features, out.reshape(len(features), 12))
        return out


@pytest.mark.parametrize("memory", ["memory_gb=4", "memory_gb=0"])
def test_windows_of_the_encoder_reach_a_detector_and_others_get_them_as_rows(
    memory: str, run_of: Callable[..., Run], tiny: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = train(["model=knn", *tiny, "preprocess=standard", f"runs_dir={tmp_path / 'rows'}", "cache=false"])
    monkeypatch.setattr(Windowed, "__module__", "adbench.preprocess.standard")
    monkeypatch.setattr("adbench.preprocess.standard.Standard", Windowed)
    laid_out = train(["model=knn", *tiny, "preprocess=standard", memory])
    assert (laid_out.folder / "scores.parquet").read_bytes() == (rows.folder / "scores.parquet").read_bytes()
    assert laid_out.environment["oracle_best_column"].startswith("x")
    fitted = load(laid_out.folder)
    some = Features(np.zeros((3, 12)), fitted.encoder.numeric_names, np.zeros((3, 0), np.int32), {})
    assert fitted.detector.score_rows(fitted.rows(some)).shape == (3,)
    for again in ("first", "from the cache"):
        run = run_of(ClassicalWindows, "preprocess=standard", memory, f"runs_dir={tmp_path / again}")
        assert run.status == "done", run.error
        fitted = load(run.folder)
        assert fitted.detector.shape == (3, 4)
        assert fitted.rows(some).shape == (3, 3, 4)
        assert {k: v for k, v in run.metrics.items() if k.startswith("control/") and "/lead" not in k} == {
            k: v for k, v in rows.metrics.items() if k.startswith("control/") and "/lead" not in k
        }


class ClassicalWindows(Averaged):
    """Takes windows, and remembers their shape."""

    takes_windows = True
    calibrate = None

    def __init__(self, columns: Columns, n_components: int) -> None:
        super().__init__(columns)
        self.shape = columns.shape

    def learn(self, x: np.ndarray) -> dict[str, np.ndarray]:
        assert x.shape[1:] == self.shape
        return super().learn(x) | {"scales": np.ones(2)}

    def _parts(self, x: np.ndarray) -> list[np.ndarray]:
        off = np.abs(x - self.learned["mean"]).reshape(len(x), -1)
        return [off.sum(axis=1), off.max(axis=1)]


class Knowing(OneClass):
    """A protocol with five known anomalies."""

    def divide(self, table: Table, rng: np.random.Generator) -> Parts:
        parts = super().divide(table, rng)
        anomalous = parts.test[table.label[parts.test] == 1]
        return replace(parts, test=np.setdiff1d(parts.test, anomalous[:5]), anomalies=anomalous[:5])


def test_known_anomalies_reach_a_detector_that_learns_from_labels_and_no_other(
    run_of: Callable[..., Run], tiny: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(Knowing, "__module__", "adbench.protocols.one_class")
    monkeypatch.setattr("adbench.protocols.one_class.OneClass", Knowing)
    said: list[str] = []
    monkeypatch.setattr(Reporter, "note", lambda self, sentence: said.append(sentence))
    for again in ("first", "from the cache"):
        run = run_of(NearerTo, f"runs_dir={tmp_path / again}")
        assert run.status == "done", run.error
        assert run.metrics["n_known_anomalies"] == 5
        assert not said
    without = train(["model=knn", *tiny])
    assert said == ["model=knn does not learn from labels: 5 known anomalies are left out"]
    assert "n_known_anomalies" not in without.metrics
    assert without.metrics["n_test"] == run.metrics["n_test"]


@pytest.mark.parametrize(("wrong", "sentence"), [(0, "got a normal row"), (1, "some in both parts")])
def test_known_anomalies_that_are_none_are_refused(
    wrong: int, sentence: str, tiny: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Wrong(OneClass):
        def divide(self, table: Table, rng: np.random.Generator) -> Parts:
            parts = super().divide(table, rng)
            normal = parts.test[table.label[parts.test] == 0]
            if wrong:
                return replace(parts, anomalies=parts.fit[:1])
            return replace(parts, test=np.setdiff1d(parts.test, normal[:1]), anomalies=normal[:1])

    monkeypatch.setattr(Wrong, "__module__", "adbench.protocols.one_class")
    monkeypatch.setattr("adbench.protocols.one_class.OneClass", Wrong)
    with pytest.raises(DataError, match=sentence):
        train(["model=knn", *tiny])


def test_columns_by_hand() -> None:
    columns = Columns(
        (Column("x"), Column("kind=a", ONE_HOT, "kind"), Column("kind=b", ONE_HOT, "kind"), Column("y")), steps=2
    )
    assert columns.shape == (2, 4)
    assert columns.sources == ["x", "kind", "y"]
    assert {source: list(at) for source, at in columns.groups().items()} == {"kind": [1, 2]}
    laid_out = columns.flattened().groups()
    assert {source: list(at) for source, at in laid_out.items()} == {"kind@-1": [1, 2], "kind@0": [5, 6]}
    flat = columns.flattened()
    assert flat.shape == (8,)
    assert flat.names[:5] == ["x@-1", "kind=a@-1", "kind=b@-1", "y@-1", "x@0"]
    assert flat[5].source == "kind"
    codes = Columns((Column("x"), Column("kind", CODE, values=("a", "b", "<unseen>"))))
    assert codes.plain().names == ["x", "kind=a", "kind=b", "kind=<unseen>"]
    rows = np.array([[0.5, 1], [2.0, 2]], dtype=np.float32)
    assert codes.plain_rows(rows).tolist() == [[0.5, 0, 1, 0], [2.0, 0, 0, 1]]
    assert as_taken(Convolutions, columns) is columns
    assert as_taken(NearerTo, columns).shape == (8,)
