"""Coverage of the intervals, and rate of orders called sure between equals, on simulated scores and metrics with
known truth.

- One AUROC, average precision and detection rate at 1 % false alarms over test rows: Gaussian scores of either kind,
  the anomalies' shifted by d, so that AUROC is Phi(d / sqrt 2); also with few anomalies near 1, with heavy tails, and
  with duplicate rows.
- AUROC over other types of anomalies: the types have their own means, and very different sizes.
- A mean over seeds: of metrics alone (Student), and of detectors that share one test file or draw one each.
- A training gain, and the lead over a control: between two scores of the same rows.
- Orders between equals: two detectors, or seven, with the same true AUROC, on one to three test files; how often one is
  called sure, for a single pair (above 97.5 %) or among all pairs (by Holm).
- The shares of a variance due to split, weights and order.

1,000 repetitions, 4,000 for pairs; at least 93 % of the 95 % intervals should cover, and at most 5 % of orders between
equals be called sure (5.6 % within the simulation error). Above 97 % an interval is wider than necessary, so its width
is printed. Rows marked (limit) are beyond an interval's promise, and show its limits.
"""

import math
import time
from collections.abc import Callable
from itertools import combinations
from statistics import NormalDist
from typing import Any

import numpy as np
from scipy import integrate, stats

from adbench.analysis.groups import t_bounds
from adbench.arrays.types import Scores
from adbench.evaluation.influence import (
    N_BLOCKS,
    Copies,
    auroc_influences,
    auroc_interval,
    average_precision_influences,
    average_precision_interval,
    difference_interval,
    over_types_interval,
    recall_within_interval,
)
from adbench.evaluation.ranking import placement_values, rank
from adbench.stats.interval import Interval
from adbench.stats.intervals import bootstrap_interval, t_interval
from adbench.stats.multiplicity import holm
from adbench.stats.pairs import compare
from adbench.stats.variance import share_intervals

N_REPETITIONS, WANTED, SURE = 1000, 0.93, 0.056
Simulation = Callable[[np.random.Generator], tuple[Interval, float]]
Order = Callable[[np.random.Generator], bool]


def main() -> None:
    start, missed = time.perf_counter(), []
    print(f"{'interval':74} {'covered':>8} {'width':>8}   wanted")
    for name, simulate in simulations().items():
        rng = np.random.default_rng(0)
        found = [simulate(rng) for _ in range(N_REPETITIONS)]
        covered = float(np.mean([interval.low <= truth <= interval.high for interval, truth in found]))
        width = float(np.mean([interval.high - interval.low for interval, _ in found]))
        missed += told(name, f"{covered:8.1%} {width:8.4f}", covered >= WANTED)
    print(f"\n{'order between equals':74} {'sure':>8}")
    for name, (n, is_sure) in orders().items():
        rng = np.random.default_rng(0)
        sure = float(np.mean([is_sure(rng) for _ in range(n)]))
        missed += told(name, f"{sure:8.1%} {'':8}", sure <= SURE)
    print(f"{len(missed)} missed" if missed else "all kept", f"({time.perf_counter() - start:.0f} s)")
    raise SystemExit(bool(missed))


def told(name: str, figures: str, kept: bool) -> list[str]:
    limit = name.endswith("(limit)")
    print(f"{name:74} {figures}   {'' if limit else 'kept' if kept else 'MISSED'}", flush=True)
    return [] if kept or limit else [name]


