"""Pairwise comparison of configurations over the seeds and datasets that both have, with probabilities."""

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

ALL_PAIRS_OF = 12  # with more configurations, only neighbours in rank are compared
MARGIN = 0.005  # as a share: a smaller difference would decide nobody's choice
BETTER, SAME, MIXED, OPEN, UNKNOWN = "better", "same", "opposite orders", "open", "unknown"
Values = dict[Key, float]  # (task, seeds) -> the metric


@dataclass(frozen=True)
class _Solver:
    """A solver's values and the folders of their runs."""

    values: Values
    folders: dict[Key, Path]

    def on(self, task: Any) -> "_Solver":
        """The same solver on one task only."""
        return _Solver({key: value for key, value in self.values.items() if key[0] == task}, self.folders)


def standings(rows: pd.DataFrame, metric: str) -> pd.DataFrame:
    """One row per pair of solvers, the better one as `a`.

    n: common runs, on n_tasks tasks. difference: the mean over tasks of the mean over seeds of a - b, related tasks
    counting as one, with its 95 % interval over seeds and test rows. probability: that the true means have this order,
    on these tasks. better_on, worse_on: number of tasks on which a is better, worse. holm_p: p value of no difference,
    corrected for all pairs of the table.
    verdict: "better" according to holm_p; "same" if the interval lies within MARGIN of 0; "opposite orders" if single
    tasks disagree significantly; "unknown" if the variance cannot be estimated; otherwise "open". rows_known: whether
    the variance over test rows is included; it is not for runs of an earlier version, nor for metrics without stored
    influences. seeds_needed: seeds per task to detect this difference with a power of 80 %, if the verdict is open
    (NaN: no number of seeds does).
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
    """For each group of one task and solver: the probability that it is truly better than the next one of its task."""
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
    """The pairs with p values corrected over all of them; an order is sure if it holds after the correction."""
    known = pairs["holm_p"].notna()
    if known.any():
        pairs.loc[known, "holm_p"] = holm(pairs.loc[known, "holm_p"])
    sure = (pairs["verdict"] == OPEN) & (pairs["holm_p"] < ALPHA)
    pairs.loc[sure, "verdict"] = BETTER
    return pairs


def _verdict(found: Comparison) -> str:
    """The verdict on a single pair, except for which of the two is better."""
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
    """Task -> the group it counts in: protocols of one dataset, and datasets of one source, count as one."""
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
    """Seeds per task to detect the observed difference; NaN if it is decided already, or if no number would do because
    the variance over test rows alone leaves it open."""
    interval = found.difference
    if not interval.low <= 0 <= interval.high or not found.error:
        return math.nan
    of_rows = math.sqrt(max(found.error**2 - found.of_seeds**2, 0.0))
    left = math.sqrt(max(interval.value**2 - (_FOUND * of_rows) ** 2, 0.0))  # to be resolved by more seeds
    pairs = seeds_needed(left, found.of_seeds * math.sqrt(found.n))
    return math.nan if pairs is None else math.ceil(pairs / found.n_datasets)


_FOUND = 2.8  # standard errors: a difference detected at the 5 % level with a power of 80 %


def _figures(found: Comparison) -> tuple[Any, ...]:
    interval = found.difference
    known = found.probability, found.rows_known
    return found.n, found.n_datasets, interval.value, interval.low, interval.high, *known
