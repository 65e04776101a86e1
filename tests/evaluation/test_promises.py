"""Tests of promises: exceeded ones, the price of a confidence, false discoveries, and other base rates."""

import dataclasses
import json
from collections.abc import Callable
from fractions import Fraction
from math import comb
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.stats import beta
from typer.testing import CliRunner

from adbench.arrays.types import Scores
from adbench.cli.main import app
from adbench.config.alarm_rate import Use, require_use
from adbench.config.compose import compose
from adbench.config.identity import run_name
from adbench.errors import AdbenchError, ConfigError, DataError
from adbench.evaluation.in_use import in_use, right_of, sentence
from adbench.evaluation.promise import exceeded, judges_rows_together, p_value
from adbench.evaluation.thresholds.base import Alarms, ThresholdRule, promised_rate
from adbench.evaluation.thresholds.conformal import Conformal, conformal_rank, p_values
from adbench.evaluation.thresholds.evt import PeaksOverThreshold
from adbench.evaluation.thresholds.fdr import BenjaminiHochberg
from adbench.evaluation.thresholds.quantile import Quantile
from adbench.evaluation.thresholds.top_fraction import TopFraction
from adbench.inference.load import load
from adbench.results.record import CALIBRATION, SCORES
from adbench.runner.run import train

NONE = np.empty(0)


# Kept or exceeded.


def judged(rule: ThresholdRule, calibration: Scores, normals: Scores, target: float) -> dict[str, float]:
    """The metrics of a run on these normals."""
    n_false = int((normals > rule(calibration, NONE, target)).sum())
    found = rule.judged(Alarms(n_false, 0, len(normals)), len(calibration), target)
    return found | {"test_fpr": n_false / len(normals), "target_fpr": target}


@pytest.mark.parametrize("rule", [Conformal(), Conformal(0.9), Quantile()], ids=["conformal", "confident", "quantile"])
@pytest.mark.parametrize(("n", "m"), [(300, 1000), (1000, 300), (2000, 9000)])
def test_a_promise_to_normals_like_those_that_calibrate_is_seldom_called_exceeded(
    rule: ThresholdRule, n: int, m: int
) -> None:
    rng = np.random.default_rng(0)
    called = [exceeded([judged(rule, rng.random(n), rng.random(m), 0.01)]) for _ in range(1000)]
    assert np.mean(called) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 1000)
    tied = [exceeded([judged(rule, *np.split(rng.integers(0, 300, n + m) / 1, [n]), 0.01)]) for _ in range(300)]
    assert np.mean(tied) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 300)


def test_a_promise_to_other_normals_is_called_exceeded() -> None:
    rng = np.random.default_rng(0)
    for rule in (Conformal(), Quantile(), PeaksOverThreshold(0.02, 50)):
        called = [exceeded([judged(rule, rng.normal(size=5000), 1.3 * rng.normal(size=5000), 0.01)]) for _ in range(20)]
        assert all(called)


def test_fewer_alarms_than_promised_break_nothing() -> None:
    found = judged(Conformal(), np.arange(1000.0), np.zeros(10_000), 0.01)
    assert found["promise_p"] == 1
    assert exceeded([found]) is False
    # A threshold set far below the promise can exceed its target and still keep the promise.
    assert exceeded([{"promise_p": 1e-6, "test_fpr": 0.009, "target_fpr": 0.01}]) is False


def test_several_runs_on_the_same_rows_are_judged_as_one() -> None:
    runs = [{"promise_p": p, "test_fpr": 0.02, "target_fpr": 0.01} for p in (0.01, 0.03)]
    assert p_value(runs) == pytest.approx(0.04)
    assert exceeded(runs) is True
    assert exceeded([*runs, runs[1]]) is True
    assert exceeded([*runs, {**runs[1], "promise_p": 0.05}]) is False
    assert exceeded([*runs, {"test_fpr": 0.02, "target_fpr": 0.01}]) is None  # a run older than promise_p


