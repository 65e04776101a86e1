"""False-alarm rate of the two-sample test of normals, on simulated scores of one distribution at the data's sizes.

Calibration and test normals are drawn from one distribution, so that every p below .05 is a false claim of a shift; at
most 5 % of 1,000 repetitions, 6.5 % with chance, are allowed. Copies: each score occurs several times on one side, like
the rows of a burst, and the test knows which rows are copies; the line above assumes independence, and shows the cost.
The last lines are of normals that did shift.
"""

import time
from collections.abc import Callable

import numpy as np

from adbench.arrays.types import Scores
from adbench.evaluation.shift import LEVEL
from adbench.stats.two_samples import effective_size, mann_whitney

N_REPETITIONS, WANTED = 1000, 0.065
Draw = Callable[[np.random.Generator, int], Scores]


def main() -> None:
    start, missed = time.perf_counter(), 0
    print(f"{'calibration and test normals':58} {'moved':>7}   wanted")
    for name, (n_calibration, n_test, draw, copies, counted, shift) in SIMULATIONS.items():
        rng = np.random.default_rng(0)
        found = np.mean(
            [_p(rng, n_calibration, n_test, draw, copies, counted, shift) < LEVEL for _ in range(N_REPETITIONS)]
        )
        kept = found <= WANTED
        verdict = "" if shift or not counted else "kept" if kept else "MISSED"
        missed += verdict == "MISSED"
        print(f"{name:58} {found:7.1%}   {verdict}", flush=True)
    print(f"{missed} missed" if missed else "all kept", f"({time.perf_counter() - start:.0f} s)")
    raise SystemExit(bool(missed))


def normal(rng: np.random.Generator, n: int) -> Scores:
    return rng.normal(size=n)


def heavy(rng: np.random.Generator, n: int) -> Scores:
    return np.abs(rng.standard_t(1.5, n))


def tied(rng: np.random.Generator, n: int) -> Scores:
    return rng.integers(0, 5, n).astype(np.float64) ** 2


def _p(
    rng: np.random.Generator, n_calibration: int, n_test: int, draw: Draw, copies: int, counted: bool, shift: float
) -> float:
    """p of one simulated test. copies: mean of the geometric number per value. counted: whether the test knows them."""
    samples, sizes = [], []
    for n in (n_calibration, n_test):
        if copies == 1:
            samples.append(draw(rng, n))
            sizes.append(float(n))
            continue
        group = np.repeat(np.arange(n), rng.geometric(1 / copies, n))[:n]
        samples.append(draw(rng, n)[group])
        sizes.append(effective_size(group) if counted else float(n))
    return mann_whitney(samples[0], samples[1] + shift, *sizes).p


SIMULATIONS: dict[str, tuple[int, int, Draw, int, bool, float]] = {
    "NSL-KDD, 13,469 and 9,711": (13_469, 9_711, normal, 1, True, 0.0),
    "KDD Cup 99, 19,456 and 60,593": (19_456, 60_593, normal, 1, True, 0.0),
    "UNSW-NB15, 3,700 and 18,500": (3_700, 18_500, heavy, 1, True, 0.0),
    "a table, 200 and 1,000": (200, 1_000, heavy, 1, True, 0.0),
    "a small table, 20 and 40": (20, 40, normal, 1, True, 0.0),
    "a tiny table, 5 and 8": (5, 8, normal, 1, True, 0.0),
    "five different scores, 3,700 and 18,500": (3_700, 18_500, tied, 1, True, 0.0),
    "five different scores, 20 and 40": (20, 40, tied, 1, True, 0.0),
    "16 copies of each, taken for independent, 3,700 and 9,700": (3_700, 9_700, normal, 16, False, 0.0),
    "16 copies of each, 3,700 and 9,700": (3_700, 9_700, normal, 16, True, 0.0),
    "16 copies of each, 400 and 2,000": (400, 2_000, normal, 16, True, 0.0),
    "moved by .1 of a standard deviation, 3,700 and 9,700": (3_700, 9_700, normal, 1, True, 0.1),
    "moved by .1 of a standard deviation, 200 and 1,000": (200, 1_000, normal, 1, True, 0.1),
    "moved by .5 of a standard deviation, 200 and 1,000": (200, 1_000, normal, 1, True, 0.5),
    "moved by .5, 16 copies of each, 3,700 and 9,700": (3_700, 9_700, normal, 16, True, 0.5),
}


if __name__ == "__main__":
    main()
