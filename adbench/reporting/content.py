"""What a report is made of: the runs, their tables, and for each configuration what its figures need."""

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

MOST_TASKS = 8  # with figures; the leaderboard has all


@dataclass(frozen=True)
class Configuration:
    """Runs that differ in nothing but their seeds. `solver`: the model with the settings that a reader tells it by."""

    data: str
    model: str
    settings: str
    task: str
    solver: str
    group: dict[str, Any]  # its row of summary.groups
    rows: pd.DataFrame  # its finished runs, by seed
    runs: tuple[Run, ...]  # the same
    all_rows: pd.DataFrame  # finished or not
    style: Style

    @functools.cached_property
    def view(self) -> View:
        """What the scores of its first seed look like; they are read when a figure asks."""
        return view(self.runs[0])

    def mean(self, metric: str) -> float:
        """Over its runs; NaN where none has it."""
        return float(self.rows[metric].mean()) if metric in self.rows else float("nan")


@dataclass(frozen=True)
class Material:
    """Everything that was read. `configurations`: task after task, the best first."""

    folders: tuple[Path, ...]
    summary: Summary
    runs: tuple[Run, ...]
    configurations: tuple[Configuration, ...]

    @functools.cached_property
    def tasks(self) -> dict[str, list[Configuration]]:
        """Configurations with finished runs, whose results compare, by what they were asked: data and protocol.

        Of more than MOST_TASKS, the first ones.
        """
        tasks: dict[str, list[Configuration]] = {}
        for configuration in self.configurations:
            if configuration.runs:
                tasks.setdefault(configuration.task, []).append(configuration)
        return dict(list(tasks.items())[:MOST_TASKS])

    @functools.cached_property
    def n_tasks(self) -> int:
        """How many there are."""
        return len({c.task for c in self.configurations if c.runs})


def with_scores(of_task: Sequence[Configuration], most: int) -> tuple[list[Configuration], list[str]]:
    """Of the best ranked ones those whose scores can be drawn, and what to say of the others."""
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
    """The run without shares that are none: a stranger's numbers must not stretch an axis."""
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
    """By name; where they are more than there are colours, those that are drawn most come first."""
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