def simulations() -> dict[str, Simulation]:
    return {
        "AUROC .76, 100 anomalies, 200 normals": of_auroc(1.0, 100, 200),
        "AUROC .92, 100 anomalies, 200 normals": of_auroc(2.0, 100, 200),
        "AUROC .98, 400 anomalies, 1000 normals": of_auroc(3.0, 400, 1000),
        "AUROC .98, 20 anomalies, 50 normals": of_auroc(3.0, 20, 50),
        "AUROC .98, 50 anomalies, 500 normals": of_auroc(3.0, 50, 500),
        "AUROC .99, 50 anomalies, 500 normals": of_auroc(3.29, 50, 500),
        "AUROC .99, 50 anomalies, 10000 normals": of_auroc(3.29, 50, 10_000),
        "AUROC .993, 67 anomalies, 9711 normals": of_auroc(3.475, 67, 9711),
        "AUROC .95, 2 anomalies, 100 normals": of_auroc(2.33, 2, 100),
        "AUROC .98, 50 anomalies of which 3 % look normal, 1000 normals": of_auroc(4.5, 50, 1000, missed=0.03),
        "AUROC .98, 50 + 500 distinct rows, 16 copies of each": of_auroc(3.0, 50, 500, copies=16),
        "AUROC .92, 100 + 200 distinct rows, 1 to 200 copies of each": of_auroc(2.0, 100, 200, copies=0),
        "AUROC, other types: 20 types of 5 to 5000 rows": of_types(20, 2000),
        "AUROC, other types: 8 types of 5 to 5000 rows": of_types(8, 2000),
        "AUROC .92 - .86 on the same rows": of_difference(2.0, 1.5, 150, 300),
        "AUROC .99 - .98 on the same rows, 50 anomalies, 500 normals": of_difference(3.29, 3.0, 50, 500),
        "a gain of 0 on the same rows, 16 copies of each": of_difference(1.5, 1.5, 100, 200, copies=16),
        "average precision .64, 200 of 1,000 anomalous": of_precision(1.5, 200, 800),
        "average precision .94, 50 anomalies, 500 normals": of_precision(3.29, 50, 500),
        "average precision .70, 50 anomalies, 10000 normals": of_precision(3.29, 50, 10_000),
        "average precision .999, 300 of 1,300 anomalous": of_precision(5.0, 300, 1000),
        "average precision .77 - .64 on the same rows": precision_difference(2.0, 1.5, 200, 800),
        "detected at 1 %, 50 anomalies, 500 normals": of_recall(3.29, 50, 500, 0.01),
        "detected at 1 %, 200 anomalies, 800 normals": of_recall(1.5, 200, 800, 0.01),
        "detected at 1 %, 20 anomalies, 50 normals": of_recall(3.0, 20, 50, 0.01),
        "detected at .1 %, 67 anomalies, 9711 normals": of_recall(3.475, 67, 9711, 0.001),
        "Student, 3 seeds": seeds(t_interval, 3, normal),
        "Student, 5 seeds": seeds(t_interval, 5, normal),
        "Student, 10 seeds": seeds(t_interval, 10, normal),
        "Student, 5 seeds, skewed (limit)": seeds(t_interval, 5, skewed),
        "bootstrap over seeds, 10 seeds": seeds(bootstrap_interval, 10, normal),
        "bootstrap over seeds, 20 seeds, skewed (limit)": seeds(bootstrap_interval, 20, skewed),
        "mean of 5 seeds on one test file": of_mean(5, 0.3, shared=True),
        "mean of 5 seeds on one test file, hardly any noise of training": of_mean(5, 0.02, shared=True),
        "mean of 5 seeds, each with test rows of its own": of_mean(5, 0.3, shared=False),
        "difference of means of 5 seeds on one test file": of_pair(5, 0.3),
        "share of a variance: .54 the weights', 3 x 3 x 3 runs": of_variance(0.54),
        "share of a variance: .20 the weights', 3 x 3 x 3 runs": of_variance(0.20),
    }


def orders() -> dict[str, tuple[int, Order]]:
    return {
        "a pair, 5 seeds, one test file, much noise of training": (4000, pair_of_equals(5, 0.5)),
        "a pair, 5 seeds, one test file, some": (4000, pair_of_equals(5, 0.2)),
        "a pair, 5 seeds, one test file, hardly any": (4000, pair_of_equals(5, 0.05)),
        "a pair, 2 seeds of detectors without randomness": (4000, pair_of_equals(2, 0.0)),
        "a pair, 5 seeds, 3 test files": (4000, pair_of_equals(5, 0.2, n_tasks=3)),
        "any of 21 pairs of seven, 5 seeds, one test file, by Holm": (300, seven_equals(5, 0.2)),
    }


class Copied:
    """Rows of either kind with duplicates. copies=n: each n times; 0: from 1 to 200 times."""

    def __init__(self, rng: np.random.Generator, n_anomalies: int, n_normals: int, copies: int = 1) -> None:
        self.label = labels(n_anomalies, n_normals)
        n = len(self.label)
        times = np.full(n, copies) if copies else np.exp(rng.uniform(0, math.log(200), n)).astype(int)
        self.place = np.repeat(np.arange(n), times)
        self.all_labels = self.label[self.place]
        self.copies = Copies(self.place.astype(np.uint64) if len(self.place) > n else None, self.all_labels)


def of_auroc(shift: float, n_anomalies: int, n_normals: int, copies: int = 1, missed: float = 0.0) -> Simulation:
    truth = (1 - missed) * auroc(shift) + missed / 2

    def simulate(rng: np.random.Generator) -> tuple[Interval, float]:
        rows = Copied(rng, n_anomalies, n_normals, copies)
        found = rng.random(len(rows.label)) >= missed
        scores = (rng.normal(size=len(rows.label)) + shift * rows.label * found)[rows.place]
        return auroc_interval(placement_values(scores, rows.all_labels), rows.copies), truth

    return simulate


