"""Tests of the gate's arithmetic: verdicts on values over seeds, with their error and power."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from adbench.gate.verdict import IMPROVEMENT, INCONCLUSIVE, PASS, REGRESSION, Case, Rules, Verdict, judge


def one(before: Sequence[float], after: Sequence[float], first_after: int = 0, **of_case: Any) -> Verdict:
    rules = of_case.pop("rules", Rules())
    case = Case("d", "m", "", "x", dict(enumerate(before)), dict(enumerate(after, first_after)), **of_case)
    (verdict,) = judge([case], rules)
    return verdict


BEFORE = [0.950, 0.952, 0.948, 0.951, 0.949]


@pytest.mark.parametrize(
    ("after", "verdict"),
    [
        ([0.950, 0.952, 0.948, 0.951, 0.949], PASS),
        ([0.9501, 0.9518, 0.9481, 0.9509, 0.9491], PASS),
        ([0.930, 0.931, 0.929, 0.930, 0.928], REGRESSION),
        ([0.970, 0.973, 0.969, 0.970, 0.968], IMPROVEMENT),
        ([0.980, 0.920, 0.960, 0.900, 0.990], INCONCLUSIVE),
        ([0.940, 0.942, 0.938, 0.941, 0.939], REGRESSION),  # every seed by the same
        ([0.960, 0.962, 0.958, 0.961, 0.959], IMPROVEMENT),
        ([0.94995, 0.95195, 0.94795, 0.95095, 0.94895], PASS),  # every seed by the same tiny amount
    ],
)
def test_verdicts_on_pairs(after: list[float], verdict: str) -> None:
    assert one(BEFORE, after).verdict == verdict
    turned = one([-x for x in BEFORE], [-x for x in after], less_is_better=True)
    assert turned.verdict == verdict


def test_a_pair_is_judged_by_the_paired_t_test() -> None:
    after = [0.945, 0.950, 0.946, 0.947, 0.946]
    found, expected = one(BEFORE, after), stats.ttest_rel(after, BEFORE, alternative="less")
    assert found.p_drop == pytest.approx(expected.pvalue)
    difference = found.difference()
    assert difference is not None
    interval = stats.ttest_rel(after, BEFORE).confidence_interval(0.9)
    assert (difference.low, difference.high) == pytest.approx((interval.low, interval.high))


def test_other_seeds_are_judged_by_welchs_test() -> None:
    after = [0.945, 0.950, 0.946, 0.947, 0.946, 0.930]
    found, expected = (
        one(BEFORE, after, first_after=10),
        stats.ttest_ind(after, BEFORE, equal_var=False, alternative="less"),
    )
    assert found.change is not None
    assert not found.change.paired
    assert found.p_drop == pytest.approx(expected.pvalue)
    assert one([0.9] * 3, [0.9] * 4, first_after=10).reason == "identical"
    assert one([0.9] * 3, [0.8] * 4, first_after=10).verdict == REGRESSION


def test_few_common_seeds_do_not_throw_the_others_away() -> None:
    found = one(BEFORE * 2, BEFORE * 2, first_after=8)
    assert found.change is not None
    assert (found.change.paired, found.change.n) == (False, 10)


def test_one_seed_tells_nothing_unless_it_is_identical() -> None:
    found = one([0.95], [0.80])
    assert (found.verdict, found.smallest_effect(), found.seeds_to_settle()) == (INCONCLUSIVE, None, None)
    assert one([0.95, 0.94], [0.80], first_after=5).verdict == INCONCLUSIVE
    assert one([0.95, 0.94], [0.0], first_after=5).verdict == INCONCLUSIVE  # 0 is a valid value
    assert one([0.95], [0.95]).verdict == PASS


def test_holm_corrects_all_comparisons_together() -> None:
    after = [0.9465, 0.9515, 0.9465, 0.9470, 0.9475]
    strict = Rules(tolerance=0.002)
    alone = one(BEFORE, after, rules=strict)
    assert 0.01 < alone.p_drop < 0.02
    assert alone.verdict == REGRESSION
    unchanged = Case("d", "m", "", "x", dict(enumerate(BEFORE)), dict(enumerate(BEFORE)))
    dropped = Case("d", "m", "", "y", dict(enumerate(BEFORE)), dict(enumerate(after)))
    found = judge([dropped, *[unchanged] * 4], strict)[0]
    assert found.p_drop == pytest.approx(5 * alone.p_drop)
    assert found.verdict != REGRESSION
    wide, narrow = found.difference(), alone.difference()
    assert wide is not None
    assert narrow is not None
    assert wide.low < narrow.low


def test_a_drop_that_surely_lies_within_the_tolerance_passes() -> None:
    found = one(BEFORE, [x - 0.0011 for x in BEFORE])  # of a model without randomness: the same in every seed
    assert (found.verdict, found.reason) == (PASS, "a drop within the tolerance in every seed")
    assert found.smallest_effect() == pytest.approx(0.01)
    assert one(BEFORE, [x - 0.0111 for x in BEFORE]).verdict == REGRESSION
    noisy = one(BEFORE, [0.9465, 0.9515, 0.9465, 0.9470, 0.9475])
    assert noisy.verdict == PASS
    assert noisy.reason.startswith("a drop within the tolerance, p = 0.01")


def test_seconds_are_compared_by_their_ratio() -> None:
    rules = Rules("speed", tolerance=0.2)
    before = [1.0, 2.0, 4.0, 1.5, 3.0]
    half_more = [1.5 * x * w for x, w in zip(before, [1, 1.01, 0.99, 1.02, 1], strict=True)]
    slower = one(before, half_more, rules=rules, less_is_better=True)
    assert slower.verdict == REGRESSION
    difference = slower.difference()
    assert difference is not None
    assert difference.value == pytest.approx(0.506, abs=0.01)
    # A machine's load slows all seeds together: a change within the tolerance is not a regression.
    assert one(before, [1.1 * x for x in before], rules=rules, less_is_better=True).verdict == PASS
    uneven = [1.1 * x * w for x, w in zip(before, [1, 1.2, 0.85, 1.05, 0.93], strict=True)]
    assert one(before, uneven, rules=rules, less_is_better=True).verdict == INCONCLUSIVE
    assert one([0.0] * 5, before, rules=rules, less_is_better=True).reason == "no values to compare"


def test_the_smallest_effect_is_found_with_the_power_it_says() -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.01, (2000, 8))
    change = one([0.0] * 8, list(noise[0])).change
    assert change is not None
    size = float(np.mean([v for x in noise[:300] if (v := one([0.0] * 8, list(x)).smallest_effect()) is not None]))
    assert size == pytest.approx(0.01 / math.sqrt(8) * 2.7, rel=0.1)
    found = [one([0.0] * 8, list(x - size)).verdict == REGRESSION for x in noise[:600]]
    assert np.mean(found) == pytest.approx(0.8, abs=0.06)
    # Without variation, a drop within the tolerance is not a regression either.
    assert one([0.9] * 3, [0.9] * 3).smallest_effect() == pytest.approx(Rules().tolerance)
    assert one([0.9] * 3, [0.9 - 0.9 * Rules().negligible] * 3).verdict == PASS


def test_as_many_seeds_as_it_says_do_settle_it() -> None:
    rng = np.random.default_rng(1)
    before, after = 0.9 + rng.normal(0, 0.01, 4), 0.9 + rng.normal(0, 0.01, 4)
    found = one(list(before), list(after))
    n = found.seeds_to_settle()
    assert found.verdict == INCONCLUSIVE
    assert n is not None
    assert found.change is not None
    settled = []
    for _ in range(200):
        rises = rng.normal(found.change.rise, found.change.sd, n)
        settled.append(one([0.9] * n, list(0.9 + rises)).verdict != INCONCLUSIVE)
    assert np.mean(settled) >= 0.75


@settings(deadline=None)
@given(
    st.dictionaries(st.integers(0, 6), st.floats(allow_nan=False), max_size=6),
    st.dictionaries(st.integers(0, 6), st.floats(allow_nan=False), max_size=6),
    st.booleans(),
    st.sampled_from(["quality", "speed"]),
)
def test_any_values_have_a_verdict(before: dict[int, float], after: dict[int, float], less: bool, kind: Any) -> None:
    (found,) = judge([Case("d", "m", "", "x", before, after, less)], Rules(kind))
    assert found.verdict in (PASS, REGRESSION, IMPROVEMENT, INCONCLUSIVE)
    found.difference()
    found.smallest_effect()
    found.seeds_to_settle()
