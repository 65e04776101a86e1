"""Which configuration is better, and how sure that is: pairs of them over the seeds and datasets that both have."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import pandas as pd

from adbench.analysis.metric_names import less_is_better
from adbench.analysis.rows import seeds_of
from adbench.analysis.task_ranks import ALPHA, source_of
from adbench.results.influences import read_influences
from adbench.results.record import DONE
from adbench.stats.multiplicity import holm
from adbench.stats.pairs import Blocks, Comparison, Key, compare
from adbench.stats.variance import seeds_needed

ALL_PAIRS_OF = 12  # of more configurations, only neighbours in rank are compared
MARGIN = 0.005  # of a share: a difference that nobody would choose a detector by
BETTER, SAME, MIXED, OPEN, UNKNOWN = "better", "same", "opposite orders", "open", "unknown"
Values = dict[Key, float]  # (task, seeds) -> the metric


@dataclass(frozen=True)
class _Solver:
    """The values of a solver, and the runs that they are of."""

    values: Values
    folders: dict[Key, Path]

    def on(self, task: Any) -> "_Solver":
        """The same on one task alone."""
        return _Solver({key: value for key, value in self.values.items() if key[0] == task}, self.folders)


def standings(rows: pd.DataFrame, metric: str) -> pd.DataFrame:
    """One row a pair, the better one as `a`.

    n: their common runs, on n_tasks; difference: the mean over tasks of the mean over seeds of a - b, related tasks
    counting as one, with its 95 % interval, in which seeds and test rows vary; probability: that this order is that of
    the true means, for these tasks; better_on, worse_on: how many tasks have a in front, and behind; holm_p: of no
    difference, corrected for all pairs of the table. verdict: "better" by that; "same" where the interval lies within
    MARGIN of 0; "opposite orders" where tasks surely disagree; "unknown" where nothing tells the variance; else "open".
    rows_known: whether the test rows' share is in it: of runs of an earlier version, and for metrics that no
    influences are kept of, it is not. seeds_needed: a task, to find a difference like this one with a power of 80 %,
    where it is open (NaN: no number does).
    """
    solvers = _solvers(rows, metric)
    sign = -1.0 if less_is_better(metric) else 1.0
    related = _related(rows)
    plan_ahead = len(solvers) <= ALL_PAIRS_OF
    records = []
    for a, b in _pairs({name: of.values for name, of in solvers.items()}, sign):
        found = _compare(solvers[a], solvers[b], metric, related)
        if found is None:
            continue
        if sign * found.difference.value < 0:
            a, b, found = b, a, _compare(solvers[b], solvers[a], metric, related)
            assert found is not None
        signs = [math.copysign(1, sign * of.value) if of.value else 0 for of in found.by_data.values()]
        counts = signs.count(1), signs.count(-1)
        needed = _seeds_needed(found) if plan_ahead else math.nan
        records.append((a, b, metric, *_figures(found), *counts, found.p_value, _verdict(found), needed))
    return _judged(pd.DataFrame(records, columns=_COLUMNS))


def above_next(rows: pd.DataFrame, groups: pd.DataFrame, metric: str) -> "pd.Series[float]":
    """For each group, of one task and solver: the probability that it is truly better than the next of its task."""
    solvers = _solvers(rows, metric)
    found = pd.Series(float("nan"), index=groups.index)
    for task, of_task in groups.dropna(subset=[metric]).groupby("task"):
        ordered = of_task.sort_values(["rank", "solver"])
        of_solver = {name: solvers[name].on(task) for name in ordered["solver"]}
        for (i, better), worse in pairwise(zip(ordered.index, ordered["solver"], strict=True)):
            comparison = _compare(of_solver[better], of_solver[worse[1]], metric)
            if comparison is not None:
                found[i] = comparison.probability
    return found


_COLUMNS = (
    *("a", "b", "metric", "n", "n_tasks", "difference", "low", "high", "probability", "rows_known"),
    *("better_on", "worse_on", "holm_p", "verdict", "seeds_needed"),
)


def _judged(pairs: pd.DataFrame) -> pd.DataFrame:
    """With p values for all pairs together: an order is sure when it holds among all that are looked at."""
    known = pairs["holm_p"].notna()
    if known.any():
        pairs.loc[known, "holm_p"] = holm(pairs.loc[known, "holm_p"])
    sure = (pairs["verdict"] == OPEN) & (pairs["holm_p"] < ALPHA)
    pairs.loc[sure, "verdict"] = BETTER
    return pairs


def _verdict(found: Comparison) -> str:
    """Of the pair by itself, but for its order."""
    if math.isnan(found.probability):
        return UNKNOWN
    if found.is_mixed:
        return MIXED
    return SAME if found.difference.low > -MARGIN and found.difference.high < MARGIN and found.error else OPEN


def _compare(
    a: _Solver, b: _Solver, metric: str, related: Callable[[Any], Any] = lambda task: task
) -> Comparison | None:
    def rows(key: Key) -> Blocks | None:
        of_a, of_b = (read_influences(solver.folders[key], metric) for solver in (a, b))
        return None if of_a is None or of_b is None or len(of_a) != len(of_b) else of_a - of_b

    return compare(a.values, b.values, rows=rows, related=related)


def _related(rows: pd.DataFrame) -> Callable[[Any], Any]:
    """Task -> what it counts with: protocols of one dataset, and datasets of one source, are not several."""
    groups = {task: source_of(task, data) for task, data in set(zip(rows["task"], rows["data"], strict=True))}
    return lambda task: groups.get(task, task)


def _solvers(rows: pd.DataFrame, metric: str) -> dict[str, _Solver]:
    done = rows[rows["status"] == DONE]
    if metric not in done:
        return {}
    done = done.assign(_seeds=seeds_of(done)).dropna(subset=[metric])
    found: dict[str, _Solver] = {}
    columns = (done[name] for name in ("solver", "task", "_seeds", metric, "run"))
    for solver, task, seeds, value, run in zip(*columns, strict=True):
        of = found.setdefault(solver, _Solver({}, {}))
        if (task, seeds) not in of.values:
            of.values[task, seeds], of.folders[task, seeds] = float(value), Path(run)
    return found


def _pairs(values: dict[str, Values], sign: float) -> Iterator[tuple[str, str]]:
    if len(values) <= ALL_PAIRS_OF:
        yield from combinations(values, 2)
        return
    mean = {name: sign * sum(of.values()) / len(of) for name, of in values.items()}
    yield from pairwise(sorted(values, key=lambda name: -mean[name]))


def _seeds_needed(found: Comparison) -> float:
    """A task, if the true difference is the one found; NaN where none is needed any more, and where no number would
    do, since the test rows leave it open."""
    interval = found.difference
    if not interval.low <= 0 <= interval.high or not found.error:
        return math.nan
    of_rows = math.sqrt(max(found.error**2 - found.of_seeds**2, 0.0))
    left = math.sqrt(max(interval.value**2 - (_FOUND * of_rows) ** 2, 0.0))  # for the seeds to resolve
    pairs = seeds_needed(left, found.of_seeds * math.sqrt(found.n))
    return math.nan if pairs is None else math.ceil(pairs / found.n_datasets)


_FOUND = 2.8  # standard errors: a difference that is found at 5 % with a power of 80 %


def _figures(found: Comparison) -> tuple[Any, ...]:
    interval = found.difference
    known = found.probability, found.rows_known
    return found.n, found.n_datasets, interval.value, interval.low, interval.high, *known
