"""Tests of statistics across runs and of one run, against published examples and other implementations."""

import math
from collections.abc import Callable
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from adbench.errors import DataError
from adbench.evaluation.influence import Copies, auroc_influences, variance
from adbench.evaluation.ranking import placement_values
from adbench.stats.intervals import bootstrap_interval, t_interval
from adbench.stats.multiplicity import holm
from adbench.stats.pairs import compare
from adbench.stats.ranks import critical_difference, friedman, mean_ranks, not_separated, wilcoxon
from adbench.stats.variance import components, noncentrality, seeds_needed

# The aSAH data of Turck et al. 2010 (Intensive Care Medicine 36:107), on which the R package pROC is documented:
# S100B in ug/l, and the WFNS grade, of patients with good and with poor outcome.
S100B_GOOD = """.13 .14 .10 .04 .47 .18 .10 .10 .04 .08 .04 .09 .11 .07 .17 .07 .11 .13 .19 .05 .16 .14 .34 .09 .50 .46
    .16 .07 .43 .45 .11 .08 .09 .08 .06 .13 .10 .14 .15 .06 .05 .09 .04 .09 .08 .16 .09 .08 .33 .11 .28 .07 .10 .32 .07
    .05 .24 .38 .10 .15 .08 .10 .14 .07 .04 .19 .15 .47 .17 .15 .50 .48"""
WFNS_GOOD = """1 1 1 1 5 1 2 2 1 2 2 1 1 1 2 1 2 1 1 3 4 1 4 1 5 5
    1 1 2 4 1 1 2 2 1 2 1 2 2 1 1 1 1 2 1 2 1 1 3 2 4 2 1 4 1
    1 5 4 2 2 1 1 1 3 1 2 2 4 4 1 1 1"""
S100B_POOR = """.13 .10 .16 .12 .44 .71 .49 .07 .33 .09 .07 .41 .35 .48 .96 .25 .86 .52 2.07 .07 .77 .30 .03 .09 .23 .70
    .27 .71 .08 .26 .13 .10 .11 .22 .56 .14 .58 .32 .82 .74 .44"""
WFNS_POOR = """3 2 4 5 5 5 5 2 5 2 1 2 5 4 4 2 5 5 5 2 5 2 5 2 4 5
    4 4 1 4 4 2 2 5 5 2 2 5 5 5 5"""

# AUC of C4.5 and three variants on 14 datasets: Demsar 2006, table 6. voting's third is also .975 there, but ranked
# below the fourth, due to rounding.
DEMSAR = [
    *([0.763, 0.768, 0.771, 0.798], [0.599, 0.591, 0.590, 0.569], [0.954, 0.971, 0.968, 0.967]),
    *([0.628, 0.661, 0.654, 0.657], [0.882, 0.888, 0.886, 0.898], [0.936, 0.931, 0.916, 0.931]),
    *([0.661, 0.668, 0.609, 0.685], [0.583, 0.583, 0.563, 0.625], [0.775, 0.838, 0.866, 0.875]),
    *([1.000, 1.000, 1.000, 1.000], [0.940, 0.962, 0.965, 0.962], [0.619, 0.666, 0.614, 0.669]),
    *([0.972, 0.981, 0.9751, 0.975], [0.957, 0.978, 0.946, 0.970]),
]


def numbers(text: str) -> list[float]:
    return [float(word) for word in text.split()]


@pytest.fixture(scope="module")
def asah() -> dict[str, Any]:
    good, poor = numbers(S100B_GOOD), numbers(S100B_POOR)
    return {
        "label": np.array([0] * len(good) + [1] * len(poor), dtype=np.int8),
        "s100b": np.array(good + poor),
        "wfns": np.array(numbers(WFNS_GOOD) + numbers(WFNS_POOR)),
    }


