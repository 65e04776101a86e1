import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score, roc_curve

from adbench.evaluation.ranking import auroc_difference, auroc_interval, place, ranking_metrics

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
    metrics = ranking_metrics(scores, label)
    assert metrics["roc_auc"] == pytest.approx(roc_auc_score(label, scores))
    assert place(scores, label).roc_auc == pytest.approx(roc_auc_score(label, scores))
    assert metrics["average_precision"] == pytest.approx(average_precision_score(label, scores))
    fpr, tpr, thresholds = roc_curve(label, scores, drop_intermediate=False)
    assert metrics["tpr_at_1pct_fpr"] == pytest.approx(max(tpr[fpr <= 0.01]))
    best = max(f1_score(label, scores >= t) for t in thresholds[1:])
    assert metrics["oracle_best_f1"] == pytest.approx(best)


def test_recall_within_a_false_positive_rate() -> None:
    normals = np.arange(1000.0)
    anomalies = np.array([2000.0, 995.5, 985.5, 0.5])  # outscored by 0, 4, 14 and 999 normals
    scores, label = np.append(normals, anomalies), np.repeat([0, 1], [1000, 4]).astype(np.int8)
    metrics = ranking_metrics(scores, label)
    assert metrics["tpr_at_1pct_fpr"] == 0.5
    assert metrics["tpr_at_0p1pct_fpr"] == 0.25


def brute_force_delong(a: np.ndarray, b: np.ndarray, label: np.ndarray) -> tuple[float, float]:
    """Difference of two AUROCs and its standard error, from the kernel matrix as the paper writes it."""
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
    found = auroc_difference(place(a, label), place(b, label))
    assert found.value == pytest.approx(difference)
    assert found.high - found.low == pytest.approx(2 * norm.ppf(0.975) * error)
    _, error = brute_force_delong(a, np.zeros(300), label)  # a constant score has no variance
    one = auroc_interval(place(a, label))
    assert one.high - one.low == pytest.approx(2 * norm.ppf(0.975) * error)


def test_delong_covers_the_truth_as_often_as_it_says() -> None:
    # Unit normals one standard deviation apart: AUROC = Phi(1 / sqrt 2).
    truth = norm.cdf(1 / np.sqrt(2))
    rng = np.random.default_rng(1)
    label = np.repeat([0, 1], [150, 100]).astype(np.int8)
    covered = 0
    for _ in range(1000):
        interval = auroc_interval(place(rng.normal(size=250) + label, label))
        covered += interval.low <= truth <= interval.high
    assert 930 <= covered <= 970


def test_one_anomaly_gives_an_interval_that_claims_nothing() -> None:
    interval = auroc_interval(place(np.array([0.0, 1.0, 2.0]), np.array([0, 0, 1], dtype=np.int8)))
    assert (interval.value, interval.low, interval.high) == (1.0, 0.0, 1.0)
