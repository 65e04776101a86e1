"""Tests of plugins that try to see test labels or statistics of test rows: every one fails and says why."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pytorch_lightning.callbacks import Callback
from typer.testing import CliRunner

from adbench.cli.main import app
from adbench.config.compose import compose
from adbench.config.instantiate import build
from adbench.data import nslkdd
from adbench.data.base import Features, Table
from adbench.errors import AdbenchError, DataError, ScoresError, SealedLabelsError
from adbench.evaluation.thresholds.conformal import Conformal
from adbench.models.autoencoders.ae import AE
from adbench.preprocess.base import Encoder
from adbench.protocols.base import Parts
from adbench.protocols.one_class import OneClass
from adbench.runner.reporter import Reporter
from adbench.runner.run import train

SHIPPED = type(build(compose([])["preprocess"], "preprocess"))


def everything_in_reach() -> Iterator[Any]:
    """Every local variable of every function on the stack, and the attributes of each."""
    frame = sys._getframe(1)
    while frame is not None:
        for value in list(frame.f_locals.values()):
            yield value
            for name in getattr(type(value), "__dataclass_fields__", {}):
                yield getattr(value, name)
        frame = frame.f_back  # type: ignore[assignment]


def steal_labels() -> np.ndarray:
    """The test labels, if reachable from the stack."""
    for value in everything_in_reach():
        if isinstance(value, Table):
            return value.label[value.is_test]
        if "Labels" in type(value).__name__:
            return np.asarray(value.label)
    raise AssertionError("the cheat found nothing to try")


@pytest.fixture
def failing(quick: list[str], tmp_path: Path) -> Any:
    """Starts a run, and expects it to be refused with nothing left behind."""

    def fails(error: type[AdbenchError], sentence: str, reporter: Reporter | None = None) -> None:
        with pytest.raises(error, match=sentence) as caught:
            train(["model=ae", *quick], reporter=reporter)
        assert "\n" not in str(caught.value)
        assert not list((tmp_path / "runs").glob("*"))

    return fails


def test_a_preprocessing_that_looks_for_labels(failing: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = SHIPPED.fit

    def fit(self: Encoder, features: Features) -> Encoder:
        steal_labels()
        return honest(self, features)

    monkeypatch.setattr(SHIPPED, "fit", fit)
    failing(SealedLabelsError, "test labels are sealed")


def test_a_preprocessing_gets_rows_that_lead_back_to_no_others(quick: list[str], monkeypatch: Any) -> None:
    honest, seen = SHIPPED.fit, []

    def fit(self: Encoder, features: Features) -> Encoder:
        seen.extend([features.numeric.base, features.codes.base])
        return honest(self, features)

    monkeypatch.setattr(SHIPPED, "fit", fit)
    assert train(["model=ae", *quick]).status == "done"
    assert seen == [None, None]


def test_a_preprocessing_that_scales_by_the_test_rows(failing: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = SHIPPED.transform

    def transform(self: Encoder, features: Features) -> np.ndarray:
        x = honest(self, features)
        return (x - x.mean(axis=0)).astype(np.float32)

    monkeypatch.setattr(SHIPPED, "transform", transform)
    failing(ScoresError, "expected the encoding of test row .* to be the same alone")


def test_a_model_that_looks_for_labels(failing: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AE, "score_rows", lambda self, x: steal_labels().astype(float))
    failing(SealedLabelsError, "test labels are sealed")


def test_a_model_that_looks_for_labels_while_it_trains(quick: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AE, "loss", lambda self, x: torch.tensor(steal_labels().mean()))
    run = train(["model=ae", *quick])
    assert run.status == "failed"
    assert "the cheat found nothing to try" in run.error  # a run is set aside while its detector is trained


def test_a_model_that_ranks_rows_against_each_other(failing: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = AE.score_rows

    def score_rows(self: AE, x: np.ndarray) -> np.ndarray:
        scores = honest(self, x)
        return (scores - scores.min()) / (np.ptp(scores) + 1e-9)

    monkeypatch.setattr(AE, "score_rows", score_rows)
    failing(ScoresError, "expected the score of test row .* to be the same alone")


def test_a_threshold_that_uses_the_test_scores(failing: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Conformal, "__call__", lambda self, calibration, test, rate: float(np.quantile(test, 0.5)))
    failing(SealedLabelsError, "the test scores are sealed")


def test_a_threshold_that_looks_for_labels(failing: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Conformal, "__call__", lambda self, calibration, test, rate: steal_labels().mean())
    failing(SealedLabelsError, "test labels are sealed")


def test_a_callback_that_looks_for_labels(quick: list[str]) -> None:
    class Peeping(Callback):
        def on_train_epoch_end(self, *_: Any) -> None:
            steal_labels()

    class Hiring(Reporter):
        def callbacks(self) -> list[Any]:
            return [Peeping()]

    run = train(["model=ae", *quick], reporter=Hiring())
    assert run.status == "failed"
    assert "the cheat found nothing to try" in run.error


def test_a_dataset_whose_features_contain_the_label(failing: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = nslkdd.load

    def load(folder: str | None = None, test: str = "test+", drop: list[str] | None = None) -> Table:
        table = honest(folder, test, drop)
        told = np.asfortranarray(np.column_stack([table.features.numeric, 7.0 - 2 * table.label]))
        names = (*table.features.numeric_names, "outcome")
        return replace(table, features=replace(table.features, numeric=told, numeric_names=names))

    monkeypatch.setattr(nslkdd, "load", load)
    monkeypatch.setattr(load, "__module__", "adbench.data.nslkdd")
    failing(DataError, r"the column outcome, .*leave it out with data\.drop=\[outcome\]")


@pytest.mark.parametrize("part", ["fit", "calibration"])
def test_a_protocol_that_learns_from_test_rows(part: str, failing: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = OneClass.divide

    def divide(self: OneClass, table: Table, rng: np.random.Generator) -> Parts:
        parts = honest(self, table, rng)
        return replace(parts, **{part: np.append(getattr(parts, part), parts.test[:1])})

    monkeypatch.setattr(OneClass, "divide", divide)
    failing(DataError, "expected no test row among those that fit or calibrate")


def test_a_protocol_that_only_claims_to_validate(failing: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OneClass, "validates", True)
    failing(DataError, "expected a protocol that validates to leave the test file alone, got rows of it")
    # Naming the test file differently does not help.
    monkeypatch.setattr(OneClass, "relabel", lambda self, table: replace(table, is_test=np.zeros_like(table.is_test)))
    failing(DataError, "expected a protocol that validates to leave the test file alone, got rows of it")


@pytest.mark.parametrize("objective", ["test/roc_auc", "roc_auc", "validation/roc_auc"])
def test_a_sweep_that_chooses_by_the_test_rows(objective: str, quick: list[str], tmp_path: Path) -> None:
    for sampler in ("grid", "tpe"):
        words = [f"objective={objective}", f"sampler={sampler}", "model.latent_size=2,4", *quick]
        result = CliRunner().invoke(app, ["sweep", *words])
        assert result.exit_code == 2
        assert "makes" in result.stderr
        assert "too good to be true" in result.stderr
        assert not (tmp_path / "runs").exists()