def test_delong_interval_is_the_published_one(asah: dict[str, Any]) -> None:
    assert (asah["label"] == 0).sum() == 72
    assert (asah["label"] == 1).sum() == 41
    of = auroc_influences(placement_values(asah["s100b"], asah["label"]))
    half = NormalDist().inv_cdf(0.975) * math.sqrt(variance(of, Copies(None, asah["label"])))
    # pROC's documentation: ci(roc(aSAH$outcome, aSAH$s100b)), "95% CI: 0.6301-0.8326 (DeLong)".
    assert round(of.value, 4) == 0.7314
    assert (round(of.value - half, 4), round(of.value + half, 4)) == (0.6301, 0.8326)


def test_delong_comparison_of_two_scores_is_the_published_one(asah: dict[str, Any]) -> None:
    wfns, s100b = (placement_values(asah[name], asah["label"]) for name in ("wfns", "s100b"))
    assert round(wfns.roc_auc, 4) == 0.8237
    difference = auroc_influences(wfns) - auroc_influences(s100b)
    z = difference.value / math.sqrt(variance(difference, Copies(None, asah["label"])))
    # pROC's documentation of roc.test: "Z = 2.209, p-value = 0.02718".
    assert round(z, 3) == 2.209
    assert round(2 * NormalDist().cdf(-z), 5) == 0.02718


@given(st.lists(st.integers(0, 4), min_size=2, max_size=8), st.lists(st.integers(0, 4), min_size=2, max_size=8))
def test_delong_is_its_definition_over_all_pairs(anomalies: list[int], normals: list[int]) -> None:
    wins = np.array([[(x > y) + (x == y) / 2 for y in normals] for x in anomalies])
    expected = np.var(wins.mean(axis=1), ddof=1) / len(anomalies) + np.var(wins.mean(axis=0), ddof=1) / len(normals)
    label = np.array([1] * len(anomalies) + [0] * len(normals), dtype=np.int8)
    of = auroc_influences(placement_values(np.array(anomalies + normals, dtype=float), label))
    assert of.value == pytest.approx(wins.mean())
    assert variance(of, Copies(None, label)) == pytest.approx(expected, abs=1e-12)


def test_t_interval_is_scipys() -> None:
    x = [0.91, 0.93, 0.925, 0.94, 0.902]
    expected = stats.ttest_1samp(x, 0).confidence_interval(0.9)
    interval = t_interval(x, confidence=0.9)
    assert interval.value == pytest.approx(np.mean(x))
    assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high))


@pytest.mark.parametrize("interval", [t_interval, bootstrap_interval])
def test_one_seed_has_no_interval(interval: Callable[..., Any]) -> None:
    assert interval([0.5]).value == 0.5
    assert math.isnan(interval([0.5]).low)
    assert math.isnan(interval([0.5]).high)
    assert math.isnan(interval([]).value)
    assert interval([0.1, 0.1, 0.1]).low == pytest.approx(0.1)


def test_bootstrap_over_many_seeds_is_scipys_and_over_few_as_wide_as_students() -> None:
    rng = np.random.default_rng(0)
    many = rng.exponential(size=400)
    expected = stats.bootstrap([many], np.mean, method="percentile", rng=1).confidence_interval
    found = bootstrap_interval(many)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=0.01)
    widths = []
    for _ in range(200):
        few = rng.normal(size=8)
        t, b = t_interval(few), bootstrap_interval(few, n_resamples=1000)
        widths.append((b.high - b.low) / (t.high - t.low))
    assert np.mean(widths) == pytest.approx(1.0, abs=0.08)


def test_holm_by_hand() -> None:
    # 3 x .01, 2 x .03 and, since adjusted values are monotone, .06 again; and at most 1.
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.8]) == pytest.approx([1.0, 1.0])
    assert len(holm([])) == 0


@given(st.lists(st.floats(0, 1), min_size=1, max_size=10))
def test_holm_rejects_what_the_step_down_procedure_rejects(p_values: list[float]) -> None:
    rejected = set()
    for step, i in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        if p_values[i] * (len(p_values) - step) > 0.05:
            break
        rejected.add(i)
    assert {i for i, p in enumerate(holm(p_values)) if p <= 0.05} == rejected


