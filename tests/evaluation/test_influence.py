"""Tests of the influences of test rows, and of the intervals derived from them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from adbench.evaluation.influence import (
    N_BLOCKS,
    Copies,
    auroc_influences,
    auroc_interval,
    average_precision_influences,
    average_precision_interval,
    difference_interval,
    over_types_interval,
    recall_within_interval,
    share_influences,
    share_interval,
)
from adbench.evaluation.ranking import placement_values, rank


def rows(seed: int, n_anomalies: int = 40, n_normals: int = 90, shift: float = 1.0, levels: int = 0):
    rng = np.random.default_rng(seed)
    label = np.repeat(np.array([1, 0], np.int8), [n_anomalies, n_normals])
    scores = rng.normal(size=len(label)) + shift * label
    return (np.round(scores * levels) if levels else scores), label


@pytest.mark.parametrize(("influences_of", "metric"), [("roc_auc", roc_auc_score), ("ap", average_precision_score)])
@settings(deadline=None, max_examples=8)
@given(seed=st.integers(0, 2**31), levels=st.sampled_from([0, 1, 3]))
def test_an_influence_is_the_change_by_a_little_more_weight(influences_of, metric, seed: int, levels: int) -> None:
    scores, label = rows(seed, 12, 25, levels=levels)
    ranking = rank(scores, label)
    found = (
        auroc_influences(ranking.placements()) if influences_of == "roc_auc" else average_precision_influences(ranking)
    )
    assert found.value == pytest.approx(metric(label, scores))
    assert found.of_anomalies.sum() == pytest.approx(0, abs=1e-12)
    assert found.of_normals.sum() == pytest.approx(0, abs=1e-12)
    step, by_row = 1e-4, np.empty(len(label))
    for row in range(len(label)):
        weights = [np.ones(len(label)) for _ in range(2)]
        for sign, weight in zip((1, -1), weights, strict=True):
            weight[row] += sign * step
        up, down = (metric(label, scores, sample_weight=weight) for weight in weights)
        by_row[row] = (up - down) / (2 * step)
    for one, own in ((1, found.of_anomalies), (0, found.of_normals)):
        expected = by_row[label == one]
        np.testing.assert_allclose(own, expected - expected.mean(), atol=1e-6)


def test_rows_without_copies_have_delongs_variance() -> None:
    scores, label = rows(3)
    placements = placement_values(scores, label)
    found = Copies(None, label).of_anomalies.spread(auroc_influences(placements).of_anomalies)
    assert found.variance == pytest.approx(placements.of_anomalies.var(ddof=1) / 40)


@pytest.mark.parametrize("n_copies", [4, 16])
def test_copies_of_rows_say_nothing_new(n_copies: int) -> None:
    scores, label = rows(5)
    copied, labels = np.tile(scores, n_copies), np.tile(label, n_copies)
    identity = np.tile(np.arange(len(label), dtype=np.uint64), n_copies)
    once, again = (Copies(of, of_label) for of, of_label in ((None, label), (identity, labels)))
    for interval in (
        lambda s, y, c: auroc_interval(placement_values(s, y), c),
        lambda s, y, c: average_precision_interval(rank(s, y), c),
        lambda s, y, c: recall_within_interval(rank(s, y), c, 0.1),
        lambda s, y, c: difference_interval(
            auroc_influences(placement_values(s, y)) - auroc_influences(placement_values(s**3 + y, y)), c
        ),
    ):
        alone, many = interval(scores, label, once), interval(copied, labels, again)
        assert (many.low, many.high) == pytest.approx((alone.low, alone.high), abs=2e-3)
    assert again.n_distinct == len(label)


@pytest.mark.parametrize("n", [2, 10, 50])
def test_perfect_separation_is_not_certain(n: int) -> None:
    label = np.repeat(np.array([1, 0], np.int8), n)
    found = auroc_interval(placement_values(label.astype(float), label), Copies(None, label))
    assert found.high == 1.0
    assert 0.5 / n < 1 - found.low
    precision = average_precision_interval(rank(label.astype(float), label), Copies(None, label))
    assert 0.5 / n < 1 - precision.low


def test_one_row_of_a_kind_says_nothing() -> None:
    label = np.array([1, 0, 0, 0], np.int8)
    scores = np.array([3.0, 1, 2, 0])
    copies = Copies(np.array([1, 2, 2, 2], np.uint64), label)  # copies of one row do not either
    for of in (Copies(None, label), copies):
        found = auroc_interval(placement_values(scores, label), of)
        assert (found.low, found.high) == (0.0, 1.0)
    same = auroc_influences(placement_values(scores, label))
    assert difference_interval(same - same, copies).low == -1.0


def test_all_scores_equal_are_chance_and_say_so() -> None:
    label = np.repeat(np.array([1, 0], np.int8), 20)
    found = auroc_interval(placement_values(np.zeros(40), label), Copies(None, label))
    assert found.value == 0.5
    assert found.low < 0.45
    assert found.high > 0.55
    many = np.repeat(np.array([1, 0], np.int8), 4000)
    of_many = auroc_interval(placement_values(np.zeros(8000), many), Copies(None, many))
    assert of_many.high - of_many.low > 0.01
    precision = average_precision_interval(rank(np.zeros(8000), many), Copies(None, many))
    assert precision.high - precision.low > 0.01
    within = recall_within_interval(rank(np.zeros(40), label), Copies(None, label), 0.01)
    assert within.value == 0.0
    assert within.high > 0.1


def test_blocks_of_rows_keep_the_variance_and_go_by_content() -> None:
    scores, label = rows(7, 4000, 6000)
    identity = np.random.default_rng(0).integers(0, 2**63, len(label), dtype=np.uint64)
    of = auroc_influences(placement_values(scores, label))
    blocks = Copies(identity, label).in_blocks(of)
    assert blocks.shape == (N_BLOCKS,)
    expected = (of.of_anomalies**2).sum() + (of.of_normals**2).sum()
    assert (blocks**2).sum() == pytest.approx(expected, rel=0.3)
    order = np.random.default_rng(1).permutation(len(label))
    shuffled = auroc_influences(placement_values(scores[order], label[order]))
    np.testing.assert_allclose(Copies(identity[order], label[order]).in_blocks(shuffled), blocks, atol=1e-12)


def test_types_of_anomalies_are_what_is_drawn() -> None:
    scores, label = rows(9, 400, 1000, 3.0)
    scores[:100] -= 3.0  # one type of four is not found
    types = {name: np.arange(100 * i, 100 * (i + 1)) for i, name in enumerate("abcd")}
    copies = Copies(None, label)
    placements = placement_values(scores, label)
    over_types, over_rows = over_types_interval(placements, types, copies), auroc_interval(placements, copies)
    assert over_types is not None
    assert over_types.high - over_types.low > 5 * (over_rows.high - over_rows.low)
    assert over_types_interval(placements, {"a": np.arange(400)}, copies) is None


def test_a_share_of_copies_is_that_of_one_row() -> None:
    label = np.repeat(np.array([1, 0], np.int8), 300)
    once, copied = (Copies(identity, label) for identity in (None, np.repeat(np.arange(60, dtype=np.uint64), 10)))
    counted = np.repeat(np.arange(60) % 3 == 0, 10)
    alone, of_copies = (share_interval(counted, label, 1, copies) for copies in (once, copied))
    assert of_copies.high - of_copies.low == pytest.approx(10**0.5 * (alone.high - alone.low), rel=0.1)
    one = Copies(np.zeros(600, np.uint64), label)
    assert share_interval(np.zeros(600, bool), label, 0, one).high > 0.5


def test_shares_by_hand() -> None:
    label = np.array([1, 1, 1, 1, 0, 0], np.int8)
    found = share_influences(np.array([True, True, True, False, True, False]), label, 1)
    assert found.value == 0.75
    np.testing.assert_allclose(found.of_anomalies, [0.0625, 0.0625, 0.0625, -0.1875])
    assert not found.of_normals.any()