def test_the_law_of_a_counted_tail_is_exact_and_of_a_fitted_one_is_not() -> None:
    rule, alarms = PeaksOverThreshold(0.02, 50), Alarms(100, 0, 10_000)
    assert rule.judged(alarms, 10_000, 0.01)["promise_exact"] == 1
    assert rule.judged(alarms, 10_000, 0.001)["promise_exact"] == 0
    assert TopFraction(0.2).judged(alarms, 10_000, 0.01) == {}


# With confidence.


def above(n: int, rank: int, target: Fraction) -> Fraction:
    """The share of draws for which the rank-th smallest of n has a rate above the target: at most n - rank of the rows
    lie in the top share of that size.
    """
    return sum((comb(n, j) * target**j * (1 - target) ** (n - j) for j in range(n - rank + 1)), Fraction(0))


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 60), st.integers(1, 99), st.sampled_from([10, 50, 80, 90, 95, 99]))
@example(n=9, percent=50, confidence=50)  # where floating point misses an equality
def test_the_rank_is_the_smallest_that_keeps_both_promises(n: int, percent: int, confidence: int) -> None:
    target, allowed = Fraction(percent, 100), 1 - Fraction(confidence, 100)
    keeping = [k for k in range(1, n + 1) if above(n, k, target) <= allowed and Fraction(n + 1 - k, n + 1) <= target]
    rule = Conformal(confidence / 100)
    needed = rule.rows_needed(percent / 100)
    assert (n >= needed) == bool(keeping)
    if keeping:
        assert conformal_rank(n, percent / 100, confidence / 100) == keeping[0]
        assert rule(np.arange(1.0, n + 1), NONE, percent / 100) == keeping[0]
        law = rule.rate_law(n, percent / 100)
        assert beta(law.above, law.below).sf(percent / 100) <= float(allowed) * (1 + 1e-9)


def test_without_a_confidence_nothing_changes() -> None:
    for n in (99, 100, 230, 13_469):
        assert conformal_rank(n, 0.01) == min(n, int(np.ceil(np.round((n + 1) * 0.99, 9))))
    plain = compose([])
    assert run_name(plain) != run_name(compose(["threshold.confidence=0.9"]))
    before = plain | {"threshold": {key: value for key, value in plain["threshold"].items() if key != "confidence"}}
    del before["base_rate"]
    assert run_name(plain) == run_name(before)
    assert Conformal().judged(Alarms(1, 1, 10), 100, 0.1).keys() == {"promise_p"}


def test_what_a_confidence_takes_and_costs() -> None:
    rule = Conformal(0.9)
    assert rule.rows_needed(0.01) == 230
    assert rule.lowest_rate(230) == pytest.approx(1 - 0.1 ** (1 / 230))
    assert promised_rate(rule, 100, 0.01, relax=True) == pytest.approx(0.02276, abs=1e-5)
    found = rule.judged(Alarms(100, 0, 10_000), 13_469, 0.01)
    assert found["promise_confidence"] == 0.9
    assert found["expected_fpr"] == pytest.approx(0.0089, abs=1e-4)
    with pytest.raises(DataError) as caught:
        promised_rate(rule, 150, 0.01, relax=False)
    sentence = str(caught.value)
    assert "at least 230 calibration rows for target_fpr=0.01, got 150; write target_fpr=0.0153" in sentence
    assert "write threshold.confidence=null" in sentence
    with pytest.raises(DataError) as caught:
        promised_rate(rule, 50, 0.01, relax=False)
    assert "threshold.confidence" not in str(caught.value)  # 50 rows cannot promise it even on average


@pytest.mark.parametrize("ties", [10**9, 400])
def test_a_rate_held_with_confidence_is_seldom_above_the_promise(ties: int) -> None:
    rng, target = np.random.default_rng(0), 0.05
    draws = rng.integers(0, ties, (2000, 400))
    true = np.array([1 - (Conformal(0.9)(scores.astype(float), NONE, target) + 1) / ties for scores in draws])
    assert np.mean(true > target * (1 + 1e-9)) <= 0.1 + 3 * np.sqrt(0.09 / 2000)
    assert 0.5 * target < true.mean() < target


