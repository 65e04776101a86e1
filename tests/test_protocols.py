"""What every protocol promises, found by the files under configs/protocol/, on real rows."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from adbench.config import compose, groups
from adbench.data import nslkdd
from adbench.data.table import Features, Table
from adbench.instantiate import build
from adbench.protocols import split as splitting
from adbench.protocols.split import Split
from adbench.runner import train

PROTOCOLS = groups()["protocol"]


@pytest.fixture
def table(tiny_data: Path) -> Table:
    return nslkdd.load(str(tiny_data))


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The row numbers that the last protocol handed to `build_split`."""
    seen: dict[str, Any] = {}
    original = splitting.build_split

    def watched(table: Table, fit: Any, calibration: Any, test: Any) -> Split:
        seen.update(fit=fit, calibration=calibration, test=test)
        return original(table, fit=fit, calibration=calibration, test=test)

    for protocol in PROTOCOLS:
        monkeypatch.setattr(f"adbench.protocols.{protocol}.build_split", watched)
    return seen


def split_of(protocol: str, table: Table, seed: int = 0) -> Split:
    split: Split = build(compose([f"protocol={protocol}"])["protocol"], "protocol")(table, seed)
    return split


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_parts_are_disjoint_and_only_normals_fit_and_calibrate(
    protocol: str, table: Table, parts: dict[str, Any]
) -> None:
    split_of(protocol, table)
    rows = np.concatenate([parts["fit"], parts["calibration"], parts["test"]])
    assert len(np.unique(rows)) == len(rows)
    for part in ("fit", "calibration"):
        assert (table.label[parts[part]] == 0).all()
        assert not table.is_test[parts[part]].any()


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_seed_decides_the_split_and_other_seeds_give_others(
    protocol: str, table: Table, parts: dict[str, Any]
) -> None:
    drawn = []
    for seed in (0, 0, 1):
        split_of(protocol, table, seed)
        drawn.append(set(parts["calibration"].tolist()))
    assert drawn[0] == drawn[1] != drawn[2]


def test_one_class_tests_on_the_whole_test_file_and_nothing_else(table: Table) -> None:
    np.testing.assert_array_equal(split_of("one_class", table).test_rows, np.flatnonzero(table.is_test))


def test_labelled_validation_tests_on_every_training_anomaly_and_never_on_the_test_file(table: Table) -> None:
    rows = split_of("labelled_validation", table).test_rows
    assert not table.is_test[rows].any()
    anomalies = np.flatnonzero(~table.is_test & (table.label == 1))
    assert set(anomalies.tolist()) < set(rows.tolist())


def test_the_test_rows_decide_nothing_that_is_fitted(quick: list[str], tmp_path: Path, monkeypatch: Any) -> None:
    """Shuffled test labels, and half of the test rows gone: the same weights, preprocessing, threshold and scores."""
    load = nslkdd.load

    def shuffled(folder: str | None = None) -> Table:
        table = load(folder)
        kept = np.flatnonzero(~table.is_test | (np.arange(len(table)) % 2 == 0))
        order = kept.copy()
        order[table.is_test[kept]] = np.random.default_rng(0).permutation(kept[table.is_test[kept]])
        return Table(
            table.name,
            table.features.take(kept),
            table.label[order],
            table.family[order],
            table.attack[order],
            table.is_test[kept],
            table.fingerprints,
        )

    honest = train(["model=vae", *quick])
    monkeypatch.setattr(nslkdd, "load", shuffled)
    monkeypatch.setattr(shuffled, "__module__", "adbench.data.nslkdd")
    other = train(["model=vae", *quick, f"runs_dir={tmp_path / 'other'}"])
    for name in ("model.safetensors", "preprocess.safetensors", "preprocess.json"):
        assert (honest.folder / name).read_bytes() == (other.folder / name).read_bytes()
    assert honest.metrics["threshold"] == other.metrics["threshold"]
    scores, fewer = (pd.read_parquet(run.folder / "scores.parquet")["score"] for run in (honest, other))
    assert len(fewer) == len(scores) // 2
    np.testing.assert_allclose(fewer, scores[::2], rtol=1e-5)
    assert abs(other.metrics["roc_auc"] - 0.5) < 0.1 < honest.metrics["roc_auc"] - 0.5


def test_parts_carry_the_columns_of_their_rows(table: Table) -> None:
    split = split_of("one_class", table)
    expected: Features = table.features.take(split.test_rows)
    np.testing.assert_array_equal(split.test.numeric, expected.numeric)
    np.testing.assert_array_equal(split.test.codes, expected.codes)
