"""Which configuration is better, and how sure that is: pairs of them over the seeds and datasets that both have."""

import math
from collections.abc import Iterator
from itertools import combinations, pairwise
from typing import Any

import pandas as pd

from adbench.analysis.metric_names import less_is_better
from adbench.analysis.rows import seeds_of
from adbench.results.record import DONE
from adbench.stats.pairs import Comparison, compare
from adbench.stats.variance import seeds_needed

ALL_PAIRS_OF = 12  # of more configurations, only neighbours in rank are compared
Values = dict[tuple[Any, Any], float]  # (task, seeds) -> the metric


def standings(rows: pd.DataFrame, metric: str) -> pd.DataFrame:
    """One row a pair, the better one as `a`.

    n: their common runs, on n_tasks; difference: the mean over tasks of the mean over seeds of a - b, with its
    95 % interval; probability: that this order is that of the true means, for these tasks; seeds_needed: a task, to
    find a difference like this one with a power of 80 %, where it is open (NaN: no number does).
    """
    values = _values(rows, metric)
    sign = -1.0 if less_is_better(metric) else 1.0
    plan_ahead = len(values) <= ALL_PAIRS_OF
    records = []
    for a, b in _pairs(values, sign):
        found = compare(values[a], values[b])
        if found is None:
            continue
        if sign * found.difference.value < 0:
            a, b, found = b, a, compare(values[b], values[a])
            assert found is not None
        records.append((a, b, metric, *_figures(found), _seeds_needed(found) if plan_ahead else math.nan))
    return pd.DataFrame(records, columns=_COLUMNS)


def above_next(rows: pd.DataFrame, groups: pd.DataFrame, metric: str) -> "pd.Series[float]":
    """For each group, of one task and solver: the probability that it is truly better than the next of its task."""
    values = _values(rows, metric)
    found = pd.Series(float("nan"), index=groups.index)
    for task, of_task in groups.dropna(subset=[metric]).groupby("task"):
        ordered = of_task.sort_values(["rank", "solver"])
        of_solver = {name: {k: v for k, v in values[name].items() if k[0] == task} for name in ordered["solver"]}
        for (i, better), worse in pairwise(zip(ordered.index, ordered["solver"], strict=True)):
            comparison = compare(of_solver[better], of_solver[worse[1]])
            if comparison is not None:
                found[i] = comparison.probability
    return found


_COLUMNS = ("a", "b", "metric", "n", "n_tasks", "difference", "low", "high", "probability", "seeds_needed")


def _values(rows: pd.DataFrame, metric: str) -> dict[str, Values]:
    """Solver -> its values."""
    done = rows[rows["status"] == DONE]
    if metric not in done:
        return {}
    done = done.assign(_seeds=seeds_of(done)).dropna(subset=[metric])
    found: dict[str, Values] = {}
    columns = (done[name] for name in ("solver", "task", "_seeds", metric))
    for solver, task, seeds, value in zip(*columns, strict=True):
        found.setdefault(solver, {}).setdefault((task, seeds), float(value))
    return found


def _pairs(values: dict[str, Values], sign: float) -> Iterator[tuple[str, str]]:
    if len(values) <= ALL_PAIRS_OF:
        yield from combinations(values, 2)
        return
    mean = {name: sign * sum(of.values()) / len(of) for name, of in values.items()}
    yield from pairwise(sorted(values, key=lambda name: -mean[name]))


def _seeds_needed(found: Comparison) -> float:
    """A task; NaN where none is needed any more, and where no number would do."""
    interval = found.difference
    if not interval.low <= 0 <= interval.high or not found.error:
        return math.nan
    pairs = seeds_needed(interval.value, found.error * math.sqrt(found.n))
    return math.nan if pairs is None else math.ceil(pairs / found.n_datasets)


def _figures(found: Comparison) -> tuple[float, ...]:
    interval = found.difference
    return found.n, found.n_datasets, interval.value, interval.low, interval.high, found.probability
