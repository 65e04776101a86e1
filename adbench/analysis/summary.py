"""Summary tables of finished runs: one row per run, per configuration, and per pair of configurations."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from adbench.analysis.controls import controls_table
from adbench.analysis.filters import column_of, keep
from adbench.analysis.groups import over_seeds
from adbench.analysis.metric_names import SHOWN, choose_metrics, suggest_name, without_bounds
from adbench.analysis.pairs import above_next, standings
from adbench.analysis.rows import FIRST, metric_columns, tidy_rows
from adbench.analysis.sensitivity import over_settings
from adbench.analysis.task_ranks import over_tasks
from adbench.analysis.variance import variance_sources
from adbench.errors import ConfigError
from adbench.evaluation.controls import NEAREST_ROWS
from adbench.results.code import differences
from adbench.results.record import Run, read_runs
from adbench.results.versions import SIGN
from adbench.text import printable


@dataclass(frozen=True)
class Summary:
    """Tables that summarize runs.

    rows: one per run, with all metrics. groups: one row per value of the columns `by`. pairs: comparisons of two
    configurations. over_tasks: mean ranks over several tasks. controls: per task. variance: the sources of the spread
    over seeds, if several kinds of seed vary. metrics: those shown in groups; the first one ranks them. beware:
    sentences about caveats that the tables do not show. sensitivity: best, median and worst over the settings of a
    model that was run with several.
    """

    rows: pd.DataFrame
    groups: pd.DataFrame
    pairs: pd.DataFrame
    over_tasks: pd.DataFrame
    controls: pd.DataFrame
    variance: pd.DataFrame
    by: tuple[str, ...]
    metrics: tuple[str, ...]
    beware: tuple[str, ...] = ()
    sensitivity: pd.DataFrame = field(default_factory=pd.DataFrame)


def summarize(
    folders: Iterable[Path] = (Path("runs"),),
    *,
    by: Sequence[str] = FIRST,
    metrics: Sequence[str] = (),
    filters: Sequence[str] = (),
    sort: str | None = None,
) -> Summary:
    """Read runs, given as run folders or as folders of them, and summarize them.

    metrics: names or patterns of the metrics to show, by default `SHOWN`; a bound is not shown beside its metric.
    filters: see `filters.keep`. sort: a column of the groups, "-column" for descending order. Failed, incomplete and
    unreadable runs are rows too, without metrics. If some data occur in several versions, groups are also by data; if
    runs were made by different code, also by code. Raises RunFolderError like `read_runs`, and ConfigError for an
    unknown name.
    """
    return summarize_runs(read_runs(folders), by=by, metrics=metrics, filters=filters, sort=sort)


def summarize_runs(
    runs: Sequence[Run],
    *,
    by: Sequence[str] = FIRST,
    metrics: Sequence[str] = (),
    filters: Sequence[str] = (),
    sort: str | None = None,
) -> Summary:
    """Like `summarize`, for at least one run that was read already."""
    rows = tidy_rows(runs)
    known = metric_columns(rows)
    chosen = tuple(without_bounds(choose_metrics(metrics, known) if metrics else filter(known.__contains__, SHOWN)))
    by = tuple(dict.fromkeys(by))
    _require_columns(by, rows.drop(columns=known), "to group by")
    kept = keep(rows, filters)
    if not len(kept):
        raise ConfigError(f"expected runs that pass {' '.join(filters)}, got none of {len(rows):,}; widen the filter")
    if len(kept) < len(rows):
        kept = _described_anew(kept, runs)
    left = set(kept["run"])
    beware = (*_conditions(filters, sort, known), *_weakened(runs, left), *_codes(kept, runs, left))
    if not {"data", "task"} & set(by) and kept["data"].str.contains(SIGN, regex=False).any():
        by = ("data", *by)  # a mean over versions of the data has no meaning
    if not {"code", "settings"} & set(by) and kept["code"].any():
        by = ("code", *by)  # nor has one over versions of the code
    with np.errstate(over="ignore", invalid="ignore"):  # metrics of untrusted runs can be extreme
        return _tables(kept, by, chosen, sort, beware)


def _conditions(filters: Sequence[str], sort: str | None, known: Sequence[str]) -> Iterator[str]:
    """Warnings about filtering or sorting by results, which biases the table towards lucky runs."""
    for text in filters:
        if column_of(text) in known:
            yield (
                f"only runs with {printable(text)} are in it: chosen by their results on the test rows, so that means,"
                " ranks and orders favour what was lucky; filter by what was set, not by what came out"
            )
    if sort is not None and sort.removeprefix("-") in known:
        yield (
            f"sorted by {printable(sort.removeprefix('-'))}, a result on the test rows: to take the first row is to"
            " choose by the test rows, and its figure is too good; the protocol labelled_validation is for choosing"
        )


def _weakened(runs: Sequence[Run], kept: set[str]) -> Iterator[str]:
    """Warnings about controls that had fewer fit rows than by default."""
    limits = [
        run.config.get("controls", {}).get("nearest_rows") for run in runs if str(run.folder) in kept and run.metrics
    ]
    if weak := [n for n in limits if isinstance(n, int) and n < NEAREST_ROWS]:
        yield (
            f"the control nearest neighbour had as few as {min(weak):,} fit rows in {len(weak):,} of {len(limits):,}"
            f" runs, usually {NEAREST_ROWS:,}: controls.nearest_rows={NEAREST_ROWS} makes it as strong as elsewhere"
        )


def _codes(kept: pd.DataFrame, runs: Sequence[Run], left: set[str]) -> Iterator[str]:
    """Notes about the code that made the runs."""
    if kept["code"].any():
        yield (
            "code=digits: made by different code, or versions of the libraries, and so configurations of their own;"
            " code=older: from before runs recorded it"
        )
    reasons = differences([run for run in runs if str(run.folder) in left])
    for why, n in list(reasons.items())[:_MOST_REASONS]:
        yield f"not by the code at hand: {n:,} finished run{'s' if n > 1 else ''}, {printable(why)}"


_MOST_REASONS = 3


def _tables(
    kept: pd.DataFrame, by: tuple[str, ...], chosen: tuple[str, ...], sort: str | None, beware: tuple[str, ...]
) -> Summary:
    groups = over_seeds(kept, by, chosen)
    pairs = ranks = variance = sensitivity = pd.DataFrame()
    if by == FIRST and chosen:
        if chosen[0] in groups:
            groups["above_next"] = above_next(kept, groups, chosen[0])
        pairs, ranks = standings(kept, chosen[0]), over_tasks(groups, chosen[0])
        variance = variance_sources(kept, chosen[0])
        sensitivity = over_settings(groups, chosen[0])
    controls = controls_table(kept, chosen)
    return Summary(kept, _sorted(groups, by, sort), pairs, ranks, controls, variance, by, chosen, beware, sensitivity)


def _described_anew(kept: pd.DataFrame, runs: Sequence[Run]) -> pd.DataFrame:
    """The kept rows described again: a key that does not vary among them is not part of their settings."""
    left = set(kept["run"])
    anew = tidy_rows([run for run in runs if str(run.folder) in left]).set_index("run")
    described = {
        name: anew[name].reindex(kept["run"]).to_numpy() for name in ("data", "settings", "task", "solver", "code")
    }
    return kept.assign(**described)


_DESCRIBED = ("data", "settings", "task", "solver", "code")


def _require_columns(names: Sequence[str], table: pd.DataFrame, purpose: str) -> None:
    for name in names:
        if name not in table:
            raise ConfigError(
                f"expected a column of these runs {purpose}, got {name!r}{suggest_name(name, map(str, table))}"
            )


def _sorted(groups: pd.DataFrame, by: Sequence[str], sort: str | None) -> pd.DataFrame:
    """The sorted groups; by default by dataset, the best first."""
    if sort is None:
        columns = [name for name in ("data", "task", "rank") if name in groups]
        return groups.sort_values([*columns, *by], ignore_index=True, key=_comparable)
    column = sort.removeprefix("-")
    _require_columns([column], groups, "to sort by")
    return groups.sort_values(column, ascending=not sort.startswith("-"), ignore_index=True, key=_comparable)


def _comparable(column: "pd.Series[Any]") -> "pd.Series[Any]":
    """The column as numbers, or as text if its values have several types."""
    mixed = column.dtype == object and column.map(type).nunique() > 1
    return column.map(str) if mixed else column
