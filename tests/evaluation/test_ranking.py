from functools import partial
from random import Random
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score, roc_curve

from adbench.evaluation.influence import Copies, auroc_influences, variance
from adbench.evaluation.ranking import Placements, placement_values, rank

# Scores with many ties, and a label for each; both labels occur.
labelled_scores = st.lists(st.tuples(st.integers(-3, 3), st.booleans()), min_size=2, max_size=60).filter(
    lambda rows: len({label for _, label in rows}) == 2
)


def unpack(rows: list[tuple[int, bool]]) -> tuple[np.ndarray, np.ndarray]:
    scores, label = zip(*rows, strict=True)
    return np.array(scores, dtype=np.float64), np.array(label, dtype=np.int8)


@settings(max_examples=200, deadline=None)
@given(labelled_scores)
def test_agrees_with_scikit_learn_under_ties(rows: list[tuple[int, bool]]) -> None:
    scores, label = unpack(rows)
    metrics = rank(scores, label).metrics()
    assert metrics["roc_auc"] == pytest.approx(roc_auc_score(label, scores))
    assert placement_values(scores, label).roc_auc == pytest.approx(roc_auc_score(label, scores))
    assert metrics["average_precision"] == pytest.approx(average_precision_score(label, scores))
    fpr, tpr, thresholds = roc_curve(label, scores, drop_intermediate=False)
    assert metrics["tpr_at_1pct_fpr"] == pytest.approx(max(tpr[fpr <= 0.01]))
    best = max(f1_score(label, scores >= t) for t in thresholds[1:])
    assert metrics["oracle_best_f1"] == pytest.approx(best)


def placed_by_search(scores: np.ndarray, label: np.ndarray) -> Placements:
    """Placement values by definition, looking up each row among those of the other label."""
    anomalies, normals = scores[label == 1], scores[label == 0]

    def share_below(x: np.ndarray, reference: np.ndarray) -> np.ndarray:
        ordered = np.sort(reference)
        below = np.searchsorted(ordered, x, side="left") + np.searchsorted(ordered, x, side="right")
        return below / (2.0 * len(ordered))

    return Placements(share_below(anomalies, normals), 1.0 - share_below(normals, anomalies))


@settings(max_examples=200, deadline=None)
@given(labelled_scores, st.sampled_from([1.0, 1e-300, 1e300]), st.integers(0, 3))
def test_placements_are_those_of_the_definition_to_the_last_bit(
    rows: list[tuple[int, bool]], unit: float, copies: int
) -> None:
    scores, label = unpack(rows * (1 + 10 * copies))
    found, expected = placement_values(scores * unit, label), placed_by_search(scores * unit, label)
    np.testing.assert_array_equal(found.of_anomalies, expected.of_anomalies)
    np.testing.assert_array_equal(found.of_normals, expected.of_normals)


@settings(max_examples=200, deadline=None)
@given(labelled_scores, st.randoms(use_true_random=False))
def test_neither_the_order_of_rows_nor_the_sort_decides(rows: list[tuple[int, bool]], random: Random) -> None:
    shuffled = random.sample(rows, len(rows))
    metrics = rank(*unpack(rows)).metrics()
    assert rank(*unpack(shuffled)).metrics() == metrics
    for kind in ("stable", "quicksort"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("adbench.evaluation.ranking._falling", partial(falling, kind=kind))
            assert rank(*unpack(rows)).metrics() == metrics


def falling(scores: np.ndarray, kind: Literal["stable", "quicksort"]) -> np.ndarray:
    return np.argsort(-scores, kind=kind)


@settings(max_examples=200, deadline=None)
@given(labelled_scores)
def test_f1_where_as_many_rows_are_reported_as_there_are_anomalies(rows: list[tuple[int, bool]]) -> None:
    scores, label = unpack(rows)
    n_anomalies, found = int(label.sum()), 0.0
    for value in sorted(set(scores.tolist()), reverse=True):
        above, tied = scores > value, scores == value
        room = min(max(n_anomalies - int(above.sum()), 0), int(tied.sum()))
        found += room * float(label[tied].mean())
    assert rank(scores, label).metrics()["oracle_f1_at_count"] == pytest.approx(found / n_anomalies)


def test_recall_within_a_false_positive_rate() -> None:
    normals = np.arange(1000.0)
    anomalies = np.array([2000.0, 995.5, 985.5, 0.5])  # outscored by 0, 4, 14 and 999 normals
    scores, label = np.append(normals, anomalies), np.repeat([0, 1], [1000, 4]).astype(np.int8)
    metrics = rank(scores, label).metrics()
    assert metrics["tpr_at_1pct_fpr"] == 0.5
    assert metrics["tpr_at_0p1pct_fpr"] == 0.25


def brute_force_delong(a: np.ndarray, b: np.ndarray, label: np.ndarray) -> tuple[float, float]:
    """Difference of two AUROCs and its standard error, from the paper's kernel matrix."""
    placements = []
    for scores in (a, b):
        x, y = scores[label == 1], scores[label == 0]
        kernel = (x[:, None] > y[None]) + 0.5 * (x[:, None] == y[None])
        placements.append((kernel.mean(axis=1), kernel.mean(axis=0)))
    (v10_a, v01_a), (v10_b, v01_b) = placements
    s10, s01 = np.cov(v10_a, v10_b), np.cov(v01_a, v01_b)
    s = s10 / len(v10_a) + s01 / len(v01_a)
    return v10_a.mean() - v10_b.mean(), np.sqrt(s[0, 0] + s[1, 1] - 2 * s[0, 1])


def test_delong_against_its_definition() -> None:
    rng = np.random.default_rng(0)
    label = (rng.random(300) < 0.4).astype(np.int8)
    a = np.round(rng.normal(size=300) + label, 1)
    b = np.round(a / 2 + rng.normal(size=300), 1)
    difference, error = brute_force_delong(a, b, label)
    of_a, of_b = (auroc_influences(placement_values(scores, label)) for scores in (a, b))
    copies = Copies(None, label)
    found = variance(of_a - of_b, copies)
    assert (of_a - of_b).value == pytest.approx(difference)
    assert found == pytest.approx(error**2)
    _, error = brute_force_delong(a, np.zeros(300), label)  # a constant score has no variance
    assert variance(of_a, copies) == pytest.approx(error**2)
