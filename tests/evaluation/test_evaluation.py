import copy
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adbench.arrays.categories import CategoryColumn
from adbench.errors import ConfigError, DataError, ScoresError, SealedLabelsError
from adbench.evaluation.controls import CONTROLS, ORACLE, TITLES, UNTRAINED, Controls, best_column
from adbench.evaluation.evaluate import evaluate
from adbench.evaluation.seal import Frozen, Labels, SealedLabels, digest, freeze
from adbench.evaluation.thresholds.conformal import Conformal

SCORES = np.array([0.1, 0.9, 0.8, 0.2, 0.7, 0.6])
LABELS = Labels(
    label=np.array([0, 0, 1, 1, 1, 1], dtype=np.int8),
    family=CategoryColumn.of(["normal", "normal", "dos", "dos", "probe", "probe"]),
    attack=CategoryColumn.of(["normal", "normal", "back", "land", "satan", "mscan"]),
    known_attacks=frozenset({"back", "land", "satan"}),
)


def test_metrics_by_hand(tmp_path: Path) -> None:
    frozen = freeze(SCORES, 0.65, tmp_path / "digest")
    metrics = evaluate(frozen, 0.01, LABELS, {UNTRAINED: SCORES, "reversed": -SCORES}, {}).metrics
    # Reported: 0.9 (normal), 0.8 (back), 0.7 (satan). Of 8 pairs anomaly, normal the anomaly wins 4.
    expected = {
        "roc_auc": 0.5,
        "base_rate": 4 / 6,
        "threshold": 0.65,
        "target_fpr": 0.01,
        "test_fpr": 1 / 2,
        "test_fpr_low": 1 / 2 - 0.40546880,  # of 1 in 2: half-width sqrt(z^2 / (8 + 4 z^2)) with z = 1.959964
        "test_fpr_high": 1 / 2 + 0.40546880,
        "precision": 2 / 3,
        "recall": 2 / 4,
        "f1": 2 * (2 / 3) * (1 / 2) / (2 / 3 + 1 / 2),
        "mcc": (2 * 1 - 1 * 2) / np.sqrt(3 * 4 * 2 * 3),
        "family/dos/recall": 1 / 2,
        "family/dos/n": 2,
        "family/dos/roc_auc": 1 / 2,
        "family/probe/recall": 1 / 2,
        "attack/mscan/recall": 0,
        "attack/mscan/n": 1,
        "known/recall": 2 / 3,
        "known/n": 3,
        "novel/recall": 0,
        "novel/n": 1,
        "control/reversed/roc_auc": 0.5,
        "training_gain": 0,
        "training_gain_low": -1,  # few agreeing rows carry no information
        "training_gain_high": 1,
    }
    assert {name: metrics[name] for name in expected} == pytest.approx(expected)
    # Steps of the recall, highest score first: precision 1/2, 2/3, 3/4, 4/5.
    assert metrics["average_precision"] == pytest.approx((1 / 2 + 2 / 3 + 3 / 4 + 4 / 5) / 4)


def test_every_metric_of_the_design_is_there(tmp_path: Path) -> None:
    metrics = evaluate(freeze(SCORES, 0.65, tmp_path / "digest"), 0.01, LABELS, {UNTRAINED: SCORES}, {}).metrics
    names = (
        "roc_auc average_precision base_rate tpr_at_1pct_fpr tpr_at_0p1pct_fpr threshold target_fpr test_fpr precision"
        " recall f1 mcc oracle_best_f1 control/untrained/roc_auc control/untrained/average_precision"
        " control/untrained/tpr_at_1pct_fpr control/untrained/tpr_at_0p1pct_fpr training_gain family/dos/recall"
        " family/dos/roc_auc family/dos/n known/recall novel/recall"
    )
    assert set(names.split()) <= set(metrics)


