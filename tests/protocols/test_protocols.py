"""Contract tests of every protocol under configs/protocol/, on real rows."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from adbench.arrays.order import Order
from adbench.config.compose import compose
from adbench.config.instantiate import build
from adbench.config.options import groups
from adbench.data import nslkdd
from adbench.data.base import Features, Table
from adbench.errors import ConfigError, DataError
from adbench.evaluation.seal import freeze
from adbench.protocols.base import Parts, Protocol, Split
from adbench.runner.run import train

PROTOCOLS = groups()["protocol"]


@pytest.fixture
def table(tiny_data: Path) -> Table:
    loaded = nslkdd.load(str(tiny_data))  # it has no times, nor are its lines in order of time
    early = np.random.default_rng(0).permutation(len(loaded)) + len(loaded) * loaded.is_test.astype(float)
    return replace(loaded, order=Order(early, is_date=False))


def protocol_of(option: str, *overrides: str) -> Protocol:
    protocol: Protocol = build(compose([f"protocol={option}", *overrides])["protocol"], "protocol")
    return protocol


def split_of(option: str, table: Table, *overrides: str, seed: int = 0) -> Split:
    return protocol_of(option, *overrides)(table, seed)


def parts_of(option: str, table: Table, *overrides: str, seed: int = 0) -> tuple[Table, Parts]:
    protocol = protocol_of(option, *overrides)
    relabelled = protocol.relabel(table)
    return relabelled, protocol.divide(relabelled, np.random.default_rng(seed))


@pytest.mark.parametrize("has_test_file", [True, False])
@pytest.mark.parametrize("option", PROTOCOLS)
def test_parts_are_disjoint_and_no_test_row_of_the_dataset_is_learned_from(
    option: str, has_test_file: bool, table: Table
) -> None:
    if not has_test_file:
        table = replace(table, is_test=np.zeros(len(table), dtype=bool))
        if option == "labelled_validation":
            with pytest.raises(DataError, match="a dataset with a test file for protocol=labelled_validation"):
                parts_of(option, table)
            return
    relabelled, parts = parts_of(option, table)
    rows = np.concatenate([parts.fit, parts.calibration, parts.test])
    assert len(np.unique(rows)) == len(rows)
    for part in (parts.fit, parts.calibration):
        assert not relabelled.is_test[part].any()
        assert relabelled.label[part].sum() <= 0.06 * len(part)  # hidden anomalies, if requested
    assert set(relabelled.label[parts.test]) == {0, 1}


@pytest.mark.parametrize("option", sorted(set(PROTOCOLS) - {"unsupervised", "leave_family_out"}))
def test_only_normals_fit_and_calibrate(option: str, table: Table) -> None:
    relabelled, parts = parts_of(option, table)
    assert (relabelled.label[parts.fit] == 0).all()
    assert (relabelled.label[parts.calibration] == 0).all()


@pytest.mark.parametrize("option", sorted(set(PROTOCOLS) - {"by_time"}))
def test_a_seed_decides_the_split_unless_another_is_fixed(option: str, table: Table) -> None:
    drawn = [parts_of(option, table, seed=seed)[1].fit.tolist() for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]
    fixed = [split_of(option, table, "protocol.split_seed=5", seed=seed) for seed in (0, 1)]
    np.testing.assert_array_equal(fixed[0].fit.numeric, fixed[1].fit.numeric)
    np.testing.assert_array_equal(fixed[0].test_rows, fixed[1].test_rows)


@pytest.mark.parametrize("contamination", [0.0, 0.05, 0.2])
@pytest.mark.parametrize("option", ["unsupervised", "leave_family_out"])
def test_as_many_anomalies_hide_as_asked(option: str, contamination: float, table: Table) -> None:
    family = ["protocol.family=u2r"] if option == "leave_family_out" else []
    relabelled, parts = parts_of(option, table, f"protocol.contamination={contamination}", *family)
    learned = np.concatenate([parts.fit, parts.calibration])
    assert relabelled.label[learned].mean() == pytest.approx(contamination, abs=0.001)
    assert not np.isin(learned, parts.test).any()
    with pytest.raises(ConfigError, match=r"protocol\.contamination to be a number from 0 to 0\.2, got 0\.3"):
        parts_of(option, table, "protocol.contamination=0.3")


def test_the_left_out_family_is_nowhere_in_training_and_alone_in_the_test(table: Table) -> None:
    _, parts = parts_of("leave_family_out", table, "protocol.family=probe")
    assert "probe" not in table.family[np.concatenate([parts.fit, parts.calibration])]
    assert set(table.family[parts.test]) == {"normal", "probe"}
    with pytest.raises(ConfigError, match=r"protocol\.family to be one of dos, probe, r2l, u2r, got worms"):
        parts_of("leave_family_out", table, "protocol.family=worms")


def test_distinct_rows(table: Table) -> None:
    twice = table.take(np.tile(np.arange(len(table)), 2))
    once = split_of("one_class", table, "protocol.deduplicate=true").test_rows
    np.testing.assert_array_equal(split_of("one_class", twice, "protocol.deduplicate=true").test_rows, once)
    tested = table.take(np.flatnonzero(table.is_test))
    columns = [tested.features.numeric, tested.features.codes, tested.label[:, None]]
    assert len(once) == len(np.unique(np.hstack(columns), axis=0))


def test_dagmm_learns_from_attacks_and_takes_normals_for_the_anomaly(table: Table) -> None:
    relabelled, parts = parts_of("dagmm", table)
    assert (table.attack[parts.fit] != "normal").all()
    assert len(parts.test) == int((~table.is_test).sum()) // 2
    np.testing.assert_array_equal(relabelled.label, table.attack == "normal")
    assert not table.is_test[parts.test].any()


@pytest.mark.parametrize(
    ("option", "overrides", "known", "novel"),
    [
        ("one_class", [], True, True),
        ("unsupervised", [], True, True),
        ("leave_family_out", ["protocol.family=r2l"], False, True),  # left-out types count as novel
        ("labelled_validation", [], True, False),
        ("dagmm", [], True, False),  # its anomalies are the normal rows of the training file
        ("goad", [], True, False),
    ],
)
def test_what_was_never_seen_is_right_under_every_protocol(
    option: str, overrides: list[str], known: bool, novel: bool, table: Table, tmp_path: Path
) -> None:
    split = split_of(option, table, *overrides)
    labels = split.labels.open(freeze(np.zeros(len(split.test_rows)), 0.5, tmp_path / "digest"))
    assert labels.known_attacks is not None
    tested = set(labels.attack[labels.label == 1].counts())
    assert bool(tested & labels.known_attacks) is known
    assert bool(tested - labels.known_attacks) is novel
    assert labels.identity is not None
    assert len(labels.identity) == len(split.test_rows)


def test_goad_and_its_reverse(table: Table) -> None:
    train = ~table.is_test
    n_normal, n_attack = int((train & (table.label == 0)).sum()), int((train & (table.label == 1)).sum())
    relabelled, parts = parts_of("goad", table)
    assert (len(parts.fit), int(relabelled.label[parts.test].sum())) == (n_attack // 2, n_normal)
    relabelled, parts = parts_of("goad", table, "protocol.reverse=true")
    assert (len(parts.fit), int(relabelled.label[parts.test].sum())) == (n_normal // 2, n_normal // 4)
    assert (table.attack[parts.fit] == "normal").all()


def test_one_class_tests_on_the_whole_test_file_and_nothing_else(table: Table) -> None:
    np.testing.assert_array_equal(split_of("one_class", table).test_rows, np.flatnonzero(table.is_test))


def test_labelled_validation_tests_on_every_training_anomaly_and_never_on_the_test_file(table: Table) -> None:
    rows = split_of("labelled_validation", table).test_rows
    assert not table.is_test[rows].any()
    anomalies = np.flatnonzero(~table.is_test & (table.label == 1))
    assert set(anomalies.tolist()) < set(rows.tolist())
    some = split_of("labelled_validation", table, "protocol.max_anomalies=3").test_rows
    assert table.label[some].sum() == 3
    assert set(some.tolist()) - set(anomalies.tolist()) == set(rows.tolist()) - set(anomalies.tolist())


def test_the_test_rows_decide_nothing_that_is_fitted(quick: list[str], tmp_path: Path, monkeypatch: Any) -> None:
    """Shuffling the test labels and removing half of the test rows changes no weight, scaling, threshold or score."""
    load = nslkdd.load

    def shuffled(folder: str | None = None, test: str = "test+", drop: list[str] | None = None) -> Table:
        table = load(folder, test, drop)
        kept = np.flatnonzero(~table.is_test | (np.arange(len(table)) % 2 == 0))
        order = kept.copy()
        order[table.is_test[kept]] = np.random.default_rng(0).permutation(kept[table.is_test[kept]])
        labels = {name: getattr(table, name)[order] for name in ("label", "family", "attack")}
        return replace(table.take(kept), **labels)

    quick.append("cache=false")  # the cache identifies a loader by its source
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
