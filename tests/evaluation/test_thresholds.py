"""Tests of each threshold rule: by hand, by simulation with known truth, by property, and in a whole run."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta, cauchy, expon, genpareto, norm, uniform

from adbench.arrays.types import Scores
from adbench.config.compose import compose
from adbench.config.identity import run_name
from adbench.config.instantiate import build
from adbench.config.options import groups
from adbench.errors import AdbenchError, ConfigError, DataError, ScoresError
from adbench.evaluation.thresholds.base import ThresholdRule
from adbench.evaluation.thresholds.conformal import Conformal, p_values
from adbench.evaluation.thresholds.evt import PeaksOverThreshold, fit_pareto
from adbench.evaluation.thresholds.quantile import Quantile
from adbench.evaluation.thresholds.top_fraction import TopFraction
from adbench.runner.run import train
from adbench.stats.proportion import wilson_interval

RULES = groups()["threshold"]
NONE = np.empty(0)
# GOAD's protocol on the bundled files: overrides, and numbers of tested inliers and anomalies.
PUBLISHED = [([], 198_372, 97_278), (["protocol.reverse=true", "threshold.fraction=0.333329"], 48_639, 24_319)]
HUNDRED = np.random.default_rng(0).permutation(np.arange(1.0, 101.0))  # 1 to 100


def shipped(name: str) -> ThresholdRule:
    rule: ThresholdRule = build(compose([f"threshold={name}"])["threshold"], "threshold")
    return rule


def promising() -> list[str]:
    return [name for name in RULES if shipped(name).promises_rate]


# By hand.


def test_conformal_takes_the_rank() -> None:
    rule, scores = Conformal(), HUNDRED[HUNDRED < 100]  # 1 to 99
    assert rule(scores, NONE, 0.01) == 99
    assert rule(scores, NONE, 0.05) == 95
    with pytest.raises(DataError, match="at least 999 calibration rows for target_fpr=0.001, got 99"):
        rule(scores, NONE, 0.001)
    for rate in (0.0, 1.0, -1.0, float("nan")):
        with pytest.raises(ConfigError, match="target_fpr"):
            rule(scores, NONE, rate)


def test_the_rows_needed_are_enough_and_one_less_is_not() -> None:
    for name in promising():
        for rate in (0.2, 0.05, 0.01, 0.003):
            rule = shipped(name)
            needed = rule.rows_needed(rate)
            assert np.isfinite(rule(np.arange(float(needed)), NONE, rate))
            with pytest.raises(DataError, match=f"at least {needed:,} calibration rows"):
                rule(np.arange(needed - 1.0), NONE, rate)


def test_quantile_interpolates_between_neighbours() -> None:
    assert Quantile()(HUNDRED, NONE, 0.01) == pytest.approx(99.01)  # position 0.99 x 99 of 0 to 99
    with pytest.raises(DataError, match="at least 1,000 calibration rows"):
        Quantile()(HUNDRED, NONE, 0.001)


def test_top_fraction_reports_the_share_and_no_tie_too_many() -> None:
    rule = TopFraction(0.2)
    assert (rule(NONE, HUNDRED, 0.01) < HUNDRED).sum() == 20
    tied = np.repeat([1.0, 2.0, 3.0], [70, 20, 10])
    assert (tied > rule(NONE, tied, 0.01)).sum() == 10
    assert (np.ones(5) > rule(NONE, np.ones(5), 0.01)).sum() == 0
    assert (np.arange(3.0) > rule(NONE, np.arange(3.0), 0.01)).sum() == 0
    assert (np.arange(10.0) > TopFraction(0.3)(NONE, np.arange(10.0), 0.01)).sum() == 3
    for fraction in (0.0, 1.0, -1.0):
        with pytest.raises(ConfigError, match=r"threshold\.fraction"):
            TopFraction(fraction)
    with pytest.raises(ConfigError, match=r"threshold\.percentile"):
        TopFraction(0.2, "below")


@given(
    scores=st.lists(st.integers(0, 6), min_size=1, max_size=40),  # with many ties
    fraction=st.sampled_from([0.2, 0.33, 0.15, 1 / 3, 0.329031]),
    spread=st.sampled_from([1.0, 0.1, 1e-300, -7e200]),
)
def test_a_percentile_is_the_rule_of_published_code(scores: list[int], fraction: float, spread: float) -> None:
    x = np.array(scores) * spread
    cut = np.percentile(x, round(100 - 100 * fraction, 9))
    np.testing.assert_array_equal(x > TopFraction(fraction, "at_least")(NONE, x, 0.01), x >= cut)
    np.testing.assert_array_equal(x > TopFraction(fraction, "above")(NONE, x, 0.01), x > cut)


def test_a_percentile_between_two_of_seven_scores_reports_two_of_them() -> None:
    seven = np.arange(7.0)
    reported = [(seven > TopFraction(0.2, rule)(NONE, seven, 0.01)).sum() for rule in (None, "above", "at_least")]
    assert reported == [1, 2, 2]
    ties = np.array([0.0, 0, 0, 1, 1, 1, 1, 2])
    reported = [(ties > TopFraction(0.2, rule)(NONE, ties, 0.01)).sum() for rule in (None, "above", "at_least")]
    assert reported == [1, 1, 5]


@pytest.mark.parametrize(("overrides", "n_inliers", "n_anomalies"), PUBLISHED)
def test_goads_cut_is_at_the_true_number(overrides: list[str], n_inliers: int, n_anomalies: int) -> None:
    config = compose(["experiment=goad_kdd99", *overrides])
    scores = np.random.default_rng(0).random(n_inliers + n_anomalies)
    cut = np.percentile(scores, 100 * n_inliers / len(scores))  # as in GOAD's code, which counts the labels
    rule: ThresholdRule = build(config["threshold"], "threshold")
    np.testing.assert_array_equal(scores > rule(NONE, scores, 0.01), scores >= cut)


@pytest.mark.parametrize("n", [2000, 2001])
@pytest.mark.parametrize("n_values", [2, 5, 30, 10**9])
def test_top_fraction_decides_on_ties_as_code_for_dagmm_does(n: int, n_values: int) -> None:
    for seed in range(20):
        scores = np.random.default_rng(seed).integers(0, n_values, n).astype(float)
        np.testing.assert_array_equal(
            scores > TopFraction(0.2)(NONE, scores, 0.01), scores > np.percentile(scores, 80), strict=True
        )


def test_p_values_by_hand_and_as_the_rule_decides() -> None:
    np.testing.assert_allclose(
        p_values(np.array([1.0, 2.0, 3.0]), np.array([0.0, 2.0, 2.5, 9.0])), [1, 3 / 4, 1 / 2, 1 / 4]
    )
    rng = np.random.default_rng(0)
    calibration, scores = rng.integers(0, 300, 999).astype(float), rng.integers(0, 310, 2000).astype(float)
    for rate in (0.5, 0.1, 0.01, 0.001):
        reported = scores > Conformal()(calibration, scores, rate)
        np.testing.assert_array_equal(p_values(calibration, scores) <= rate, reported)


def test_wilson_by_hand() -> None:
    # Newcombe 1998, Statistics in Medicine 17, table I: 15 of 148 and 0 of 20.
    interval = wilson_interval(15 / 148, 148)
    assert (round(interval.low, 4), round(interval.high, 4)) == (0.0624, 0.1605)
    nothing = wilson_interval(0.0, 20)
    assert (nothing.low, round(nothing.high, 4)) == (0.0, 0.1611)
    for n in range(1, 2000):  # rounding never puts a rate outside its interval
        assert wilson_interval(0.0, n).low == 0
        assert wilson_interval(1.0, n).high == 1


# By simulation.


def test_conformal_keeps_its_promise_and_quantile_breaks_it_as_documented() -> None:
    rng, n, rate = np.random.default_rng(0), 99, 0.05
    draws = rng.random((4000, n))  # the rate of a threshold on uniform scores is 1 - threshold
    conformal = [1 - Conformal()(scores, NONE, rate) for scores in draws]
    quantile = [1 - Quantile()(scores, NONE, rate) for scores in draws]
    standard_error = np.std(conformal) / np.sqrt(len(draws))
    assert np.mean(conformal) == pytest.approx(rate, abs=4 * standard_error)
    assert np.mean(quantile) == pytest.approx(rate + (1 - 2 * rate) / (n + 1), abs=4 * standard_error)
    # Beta(n + 1 - rank, rank), rank = 95: a quarter of the draws between successive quartiles.
    quarters = np.histogram(conformal, [0, *beta(5, 95).ppf([0.25, 0.5, 0.75]), 1])[0]
    assert quarters.tolist() == pytest.approx([1000] * 4, abs=4 * np.sqrt(4000 * 3 / 16))


def test_p_values_of_normals_are_uniform() -> None:
    rng = np.random.default_rng(0)
    found = np.concatenate([p_values(rng.normal(size=99), rng.normal(size=1)) for _ in range(4000)])
    for p in (0.05, 0.25, 0.5):
        assert (found <= p).mean() == pytest.approx(p, abs=4 * np.sqrt(p * (1 - p) / 4000))


@pytest.mark.parametrize("name", promising())
@pytest.mark.parametrize("truth", [norm(), expon(), cauchy(), uniform()], ids=lambda truth: truth.dist.name)
def test_every_promise_is_kept_on_what_each_kind_of_tail_gives(name: str, truth: Any) -> None:
    rng, rule, rate = np.random.default_rng(1), shipped(name), 0.01
    rates = [truth.sf(rule(truth.rvs(5000, random_state=rng), NONE, rate)) for _ in range(100)]
    assert np.mean(rates) == pytest.approx(rate, rel=0.05)


@pytest.mark.parametrize("truth", [norm(), expon(), cauchy()], ids=lambda truth: truth.dist.name)
def test_evt_reaches_rates_that_the_rows_do_not_show(truth: Any) -> None:
    rng, rule, rate = np.random.default_rng(2), shipped("evt"), 1e-4
    assert Conformal().rows_needed(rate) == 9_999
    rates = [truth.sf(rule(truth.rvs(5000, random_state=rng), NONE, rate)) for _ in range(60)]
    assert 0.5 * rate < np.median(rates) < 2 * rate


# The tail.


@pytest.mark.parametrize("shape", [-0.7, -0.3, 0.0, 0.3, 1.0, 3.0, 8.0])
def test_the_fit_is_as_likely_as_scipys_and_close_to_the_truth(shape: float) -> None:
    excesses = genpareto(shape, scale=3.0).rvs(1000, random_state=np.random.default_rng(0))
    found = fit_pareto(excesses)
    scipys = genpareto.fit(excesses, floc=0)

    def likelihood(shape: float, scale: float) -> float:
        return float(genpareto(shape, scale=scale).logpdf(excesses).mean())

    assert likelihood(*found) >= likelihood(scipys[0], scipys[2]) - 1e-6
    # Four standard errors of regular maximum likelihood, shape > -1/2 (Smith 1987); below that the errors are smaller.
    assert found[0] == pytest.approx(shape, abs=4 * (1 + max(shape, -0.5)) / np.sqrt(1000))
    assert found[1] == pytest.approx(3.0, abs=4 * 3.0 * np.sqrt(2 * (1 + max(shape, -0.5)) / 1000))


def test_a_bounded_tail_ends_at_its_largest_excess() -> None:
    excesses = np.random.default_rng(0).random(500)
    shape, scale = fit_pareto(excesses)
    assert -1 <= shape < -0.9
    assert -scale / shape == pytest.approx(1.0, abs=0.02)


def test_z_q_is_the_formula() -> None:
    scores = np.random.default_rng(0).standard_t(3, 5000) - 40.0  # negative scores, a heavy tail
    rate, start = 1e-4, np.sort(scores)[4900]  # rank ceil(5001 x 0.98) = 4901
    excesses = scores[scores > start] - start
    shape, scale = fit_pareto(excesses)
    z_q = start + scale / shape * ((rate * 5000 / len(excesses)) ** -shape - 1)
    assert PeaksOverThreshold(0.02, 50)(scores, NONE, rate) == pytest.approx(z_q)


@pytest.mark.parametrize(
    "scores",
    [
        np.full(5000, 3.0),
        np.repeat([0.0, 1.0], [4000, 1000]),
        np.repeat([0.0, 1.0, 2.0], [4900, 50, 50]),
        np.append(np.zeros(4980), np.arange(20.0)),
        np.append(np.random.default_rng(0).random(4900), np.random.default_rng(1).random(100) + [0, 1e6] * 50),
    ],
    ids=["constant", "two values", "ties above", "few excesses", "two heaps"],
)
def test_a_tail_that_cannot_be_fitted_is_counted_or_refused(scores: Scores) -> None:
    rule = PeaksOverThreshold(0.02, 50)
    assert rule(scores, NONE, 0.001) == Conformal()(scores, NONE, 0.001)
    with pytest.raises(
        DataError, match=r"whose tail does not and too few to count 1e-05 .*; write target_fpr=0\.\d+, or raise"
    ) as error:
        rule(scores, NONE, 1e-5)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("key", "value"), [("tail_fraction", 0.0), ("tail_fraction", 1.0), ("min_excesses", 9)])
def test_a_tail_needs_a_share_and_some_rows(key: str, value: float) -> None:
    with pytest.raises(ConfigError, match=rf"threshold\.{key}"):
        PeaksOverThreshold(**({"tail_fraction": 0.02, "min_excesses": 50} | {key: value}))  # type: ignore[arg-type]


# Properties. Scores in eighths, many of them tied: sums and powers of two stay exact.

many_scores = st.tuples(st.integers(0, 2**32 - 1), st.sampled_from([2, 40, 4000, 10**7])).map(
    lambda drawn: np.random.default_rng(drawn[0]).standard_t(2, 2600).clip(-1e3, 1e3).__mul__(drawn[1]).round() / 8
)
rates = st.sampled_from([0.001, 0.003, 0.01, 0.019, 0.02, 0.021, 0.1, 0.5])


@pytest.mark.parametrize("name", RULES)
@settings(max_examples=25, deadline=None)
@given(scores=many_scores, lower=rates, higher=rates, seed=st.integers(0, 9))
def test_what_must_not_matter_does_not(name: str, scores: Scores, lower: float, higher: float, seed: int) -> None:
    rule = shipped(name)
    lower, higher = sorted([lower, higher])
    threshold = rule(scores, scores, lower)
    assert np.isfinite(threshold)
    assert threshold >= rule(scores, scores, higher)
    shuffled = np.random.default_rng(seed).permutation(scores)
    assert rule(shuffled, shuffled, lower) == pytest.approx(threshold, rel=1e-9)
    scaled = rule(scores * 4, scores * 4, lower)
    assert scaled == pytest.approx(threshold * 4, rel=1e-6)
    shifted = rule(scores - 64, scores - 64, lower)
    assert shifted == pytest.approx(threshold - 64, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("name", RULES)
def test_only_a_rule_that_promises_nothing_looks_at_the_test_scores(name: str) -> None:
    rule, calibration = shipped(name), np.random.default_rng(0).normal(size=3000)
    found = {rule(calibration, calibration + shift, 0.01) for shift in (0.0, 5.0)}
    assert (len(found) == 1) == rule.promises_rate


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_scores_that_are_not_finite_are_refused(name: str, bad: float) -> None:
    scores = np.append(np.arange(3000.0), bad)
    with pytest.raises(ScoresError, match="finite"):
        shipped(name)(scores, scores, 0.01)


# Whole runs.


@pytest.mark.parametrize("name", RULES)
def test_a_run_with_each_rule(name: str, quick: list[str]) -> None:
    # Two epochs on few rows rank normals highest: it takes a high level to report any row.
    run = train(["model=ae", *quick, f"threshold={name}", *(["threshold.level=0.5"] if name == "fdr" else [])])
    m = run.metrics
    assert run.status == "done", run.error
    assert m["target_fpr"] == 0.05
    assert m["promises_fpr"] == shipped(name).promises_rate
    assert m["test_fpr_low"] <= m["test_fpr"] <= m["test_fpr_high"]
    assert m["recall"] > 0


def test_the_default_is_the_conformal_rank() -> None:
    assert compose([])["choices"]["threshold"] == "conformal"
    assert len({run_name(compose([f"threshold={name}"])) for name in RULES}) == len(RULES)


@pytest.mark.parametrize("name", RULES)
def test_a_protocol_without_calibration_rows(name: str, quick: list[str]) -> None:
    request = ["model=ae", *quick, "protocol=dagmm", f"threshold={name}"]
    if not shipped(name).rows_needed(0.05):
        assert train(request).metrics["n_calibration"] == 0
        return
    with pytest.raises(DataError, match="got none from this protocol; .*threshold=top_fraction"):
        train(request)


def test_too_few_rows_are_refused_before_the_training(quick: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adbench.models.autoencoders.ae.AE.loss", lambda *_: pytest.fail("trained"))
    with pytest.raises(DataError, match="at least 9,999 calibration rows for target_fpr=0.0001"):
        train(["model=ae", *quick, "target_fpr=0.0001"])


# Alerts per day.


def test_alerts_a_day_are_a_rate(tmp_path: Path) -> None:
    asked = compose(["alerts_per_day=20", "rows_per_day=1e6"])
    assert asked["target_fpr"] == 20 / 1e6
    assert run_name(asked) == run_name(compose(["target_fpr=2e-5"]))
    assert compose(["alerts_per_day=10", "rows_per_day=1000", "target_fpr=0.01"])["target_fpr"] == 0.01


def test_a_run_that_was_asked_in_alerts(quick: list[str]) -> None:
    asked = [override for override in quick if "target_fpr" not in override]
    run = train(["model=ae", *asked, "alerts_per_day=100", "rows_per_day=1000"])
    assert run.metrics["target_fpr"] == 0.1


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        (["alerts_per_day=20"], "expected rows_per_day beside alerts_per_day, got none"),
        (["rows_per_day=20"], "expected alerts_per_day beside rows_per_day, got none"),
        (["alerts_per_day=20", "rows_per_day=1e6", "target_fpr=0.02"], "got target_fpr=0.02 beside them"),
        (["alerts_per_day=20", "rows_per_day=20"], "expected fewer alerts_per_day than rows_per_day, got 20 of 20"),
        (["alerts_per_day=1e-300", "rows_per_day=1e300"], "expected fewer alerts_per_day"),
        (["alerts_per_day=0", "rows_per_day=20"], "expected alerts_per_day to be a number above 0, got 0"),
        (["alerts_per_day=true", "rows_per_day=20"], "expected alerts_per_day to be a number above 0, got True"),
        (["alerts_per_day=1", "rows_per_day=many"], "expected rows_per_day to be a number above 0, got 'many'"),
        (["alerts_per_day=1", "rows_per_day=nan"], "expected rows_per_day to be a number above 0, got nan"),
        (["alerts_per_day=1", "rows_per_day=[1]"], "expected rows_per_day to be a number above 0"),
        (["threshold=none"], "expected a threshold that exists, got threshold=none"),
        (["~threshold"], "expected a threshold, got none"),
        (["threshold=evt", "threshold.tail_fraction=high"], "expected a number for threshold.tail_fraction"),
    ],
)
def test_a_wrong_request_is_one_sentence(overrides: list[str], sentence: str) -> None:
    with pytest.raises(AdbenchError) as caught:
        compose(overrides)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)
