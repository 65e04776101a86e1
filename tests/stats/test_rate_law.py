"""Tests of the beta-binomial law, by rational arithmetic or, where that is too slow, by scipy."""

from fractions import Fraction
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import betabinom

from adbench.stats.rate_law import RateLaw


def exact(above: int, below: int, count: int, n: int) -> Fraction:
    """The probability that `count` of n later draws exceed the rank among above + below - 1 earlier ones."""
    ways = sum(comb(j + above - 1, j) * comb(n - j + below - 1, n - j) for j in range(count, n + 1))
    return Fraction(ways, comb(n + above + below - 1, n))


@given(st.integers(1, 30), st.integers(1, 60), st.integers(0, 80), st.integers(-2, 83))
def test_the_tail_is_that_of_rational_arithmetic(above: int, below: int, n: int, count: int) -> None:
    expected = float(exact(above, below, max(0, count), n)) if count <= n else 0.0
    assert RateLaw(above, below).at_least(count, n) == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(
    ("above", "below", "n"), [(135, 13335, 9711), (195, 19262, 60593), (1, 19456, 60593), (0.2, 9999.8, 50000)]
)
def test_large_parts_are_those_of_scipy(above: float, below: float, n: int) -> None:
    law, scipys = RateLaw(above, below), betabinom(n, above, below)
    assert law.mean == pytest.approx(scipys.mean() / n)
    for share in (0.1, 0.5, 0.9, 1.0, 1.1, 1.5, 2.0, 5.0, 50.0):
        count = round(share * n * law.mean)
        assert law.at_least(count, n) == pytest.approx(float(scipys.sf(count - 1)), abs=1e-9)  # it takes 1 - cdf


def test_what_cannot_be_has_no_probability() -> None:
    assert RateLaw(1, 99).at_least(0, 0) == 1
    assert RateLaw(1, 99).at_least(1, 0) == 0
    assert 0 <= RateLaw(101, 999_900).at_least(900_000, 1_000_000) < 1e-300
