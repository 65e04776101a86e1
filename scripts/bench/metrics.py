"""Time of all metrics of a million scores against one roc_auc_score of scikit-learn on them, in one thread.

Interleaved in one process; the figure is the ratio of medians. Scores with ties have three digits; "few values" are 0
and 1.
"""

import time
from collections.abc import Callable
from statistics import median

import numpy as np
from sklearn.metrics import roc_auc_score
from threadpoolctl import threadpool_limits

from adbench.evaluation.influence import Copies, auroc_interval
from adbench.evaluation.ranking import placement_values, rank

ROWS, REPETITIONS = 10**6, 7


def main() -> None:
    rng = np.random.default_rng(0)
    for base_rate in (0.1, 0.5):
        label = (rng.random(ROWS) < base_rate).astype(np.int8)
        distinct = rng.normal(size=ROWS) + label
        kinds = {"distinct": distinct, "ties": np.round(distinct, 3), "few values": (distinct > 1.5).astype(float)}
        for kind, scores in kinds.items():
            print(f"{ROWS:,} scores, base rate {base_rate}, {kind}")
            report(scores, label)


def report(scores: np.ndarray, label: np.ndarray) -> None:
    """Print seconds and ratios for one kind of scores."""
    works: dict[str, Callable[[], object]] = {
        "scikit-learn's roc_auc_score": lambda: roc_auc_score(label, scores),
        "AUROC, average precision, TPR at FPR": lambda: rank(scores, label).metrics(),
        "the interval of AUROC": lambda: auroc_interval(placement_values(scores, label), Copies(None, label)),
        "all of them": lambda: all_metrics(scores, label),
    }
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(REPETITIONS):
        for name, work in works.items():
            start = time.perf_counter()
            work()
            seconds[name].append(time.perf_counter() - start)
    theirs = median(next(iter(seconds.values())))
    for name, took in seconds.items():
        print(f"  {name:40} {1000 * median(took):6.0f} ms  {median(took) / theirs:5.2f}")


def all_metrics(scores: np.ndarray, label: np.ndarray) -> None:
    """All metrics as a run computes them, with a single sort."""
    ranking = rank(scores, label)
    ranking.metrics()
    auroc_interval(ranking.placements(), Copies(None, label))


if __name__ == "__main__":
    with threadpool_limits(1):
        main()
