"""Tests of metrics over time and of the normals' shift, against counts by hand and scipy."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import roc_auc_score

from adbench.arrays.order import Order
from adbench.evaluation import over_time, shift
from adbench.evaluation.seal import Frozen, Labels, freeze
from adbench.stats.two_samples import effective_size, mann_whitney


def labels_of(label: Any) -> Labels:
    kinds: Any = np.where(np.asarray(label) == 1, "odd", "normal")
    return Labels(np.asarray(label, dtype=np.int8), kinds, kinds, None)


def frozen_of(scores: Any, threshold: float, folder: Path) -> Frozen:
    return freeze(np.asarray(scores, dtype=float), threshold, folder / "digest")


def test_slices_follow_each_other_in_time_and_have_the_metrics_of_their_rows(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    time = rng.integers(0, 150, 420).astype(float)  # with equal ones
    label = (rng.random(420) < 0.3).astype(int)
    scores = rng.normal(size=420) + label
    m = over_time.time_slices(frozen_of(scores, 1.0, tmp_path), labels_of(label), Order(time, is_date=False))
    slices = over_time.slices_in(m)
    assert len(slices) == over_time.SLICES
    assert sum(one.n for one in slices) == 420
    assert max(one.n for one in slices) < 1.3 * min(one.n for one in slices)
    for one, following in itertools.pairwise(slices):
        assert one.end < following.start
    for i, one in enumerate(slices):
        rows = (time >= one.start) & (time <= one.end)
        reported = scores[rows] > 1.0
        assert (one.n, m[f"time/{i}/n_anomalies"]) == (rows.sum(), label[rows].sum())
        assert one.roc_auc == pytest.approx(roc_auc_score(label[rows], scores[rows]))
        assert one.recall == pytest.approx(reported[label[rows] == 1].mean())
        assert one.test_fpr == pytest.approx(reported[label[rows] == 0].mean())


def test_a_slice_of_one_label_has_what_it_can_have(tmp_path: Path) -> None:
    time, label = np.arange(100.0), np.repeat([0, 1, 0], [60, 20, 20])
    m = over_time.time_slices(frozen_of(time, 90.0, tmp_path), labels_of(label), Order(time, is_date=False))
    slices = over_time.slices_in(m)
    assert [one.n for one in slices] == [20] * 5
    assert "time/0/recall" not in m
    assert m["time/4/test_fpr"] == pytest.approx(9 / 20)
    assert m["time/3/recall"] == 0
    assert not any(name.endswith("roc_auc") or np.isnan(value) for name, value in m.items())
    said = over_time.in_words(m, is_date=False)
    assert said == "over time, 5 slices, 0 to 99: false alarms 0.0 % first, 45.0 % last"


@pytest.mark.parametrize("time", [np.zeros(400), np.arange(30.0)])
def test_too_few_rows_or_times_have_no_slices(time: Any, tmp_path: Path) -> None:
    label = np.arange(len(time)) % 2
    assert not over_time.time_slices(frozen_of(time, 1.0, tmp_path), labels_of(label), Order(time, is_date=False))


def test_the_line_names_the_first_the_last_and_the_worst_slice() -> None:
    aurocs, alarms = [0.9, 0.6, 0.8], [0.01, 0.02, 0.5]
    m: dict[str, float] = {}
    for i, (auroc, rate) in enumerate(zip(aurocs, alarms, strict=True)):
        m |= {f"time/{i}/start": 86_400.0 * i, f"time/{i}/end": 86_400.0 * (i + 1), f"time/{i}/n": 50}
        m |= {f"time/{i}/roc_auc": auroc, f"time/{i}/test_fpr": rate}
    assert over_time.in_words(m, is_date=True) == (
        "over time, 3 slices, 1970-01-01 to 1970-01-04: AUROC 0.900 first, 0.800 last, 0.600 at worst; false alarms"
        " 1.0 %, 50.0 %, 50.0 %"
    )
    assert over_time.in_words({"roc_auc": 0.9}, is_date=True) is None


@settings(deadline=None, max_examples=100)
@given(
    x=st.lists(st.integers(0, 9), min_size=8, max_size=60),
    y=st.lists(st.integers(0, 9), min_size=8, max_size=60),
)
def test_the_test_is_that_of_mann_and_whitney(x: list[int], y: list[int]) -> None:
    found = mann_whitney(np.array(x, dtype=float), np.array(y, dtype=float))
    theirs = stats.mannwhitneyu(y, x, method="asymptotic")
    assert found.probability == pytest.approx(theirs.statistic / (len(x) * len(y)))
    if len({*x, *y}) > 1:
        assert found.p == pytest.approx(theirs.pvalue, rel=1e-9)
    else:
        assert found.p == 1.0


def test_copies_prove_no_more_than_one_of_them() -> None:
    assert effective_size(np.repeat(np.arange(50), 16)) == 50
    assert effective_size(np.arange(50)) == 50
    assert effective_size(np.array([1, 1, 1, 2])) == pytest.approx(1.6)
    x = stats.norm.ppf((np.arange(200) + 0.5) / 200)
    y = x + 0.1
    alone, copied = mann_whitney(x, y), mann_whitney(np.repeat(x, 16), np.repeat(y, 16), 200, 200)
    assert copied.probability == pytest.approx(alone.probability)
    assert copied.p == pytest.approx(alone.p, rel=0.05)
    assert mann_whitney(np.repeat(x, 16), np.repeat(y, 16)).p < 0.01 < copied.p


def test_normals_of_the_test_part_alone_are_asked(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows, label = rng.normal(size=(600, 2)).astype(np.float32), np.repeat([0, 1], [300, 300])
    scores = np.where(label == 1, 100.0, rows[:, 0])
    calibration = rng.permutation(rows[:300])

    def asked(moved: float) -> dict[str, float]:
        frozen = frozen_of(scores + moved * (label == 0), 5.0, tmp_path)
        return shift.normal_shift(frozen, labels_of(label), rows, calibration[:, 0].astype(float), calibration)

    same, higher, lower = asked(0.0), asked(0.5), asked(-0.5)
    assert (same["shift_n_calibration"], same["shift_n_test"]) == (300, 300)
    assert not shift.moved(same)
    assert shift.in_words(same) == "no sign that the normals moved (P = .50, p = 1.00)"
    assert "the test normals score higher than the calibration normals (P = .6" in (shift.in_words(higher) or "")
    assert "score lower" in (shift.in_words(lower) or "")
    rows[:300] = rows[0]  # one row, three hundred times
    frozen = frozen_of(np.where(label == 1, 100.0, 1.0), 5.0, tmp_path)
    copied = shift.normal_shift(frozen, labels_of(label), rows, calibration[:, 0].astype(float), calibration)
    assert copied["shift_n_test"] == 1
    assert copied["shift_p"] > 0.05
    said = shift.in_words(copied | {"n_test": 600, "base_rate": 0.5})
    assert "so many test normals are copies that they count as 1)" in (said or "")
    assert shift.in_words({"roc_auc": 0.9}) is None