def test_a_control_with_a_threshold_decides_and_one_without_does_not(tmp_path: Path) -> None:
    frozen = freeze(SCORES, 0.65, tmp_path / "digest")
    metrics = evaluate(frozen, 0.01, LABELS, {"reversed": -SCORES, "random": SCORES}, {"reversed": -0.7}).metrics
    # -0.1 (normal), -0.2 (land) and -0.6 (mscan) are reported; -0.7 (satan) equals the threshold and is not.
    expected = {
        "threshold": -0.7,
        "precision": 2 / 3,
        "recall": 2 / 4,
        "f1": 4 / 7,
        "test_fpr": 1 / 2,
        "mcc": (2 * 1 - 1 * 2) / np.sqrt(3 * 4 * 2 * 3),
    }
    found = {name: metrics[f"control/reversed/{name}"] for name in expected}
    assert found == pytest.approx(expected)
    assert not {f"control/random/{name}" for name in expected} & metrics.keys()
    assert "control/random/roc_auc" in metrics
    # The model's own threshold is another one.
    assert (metrics["threshold"], metrics["recall"]) == (0.65, 2 / 4)


def test_only_one_kind_of_test_row(tmp_path: Path) -> None:
    labels = Labels(np.zeros(6, dtype=np.int8), LABELS.family, LABELS.attack, frozenset())
    with pytest.raises(DataError, match="got 0 anomalies in 6 rows"):
        evaluate(freeze(SCORES, 0.5, tmp_path / "digest"), 0.01, labels, {UNTRAINED: SCORES}, {})


def test_labels_open_against_frozen_scores_only(tmp_path: Path) -> None:
    sealed = SealedLabels(LABELS)
    assert len(sealed) == 6
    frozen = freeze(SCORES, 0.5, tmp_path / "digest")
    with pytest.raises(SealedLabelsError, match="expected frozen scores"):
        sealed.open(SCORES)  # type: ignore[arg-type]
    with pytest.raises(SealedLabelsError, match="one frozen score for each"):
        sealed.open(freeze(SCORES[:5], 0.5, tmp_path / "short"))
    assert sealed.open(frozen) is LABELS


def test_labels_open_once_even_against_better_scores(tmp_path: Path) -> None:
    sealed = SealedLabels(LABELS)
    labels = sealed.open(freeze(SCORES, 0.5, tmp_path / "digest"))
    with pytest.raises(SealedLabelsError, match="once, got a second time"):
        sealed.open(freeze(labels.label.astype(float), 0.5, tmp_path / "better"))


def test_labels_stay_shut_when_scores_or_threshold_changed_later(tmp_path: Path) -> None:
    sealed, record = SealedLabels(LABELS), tmp_path / "digest"
    frozen = freeze(SCORES, 0.5, record)
    with pytest.raises(SealedLabelsError, match="changed after they were frozen"):
        sealed.open(Frozen(-SCORES, 0.5, frozen.sha256, record))
    with pytest.raises(SealedLabelsError, match="changed after they were frozen"):
        sealed.open(Frozen(frozen.scores, 0.6, frozen.sha256, record))
    forged = digest(-SCORES, 0.5)
    with pytest.raises(SealedLabelsError, match="changed after they were frozen"):
        sealed.open(Frozen(-SCORES, 0.5, forged, record))
    with pytest.raises(SealedLabelsError, match="got nothing"):
        sealed.open(Frozen(frozen.scores, 0.5, frozen.sha256, tmp_path / "never written"))
    with pytest.raises(ValueError, match="read-only"):
        frozen.scores[0] = 1.0