@pytest.mark.parametrize("value", ["0", "1", "-0.5", "1.5", "nan", "high", "true", "[0.9]"])
def test_a_confidence_that_is_none(value: str, tiny: list[str]) -> None:
    with pytest.raises(ConfigError, match=r"threshold\.confidence") as caught:
        train(["model=pca", *tiny, f"threshold.confidence={value}"])
    assert "\n" not in str(caught.value)


def test_a_confidence_across_folds_is_refused(tiny: list[str], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"write threshold\.confidence=null or protocol\.calibration=null"):
        train(["model=pca", *tiny, "threshold.confidence=0.9", "protocol.calibration=cross"])
    assert not (tmp_path / "runs").exists() or not list((tmp_path / "runs").iterdir())


# False discoveries.


def reference(calibration: Scores, scores: Scores, level: Fraction) -> list[bool]:
    """Benjamini & Hochberg 1995 literally, in rational numbers."""
    n, m = len(calibration), len(scores)
    p = [Fraction(1 + int((calibration >= score).sum()), n + 1) for score in scores]
    ordered = sorted(p)
    kept = [i for i in range(1, m + 1) if ordered[i - 1] <= Fraction(i, m) * level]
    return [value <= ordered[kept[-1] - 1] if kept else False for value in p]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.integers(0, 12), min_size=1, max_size=40),
    st.lists(st.integers(0, 16), min_size=1, max_size=40),
    st.integers(1, 99),
)
@example(normals=[0] * 71 + [5] * 28, tested=[5], percent=29)  # where floating point misses an equality
def test_what_is_reported_is_what_benjamini_and_hochberg_report(
    normals: list[int], tested: list[int], percent: int
) -> None:
    calibration, scores = np.array(normals, dtype=float), np.array(tested, dtype=float)
    threshold = BenjaminiHochberg(percent / 100)(calibration, scores, 0.01)
    assert np.isfinite(threshold)
    assert (scores > threshold).tolist() == reference(calibration, scores, Fraction(percent, 100))
    p = p_values(calibration, scores)
    assert not (scores > threshold).any() or p[scores > threshold].max() < p[scores <= threshold].min(initial=2)


def test_a_share_of_what_is_reported_is_kept_on_average() -> None:
    rng, level = np.random.default_rng(0), 0.2
    shares, found = [], []
    for _ in range(400):
        scores = np.append(rng.normal(size=450), rng.normal(3.0, 1.0, 50))
        reported = scores > BenjaminiHochberg(level)(rng.normal(size=500), scores, 0.01)
        shares.append(reported[:450].sum() / max(1, reported.sum()))
        found.append(reported[450:].mean())
    assert np.mean(shares) <= level + 3 * np.std(shares) / 20
    assert np.mean(shares) > 0.5 * level
    assert np.mean(found) > 0.5


@pytest.mark.parametrize("calibration", [np.full(50, 3.0), np.arange(5.0)], ids=["all equal", "few"])
def test_where_no_row_is_reported_the_threshold_is_a_number(calibration: Scores) -> None:
    scores = np.full(100, calibration.max())
    rule = BenjaminiHochberg(0.1)
    threshold = rule(calibration, scores, 0.01)
    assert np.isfinite(threshold)
    assert not (scores > threshold).any()
    assert rule(calibration, scores + 1, 0.01) >= calibration.max()
    assert rule.judged(Alarms(0, 0, 90), 50, 0.01) == {"fdr_level": 0.1, "test_fdp": 0.0, "n_reported": 0}


def test_how_many_anomalies_it_takes_is_said() -> None:
    rule = BenjaminiHochberg(0.1)
    assert "reports at least 17 of 22,544 test rows or none" in rule.caveat(13_469, 22_544)
    assert "reports no test row: it takes 9 of them" in rule.caveat(8, 100)
    assert rule.caveat(10_000, 1000) == ""
    # The stated number of top anomalies is reported, and one fewer is not.
    calibration = np.arange(99.0)
    for n_above, n_reported in ((30, 30), (29, 0)):
        scores = np.append(np.zeros(300 - n_above), np.full(n_above, 1e3))
        assert (scores > rule(calibration, scores, 0.01)).sum() == n_reported
    assert "at least 30 of 300 test rows" in rule.caveat(99, 300)


