"""Table of the controls: scores obtained without a model on the same data, one row per task and control."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from adbench.analysis.groups import t_bounds, variance_of_rows
from adbench.analysis.rows import metric_columns, seeds_of
from adbench.evaluation.controls import PREFIX, UNTRAINED
from adbench.results.record import DONE


def controls_table(rows: pd.DataFrame, metrics: Sequence[str]) -> pd.DataFrame:
    """Columns: task, control, n, and each metric that controls have, with _low and _high.

    n counts seeds. Runs with the same seed and task share their controls unless their preprocessing differs, so their
    mean counts once. The untrained twin is not listed: it belongs to one model and appears in its training gain.
    """
    done = rows[rows["status"] == DONE]
    names = _control_columns(metric_columns(done), metrics)
    if not names or not len(done):
        return pd.DataFrame()
    records: list[dict[str, Any]] = []
    units = done.assign(_seeds=seeds_of(done))
    for task, of_task in units.groupby("task"):
        wanted = [column for of in names.values() for column in of.values()]
        ends = [f"{column}{end}" for column in wanted for end in ("_low", "_high") if f"{column}{end}" in of_task]
        per_seed = of_task.groupby("_seeds")[[*wanted, *ends]].mean()
        for control, columns in names.items():
            values = per_seed[list(columns.values())].dropna(how="all")
            if len(values):
                records.append(
                    {"task": task, "control": control, "n": len(values)} | _means(values, per_seed[ends], columns)
                )
    return pd.DataFrame(records)


def _control_columns(columns: Sequence[str], metrics: Sequence[str]) -> dict[str, dict[str, str]]:
    """Control -> metric -> the metric's column."""
    found: dict[str, dict[str, str]] = {}
    for column in columns:
        name, _, metric = column.removeprefix(PREFIX).partition("/")
        if column.startswith(PREFIX) and metric in metrics and name != UNTRAINED:
            found.setdefault(name, {})[metric] = column
    return found


def _means(values: pd.DataFrame, bounds: pd.DataFrame, columns: dict[str, str]) -> dict[str, float]:
    found: dict[str, float] = {}
    for metric, column in columns.items():
        mean, of_rows = values[column].mean(), float("nan")  # a control uses all rows: seeds alone say little
        if {f"{column}_low", f"{column}_high"} <= set(bounds):
            of_rows = float(variance_of_rows(bounds[f"{column}_low"], bounds[f"{column}_high"]).mean())
        low, high = t_bounds(mean, values[column].std(), values[column].count(), metric, of_rows)
        found |= {metric: mean, f"{metric}_low": float(low), f"{metric}_high": float(high)}
    return found
