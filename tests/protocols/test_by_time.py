"""Tests of by_time: training rows precede test rows, for any times and order of lines."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adbench.arrays.order import Order
from adbench.config.compose import compose
from adbench.config.instantiate import build
from adbench.data.base import Features, Table
from adbench.errors import AdbenchError, ConfigError, DataError
from adbench.protocols.by_time import ByTime
from adbench.protocols.one_class import OneClass


def table_of(times: Any, label: Any, is_test: Any = None) -> Table:
    time, label = np.asarray(times, dtype=float), np.asarray(label, dtype=np.int8)
    n = len(time)
    x = np.asfortranarray(np.random.default_rng(0).normal(size=(n, 2)))
    kinds = np.where(label == 1, "odd", "normal")
    tested = np.zeros(n, dtype=bool) if is_test is None else np.asarray(is_test, dtype=bool)
    features = Features(x, ("a", "b"), np.empty((n, 0), dtype=np.int32), {})
    return Table("tiny", features, label, kinds, kinds, tested, {}, order=Order(time, is_date=False))


def by_time(**arguments: Any) -> ByTime:
    return ByTime(**{"calibration_fraction": 0.25, "test_fraction": 0.5, "deduplicate": False} | arguments)


def times_in(table: Table, protocol: ByTime) -> tuple[Any, Any, Any]:
    """The rows that fit, calibrate and test, as (time, row of the table)."""
    relabelled = protocol.relabel(table)
    parts = protocol.divide(relabelled, np.random.default_rng(0))
    assert table.order is not None
    assert set(table.label[parts.fit]) == set(table.label[parts.calibration]) == {0}
    assert set(table.label[parts.test]) == {0, 1}
    return parts.fit, parts.calibration, parts.test


@settings(deadline=None, max_examples=80)
@given(
    times=st.lists(st.integers(0, 12) | st.floats(0, 12), min_size=8, max_size=60),
    anomalous=st.randoms(use_true_random=False),
    gap=st.sampled_from([None, 0.5, 3]),
    fold=st.sampled_from([None, None, 0, 1, 2]),
    test_fraction=st.floats(0.1, 0.9),
)
def test_training_comes_before_the_test_whatever_the_order_of_the_lines(
    times: list[float], anomalous: Any, gap: float | None, fold: int | None, test_fraction: float
) -> None:
    label = [int(anomalous.random() < 0.3) for _ in times]
    table = table_of(times, label)
    folds = None if fold is None else 3
    protocol = by_time(test_fraction=test_fraction, gap=gap, fold=fold, folds=folds)
    order = np.array(anomalous.sample(range(len(times)), len(times)))
    turned = table.take(order)
    try:
        parts = times_in(table, protocol)
    except DataError:
        with pytest.raises(DataError):
            times_in(turned, protocol)
        return
    fit, calibration, test = (np.asarray(times, dtype=float)[rows] for rows in parts)
    assert fit.max() < calibration.min()
    assert calibration.max() < test.min() - (gap or 0)
    for rows, again in zip(parts, times_in(turned, protocol), strict=True):
        np.testing.assert_array_equal(np.sort(rows), np.sort(order[again]))
    # All rows between the first and last tested one are tested, normals and anomalies alike.
    between = (np.asarray(times) >= test.min()) & (np.asarray(times) <= test.max())
    np.testing.assert_array_equal(np.flatnonzero(between), np.sort(parts[2]))
    if fold in (None, 2):
        assert test.max() == max(times)


def test_shares_are_those_of_the_normals() -> None:
    label = np.arange(100) % 5 == 4
    fit, calibration, test = times_in(table_of(np.arange(100.0), label), by_time(test_fraction=0.4))
    assert (len(fit), len(calibration)) == (36, 12)
    assert (label[test] == 0).sum() == 32
    late = times_in(table_of(np.arange(100.0), label), by_time(test_fraction=0.4, gap=10))
    np.testing.assert_array_equal(late[2], test)  # a gap affects the training rows, not the test rows
    assert np.concatenate(late[:2]).max() < test.min() - 10


def test_a_window_that_grows_tests_each_later_row_once() -> None:
    label = np.arange(200) % 4 == 0
    table = table_of(np.arange(200.0), label)
    learned, tested = [], []
    for fold in range(4):
        fit, calibration, test = times_in(table, by_time(fold=fold))
        learned.append(len(fit) + len(calibration))
        tested.append(test)
    assert learned == [30, 60, 90, 120]
    np.testing.assert_array_equal(np.concatenate(tested), np.arange(tested[0][0], 200))
    np.testing.assert_array_equal(tested[1], times_in(table, by_time(fold=1, folds=4))[2])


def test_what_came_before_the_test_part_is_known_and_what_comes_after_it_is_not_spoken_of() -> None:
    time, label = np.arange(120.0), np.arange(120) % 3 == 0
    table = table_of(time, label)
    attack = np.where(label, np.where(time < 40, "old", np.where(time < 90, "mid", "new")), "normal")
    repeated = table.features.numeric.copy(order="F")
    repeated[100:110] = repeated[:10]  # rows of the training part, after the fold that is tested
    table = replace(table, attack=attack, features=replace(table.features, numeric=repeated))
    kept: list[Any] = []
    split = by_time(fold=0, folds=2)(table, 0, kept.append)
    assert kept[0].known_attacks == {"old"}
    assert set(np.asarray(kept[0].attack)) == {"normal", "mid"} | ({"old"} & set(attack[split.test_rows]))
    assert not any("occur in the training part" in warning for warning in split.warnings)
    late = by_time(fold=1, folds=2)(table, 0)
    assert any("occur in the training part" in warning for warning in late.warnings)
    assert late.test_order is not None
    np.testing.assert_array_equal(late.test_order.time, time[late.test_rows])
    assert late.calibration_is_normal


def test_a_test_file_has_to_come_after() -> None:
    time, label = np.arange(100.0), np.arange(100) % 4 == 0
    fit, calibration, test = times_in(table_of(time, label, time >= 60), by_time(gap=20))
    np.testing.assert_array_equal(test, np.arange(60, 100))
    assert time[np.concatenate([fit, calibration])].max() < 40
    for is_test in (time < 40, time % 2 == 0, (time >= 60) | (time == 5)):
        with pytest.raises(DataError, match="expected a test file that is later than the other rows"):
            times_in(table_of(time, label, is_test), by_time())
    with pytest.raises(DataError, match=r"without a test file for protocol\.fold=1"):
        times_in(table_of(time, label, time >= 60), by_time(fold=1))


@pytest.mark.parametrize(
    ("times", "label", "arguments", "said"),
    [
        (
            range(40),
            [1] + [0] * 39,
            {},
            "got no anomalies among its 20 rows; the table has them from 0 to 0: take another",
        ),
        (range(40), [1] + [0] * 39, {"fold": 1}, "got no anomalies .* take another protocol.fold"),
        ([5] * 40, [0, 1] * 20, {}, "expected normal rows of more times in tiny, .* got 1;"),
        ([5] * 20 + [6] * 20, [0, 1] * 20, {}, "expected normal rows of several times before the test part"),
        ([1, 2, 3] * 10, [0, 1, 0] * 10, {"fold": 2}, "expected normal rows of more times"),
        (range(40), [0, 1] * 20, {"gap": 1e6}, "to learn from, got none; lower protocol.gap"),
    ],
)
def test_a_division_that_cannot_be_is_refused_in_one_sentence(
    times: Any, label: list[int], arguments: dict[str, Any], said: str
) -> None:
    with pytest.raises(DataError, match=said) as caught:
        times_in(table_of(list(times), label), by_time(**arguments))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"gap": -1}, r"protocol\.gap to be a number of at least 0"),
        ({"gap": "1h"}, r"protocol\.gap to be a number of seconds, got '1h'"),
        ({"folds": 3}, r"expected protocol\.fold, .* write protocol\.fold=0"),
        ({"fold": 4}, r"protocol\.fold to be one of 0 to 3, got 4; write protocol\.folds=5"),
        ({"fold": -1}, r"protocol\.fold to be a whole number of at least 0"),
        ({"fold": 0, "folds": 10**6}, r"protocol\.folds to be at most 1,000"),
        ({"test_fraction": 1.5}, r"protocol\.test_fraction"),
    ],
)
def test_wrong_keys(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        by_time(**arguments)


def test_a_table_without_times() -> None:
    table = replace(table_of(range(40), [0, 1] * 20), order=None)
    with pytest.raises(AdbenchError, match=r"expected rows with a time for protocol=by_time, got tiny, .*data\.time="):
        by_time()(table, 0)


def test_who_divides_times_at_random_is_told() -> None:
    table = table_of(range(100), np.arange(100) % 4 == 0)
    at_random = OneClass(0.2, 0.5, None, False)
    assert any("protocol=by_time" in warning for warning in at_random(table, 0).warnings)
    for quiet in (replace(table, order=None), replace(table, is_test=np.arange(100) < 60)):
        assert not any("protocol=by_time" in warning for warning in at_random(quiet, 0).warnings)
    assert not any("protocol=by_time" in warning for warning in by_time()(table, 0).warnings)


def test_a_whole_number_is_a_gap() -> None:
    protocol = build(compose(["protocol=by_time", "protocol.gap=3600"])["protocol"], "protocol")
    assert protocol.gap == 3600
    with pytest.raises(ConfigError, match="expected float or null for protocol.gap, got True"):
        build(compose(["protocol=by_time", "protocol.gap=true"])["protocol"], "protocol")
