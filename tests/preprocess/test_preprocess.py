from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.preprocessing import MinMaxScaler, QuantileTransformer, StandardScaler

from adbench.config.compose import compose
from adbench.config.instantiate import build
from adbench.config.options import groups
from adbench.data.base import Features
from adbench.errors import ConfigError, DataError
from adbench.preprocess.base import BLOCK_ROWS, UNSEEN, Encoder
from adbench.preprocess.deviations import Deviations
from adbench.preprocess.log_standard import LogStandard
from adbench.preprocess.minmax import MinMax
from adbench.preprocess.quantile import Quantile
from adbench.preprocess.standard import Standard
from adbench.preprocess.tails import TAILS, grown, robust_scale


def features(numeric: np.ndarray, colours: list[str] | None = None) -> Features:
    colours = colours or ["red"] * len(numeric)
    vocabulary = tuple(dict.fromkeys(colours))
    codes = np.array([[vocabulary.index(colour)] for colour in colours], dtype=np.int32)
    names = tuple(f"n{i}" for i in range(numeric.shape[1]))
    return Features(numeric.astype(np.float64), names, codes, {"colour": vocabulary})


def numeric_part(encoder: Encoder, x: np.ndarray) -> np.ndarray:
    return encoder.transform(features(x))[:, : x.shape[1]]


@pytest.fixture
def x() -> np.ndarray:
    rng = np.random.default_rng(0)
    zero_inflated = np.where(rng.random(5000) < 0.8, 0.0, rng.exponential(size=5000))
    return np.column_stack([rng.normal(3, 5, 5000), zero_inflated, rng.integers(0, 4, 5000)])


def test_standard_and_minmax_agree_with_scikit_learn(x: np.ndarray) -> None:
    fit, later = x[:4000], x[4000:] * 3
    for ours, theirs in [(Standard(), StandardScaler()), (MinMax(), MinMaxScaler())]:
        expected = theirs.fit(fit).transform(later)
        np.testing.assert_allclose(numeric_part(ours.fit(features(fit)), later), expected, rtol=1e-5, atol=1e-5)


def test_quantile_agrees_with_scikit_learn(x: np.ndarray) -> None:
    fit, later = x[:4000], x[4000:] * 3
    theirs = QuantileTransformer(n_quantiles=500, subsample=10**9).fit(fit)
    ours = numeric_part(Quantile(500).fit(features(fit)), later)
    np.testing.assert_allclose(ours, theirs.transform(later), atol=1e-6)


def level_by_two_interpolations(x: np.ndarray, quantiles: np.ndarray) -> np.ndarray:
    """scikit-learn's formula: the mean of interpolation from below and, mirrored, from above."""
    levels = np.linspace(0, 1, len(quantiles))
    from_below = np.interp(x, quantiles, levels)
    from_above = 1 - np.interp(-x, -quantiles[::-1], levels)
    middle = (from_below + from_above) / 2
    return np.where(x <= quantiles[0], 0.0, np.where(x >= quantiles[-1], 1.0, middle))


FEW, MANY = st.sampled_from([-2.5, -0.0, 0.0, 1.0, 1.0 + 2**-50, 7.0]), st.floats(-1e300, 1e300)
HUGE_AND_TINY = st.sampled_from([-1e300, -1e12, 0.0, 5e-324, 1e-300, 1e12, 1e12 + 1, 1e300])


@pytest.mark.parametrize("elements", [FEW, MANY, HUGE_AND_TINY, FEW | MANY])
@settings(max_examples=50, deadline=None)
@given(data=st.data(), n_quantiles=st.sampled_from([2, 7, 30, 100]))
def test_a_quantile_level_is_that_of_two_interpolations(
    elements: st.SearchStrategy[float], data: st.DataObject, n_quantiles: int
) -> None:
    fit = data.draw(arrays(np.float64, (30, 1), elements=elements))
    later = data.draw(arrays(np.float64, 10, elements=MANY))
    encoder = Quantile(n_quantiles).fit(features(fit))
    around = np.concatenate([later, fit[:, 0], np.nextafter(fit[:, 0], np.inf), np.nextafter(fit[:, 0], -np.inf)])
    expected = level_by_two_interpolations(around, encoder.arrays["quantiles"][:, 0])
    np.testing.assert_allclose(encoder.scale(around[:, None])[:, 0], expected, atol=1e-9)