@pytest.mark.parametrize("value", ["0", "1", "-1", "nan", "null", "high"])
def test_a_level_that_is_none(value: str, tiny: list[str]) -> None:
    with pytest.raises(AdbenchError, match=r"threshold\.level") as caught:
        train(["model=pca", *tiny, "threshold=fdr", f"threshold.level={value}"])
    assert "\n" not in str(caught.value)


def test_a_run_that_promises_a_share_of_what_it_reports(tiny: list[str]) -> None:
    result = CliRunner().invoke(
        app, ["train", "model=pca", *tiny, "threshold=fdr", "threshold.level=0.3", "base_rate=0.1"]
    )
    assert result.exit_code == 0, result.output
    run = train(["model=pca", *tiny, "threshold=fdr", "threshold.level=0.3"])
    m = run.metrics
    scores = pd.read_parquet(run.folder / SCORES)
    calibration = pd.read_parquet(run.folder / CALIBRATION)["score"].to_numpy()
    reported = np.array(reference(calibration, scores["score"].to_numpy(), Fraction(3, 10)))
    assert m["n_reported"] == reported.sum() > 0
    assert m["test_fdp"] == pytest.approx((scores["label"].to_numpy()[reported] == 0).mean()) == 1 - m["precision"]
    assert (m["promises_fpr"], m["fdr_level"]) == (0, 0.3)
    assert not {"promise_p", "fpr_bound"} & m.keys()
    assert "promised 30.0 % of the reported rows on average, achieved" in result.stdout
    assert "depends on how many anomalies are tested" in result.stdout


@pytest.mark.parametrize("rule", ["fdr", "top_fraction"])
def test_rows_that_are_judged_together_are_a_file_and_no_stream(rule: str, tiny: list[str]) -> None:
    run = train(["model=pca", *tiny, f"threshold={rule}"])
    assert judges_rows_together(run.metrics)
    fitted = load(run.folder)
    with pytest.raises(ConfigError, match="rows of a file together; train the model with threshold=conformal, or"):
        _ = fitted.threshold
    scores = pd.read_parquet(run.folder / SCORES)["score"].to_numpy()
    assert (fitted.reported(scores) == (scores > run.metrics["threshold"])).all()
    half = scores[::2]
    built = {"fdr": BenjaminiHochberg(0.1), "top_fraction": TopFraction(0.2)}[rule]
    calibration = pd.read_parquet(run.folder / CALIBRATION)["score"].to_numpy()
    assert (fitted.reported(half) == (half > built(calibration, half, 0.1))).all()


def test_a_row_alone_is_judged_by_a_threshold_that_promises(tiny: list[str]) -> None:
    run = train(["model=pca", *tiny])
    fitted = load(run.folder)
    assert fitted.threshold == run.metrics["threshold"]
    assert fitted.reported(np.array([fitted.threshold, np.inf])).tolist() == [False, True]
    scores = pd.read_parquet(run.folder / SCORES)
    normals = scores["score"][scores["label"] == 0].to_numpy()
    law = Conformal().rate_law(len(pd.read_parquet(run.folder / CALIBRATION)), 0.1)
    assert run.metrics["promise_p"] == law.at_least(int((normals > fitted.threshold).sum()), len(normals))


# In use.

BOUNDS = {"test_fpr_low": 0.008, "test_fpr_high": 0.0125}
RATES = {"test_fpr": 0.01, "recall": 0.5, "base_rate": 0.5, "n_test": 2000}


def test_alarms_at_a_base_rate_by_hand() -> None:
    found = in_use([RATES | BOUNDS], Use(0.01, 9900))
    assert found is not None
    # Of 10,000 rows 100 are anomalies, of which 50 are found, with 99 false alarms.
    assert found.alarms_per_right.value == pytest.approx(149 / 50)
    assert found.false_alarms is not None
    assert found.false_alarms.value == pytest.approx(99)
    assert found.found is not None
    assert (found.found.value, found.anomalies) == pytest.approx((50, 100))
    assert found.alarms_per_right.low < found.alarms_per_right.value < found.alarms_per_right.high
    two = [RATES | BOUNDS, RATES | BOUNDS | {"test_fpr": 0.03, "test_fpr_high": 0.04}]
    twice = in_use(two, Use(0.01, 9900))
    assert twice is not None
    assert twice.false_alarms is not None
    assert dataclasses.astuple(twice.false_alarms) == pytest.approx((198, 79.2, 396))