def test_friedman_and_nemenyi_are_demsars() -> None:
    found = friedman(DEMSAR, correct_ties=False)
    assert [round(float(rank), 3) for rank in found.mean_ranks] == [3.143, 2.000, 2.893, 1.964]
    assert round(found.chi2, 2) == 9.28
    assert round(found.f, 2) == 3.69
    assert stats.f.ppf(0.95, 3, 39) == pytest.approx(2.85, abs=0.01)  # his critical value
    assert found.f_p_value < 0.05
    assert round(critical_difference(4, 14), 2) == 1.25
    assert round(critical_difference(4, 14, alpha=0.10), 2) == 1.12


def test_friedman_with_ties_is_scipys() -> None:
    found = friedman(DEMSAR)
    expected = stats.friedmanchisquare(*np.transpose(DEMSAR))
    assert (found.chi2, found.p_value) == pytest.approx((expected.statistic, expected.pvalue))


def test_friedman_at_its_ends() -> None:
    assert friedman([[1, 1], [2, 2]]).p_value == 1.0
    same_order = friedman([[3, 2, 1]] * 5)
    assert same_order.f == math.inf
    assert same_order.f_p_value == pytest.approx(1 / 6**4)  # exact: four datasets repeat the first one's order
    assert friedman([[2, 1]] * 2).f_p_value == 0.5
    for table in ([[1, 2]], [[1], [2]], [[1, math.nan], [1, 2]]):
        with pytest.raises(ValueError, match="expected"):
            friedman(table)


def test_lower_can_be_better() -> None:
    table = [[0.1, 0.2, 0.3], [0.3, 0.2, 0.1]]
    assert list(mean_ranks(table)) == [2, 2, 2]
    assert list(mean_ranks([[0.1, 0.2, 0.3]])) == [3, 2, 1]
    assert list(mean_ranks([[0.1, 0.2, 0.3]], higher_is_better=False)) == [1, 2, 3]


def test_groups_of_a_critical_difference_diagram() -> None:
    # In Demsar's figure one bar would join ranks 1.964 and 3.143, whose difference, 1.179, is below 1.25.
    assert not_separated([3.143, 2.000, 2.893, 1.964], 1.25) == [[3, 1, 2, 0]]
    assert not_separated([1.0, 2.0, 3.0], 1.0) == [[0, 1], [1, 2]]
    assert not_separated([1.0, 3.0], 1.0) == []


def test_wilcoxon_is_scipys_and_says_one_where_nothing_differs() -> None:
    c45, tuned = np.transpose(DEMSAR)[[0, 3]]
    assert wilcoxon(list(c45), list(tuned)) == pytest.approx(float(stats.wilcoxon(c45 - tuned).pvalue))
    assert wilcoxon([1.0, 2.0, 3.0, 4.0, 5.0], [0.9, 1.8, 2.7, 3.6, 4.5]) == pytest.approx(2 / 2**5)
    assert wilcoxon([1.0, 2.0], [1.0, 2.0]) == 1.0


def test_a_comparison_on_one_dataset_is_the_paired_t_test() -> None:
    a, b = [0.95, 0.96, 0.97, 0.94], [0.94, 0.96, 0.95, 0.93]
    expected = stats.ttest_rel(a, b)
    found = compare({("x", i): v for i, v in enumerate(a)}, {("x", i): v for i, v in enumerate([*b, 0.1])})
    assert found is not None
    assert (found.n, found.n_datasets) == (4, 1)
    bounds = expected.confidence_interval(0.95)
    difference = found.difference
    assert (difference.low, difference.high) == pytest.approx((bounds.low, bounds.high))
    assert found.probability == pytest.approx(1 - expected.pvalue / 2)
    swapped = compare({("x", i): v for i, v in enumerate(b)}, {("x", i): v for i, v in enumerate(a)})
    assert swapped is not None
    assert swapped.difference.value == pytest.approx(-difference.value)
    assert swapped.probability == pytest.approx(found.probability)


