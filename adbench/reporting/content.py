"""Content of a report: the runs, their tables, and the data for each configuration's figures."""

import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from adbench.analysis.rows import seeds_of
from adbench.analysis.summary import Summary, summarize_runs
from adbench.evaluation.metric_table import shares
from adbench.reporting.figures.style import N_COLOURS, Style, style
from adbench.reporting.score_views import View, view
from adbench.results.record import DONE, Run, read_runs

SHARES = shares()

MOST_TASKS = 8  # with figures; the leaderboard shows all


@dataclass(frozen=True)
class Configuration:
    """Runs that differ only in their seeds. `solver`: the model with its distinguishing settings."""

    data: str
    model: str
    settings: str
    task: str
    solver: str
    group: dict[str, Any]  # its row of summary.groups
    rows: pd.DataFrame  # its finished runs, sorted by seed
    runs: tuple[Run, ...]  # the same runs
    all_rows: pd.DataFrame  # also those not finished
    style: Style

    @functools.cached_property
    def view(self) -> View:
        """The scores of its first seed as figures show them, read on first use."""
        return view(self.runs[0])

    def mean(self, metric: str) -> float:
        """The mean over its runs; NaN if no run has the metric."""
        return float(self.rows[metric].mean()) if metric in self.rows else float("nan")


@dataclass(frozen=True)
class Material:
    """All data of a report. `configurations`: grouped by task, the best first."""

    folders: tuple[Path, ...]
    summary: Summary
    runs: tuple[Run, ...]
    configurations: tuple[Configuration, ...]

    @functools.cached_property
    def tasks(self) -> dict[str, list[Configuration]]:
        """Configurations with finished runs by task (data and protocol), within which results are comparable.

        At most the first MOST_TASKS tasks.
        """
        tasks: dict[str, list[Configuration]] = {}
        for configuration in self.configurations:
            if configuration.runs:
                tasks.setdefault(configuration.task, []).append(configuration)
        return dict(list(tasks.items())[:MOST_TASKS])

    @functools.cached_property
    def n_tasks(self) -> int:
        """The number of tasks with finished runs, also beyond MOST_TASKS."""
        return len({c.task for c in self.configurations if c.runs})


def with_scores(of_task: Sequence[Configuration], most: int) -> tuple[list[Configuration], list[str]]:
    """The best ranked configurations whose scores can be drawn, and notes on the omitted ones."""
    shown = [c for c in of_task[:most] if not c.view.problem]
    notes = [c.view.problem for c in of_task[:most] if c.view.problem]
    if len(of_task) > most:
        notes.append(f"The {most} best ranked of {len(of_task)} configurations are drawn")
    return shown, notes


def gather(folders: Iterable[Path]) -> Material:
    """Read the runs. Raises RunFolderError as `summarize` does."""
    folders = tuple(map(Path, folders))
    runs = tuple(_believable(run) for run in read_runs(folders))
    summary = summarize_runs(runs)
    return Material(folders, summary, runs, tuple(_configurations(summary, runs)))


def _believable(run: Run) -> Run:
    """The run without impossible values: a stranger's numbers must not stretch an axis."""
    metrics = {name: value for name, value in run.metrics.items() if _is_possible(name, value)}
    return (
        run
        if len(metrics) == len(run.metrics)
        else Run(run.folder, run.status, run.config, metrics, run.environment, run.error)
    )


def _is_possible(name: str, value: float) -> bool:
    last = name.rpartition("/")[2]
    if last in SHARES or last.removesuffix("_low").removesuffix("_high") in SHARES:
        return 0 <= value <= 1
    return abs(value) <= 1e15 or last == "threshold"


def _solvers(summary: Summary) -> list[str]:
    """Solvers sorted by name or, if there are more than colours, by best rank."""
    solver_of = summary.rows.drop_duplicates(list(summary.by)).set_index(list(summary.by))["solver"]
    ranks = summary.groups.set_index(list(summary.by)).get("rank", pd.Series(dtype=float))
    best = pd.DataFrame({"solver": solver_of, "rank": ranks}).groupby("solver")["rank"].min()
    names = sorted(map(str, best.index))
    return names if len(names) <= N_COLOURS else sorted(names, key=lambda name: (_or_last(best[name]), name))


def _or_last(rank: Any) -> float:
    return float("inf") if pd.isna(rank) else float(rank)


def _configurations(summary: Summary, runs: Sequence[Run]) -> Iterable[Configuration]:
    by_folder = {str(run.folder): run for run in runs}
    styles = {solver: style(i) for i, solver in enumerate(_solvers(summary))}
    of_rows = dict(list(summary.rows.groupby(list(summary.by), dropna=False, sort=False)))
    for group in summary.groups.to_dict("records"):
        key = tuple(group[name] for name in summary.by)
        rows = of_rows[key]
        done = rows[rows["status"] == DONE].sort_values("seed")
        done = done[~seeds_of(done).duplicated()]
        first = rows.iloc[0]
        words = {name: str(first[name]) for name in ("data", "model", "settings", "task", "solver")}
        yield Configuration(
            **words,
            group={str(name): value for name, value in group.items()},
            rows=done,
            runs=tuple(by_folder[folder] for folder in done["run"]),
            all_rows=rows,
            style=styles[first["solver"]],
        )