def of_types(n_types: int, n_normals: int) -> Simulation:
    """Types with Gaussian shifts around 2.5 of standard deviation 1, independent of their sizes."""
    truth = NormalDist().cdf(2.5 / math.sqrt(3))

    def simulate(rng: np.random.Generator) -> tuple[Interval, float]:
        sizes = np.exp(rng.uniform(math.log(5), math.log(5000), n_types)).astype(int)
        of_row = np.repeat(np.arange(n_types), sizes)
        label = labels(len(of_row), n_normals)
        scores = rng.normal(size=len(label))
        scores[label == 1] += rng.normal(2.5, 1.0, n_types)[of_row]
        types = {str(i): np.flatnonzero(of_row == i) for i in range(n_types)}
        found = over_types_interval(placement_values(scores, label), types, Copies(None, label))
        assert found is not None
        return found, truth

    return simulate


def of_difference(a: float, b: float, n_anomalies: int, n_normals: int, copies: int = 1) -> Simulation:
    def simulate(rng: np.random.Generator) -> tuple[Interval, float]:
        rows = Copied(rng, n_anomalies, n_normals, copies)
        both = correlated(rng, rows.label, a, b)
        x, y = (auroc_influences(placement_values(s[rows.place], rows.all_labels)) for s in both)
        return difference_interval(x - y, rows.copies), auroc(a) - auroc(b)

    return simulate


def of_precision(shift: float, n_anomalies: int, n_normals: int) -> Simulation:
    truth = average_precision(shift, n_anomalies / (n_anomalies + n_normals))
    label = labels(n_anomalies, n_normals)

    def simulate(rng: np.random.Generator) -> tuple[Interval, float]:
        scores = rng.normal(size=len(label)) + shift * label
        return average_precision_interval(rank(scores, label), Copies(None, label)), truth

    return simulate


def of_recall(shift: float, n_anomalies: int, n_normals: int, limit: float) -> Simulation:
    truth = float(stats.norm.sf(stats.norm.isf(limit) - shift))
    label = labels(n_anomalies, n_normals)

    def simulate(rng: np.random.Generator) -> tuple[Interval, float]:
        scores = rng.normal(size=len(label)) + shift * label
        return recall_within_interval(rank(scores, label), Copies(None, label), limit), truth

    return simulate


class Detectors:
    """Runs of a detector with AUROC .92: each seed adds its own noise, `noise` times the standard deviation, to scores
    determined by the rows. Test rows are shared by all seeds, or drawn for each."""

    def __init__(self, rng: np.random.Generator, n_seeds: int, noise: float, n_detectors: int, shared: bool) -> None:
        label, copies = labels(300, 600), None
        self.values = np.empty((n_detectors, n_seeds))
        self.influences = np.empty((n_detectors, n_seeds, N_BLOCKS))
        shift = 2.0 * math.sqrt(1 + noise**2)  # keeps the AUROC despite the noise
        own = rng.normal(size=(n_detectors, len(label)))
        for seed in range(n_seeds):
            if copies is None or not shared:
                identity = rng.integers(0, 2**63, len(label), dtype=np.uint64)
                copies, common = Copies(identity, label), rng.normal(size=len(label))
                own = rng.normal(size=(n_detectors, len(label)))
            for i in range(n_detectors):
                of_rows = 0.7 * common + math.sqrt(1 - 0.7**2) * own[i]
                scores = of_rows + noise * rng.normal(size=len(label)) + shift * label
                found = auroc_influences(placement_values(scores, label))
                self.values[i, seed], self.influences[i, seed] = found.value, copies.in_blocks(found)

    def compared(self, task: str, i: int, j: int) -> tuple[Any, Any, Any]:
        """The values of two detectors by task and seed, and the influences on their differences."""
        a, b = ({(task, seed): float(v) for seed, v in enumerate(self.values[k])} for k in (i, j))
        return a, b, {(task, seed): self.influences[i, seed] - self.influences[j, seed] for _, seed in a}


def of_mean(n_seeds: int, noise: float, shared: bool) -> Simulation:
    """The interval of `summarize`, from the information in the runs."""

    def simulate(rng: np.random.Generator) -> tuple[Interval, float]:
        runs = Detectors(rng, n_seeds, noise, 1, shared)
        values, of_rows = runs.values[0], float((runs.influences[0] ** 2).sum(axis=1).mean())
        mean = float(values.mean())
        low, high = t_bounds(mean, values.std(ddof=1), n_seeds, "roc_auc", of_rows)
        return Interval(mean, float(low), float(high)), auroc(2.0)

    return simulate