def test_each_dataset_counts_the_same_and_its_own_variance_too() -> None:
    # Two strata: the sum of their means is Welch's statistic for one of them negated.
    x, y = [0.1, 0.3, 0.2, 0.25, 0.15], [0.02, 0.04]
    zero = {("x", i): 0.0 for i in range(5)} | {("y", i): 0.0 for i in range(2)}
    found = compare({("x", i): v for i, v in enumerate(x)} | {("y", i): v for i, v in enumerate(y)}, zero)
    assert found is not None
    assert found.difference.value == pytest.approx((np.mean(x) + np.mean(y)) / 2)
    welch = stats.ttest_ind(x, [-v for v in y], equal_var=False)
    assert found.probability == pytest.approx(1 - welch.pvalue / 2)
    assert found.difference.high == pytest.approx(welch.confidence_interval().high / 2)


def test_comparisons_that_nothing_tells_about() -> None:
    assert compare({("x", 0): 1.0}, {("x", 1): 1.0}) is None
    assert compare({("x", 0): math.nan}, {("x", 0): 1.0}) is None
    lone = compare({("x", 0): 1.0, ("y", 0): 2.0}, {("x", 0): 0.5, ("y", 0): 1.0})
    assert lone is not None
    assert (lone.n, lone.n_datasets, lone.difference.value) == (2, 2, 0.75)
    assert math.isnan(lone.probability)
    assert math.isnan(lone.difference.low)
    same = compare({("x", 0): 0.3, ("x", 1): 0.7}, {("x", 0): 0.3, ("x", 1): 0.7})
    assert same is not None
    assert math.isnan(same.probability)  # equal in every seed: deterministic training, unknown variance over test rows
    moved = compare({("x", i): 0.1 * i + 0.3 for i in range(3)}, {("x", i): 0.1 * i for i in range(3)})
    assert moved is not None
    assert math.isnan(moved.probability)


def test_no_variance_of_0_is_borrowed() -> None:
    a = {("d", 0): 0.9, ("d", 1): 0.9, ("e", 0): 0.5}
    b = {("d", 0): 0.8, ("d", 1): 0.8, ("e", 0): 0.7}
    for rows in (None, lambda _: np.full(8, 0.01)):
        found = compare(a, b) if rows is None else compare(a, b, rows=rows)
        assert found is not None
        assert math.isnan(found.probability)
        assert math.isnan(found.difference.low)


def test_the_test_rows_count_beside_the_seeds() -> None:
    rng = np.random.default_rng(0)
    a = {("x", seed): 0.9 + 0.001 * seed for seed in range(5)}
    b = {("x", seed): 0.89 + 0.0011 * seed for seed in range(5)}
    alone = compare(a, b)
    influences = rng.normal(size=256) * 0.01 / 16  # a standard error of .01
    shared = compare(a, b, rows=lambda _: influences)
    apart = compare(a, b, rows=lambda key: rng.permutation(influences))
    assert alone is not None
    assert shared is not None
    assert apart is not None
    assert shared.rows_known
    assert alone.error < apart.error < shared.error == pytest.approx(0.01, rel=0.15)
    assert shared.probability < 0.9 < alone.probability
    assert shared.of_seeds == pytest.approx(alone.error)


def test_opposite_orders_are_said() -> None:
    a = {(data, seed): 0.5 for data in "xyz" for seed in range(5)}
    up_and_down = {"x": 0.02, "y": 0.03, "z": -0.03}
    b = {key: 0.5 - up_and_down[key[0]] + 0.0001 * key[1] for key in a}
    found = compare(a, b)
    assert found is not None
    assert found.is_mixed
    assert {data: round(of.value, 2) for data, of in found.by_data.items()} == up_and_down
    steady = compare(a, {key: 0.48 + 0.0001 * key[1] for key in a})
    assert steady is not None
    assert not steady.is_mixed


def test_related_data_are_one_source() -> None:
    rng = np.random.default_rng(1)
    a = {(data, seed): 0.5 + 0.01 * rng.normal() for data in ("x", "x again", "y") for seed in range(5)}
    zero = dict.fromkeys(a, 0.0)
    apart, together = compare(a, zero), compare(a, zero, related=lambda data: data[0])
    assert apart is not None
    assert together is not None
    means = {data: np.mean([v for key, v in a.items() if key[0] == data]) for data in ("x", "x again", "y")}
    assert together.difference.value == pytest.approx(((means["x"] + means["x again"]) / 2 + means["y"]) / 2)
    assert together.error > apart.error