@pytest.mark.parametrize(
    "reach",
    [
        lambda sealed: sealed.label,
        lambda sealed: sealed.labels,
        lambda sealed: sealed._break_seal(),
        lambda sealed: np.asarray(sealed),
        lambda sealed: list(sealed),
        lambda sealed: sealed[0],
        lambda sealed: sealed == 1,
        lambda sealed: 1 in sealed,
        lambda sealed: copy.copy(sealed),
        lambda sealed: copy.deepcopy(sealed),
        lambda sealed: __import__("pickle").dumps(sealed),
    ],
)
def test_reaching_for_sealed_labels_fails_with_the_reason(reach: object) -> None:
    with pytest.raises(SealedLabelsError, match="test labels are sealed"):
        reach(SealedLabels(LABELS))  # type: ignore[operator]


def test_sealed_labels_do_not_show_in_print_or_vars() -> None:
    sealed = SealedLabels(LABELS)
    assert repr(sealed) == "<SealedLabels of 6 test rows>"
    assert not hasattr(sealed, "__dict__")


def test_a_model_without_an_untrained_twin_has_no_training_gain(tmp_path: Path) -> None:
    metrics = evaluate(freeze(SCORES, 0.65, tmp_path / "digest"), 0.01, LABELS, {"random": SCORES}, {}).metrics
    assert "training_gain" not in metrics
    assert metrics["control/random/roc_auc"] == 0.5


def test_a_family_and_an_attack_type_of_the_same_name_stay_apart(tmp_path: Path) -> None:
    attack = CategoryColumn.of(["normal", "normal", "dos", "land", "satan", "mscan"])
    labels = Labels(LABELS.label, LABELS.family, attack, LABELS.known_attacks)
    metrics = evaluate(freeze(SCORES, 0.65, tmp_path / "digest"), 0.01, labels, {UNTRAINED: SCORES}, {}).metrics
    assert (metrics["family/dos/n"], metrics["attack/dos/n"]) == (2, 1)


def test_more_than_one_score_a_row_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ScoresError, match=r"one score for each of the 6 test rows, shape \(6,\), got shape \(6, 1\)"):
        freeze(SCORES[:, None], 0.5, tmp_path / "digest")


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_scores_that_are_not_finite_are_refused(bad: float, tmp_path: Path) -> None:
    scores = SCORES.copy()
    scores[2] = bad
    with pytest.raises(ScoresError, match=r"for number 3 of the test rows \(1 of 6 are not finite\)"):
        freeze(scores, 0.5, tmp_path / "digest")
    with pytest.raises(ScoresError, match="for number 3 of the calibration rows"):
        Conformal()(scores, SCORES, 0.5)
    assert not (tmp_path / "digest").exists()


def test_controls_by_hand() -> None:
    rng = np.random.default_rng(0)
    line = rng.normal(size=(500, 1)) @ rng.normal(size=(1, 15))  # a line in 15 dimensions: no residual for PCA
    off = line[:5] + rng.normal(size=(5, 15))
    fit, test = line.astype(np.float32), np.vstack([line[5:10], off]).astype(np.float32)
    controls = Controls(nearest_rows=None)
    scores = controls(fit, test, test, seed=0)
    assert set(scores) == {
        "mean_abs_z",
        "pca_residual",
        "mean_deviation",
        "nearest_neighbour",
        "seen_in_training",
        "random",
    }
    np.testing.assert_allclose(scores["mean_deviation"], np.abs(test).mean(axis=1), rtol=1e-6)
    assert scores["pca_residual"][:5].max() < 1e-6 < 1e-2 < scores["pca_residual"][5:].min()
    z = np.abs((test - fit.mean(axis=0)) / fit.std(axis=0)).mean(axis=1)
    np.testing.assert_allclose(scores["mean_abs_z"], z, rtol=1e-4)
    np.testing.assert_array_equal(scores["random"], controls(fit, test, test, seed=0)["random"])
    assert (scores["random"] != controls(fit, test, test, seed=1)["random"]).any()
    np.testing.assert_array_equal(scores["seen_in_training"], [0] * 5 + [1] * 5)


def test_every_control_has_a_title_of_its_own() -> None:
    assert {UNTRAINED, ORACLE, *CONTROLS} == TITLES.keys()
    assert len(set(TITLES.values())) == len(TITLES)


