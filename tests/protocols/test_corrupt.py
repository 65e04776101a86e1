"""Tests of corrupted tables: wrong labels, columns of noise, synthetic anomalies."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from adbench.arrays.categories import CategoryColumn
from adbench.config.compose import compose
from adbench.config.instantiate import build
from adbench.data import nslkdd
from adbench.data.base import NORMAL, Features, Table
from adbench.errors import ConfigError, DataError
from adbench.protocols.base import Protocol, Split
from adbench.protocols.corrupt import ALPHA
from adbench.runner.run import train


def split_of(table: Table, *overrides: str, seed: int = 0) -> Split:
    protocol: Protocol = build(compose(list(overrides))["protocol"], "protocol")
    return protocol(table, seed)


@pytest.fixture
def small() -> Table:
    """4,000 normals and 1,000 anomalies without a test file: two dependent numbers, an integer, a constant, and a
    category that is the sign of the first.
    """
    rng = np.random.default_rng(0)
    label = np.repeat([0, 1], [4000, 1000]).astype(np.int8)
    x = rng.normal(3, 2, 5000)
    numeric = np.stack([x, -2 * x, rng.integers(0, 50, 5000), np.full(5000, 7.0)], axis=1)
    numeric[-500:, :2] += 1000
    codes = (x > 3).astype(np.int32)[:, None]
    features = Features(np.asfortranarray(numeric), ("a", "b", "n", "same"), codes, {"sign": ("-", "+")})
    kind = CategoryColumn.renamed([NORMAL, "own"], label)
    return Table("small", features, label, kind, kind, np.zeros(5000, bool), {})


def anomalies(split: Split, table: Table) -> tuple[np.ndarray, np.ndarray]:
    rows = table.label[split.test_rows] == 1
    return split.test.numeric[rows], split.test.codes[rows]


def test_wrong_labels_hide_anomalies_and_lose_normals(tiny_data: Path) -> None:
    table = nslkdd.load(str(tiny_data))
    right, wrong = split_of(table), split_of(table, "protocol.label_noise=0.1")
    n_normals, n_anomalies = (int((~table.is_test & (table.label == label)).sum()) for label in (0, 1))
    assert len(right.fit) + len(right.calibration) == n_normals
    learned = n_normals - round(0.1 * n_normals) + round(0.1 * n_anomalies)
    assert len(wrong.fit) + len(wrong.calibration) == learned
    np.testing.assert_array_equal(wrong.test_rows, right.test_rows)  # with correct labels
    assert any("0.1 of the training labels are wrong on purpose" in warning for warning in wrong.warnings)
    with pytest.raises(ConfigError, match=r"protocol\.label_noise to be a number from 0 to 0\.5, got 0\.6"):
        split_of(table, "protocol.label_noise=0.6")


def test_without_a_test_file_what_hides_is_not_tested(small: Table) -> None:
    split = split_of(small, "protocol.label_noise=0.2", "protocol.test_fraction=0.4")
    tested = small.label[split.test_rows]
    assert int(tested.sum()) == 1000 - round(0.2 * 600)
    learned = np.concatenate([split.fit.numeric, split.calibration.numeric])
    assert np.isin(learned[:, 0], small.features.numeric[small.label == 1, 0]).sum() == round(0.2 * 600)


@pytest.mark.parametrize(("share", "n_noise"), [(0.5, 5), (0.9, 45), (0.01, 1)])
def test_irrelevant_columns_are_added_to_the_same_rows(small: Table, share: float, n_noise: int) -> None:
    words = (f"protocol.irrelevant={share}", "protocol.label_noise=0.1")
    plain, split, again = split_of(small, words[1]), split_of(small, *words), split_of(small, *words)
    np.testing.assert_array_equal(split.test_rows, plain.test_rows)
    for of_plain, of_split, of_again in ((plain.fit, split.fit, again.fit), (plain.test, split.test, again.test)):
        np.testing.assert_array_equal(of_split.numeric[:, :4], of_plain.numeric)
        np.testing.assert_array_equal(of_split.numeric, of_again.numeric)
        np.testing.assert_array_equal(of_split.codes, of_plain.codes)
        assert (of_split.numeric[:, 4:] >= plain.fit.numeric.min()).all()
        assert of_split.numeric_names == ("a", "b", "n", "same", *(f"noise{i + 1}" for i in range(n_noise)))


@pytest.mark.parametrize("kind", ["local", "global", "dependency"])
def test_synthetic_anomalies_owe_nothing_to_the_tables_own(small: Table, kind: str) -> None:
    split = split_of(small, f"protocol.synthetic={kind}")
    other = replace(small, features=replace(small.features, numeric=small.features.numeric.copy(order="F")))
    other.features.numeric[small.label == 1, :3] = small.features.numeric[:1000, :3] * 2
    np.testing.assert_array_equal(split.test.numeric, split_of(other, f"protocol.synthetic={kind}").test.numeric)
    plain, normal = split_of(small), small.label[split.test_rows] == 0
    np.testing.assert_array_equal(split.test.numeric[normal], plain.test.numeric[normal])
    np.testing.assert_array_equal(split.fit.numeric, plain.fit.numeric)
    made, _ = anomalies(split, small)
    assert len(made) == 1000
    assert (made[:, 3] == 7).all()
    assert (made[:, 2] == np.round(made[:, 2])).all()
    assert len(np.unique(made[:, 0])) > 300
    other_seed, _ = anomalies(split_of(small, f"protocol.synthetic={kind}", seed=1), small)
    assert not np.array_equal(made, other_seed)


def test_the_kinds_are_what_they_are_called(small: Table) -> None:
    fit = split_of(small).fit.numeric
    local, _ = anomalies(split_of(small, "protocol.synthetic=local"), small)
    assert np.isin(local[:, :3], fit[:, :3]).all()
    wider = local[:, 0].var() / fit[:, 0].var()
    assert 0.6 * ALPHA < wider < 1.1 * ALPHA  # less, since values beyond the fitted ones are clipped to their ends
    assert abs(local[:, 1] + 2 * local[:, 0]).mean() < 0.2  # along the dependency
    spread, codes = anomalies(split_of(small, "protocol.synthetic=global"), small)
    low, high = fit[:, 0].min(), fit[:, 0].max()
    assert spread[:, 0].min() < low
    assert spread[:, 0].max() > high
    assert spread[:, 0].max() <= high + 0.1 * (high - low)
    assert set(np.unique(codes)) == {0, 1}
    broken, codes = anomalies(split_of(small, "protocol.synthetic=dependency"), small)
    normals = split_of(small).test.numeric[small.label[split_of(small).test_rows] == 0]
    for column in range(4):
        assert np.isin(broken[:, column], normals[:, column]).all()
    assert abs(np.corrcoef(broken[:, 0], broken[:, 1])[0, 1]) < 0.1  # -1 among normals
    assert 0.4 < ((broken[:, 0] > 3) == (codes[:, 0] == 1)).mean() < 0.6  # 1 among normals


def test_a_harder_run_says_so_and_its_anomalies_are_called_by_their_kind(quick: list[str]) -> None:
    words = ["protocol.synthetic=dependency", "protocol.irrelevant=0.2", "protocol.label_noise=0.02"]
    run = train(["model=pca", *quick, *words])
    assert run.status == "done", run.error
    assert {name for name in run.metrics if name.startswith("family/")} == {
        f"family/dependency/{metric}" for metric in ("n", "recall", "roc_auc")
    }
    said = " ".join(json.loads((run.folder / "environment.json").read_text())["warnings"])
    for word in ("protocol.label_noise", "protocol.irrelevant", "test anomalies are dependency ones"):
        assert word in said


def test_what_cannot_be_made_is_refused(small: Table) -> None:
    with pytest.raises(ConfigError, match=r"protocol\.synthetic to be one of local, global, dependency, got odd"):
        split_of(small, "protocol.synthetic=odd")
    with pytest.raises(ConfigError, match=r"protocol\.irrelevant to be a number between 0 and 1, got 1\.0"):
        split_of(small, "protocol.irrelevant=1.0")
    with pytest.raises(ConfigError, match=r"protocol\.irrelevant to be at most 0\.99, got 0\.999"):
        split_of(small, "protocol.irrelevant=0.999")
    words = replace(small, features=Features(np.empty((5000, 0)), (), small.features.codes, {"sign": ("-", "+")}))
    with pytest.raises(DataError, match=r"numeric columns to make local anomalies of, got none"):
        split_of(words, "protocol.synthetic=local")
    assert split_of(words, "protocol.irrelevant=0.5").fit.numeric_names == ("noise1",)