def test_the_interval_covers_what_is_true() -> None:
    rng, use, true = np.random.default_rng(0), Use(1e-3), 1 + 0.01 * 999 / 0.7
    covered = 0
    for _ in range(1000):
        drawn = {"test_fpr": rng.binomial(1000, 0.01) / 1000, "recall": rng.binomial(200, 0.7) / 200}
        found = in_use([drawn | {"base_rate": 1 / 6, "n_test": 1200}], use)
        assert found is not None
        covered += found.alarms_per_right.low <= true <= found.alarms_per_right.high
    assert covered >= 930


def words(**rates: float) -> str:
    found = in_use([RATES | rates], Use(1e-4))
    assert found is not None
    return sentence(found)


def test_no_alarm_and_none_that_is_right_are_said() -> None:
    assert words(recall=0.0).startswith("no alarm is right; at best one of ")
    assert words(recall=0.0, test_fpr=0.0) == "no alarm is right; at best one of 1"
    assert words(test_fpr=0.0).startswith("100.0 % of alarms are right (95 % interval ")
    assert words().startswith("of 201 alarms one is right (95 % interval ")
    assert [right_of(x) for x in (1.0, 1.5, 85.52, np.inf)] == ["100.0 %", "66.7 %", "1 of 85.5", "none"]


@pytest.mark.parametrize("value", ["0", "1", "-0.1", "2", "nan", "inf", "rare", "true", "[0.1]", "5e-324"])
def test_a_base_rate_that_is_none(value: str) -> None:
    with pytest.raises(ConfigError, match=r"expected base_rate to be a number between 0 and 1, got .* base_rate=1e-4$"):
        compose([f"base_rate={value}"])


def test_rows_a_day_stand_beside_a_base_rate_or_alerts() -> None:
    assert compose(["base_rate=1e-4", "rows_per_day=1e6"])["target_fpr"] == 0.01
    assert compose(["base_rate=1e-4", "rows_per_day=1e6", "alerts_per_day=20"])["target_fpr"] == 2e-5
    with pytest.raises(ConfigError, match=r"expected alerts_per_day beside rows_per_day, got none; .* or base_rate="):
        compose(["rows_per_day=1e6"])
    with pytest.raises(ConfigError, match="expected rows_per_day to be a number above 0, got 0"):
        compose(["base_rate=1e-4", "rows_per_day=0"])
    with pytest.raises(ConfigError, match="expected --base-rate to be .* such as --base-rate 1e-4"):
        require_use(0.0, None, is_option=True)


def test_a_finished_run_answers_for_any_base_rate(tiny: list[str], without_training: Callable[[], None]) -> None:
    request = ["train", "model=pca", *tiny]
    first = CliRunner().invoke(app, request)
    assert first.exit_code == 0, first.output
    without_training()
    for base_rate, words in (("0.001", "at 1 anomaly in 1,000 rows"), ("0.25", "at 1 anomaly in 4 rows")):
        asked = CliRunner().invoke(app, [*request, f"base_rate={base_rate}", "rows_per_day=1000"])
        assert asked.exit_code == 0, asked.output
        assert words in asked.stdout
        assert "a day of 1,000 normal rows" in asked.stdout
    document = json.loads(CliRunner().invoke(app, [*request, "base_rate=0.25", "--json"]).stdout)
    m = document["metrics"]
    assert document["in_use"]["alarms_per_right"][0] == pytest.approx(1 + 3 * m["test_fpr"] / m["recall"])
    assert "in_use" not in json.loads(CliRunner().invoke(app, [*request, "--json"]).stdout)


@pytest.fixture
def without_training(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Forbids any fitting once called."""
    return lambda: monkeypatch.setattr("adbench.models.classical.pca.PCA.fit", lambda *_: pytest.fail("trained"))