def of_pair(n_seeds: int, noise: float) -> Simulation:
    def simulate(rng: np.random.Generator) -> tuple[Interval, float]:
        a, b, rows = Detectors(rng, n_seeds, noise, 2, shared=True).compared("task", 0, 1)
        found = compare(a, b, rows=rows.get)
        assert found is not None
        return found.difference, 0.0

    return simulate


def pair_of_equals(n_seeds: int, noise: float, n_tasks: int = 1) -> Order:
    def is_sure(rng: np.random.Generator) -> bool:
        a: dict[Any, Any] = {}
        b: dict[Any, Any] = {}
        rows: dict[Any, Any] = {}
        for task in range(n_tasks):
            of_task = Detectors(rng, n_seeds, noise, 2, shared=True).compared(str(task), 0, 1)
            for whole, part in zip((a, b, rows), of_task, strict=True):
                whole |= part
        found = compare(a, b, rows=rows.get)
        assert found is not None
        return found.probability > 0.975

    return is_sure


def seven_equals(n_seeds: int, noise: float) -> Order:
    def is_sure(rng: np.random.Generator) -> bool:
        runs = Detectors(rng, n_seeds, noise, 7, shared=True)
        pairs = [runs.compared("task", i, j) for i, j in combinations(range(7), 2)]
        found = [compare(a, b, rows=rows.get) for a, b, rows in pairs]
        return bool((holm(of.p_value for of in found if of is not None) < 0.05).any())

    return is_sure


def of_variance(share: float) -> Simulation:
    """Three factors with three levels each; the rest of the variance is half the split's, half residual."""

    def simulate(rng: np.random.Generator) -> tuple[Interval, float]:
        of_factor = {"init": share, "split": (1 - share) / 2, "order": 0.0}
        levels = {name: [run // 3**i % 3 for run in range(27)] for i, name in enumerate(of_factor)}
        values = rng.normal(size=27) * math.sqrt((1 - share) / 2)
        for name, variance in of_factor.items():
            values += rng.normal(size=3)[levels[name]] * math.sqrt(variance)
        return share_intervals(values.tolist(), levels)["init"], share

    return simulate


def seeds(
    interval: Callable[[Scores], Interval], n: int, draw: Callable[[np.random.Generator, int], Scores]
) -> Simulation:
    return lambda rng: (interval(draw(rng, n)), 0.95)


def normal(rng: np.random.Generator, n: int) -> Scores:
    return rng.normal(0.95, 0.01, n)


def skewed(rng: np.random.Generator, n: int) -> Scores:
    return 1 - rng.gamma(2.0, 0.025, n)


def precision_difference(a: float, b: float, n_anomalies: int, n_normals: int) -> Simulation:
    base_rate = n_anomalies / (n_anomalies + n_normals)
    truth = average_precision(a, base_rate) - average_precision(b, base_rate)

    def simulate(rng: np.random.Generator) -> tuple[Interval, float]:
        label = labels(n_anomalies, n_normals)
        x, y = correlated(rng, label, a, b)
        of_x, of_y = (average_precision_influences(rank(scores, label)) for scores in (x, y))
        return difference_interval(of_x - of_y, Copies(None, label)), truth

    return simulate


def labels(n_anomalies: int, n_normals: int) -> "np.typing.NDArray[np.int8]":
    return np.repeat(np.array([1, 0], dtype=np.int8), [n_anomalies, n_normals])


def correlated(
    rng: np.random.Generator, label: "np.typing.NDArray[np.int8]", a: float, b: float
) -> tuple[Scores, Scores]:
    """Two scores with noise correlated at .7."""
    x = rng.normal(size=len(label))
    y = 0.7 * x + math.sqrt(1 - 0.7**2) * rng.normal(size=len(label))
    return x + a * label, y + b * label


def auroc(shift: float) -> float:
    return NormalDist().cdf(shift / math.sqrt(2))


def average_precision(shift: float, base_rate: float) -> float:
    """The mean over the anomalies' scores of the share of anomalies among all rows scoring at least as high."""

    def at(x: float) -> float:
        found = base_rate * stats.norm.sf(x - shift)
        return float(found / (found + (1 - base_rate) * stats.norm.sf(x)) * stats.norm.pdf(x - shift))

    return float(integrate.quad(at, -8, 8 + shift, limit=200)[0])


if __name__ == "__main__":
    main()
