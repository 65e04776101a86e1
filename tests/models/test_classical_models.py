"""Tests of detectors without a network, against scikit-learn's scores and by hand."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA as SklearnPCA  # noqa: N811
from sklearn.ensemble import IsolationForest
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import SGDOneClassSVM
from sklearn.neighbors import NearestNeighbors
from sklearn.svm import OneClassSVM

from adbench.arrays.columns import Columns
from adbench.arrays.neighbours import nearest_distances
from adbench.arrays.row_hash import distinct_rows
from adbench.config.compose import compose
from adbench.config.instantiate import build
from adbench.errors import ConfigError
from adbench.models.base import ClassicalDetector, draw_seed
from adbench.models.classical.iforest import IForest
from adbench.models.classical.knn import KNN
from adbench.models.classical.ocsvm import OCSVM
from adbench.models.classical.pca import PCA
from adbench.testing.capabilities import CLASSICAL, class_of, models_that

N_FEATURES = 12
COLUMNS = Columns.numbers(N_FEATURES)


def rows(n: int, seed: int) -> np.ndarray:
    """Columns of very different kinds: continuous, 0/1, constant, and far from zero."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, N_FEATURES)) * np.geomspace(0.01, 100, N_FEATURES)
    x[:, 3] = x[:, 3] > 0
    x[:, 4] = 0.1
    x[:, 5] += 1000
    return x.astype(np.float32)


FIT, TEST = rows(700, seed=0), rows(300, seed=1)


def scores(detector: ClassicalDetector) -> np.ndarray:
    assert detector.fit(FIT, None) == len(FIT)  # type: ignore[arg-type]
    return detector.score_rows(TEST)


@pytest.mark.parametrize("sample_size", [2, 256, 700, 5000])
def test_isolation_forest_scores_as_scikit_learn_does(sample_size: int) -> None:
    forest = IForest(COLUMNS, n_trees=20, sample_size=sample_size)
    ours = scores(forest)
    theirs = IsolationForest(n_estimators=20, max_samples=min(sample_size, 700), random_state=forest.seed).fit(FIT)
    inside = ((FIT.min(axis=0) <= TEST) & (FIT.max(axis=0) >= TEST)).all(axis=1)
    assert 0 < inside.sum() < len(TEST)
    np.testing.assert_allclose(ours[inside], -theirs.score_samples(TEST[inside]), rtol=1e-12)
    assert (ours[~inside] >= -theirs.score_samples(TEST[~inside])).all()


def test_a_forest_cuts_a_row_outside_off_sooner_by_hand() -> None:
    fit = np.array([[0.0, 5.0], [1.0, 5.0]], dtype=np.float32)  # one cut: a path of 1, where c(2) is 1
    forest = IForest(Columns.numbers(2), n_trees=5, sample_size=2)
    forest.fit(fit, None)  # type: ignore[arg-type]
    p = (0.75 + 1) / 2  # a gap of 3 beside a range of 1, and one beside none
    found = forest.score_rows(np.array([[0.0, 5.0], [4.0, 6.0]], dtype=np.float32))
    np.testing.assert_allclose(found, [0.5, 2.0 ** -((1 - (1 - p)) / p)])


@pytest.mark.parametrize("k", [1, 2, 7])
def test_nearest_neighbours_are_scikit_learns(k: int) -> None:
    exact = NearestNeighbors(n_neighbors=k, algorithm="kd_tree").fit(FIT.astype(np.float64))
    np.testing.assert_allclose(
        scores(KNN(COLUMNS, k=k, max_rows=None)),
        exact.kneighbors(TEST.astype(np.float64))[0][:, -1],
        rtol=1e-9,
    )


def test_rows_that_repeat_are_one_neighbour() -> None:
    fit = np.array([[0, 0], [0, 0], [0, 0], [3, 4]], dtype=np.float32)
    detector = KNN(Columns.numbers(2), k=2, max_rows=None)
    detector.fit(fit, None)  # type: ignore[arg-type]
    assert detector.arrays()["reference"].tolist() == [[0, 0], [3, 4]]
    np.testing.assert_array_equal(detector.score_rows(np.array([[0, 0], [3, 0], [0, 0]], dtype=np.float32)), [5, 4, 5])