def test_nearest_neighbour_by_hand() -> None:
    fit = np.array([[0, 0], [3, 4], [0, 0], [10, 0]], dtype=np.float32)
    test = np.array([[0, 0], [-0.0, 1], [3, 5], [10, -2], [0, 1]], dtype=np.float32)
    every = Controls(nearest_rows=None)(fit, test, test, seed=0)
    np.testing.assert_array_equal(every["nearest_neighbour"], [0, 1, 1, 2, 1])
    np.testing.assert_array_equal(every["seen_in_training"], [0, 1, 1, 1, 1])
    # Three distinct rows, so three are all of them; one is drawn with the seed.
    np.testing.assert_array_equal(Controls(3)(fit, test, test, seed=0)["nearest_neighbour"], every["nearest_neighbour"])
    drawn = [Controls(1)(fit, test, test, seed=seed)["nearest_neighbour"][0] for seed in range(20)]
    assert set(drawn) == {0, 5, 10}
    assert drawn == [Controls(1)(fit, test, test, seed=seed)["nearest_neighbour"][0] for seed in range(20)]


def named(x: np.ndarray) -> tuple[np.ndarray, list[str]]:
    return x, [f"x{i}" for i in range(x.shape[1])]


def nothing(n_rows: int) -> tuple[np.ndarray, list[str]]:
    return np.zeros((n_rows, 0), np.float32), []


def test_the_best_column_by_hand() -> None:
    label = np.array([0, 0, 1, 1], dtype=np.int8)
    # The third column separates all four pairs, by its smaller values.
    test = np.array([[0, 1, 5, 0], [1, 2, 4, 0], [1, 1, 3, 0], [2, 3, 2, 0]], dtype=np.float32)
    column, scores = best_column(named(test), nothing(4), label)
    assert column == "x2"
    np.testing.assert_array_equal(scores, [-5, -4, -3, -2])
    column, scores = best_column(named(test[:, [3, 1, 0]]), nothing(4), label)
    assert column == "x2"  # AUROC 1/2, 5/8 and 7/8
    np.testing.assert_array_equal(scores, [0, 1, 1, 2])
    assert best_column(named(test), nothing(4), np.zeros(4, dtype=np.int8))[0] == "x0"


def test_the_best_column_of_the_table_counts_where_an_encoding_hides_it() -> None:
    label = np.array([0, 0, 1, 1], dtype=np.int8)
    hidden = np.zeros((4, 1), dtype=np.float32)
    column, scores = best_column(named(hidden), (np.array([[0], [1], [-9], [8]], dtype=np.float32), ["valve"]), label)
    assert column == "valve"  # on both sides
    np.testing.assert_array_equal(scores, [0, 1, 9, 8])


@settings(max_examples=100, deadline=None)
@given(st.integers(2, 40), st.integers(1, 20), st.integers(0, 2**31))
def test_the_best_column_is_that_of_the_best_auroc(n_rows: int, n_columns: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    label = np.arange(n_rows) % 3 == 0
    test = rng.integers(-1, rng.integers(0, 4, n_columns), (n_rows, n_columns)).astype(np.float32)
    # Pairs won by the anomaly minus pairs lost, so that ties cancel.
    wins = np.sign(test[label][:, None] - test[~label][None]).sum(axis=(0, 1))
    column, scores = best_column(named(test), nothing(n_rows), label.astype(np.int8))
    best = int(np.abs(wins).argmax())
    assert column == f"x{best}"
    np.testing.assert_array_equal(scores, test[:, best] * (1 if wins[best] >= 0 else -1))


@pytest.mark.parametrize("bad", [0, -1])
def test_a_number_of_nearest_rows_that_makes_no_sense(bad: int) -> None:
    with pytest.raises(ConfigError, match="controls.nearest_rows to be a whole number of at least 1"):
        Controls(bad)
