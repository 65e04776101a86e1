"""Do the intervals cover the truth as often as they say? On simulated scores and metrics whose truth is known.

DeLong's interval of one AUROC, and of a difference on the same rows: normal scores of either kind, the anomalies'
shifted by d, so that AUROC is Phi(d / sqrt 2). Student's interval over seeds: metrics that are normal about the
truth, or skewed as a share near 1 is. The bootstrap of average precision, of one score and of a difference on the
same rows: the same normal scores, whose average precision is an integral.

1,000 repetitions; 93 to 97 % of the 95 % intervals are wanted to cover. A coverage of 95 % is found to within 1.4
points. Rows marked (limit) are beyond what an interval promises, and show where it ends.
"""

import math
import time
from collections.abc import Callable
from statistics import NormalDist

import numpy as np
from scipy import integrate, stats

from adbench.arrays.types import Scores
from adbench.evaluation.ranking import auroc_difference, auroc_interval, placement_values
from adbench.stats.bootstrap import average_precision_difference, average_precision_interval
from adbench.stats.interval import Interval
from adbench.stats.intervals import bootstrap_interval, t_interval

N_REPETITIONS, WANTED = 1000, (0.93, 0.97)
N_RESAMPLES = 500
Simulation = Callable[[np.random.Generator], tuple[Interval, float]]


def main() -> None:
    start, missed = time.perf_counter(), []
    print(f"{'interval':58} {'covered':>8}   wanted")
    for name, simulate in simulations().items():
        rng = np.random.default_rng(0)
        covered = np.mean([covers(*simulate(rng)) for _ in range(N_REPETITIONS)])
        limit = name.endswith("(limit)")
        kept = WANTED[0] <= covered <= WANTED[1]
        print(f"{name:58} {covered:8.1%}   {'' if limit else 'kept' if kept else 'MISSED'}", flush=True)
        if not (kept or limit):
            missed.append(name)
    print(f"{len(missed)} missed" if missed else "all kept", f"({time.perf_counter() - start:.0f} s)")
    raise SystemExit(bool(missed))


def covers(interval: Interval, truth: float) -> bool:
    return interval.low <= truth <= interval.high


def simulations() -> dict[str, Simulation]:
    return {
        "DeLong, AUROC .76, 100 anomalies, 200 normals": delong(1.0, 100, 200),
        "DeLong, AUROC .92, 100 anomalies, 200 normals": delong(2.0, 100, 200),
        "DeLong, AUROC .98, 400 anomalies, 1000 normals": delong(3.0, 400, 1000),
        "DeLong, AUROC .98, 20 anomalies, 50 normals (limit)": delong(3.0, 20, 50),
        "DeLong, AUROC .92 - .86 on the same rows": delong_difference(2.0, 1.5),
        "Student, 3 seeds": seeds(t_interval, 3, normal),
        "Student, 5 seeds": seeds(t_interval, 5, normal),
        "Student, 10 seeds": seeds(t_interval, 10, normal),
        "Student, 5 seeds, skewed (limit)": seeds(t_interval, 5, skewed),
        "bootstrap over seeds, 10 seeds": seeds(bootstrap_interval, 10, normal),
        "bootstrap over seeds, 20 seeds, skewed (limit)": seeds(bootstrap_interval, 20, skewed),
        "bootstrap, average precision, 200 of 1,000 anomalous": precision(1.5, 200, 800),
        "bootstrap, average precision difference on the same rows": precision_difference(2.0, 1.5, 200, 800),
    }


def delong(shift: float, n_anomalies: int, n_normals: int) -> Simulation:
    def simulate(rng: np.random.Generator) -> tuple[Interval, float]:
        label = labels(n_anomalies, n_normals)
        scores = rng.normal(size=len(label)) + shift * label
        return auroc_interval(placement_values(scores, label)), auroc(shift)

    return simulate


def delong_difference(a: float, b: float) -> Simulation:
    def simulate(rng: np.random.Generator) -> tuple[Interval, float]:
        label = labels(150, 300)
        x, y = correlated(rng, label, a, b)
        return auroc_difference(placement_values(x, label), placement_values(y, label)), auroc(a) - auroc(b)

    return simulate


def seeds(
    interval: Callable[[Scores], Interval], n: int, draw: Callable[[np.random.Generator, int], Scores]
) -> Simulation:
    return lambda rng: (interval(draw(rng, n)), 0.95)


def normal(rng: np.random.Generator, n: int) -> Scores:
    return rng.normal(0.95, 0.01, n)


def skewed(rng: np.random.Generator, n: int) -> Scores:
    return 1 - rng.gamma(2.0, 0.025, n)


def precision(shift: float, n_anomalies: int, n_normals: int) -> Simulation:
    truth = average_precision(shift, n_anomalies / (n_anomalies + n_normals))

    def simulate(rng: np.random.Generator) -> tuple[Interval, float]:
        label = labels(n_anomalies, n_normals)
        scores = rng.normal(size=len(label)) + shift * label
        seed = int(rng.integers(2**32))
        return average_precision_interval(scores, label, n_resamples=N_RESAMPLES, seed=seed), truth

    return simulate


def precision_difference(a: float, b: float, n_anomalies: int, n_normals: int) -> Simulation:
    base_rate = n_anomalies / (n_anomalies + n_normals)
    truth = average_precision(a, base_rate) - average_precision(b, base_rate)

    def simulate(rng: np.random.Generator) -> tuple[Interval, float]:
        label = labels(n_anomalies, n_normals)
        x, y = correlated(rng, label, a, b)
        seed = int(rng.integers(2**32))
        return average_precision_difference(x, y, label, n_resamples=N_RESAMPLES, seed=seed), truth

    return simulate


def labels(n_anomalies: int, n_normals: int) -> "np.typing.NDArray[np.int8]":
    return np.repeat(np.array([1, 0], dtype=np.int8), [n_anomalies, n_normals])


def correlated(
    rng: np.random.Generator, label: "np.typing.NDArray[np.int8]", a: float, b: float
) -> tuple[Scores, Scores]:
    """Two scores whose noise has a correlation of .7."""
    x = rng.normal(size=len(label))
    y = 0.7 * x + math.sqrt(1 - 0.7**2) * rng.normal(size=len(label))
    return x + a * label, y + b * label


def auroc(shift: float) -> float:
    return NormalDist().cdf(shift / math.sqrt(2))


def average_precision(shift: float, base_rate: float) -> float:
    """The mean, over the anomalies' scores, of the share of anomalies among all that score as high."""

    def at(x: float) -> float:
        found = base_rate * stats.norm.sf(x - shift)
        return float(found / (found + (1 - base_rate) * stats.norm.sf(x)) * stats.norm.pdf(x - shift))

    return float(integrate.quad(at, -8, 8 + shift, limit=200)[0])


if __name__ == "__main__":
    main()
