"""Tests of CV+ calibration: a row is compared with each normal row by the model that did not learn that row."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adbench.arrays.types import Matrix, Scores
from adbench.cli.display.run_panel import _quality, _what
from adbench.config.compose import compose
from adbench.config.identity import run_name
from adbench.errors import ConfigError, DataError
from adbench.evaluation.thresholds.conformal import Conformal, p_values
from adbench.inference.load import load
from adbench.preprocess.minmax import MinMax
from adbench.protocols.one_class import OneClass
from adbench.results.record import CALIBRATION, SCORES
from adbench.runner.cross import CrossDetector, CrossEncoder, dealt, fpr_bound
from adbench.runner.prepare import load as load_table
from adbench.runner.reproduce import IDENTICAL, reproduce
from adbench.runner.run import train
from adbench.storage.scratch import Scratch

CROSS = ["protocol.calibration=cross", "protocol.folds=4"]


class Farness:
    """Distance to the mean of the fit rows."""

    def fit(self, x: Matrix, training: Any) -> int:
        self.mean = x.mean()
        return len(x)

    def score_rows(self, x: Matrix) -> Scores:
        return np.abs(x[:, 0] - self.mean).astype(np.float64)


def fitted(x: Matrix, folds: int, seed: int = 0) -> CrossDetector:
    detector = CrossDetector([Farness() for _ in range(folds)], [1] * folds, seed)
    detector.fit(np.repeat(x[:, None], folds, axis=1), None)
    return detector


def scored(detector: CrossDetector, x: Matrix) -> Scores:
    return detector.score_rows(np.repeat(x[:, None], len(detector.members), axis=1))


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**31), st.integers(2, 6), st.integers(0, 40), st.sampled_from([0.05, 0.1, 0.3]))
def test_who_is_reported_is_who_cv_plus_reports(seed: int, folds: int, n_more: int, target_fpr: float) -> None:
    rng = np.random.default_rng(seed)
    x, test = rng.normal(size=24 + n_more), rng.normal(size=50) * 2
    detector = fitted(x, folds, seed)
    fold = dealt(len(x), folds, seed)
    n, below = 0, np.zeros(len(test))
    for k in range(folds):
        mean = x[fold != k].mean()
        for own in x[fold == k]:
            n, below = n + 1, below + (abs(own - mean) < np.abs(test - mean) * (1 - 1e-5))
    scores, calibration = scored(detector, test), detector.calibration_scores
    assert len(calibration) == n == len(x) - len(x) % folds
    assert np.allclose(p_values(calibration, scores), (n - below + 1) / (n + 1))
    threshold = Conformal()(calibration, np.empty(0), target_fpr)
    assert ((scores > threshold) == (p_values(calibration, scores) <= target_fpr + 1e-12)).all()
    beyond = scored(detector, np.array([1e3, 1e6, 1e12]))
    assert (np.diff(beyond) > 0).all()
    assert beyond[0] > scores[below < n].max(initial=0)


def test_the_bound_is_kept_and_the_target_is_near() -> None:
    rng, n, folds, target_fpr = np.random.default_rng(1), 40, 4, 0.1
    reported = []
    for seed in range(150):
        detector = fitted(rng.normal(size=n), folds, seed)
        threshold = Conformal()(detector.calibration_scores, np.empty(0), target_fpr)
        reported.append((scored(detector, rng.normal(size=200)) > threshold).mean())
    assert 0.5 * target_fpr < np.mean(reported) < 1.3 * target_fpr < fpr_bound(target_fpr, n, folds)


def test_the_bound_is_that_of_the_theorem() -> None:
    assert fpr_bound(0.1, 100, 5) == pytest.approx(0.2 + min(2 * 0.8 / 21, 0.95 / 6))
    assert fpr_bound(0.1, 100, 100) == pytest.approx(0.2)  # the jackknife+
    for n in range(10, 400, 10):
        for folds in (2, 5, 10):
            assert fpr_bound(0.1, n, folds) <= 0.2 + math.sqrt(2 / n)


def test_a_fold_is_unknown_to_its_own_preprocessing(tiny: list[str]) -> None:
    config = compose(tiny)
    with Scratch(float("inf")) as scratch:
        features = load_table(config, scratch).features
    encoder = CrossEncoder([MinMax() for _ in range(4)], seed=0).fit(features)
    fold = dealt(len(features), 4, 0)
    for k, own in enumerate(encoder.encoders):
        alone = MinMax().fit(features.take(np.flatnonzero(fold != k)))
        assert all(np.array_equal(own.arrays[name], alone.arrays[name], equal_nan=True) for name in alone.arrays)
    x = encoder.transform(features)
    assert x.shape == (len(features), sum(encoder.widths))
    again = CrossEncoder([MinMax() for _ in range(4)], seed=0).restore(encoder.description(), encoder.arrays)
    assert np.array_equal(again.transform(features), x)


@pytest.mark.parametrize("model", ["knn", "ae", "ocsvm"])
def test_a_run_across_folds(model: str, tiny: list[str]) -> None:
    run = train([f"model={model}", *tiny, *CROSS])
    assert run.status == "done", run.error
    assert (run.metrics["n_fit"], run.metrics["n_calibration"]) == (225, 224)
    assert run.metrics["promises_fpr"] == 0
    assert run.metrics["fpr_bound"] == fpr_bound(0.1, 224, 4)
    assert "224 of them, each scored without it" in _what(run)
    cells = [str(cell) for column in _quality(run).columns for cell in column.cells]
    assert any("aimed at 10.00 %, promised 22." in cell for cell in cells)
    stored = load(run.folder)
    config = compose([f"model={model}", *tiny, *CROSS])
    with Scratch(float("inf")) as scratch:
        table = load_table(config, scratch)
    scores = pd.read_parquet(run.folder / SCORES)
    again = stored.detector.score_rows(stored.rows(table.features.take(scores["row"].to_numpy())))
    assert np.allclose(again, scores["score"], atol=1e-4)
    assert len(pd.read_parquet(run.folder / CALIBRATION)) == 224
    assert reproduce(run.folder).verdict == IDENTICAL  # from cached rows


def test_the_default_keeps_its_name_and_the_folds_are_part_of_it(tiny: list[str]) -> None:
    names = [run_name(compose([*tiny, *more])) for more in ([], CROSS, [*CROSS, "protocol.folds=5"])]
    assert len(set(names)) == 3
    assert names[0] == run_name(compose([*tiny, "protocol.calibration=null", "protocol.folds=null"]))


def test_what_does_not_fit_is_refused(tiny: list[str], tmp_path: Path) -> None:
    for keys, sentence in {
        "threshold=evt": "expected threshold=conformal for protocol.calibration=cross",
        "protocol.folds=1": "protocol.folds to be a whole number of at least 2",
        "protocol.folds=10000": "protocol.folds to be at most 1,000, got 10,000",
        "protocol.folds=300": "a normal row for each of protocol.folds=300, got 225",
        "protocol.calibration=loo": "expected protocol.calibration to be one of cross",
        "target_fpr=0.001": "expected at least 999 calibration rows for target_fpr=0.001, got 224",
    }.items():
        with pytest.raises((ConfigError, DataError), match=sentence):
            train(["model=knn", *tiny, *CROSS, keys])
    with pytest.raises(ConfigError, match=r"protocol\.calibration=cross beside protocol\.folds"):
        OneClass(0.2, 0.5, None, deduplicate=False, folds=5)
    assert not list((tmp_path / "runs").glob("*/metrics.json"))
