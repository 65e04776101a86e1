"""False-alarm rate and power of `adbench check`: its verdicts on simulated runs.

A model's metrics vary over seeds around a mean, with a correlation of .8 between the metrics of one run; the models'
spreads differ widely. Runs of the same seed before and after a change have a correlation of .5, since they share split
and initial weights; "unpaired" runs have other seeds. Without a change, a family (all metrics of all models) with any
regression is a false alarm, for which at most 5 % are allowed. A test of exactly 5 %, like the paired one of a single
comparison, shows 3.6 to 6.4 % in 1,000 repetitions; beyond that a cell is marked.

Power: the mean of one metric drops by 4 standard errors of the estimated difference. The gate should reach >= 95 % on
one comparison with the default number of seeds. Holm's correction costs power with more comparisons, and few seeds cost
power because their spread is also unknown; both are shown.

The last column: the rate of passes when the mean of one metric drops by exactly the tolerance.
"""

import argparse
import itertools
import math
from collections.abc import Iterator

import numpy as np

from adbench.arrays.types import Scores
from adbench.gate.check import DEFAULT_SEEDS
from adbench.gate.verdict import PASS, REGRESSION, Case, Rules, judge

SEEDS, COMPARISONS = (5, 10, 20), (1, 3, 9)
RUN_CORRELATION, METRIC_CORRELATION = 0.5, 0.8
N_METRICS = 3
# Standard deviations over seeds, cycled over models; of the order of those measured on NSL-KDD.
SPREAD = (0.003, 0.01, 0.0005)
FALSE_ALARMS, DETECTED = 0.05, 0.95
DROP = 4.0  # standard errors


def main() -> None:
    parser = argparse.ArgumentParser(description="False alarms and power of the gate.")
    parser.add_argument("--repetitions", type=int, default=1000)
    n = parser.parse_args().repetitions
    print(f"{n:,} repetitions a cell; {DEFAULT_SEEDS} seeds are the default\n")
    print(f"{'':32} false alarms  a drop of 4 standard errors   a drop of the tolerance")
    print(f"{'seeds  comparisons  runs':32} (<= 5 %)      called regression               called pass (<= 5 %)")
    kept = True
    for noise, paired, n_seeds, m in cells():
        rng = np.random.default_rng([n_seeds, m, paired, noise == "skewed"])
        alarms = np.mean([any_regression(rng, n_seeds, m, paired, noise, 0.0) for _ in range(n)])
        found = np.mean([one_found(rng, n_seeds, m, paired, noise) for _ in range(n)])
        passed = np.mean([one_passed(rng, n_seeds, m, paired, noise) for _ in range(n)])
        headline = (n_seeds, m, paired, noise) == (DEFAULT_SEEDS, 1, True, "normal")
        too_many = alarms > FALSE_ALARMS + 1.96 * math.sqrt(FALSE_ALARMS * (1 - FALSE_ALARMS) / n)
        missed = too_many or (headline and found < DETECTED)
        kept &= not missed
        what = f"{n_seeds:5}  {m:11}  {'paired' if paired else 'unpaired'}, {noise}"
        mark = ("  <- the default" if headline else "") + ("  MISSED" if missed else "")
        print(f"{what:32} {alarms:8.1%}      {found:8.1%}                        {passed:8.1%}{mark}", flush=True)
    print("\nkept" if kept else "\nMISSED")
    raise SystemExit(not kept)


def cells() -> Iterator[tuple[str, bool, int, int]]:
    for paired, n_seeds, m in itertools.product((True, False), SEEDS, COMPARISONS):
        yield "normal", paired, n_seeds, m
    for paired in (True, False):
        yield "skewed", paired, DEFAULT_SEEDS, 3


def any_regression(rng: np.random.Generator, n_seeds: int, m: int, paired: bool, noise: str, drop: float) -> bool:
    return any(v.verdict == REGRESSION for v in judge(cases(rng, n_seeds, m, paired, noise, drop), Rules()))


def one_found(rng: np.random.Generator, n_seeds: int, m: int, paired: bool, noise: str) -> bool:
    drop = DROP * standard_error(n_seeds, paired)
    # The tolerance is irrelevant here; a small one keeps its tenth below the drop.
    return judge(cases(rng, n_seeds, m, paired, noise, drop), Rules(tolerance=0.001))[0].verdict == REGRESSION


def one_passed(rng: np.random.Generator, n_seeds: int, m: int, paired: bool, noise: str) -> bool:
    """True if a drop by the tolerance, two standard errors, passes; a wider tolerance would be a detectable drop."""
    drop = 2 * standard_error(n_seeds, paired)
    return judge(cases(rng, n_seeds, m, paired, noise, drop), Rules(tolerance=drop * SPREAD[0]))[0].verdict == PASS


def standard_error(n_seeds: int, paired: bool) -> float:
    """Standard error of a difference of two means over seeds, in units of one metric's spread."""
    return math.sqrt(2 * (1 - RUN_CORRELATION * paired) / n_seeds)


def cases(rng: np.random.Generator, n_seeds: int, m: int, paired: bool, noise: str, drop: float) -> list[Case]:
    """m comparisons, three per model; the first mean drops by `drop` standard deviations over seeds."""
    found = []
    for first in range(0, m, N_METRICS):
        model = first // N_METRICS
        metrics = range(min(N_METRICS, m - first))
        shared, *sides = (metric_noise(rng, n_seeds, len(metrics), noise) for _ in range(3))
        rho = RUN_CORRELATION if paired else 0.0
        before, after = (math.sqrt(rho) * shared + math.sqrt(1 - rho) * side for side in sides)
        for k in metrics:
            dropped = drop if first + k == 0 else 0.0
            values = [0.95 + SPREAD[model % len(SPREAD)] * (x[:, k] - d) for x, d in ((before, 0.0), (after, dropped))]
            starts = (0, 0 if paired else n_seeds)
            by_seed = [dict(enumerate(map(float, v), start)) for v, start in zip(values, starts, strict=True)]
            found.append(Case("simulated", f"model {model}", "", f"metric {k}", by_seed[0], by_seed[1]))
    return found


def metric_noise(rng: np.random.Generator, n_seeds: int, n_metrics: int, noise: str) -> Scores:
    """Noise of shape (seeds, metrics) and variance 1; skewed: with a long lower tail, like a share near 1."""
    parts = rng.normal(size=(n_seeds, n_metrics + 1))
    if noise == "skewed":
        parts = 1 - rng.exponential(size=parts.shape)
    common, own = parts[:, :1], parts[:, 1:]
    return math.sqrt(METRIC_CORRELATION) * common + math.sqrt(1 - METRIC_CORRELATION) * own


if __name__ == "__main__":
    main()