def test_a_sample_of_the_fit_rows_is_drawn_with_the_seed() -> None:
    def drawn(seed: int) -> list[list[float]]:
        np.random.seed(seed)  # noqa: NPY002
        detector = KNN(COLUMNS, k=1, max_rows=50)
        detector.fit(FIT, None)  # type: ignore[arg-type]
        return detector.arrays()["reference"].tolist()

    assert len(drawn(0)) == 50
    assert drawn(0) == drawn(0) != drawn(1)
    assert {tuple(row) for row in drawn(0)} <= {tuple(row) for row in FIT.tolist()}


def test_more_neighbours_than_distinct_rows() -> None:
    with pytest.raises(ConfigError, match="model.k to be at most the 1 distinct fit rows, got 2"):
        KNN(Columns.numbers(2), k=2, max_rows=None).fit(np.ones((5, 2), dtype=np.float32), None)  # type: ignore[arg-type]


@pytest.mark.parametrize("n_components", [1, 5, N_FEATURES - 1])
def test_pca_scores_the_squared_reconstruction_error(n_components: int) -> None:
    theirs = SklearnPCA(n_components, svd_solver="full").fit(FIT.astype(np.float64))
    x = np.clip(TEST, FIT.min(axis=0), FIT.max(axis=0)).astype(np.float64)
    outside = TEST - x
    error = ((x + outside - theirs.inverse_transform(theirs.transform(x))) ** 2).sum(axis=1)
    np.testing.assert_allclose(scores(PCA(COLUMNS, n_components=n_components)), error, rtol=1e-6, atol=1e-9)


def ocsvm(exact_rows: int, max_rows: int | None = None) -> OCSVM:
    return OCSVM(COLUMNS, nu=0.2, bandwidth=0.7, exact_rows=exact_rows, n_landmarks=100, max_rows=max_rows)


def test_few_rows_are_solved_exactly() -> None:
    gamma = 1 / (0.7**2 * FIT.astype(np.float64).var(axis=0).sum())
    theirs = OneClassSVM(gamma=gamma, nu=0.2).fit(FIT.astype(np.float64))
    np.testing.assert_allclose(scores(ocsvm(700)), -theirs.decision_function(TEST.astype(np.float64)), atol=1e-9)


def test_many_rows_are_approximated_and_rank_alike() -> None:
    np.random.seed(0)  # noqa: NPY002
    seed = draw_seed()
    np.random.seed(0)  # noqa: NPY002
    detector = ocsvm(699)
    ours = scores(detector)
    gamma = float(detector.arrays()["gamma"][0])
    kernel = Nystroem(gamma=gamma, n_components=100, random_state=seed)
    theirs = SGDOneClassSVM(nu=0.2, random_state=seed).fit(kernel.fit_transform(FIT.astype(np.float64)))
    expected = -theirs.decision_function(kernel.transform(TEST.astype(np.float64)))
    np.testing.assert_allclose(ours, expected, rtol=1e-6, atol=1e-6)
    exact = scores(ocsvm(700))
    assert np.corrcoef(exact.argsort().argsort(), ours.argsort().argsort())[0, 1] > 0.9
    assert len(np.unique(scores(ocsvm(0, max_rows=20)))) > 1


@pytest.mark.parametrize(
    ("model", "override"),
    [
        ("iforest", "model.n_trees=0"),
        ("iforest", "model.sample_size=1"),
        ("knn", "model.k=0"),
        ("knn", "model.max_rows=0"),
        ("knn", "model.max_rows=many"),
        ("pca", "model.n_components=0"),
        ("ocsvm", "model.nu=0"),
        ("ocsvm", "model.nu=1.5"),
        ("ocsvm", "model.bandwidth=0"),
        ("ocsvm", "model.exact_rows=-1"),
        ("ocsvm", "model.n_landmarks=0"),
        ("ocsvm", "model.max_rows=0"),
    ],
)
def test_arguments_out_of_range_are_one_sentence(model: str, override: str) -> None:
    with pytest.raises(ConfigError, match=override.split("=")[0]) as caught:
        build(compose([f"model={model}", override])["model"], "model", columns=COLUMNS)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("model", models_that(CLASSICAL))