@pytest.mark.parametrize("option", groups()["preprocess"])
def test_blocks_of_rows_leave_no_seam(option: str, x: np.ndarray) -> None:
    rows = np.random.default_rng(0).integers(0, len(x), 2 * BLOCK_ROWS + 1)
    many = features(x[rows], [f"colour {row % 5}" for row in rows])
    encoder: Encoder = build(compose([f"preprocess={option}"])["preprocess"], "preprocess").fit(many.take(np.arange(9)))
    pieces = [encoder.transform(many.take(piece)) for piece in np.array_split(np.arange(len(many)), 5)]
    np.testing.assert_array_equal(encoder.transform(many), np.concatenate(pieces))


def test_log_standard_by_hand() -> None:
    fit = np.array([[0.0], [np.e - 1]])  # logs 0 and 1: mean 1/2, deviation 1/2
    encoder = LogStandard(clip=10.0).fit(features(fit))
    later = np.array([[0.0], [np.e**2 - 1], [-(np.e - 1)], [1e30]])
    np.testing.assert_allclose(numeric_part(encoder, later)[:, 0], [-1, 3, -3, 10], rtol=1e-6)


@pytest.mark.parametrize("encoder", [Standard(), LogStandard(10.0), MinMax(), Quantile(100)])
def test_a_column_constant_at_fit_stays_finite_and_still_tells_change(encoder: Encoder) -> None:
    encoder.fit(features(np.zeros((10, 1))))
    same, changed = numeric_part(encoder, np.array([[0.0], [1.0]]))[:, 0]
    assert same == 0
    assert np.isfinite(changed)
    assert changed > 0.5


def test_a_plain_constant_is_scaled_as_published_code_does() -> None:
    fit = np.array([[0.0, 1.0], [0.0, 4.0], [0.0, 7.0]])
    later = np.array([[3.0, 10.0], [0.0, -2.0]])
    deviation = fit.std(axis=0)
    deviation[deviation == 0] = 1  # GOAD: by the fitted inliers, with 0 replaced by 1
    width = fit.max(axis=0) - fit.min(axis=0)
    width[width == 0] = 1  # scikit-learn's MinMaxScaler, as in ALAD
    for option, expected in (
        ("standard", (later - fit.mean(axis=0)) / deviation),
        ("minmax", (later - fit.min(axis=0)) / width),
    ):
        config = compose([f"preprocess={option}", "preprocess.tail=null", "preprocess.constant=plain"])["preprocess"]
        encoder: Encoder = build(config, "preprocess")
        np.testing.assert_allclose(numeric_part(encoder.fit(features(fit)), later), expected, rtol=1e-6)
    with pytest.raises(ConfigError, match=r"preprocess\.constant to be one of plain, got none"):
        Standard(constant="none")


@pytest.mark.parametrize("value", [0.1, 3.7, -1000000.1])
@pytest.mark.parametrize("encoder", [Standard(), LogStandard(10.0)])
def test_a_column_is_constant_whatever_its_computed_deviation(encoder: Encoder, value: float) -> None:
    encoder.fit(features(np.full((50_000, 1), value)))
    same, changed = numeric_part(encoder, np.array([[value], [value + 0.25]]))[:, 0]
    assert same == 0
    assert changed >= 1


def test_one_hot_knows_fit_values_and_marks_all_others() -> None:
    encoder = Standard().fit(features(np.zeros((3, 1)), ["red", "blue", "red"]))
    assert encoder.columns.names == ["n0", "colour=blue", "colour=red", f"colour={UNSEEN}"]
    x = encoder.transform(features(np.zeros((4, 1)), ["green", "red", "blue", "grey"]))
    np.testing.assert_array_equal(x[:, 1:], [[0, 0, 1], [0, 1, 0], [1, 0, 0], [0, 0, 1]])


def test_a_value_in_the_vocabulary_that_no_fit_row_has_is_unseen() -> None:
    both = features(np.zeros((2, 1)), ["red", "blue"])
    encoder = Standard().fit(both.take(np.array([0])))
    assert encoder.columns.names == ["n0", "colour=red", f"colour={UNSEEN}"]
    np.testing.assert_array_equal(encoder.transform(both)[:, 1:], [[1, 0], [0, 1]])


def test_other_columns_are_refused() -> None:
    encoder = Standard().fit(features(np.zeros((2, 1))))
    with pytest.raises(DataError, match="expected the columns"):
        encoder.transform(features(np.zeros((2, 2))))


@cache
def shipped(option: str) -> dict[str, Any]:
    return compose([f"preprocess={option}"])["preprocess"]


