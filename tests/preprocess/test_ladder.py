"""Tests of one column pushed further and further outside the fitted range, for all preprocessings and models."""

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
import pytest
from pytorch_lightning import seed_everything

from adbench.config.compose import compose
from adbench.config.instantiate import build
from adbench.config.options import groups
from adbench.data.base import Features
from adbench.preprocess.base import Encoder
from adbench.preprocess.tails import robust_scale
from adbench.training.trainer import Training

SCALES = (0, 1, 3, 10, 100, 1e6)
N_ROWS, N_PUSHED = 2_000, 200
NAMES = ("normal", "constant", "count", "share", *(f"n{i}" for i in range(8)))
SATURATING = ("iforest", "ocsvm")
SHOWN = ("ae", "pca", "iforest")  # with the default preprocessing; all other pairs are slow tests


def table(n_rows: int, seed: int) -> Features:
    """Gaussian, constant, heavy-tailed, mostly zero and correlated columns."""
    rng = np.random.default_rng(seed)
    hidden = rng.normal(size=(n_rows, 3))
    several = hidden @ np.random.default_rng(9).normal(size=(3, 8)) + 0.3 * rng.normal(size=(n_rows, 8))
    mostly = np.where(rng.random(n_rows) < 0.8, 0.0, rng.random(n_rows))
    count = np.floor(rng.lognormal(3, 1.5, n_rows))
    columns = [rng.normal(20, 5, n_rows), np.full(n_rows, 7.0), count, mostly, *several.T]
    codes = rng.integers(0, 3, (n_rows, 1)).astype(np.int32)
    return Features(np.asfortranarray(np.column_stack(columns)), NAMES, codes, {"kind": ("a", "b", "c", "never seen")})


def pushed(rows: Features, fitted: Features, column: int, scales: float, side: int) -> Features:
    """The rows with one column moved `scales` robust scales beyond its fitted range, or to an unseen value (last)."""
    numeric, codes = rows.numeric.copy(), rows.codes.copy()
    if column == len(NAMES):
        codes[:] = 3 if scales else codes
        return Features(numeric, rows.numeric_names, codes, rows.vocabularies)
    values = fitted.numeric[:, column]
    end = values.max() if side > 0 else values.min()
    numeric[:, column] = end + side * scales * robust_scale(values)
    return Features(numeric, rows.numeric_names, codes, rows.vocabularies)


def detector(model: str, encoder: Encoder, x: np.ndarray) -> Any:
    seed_everything(0, verbose=False)
    config = compose([f"model={model}", "trainer.max_epochs=60", "trainer.min_steps=0"])
    made = build(config["model"], "model", columns=encoder.columns)
    made.fit(x, Training(build(config["trainer"], "trainer", seed=0)))
    return made


def pairs() -> Iterator[Any]:
    shipped = compose([])["choices"]["preprocess"]
    for option, model in product(groups()["preprocess"], groups()["model"]):
        shown = option == shipped and model in SHOWN
        yield pytest.param(option, model, marks=() if shown else pytest.mark.slow)


@pytest.mark.parametrize(("option", "model"), list(pairs()))
def test_further_outside_is_never_less_strange(option: str, model: str) -> None:
    fitted, rows = table(N_ROWS, 0), table(N_PUSHED, 1)
    encoder: Encoder = build(compose([f"preprocess={option}"])["preprocess"], "preprocess").fit(fitted)
    x = encoder.transform(fitted)
    made = detector(model, encoder, x)
    usual = np.quantile(made.score_rows(x), 0.99)
    for column in range(len(NAMES) + 1):
        for side in (1, -1):
            ladder = [
                made.score_rows(encoder.transform(pushed(rows, fitted, column, scales, side))) for scales in SCALES
            ]
            medians = np.array([np.median(scores) for scores in ladder])
            where = f"{option} {model} {(*NAMES, 'kind')[column]} {side:+}: {medians}, usual {usual}"
            assert (np.diff(medians) >= -1e-6 * np.abs(medians[:-1])).all(), where
            if model not in SATURATING and column < len(NAMES):
                share = np.mean(ladder[SCALES.index(10)] > usual)
                assert share >= 0.9, f"{where}; {share:.0%} above"