def test_a_dataset_with_one_pair_takes_the_variance_of_the_others() -> None:
    zero = {(data, i): 0.0 for data in "xy" for i in range(3)}
    found = compare({("x", 0): 0.1, ("x", 1): 0.3, ("x", 2): 0.2, ("y", 0): 0.4}, zero)
    assert found is not None
    error = math.sqrt(0.1**2 / 3 + 0.1**2) / 2
    t = float(stats.t.ppf(0.975, 2))
    assert found.difference.high == pytest.approx(0.3 + t * error)


def test_variance_components_of_a_balanced_design_are_those_of_its_analysis_of_variance() -> None:
    rng = np.random.default_rng(0)
    split, init = np.repeat(range(6), 5), np.tile(range(5), 6)
    y = rng.normal(0, 2, 6)[split] + rng.normal(0, 1, 5)[init] + rng.normal(0, 0.5, 30)
    table = y.reshape(6, 5)
    between_splits = 5 * table.mean(axis=1).var(ddof=1)
    between_inits = 6 * table.mean(axis=0).var(ddof=1)
    rest = table - table.mean(axis=1, keepdims=True) - table.mean(axis=0, keepdims=True) + table.mean()
    residual = (rest**2).sum() / 20
    expected = {"split": (between_splits - residual) / 5, "init": (between_inits - residual) / 6}
    found = components(list(y), {"split": list(split), "init": list(init)})
    assert found == pytest.approx(expected | {"residual": residual})


def test_variance_components_are_unbiased_where_the_design_has_holes() -> None:
    rng = np.random.default_rng(1)
    rows = [(s, i, o) for s in range(6) for i in range(4) for o in range(3) if rng.random() < 0.5]
    split, init, order = np.transpose(rows)
    found = []
    for _ in range(300):
        y = (
            rng.normal(0, 3, 6)[split]
            + rng.normal(0, 2, 4)[init]
            + rng.normal(0, 2, 3)[order]
            + rng.normal(size=len(rows))
        )
        found.append(components(list(y), {"split": list(split), "init": list(init), "order": list(order)}))
    means = {name: np.mean([one[name] for one in found]) for name in found[0]}
    assert means == pytest.approx({"split": 9, "init": 4, "order": 4, "residual": 1}, rel=0.25)


def test_seeds_that_always_vary_together_are_refused() -> None:
    seeds = [0, 1, 2, 3]
    with pytest.raises(DataError, match="split, init vary apart"):
        components([1.0, 2.0, 3.0, 5.0], {"split": seeds, "init": seeds})
    with pytest.raises(DataError, match="a level of split"):
        components([1.0, 2.0], {"split": [0]})
    with pytest.raises(DataError):
        components([], {"split": []})


def test_seeds_needed_is_the_textbook_number() -> None:
    # Cohen 1988: half a standard deviation, two-sided 5 %, power 80 %: 34 pairs.
    assert seeds_needed(0.5, 1.0) == 34
    assert seeds_needed(-0.5, 1.0) == 34
    assert seeds_needed(0.5, 1.0, sides=1) == 27
    assert seeds_needed(0.0, 1.0) is None
    assert seeds_needed(0.1, math.nan) is None
    assert seeds_needed(0.1, 0.0) == 2
    assert seeds_needed(1e-9, 1.0) is None
    assert seeds_needed(100.0, 1.0) == 2


@pytest.mark.parametrize(("df", "sides"), [(4, 1), (9, 2), (2000, 1)])
def test_the_power_is_what_was_asked(df: int, sides: int) -> None:
    size = noncentrality(df, 0.05, 0.8, sides)
    rng = np.random.default_rng(0)
    t = (rng.normal(size, 1, 100_000)) / np.sqrt(rng.chisquare(df, 100_000) / df)
    assert (t > stats.t.isf(0.05 / sides, df)).mean() == pytest.approx(0.8, abs=0.006)