@pytest.mark.parametrize("option", groups()["preprocess"])
@settings(max_examples=30, deadline=None)
@given(
    fit=arrays(np.float64, (20, 2), elements=st.floats(-1e12, 1e12)),
    later=arrays(np.float64, (7, 2), elements=st.floats(-1e12, 1e12)),
)
def test_every_preprocessing_is_finite_monotone_row_by_row_and_restorable(
    option: str, fit: np.ndarray, later: np.ndarray
) -> None:
    node = shipped(option)
    encoder: Encoder = build(node, "preprocess").fit(features(fit))
    encoded = numeric_part(encoder, later)
    assert encoded.dtype == np.float32
    assert np.isfinite(encoded).all()
    for column in range(2):
        order = np.argsort(later[:, column], kind="stable")
        assert (np.diff(encoded[order, column].astype(np.float64)) >= -1e-6 * np.abs(encoded).max() - 1e-9).all()
    np.testing.assert_array_equal(encoded[3:4], numeric_part(encoder, later[3:4]))
    again: Encoder = build(node, "preprocess").restore(encoder.description(), encoder.arrays)
    np.testing.assert_array_equal(encoded, numeric_part(again, later))


def test_arguments_out_of_range() -> None:
    with pytest.raises(ConfigError, match=r"preprocess\.n_quantiles"):
        Quantile(1)
    with pytest.raises(ConfigError, match=r"preprocess\.clip"):
        LogStandard(0.0)


@pytest.mark.parametrize("option", groups()["preprocess"])
@settings(max_examples=30, deadline=None)
@given(
    fit=arrays(np.float64, (20, 1), elements=st.floats(-1e6, 1e6, width=32) | st.sampled_from([0.0, 1.0])),
    scales=st.lists(st.floats(1.0, 1e6), min_size=2, max_size=6, unique=True),
    side=st.sampled_from([-1, 1]),
    tail=st.sampled_from(TAILS),
)
@example(fit=np.array([[8.6e5], [-2e3], *18 * [[0.0]]]), scales=[1.0, 2.0], side=-1, tail="log")
def test_farther_outside_is_encoded_farther_from_what_was_fitted(
    option: str, fit: np.ndarray, scales: list[float], side: int, tail: str
) -> None:
    encoder: Encoder = build({**shipped(option), "tail": tail}, "preprocess").fit(features(fit))
    end = fit.max() if side > 0 else fit.min()
    later = np.array([end, *(end + side * scale * robust_scale(fit[:, 0]) for scale in sorted(scales))])
    encoded = side * numeric_part(encoder, later[:, None])[:, 0].astype(np.float64)
    assert (np.diff(encoded) >= 0).all()
    assert encoded[0] >= (side * numeric_part(encoder, fit)).max()
    if fit.min() == fit.max():  # any change counts
        assert encoded[1] >= encoded[0] + 1
    else:
        assert encoded[-1] - encoded[0] >= 0.99 * encoder.change * grown(np.array(max(scales)), tail)


def test_a_quantile_level_goes_on_by_the_distance_outside() -> None:
    fit = features(np.arange(101.0)[:, None])  # its middle half is 50 wide
    spread = 50 / (2 * 0.6744897501960817)
    outside = np.array([[0.0], [100.0], [100 + 3 * spread], [-spread]])
    for tail, expected in ((None, [0, 1, 1, 0]), ("linear", [0, 1, 4, -1]), ("log", [0, 1, 1 + np.log(4), -np.log(2)])):
        np.testing.assert_allclose(numeric_part(Quantile(11, tail=tail).fit(fit), outside)[:, 0], expected, rtol=1e-5)


def test_an_encoder_from_before_encodes_as_it_did(x: np.ndarray) -> None:
    fitted = Quantile(100).fit(features(x[:4000]))
    old = {"quantiles": fitted.arrays["quantiles"]}
    restored = Quantile(100).restore(fitted.description(), old)
    np.testing.assert_array_equal(numeric_part(fitted, x * 3), numeric_part(restored, x * 3))


def test_deviations_by_hand() -> None:
    fit = features(np.column_stack([np.arange(101.0), np.full(101, 7.0)]), ["red"] * 100 + ["blue"])
    found = Deviations().fit(fit).transform(features(np.array([[50.0, 7.0], [100.0, 8.0]]), ["blue", "green"]))
    z = 50 / (50 / (2 * 0.6744897501960817))
    expected = [[0, 0, -np.log(1 / 101.5)], [z, 3 * (1 + np.log1p(1 / 7)), -np.log(0.5 / 101.5)]]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("tail", ["exponential", 3])
def test_a_tail_that_is_none(tail: object) -> None:
    with pytest.raises(ConfigError, match=r"preprocess\.tail"):
        Quantile(10, tail=tail)  # type: ignore[arg-type]