def test_no_torch_is_imported(model: str) -> None:
    module = class_of(model).__module__
    code = f"import {module}, sys; sys.exit('torch' in sys.modules or 'sklearn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_limits_may_be_null_and_other_numbers_may_not() -> None:
    assert compose(["model=knn", "model.max_rows=null"])["model"]["max_rows"] is None
    with pytest.raises(ConfigError, match="expected a whole number for model.k"):
        compose(["model=knn", "model.k=null"])


def test_distinct_rows_by_hand() -> None:
    x = np.array([[2, 0], [1, 0], [2, -0.0], [1, 1], [1, 0]], dtype=np.float32)
    first, place = distinct_rows(x)
    assert first.tolist() == [0, 1, 3]
    assert place.tolist() == [0, 1, 0, 2, 1]


@settings(max_examples=50, deadline=None)
@given(
    st.integers(1, 30), st.integers(1, 12), st.integers(1, 3), st.sampled_from([0.0, 1.0, 1e6]), st.integers(0, 2**31)
)
def test_rows_that_are_shortened_to_be_compared_keep_their_distances(
    n_rows: int, n_columns: int, k: int, far: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    # Nearly in a plane, with a category, a constant, and duplicate rows.
    plane = rng.normal(size=(n_rows + 40, min(2, n_columns))) @ rng.normal(size=(min(2, n_columns), n_columns))
    rows = (far + plane + 1e-3 * rng.normal(size=plane.shape)).astype(np.float32)
    rows[:, -1], rows[:, 0] = rng.integers(0, 2, len(rows)), 1.0
    x, reference = np.vstack([rows[:n_rows], rows[-1:]]), rows[n_rows:]
    expected = nearest_distances(x, reference, k)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("adbench.arrays.neighbours._WORTH", 0)
        patch.setattr("adbench.arrays.neighbours._LEFT", rng.choice([0.005, 0.5]))
        np.testing.assert_array_equal(nearest_distances(x, reference, k), expected)
    wide = x[:, None].astype(np.float64) - reference[None]
    exact = np.sort(np.sqrt((wide**2).sum(axis=2)), axis=1)[:, k - 1]
    np.testing.assert_allclose(expected, exact, rtol=1e-12)


def test_distances_stay_exact_where_float32_products_do_not() -> None:
    """Covers rows closer than float32 products can resolve, far from the origin, and one with an extreme value."""
    rng = np.random.default_rng(0)
    reference = np.vstack([1e4 + 1e-2 * rng.normal(size=(400, 6)), np.full((1, 6), 1e12)]).astype(np.float32)
    x = np.vstack([reference[:50], 1e4 + 1e-2 * rng.normal(size=(50, 6)), np.full((1, 6), -1e12)]).astype(np.float32)
    wide = x[:, None].astype(np.float64) - reference[None]
    exact = np.sqrt((wide**2).sum(axis=2))
    for k in (1, 3):
        np.testing.assert_allclose(nearest_distances(x, reference, k), np.sort(exact, axis=1)[:, k - 1], rtol=1e-12)
    alone = np.concatenate([nearest_distances(x[i : i + 1], reference) for i in range(len(x))])
    np.testing.assert_array_equal(alone, nearest_distances(x, reference))


def test_pca_takes_half_of_few_columns_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    rows = np.random.default_rng(0).normal(size=(50, 6)).astype(np.float32)
    detector = build(compose(["model=pca", "model.n_components=10"])["model"], "model", columns=Columns.numbers(6))
    detector.fit(rows, None)
    assert detector.arrays()["components"].shape == (3, 6)
    assert "6 columns leave nothing to score beside 10 components: it takes 3" in caplog.text
    with pytest.raises(ConfigError, match="at least two columns for model=pca, got 1"):
        build(compose(["model=pca"])["model"], "model", columns=Columns.numbers(1))
