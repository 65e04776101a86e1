"""Sortable leaderboard: one row per configuration."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from adbench.analysis.tables import VERSIONS
from adbench.config.alarm_rate import Use
from adbench.data.groups import chosen_on
from adbench.evaluation.controls import TITLES
from adbench.evaluation.in_use import NEEDED, InUse, in_use, right_of
from adbench.evaluation.metric_table import METRICS, PERCENT, REPORT, Metric, shown_in
from adbench.evaluation.promise import exceeded, promises
from adbench.reporting.content import Configuration, Material
from adbench.reporting.words import number, percent, plural
from adbench.results.versions import SIGN
from adbench.text import shorten, three_digits

_Badge = tuple[str, str]
_Below = tuple[str, _Badge | None]  # small text and badge below a number


@dataclass(frozen=True)
class Cell:
    """A table cell with small text below; sorted by `value` if finite, else by its text.

    badge: its kind and its text.
    """

    content: str
    value: float = math.nan
    small: str = ""
    badge: _Badge | None = None

    @property
    def sorts_by(self) -> str:
        """The sort key; "" to sort by text."""
        return f"{self.value:.10g}" if math.isfinite(self.value) else ""


@dataclass(frozen=True)
class Column:
    """A column: heading, meaning, and the function that makes a configuration's cell.

    kind: its CSS class: "data", "model", "n" for numbers, "w" for text on one line.
    is_best_low: whether sorting puts low values first.
    """

    heading: str
    meaning: str
    cell: Callable[[Configuration], Cell]
    kind: str = "n"
    is_best_low: bool = False


@dataclass(frozen=True)
class Verdict:
    """A sentence on a task's leader: its name (or "") and the rest of the sentence."""

    task: str
    first: str
    rest: str


@dataclass(frozen=True)
class Leaderboard:
    """The table and its verdicts in words. rows: the task and one cell per column."""

    verdicts: list[Verdict]
    note: str
    beware: tuple[str, ...]  # see `adbench.analysis.summary.Summary`
    tasks: list[str]
    columns: tuple[Column, ...]
    rows: list[tuple[str, list[Cell]]]


def leaderboard(material: Material, use: Use | None = None) -> Leaderboard:
    """The leaderboard of all configurations. use: conditions of use, for columns with the thresholds' consequences."""
    columns = (*_COLUMNS, *(_in_use_columns(use) if use is not None else ()))
    note = ""
    if not material.tasks:
        note = "No run finished, so that there is nothing to rank and nothing to draw."
    elif material.n_tasks > len(material.tasks):
        note = f"Figures: of the first {len(material.tasks)} of {material.n_tasks} datasets."
    if any(SIGN in c.data for c in material.configurations):
        note = f"{note} {VERSIONS}.".strip()
    return Leaderboard(
        verdicts=[_verdict(task, of_task) for task, of_task in material.tasks.items()],
        note=note,
        beware=material.summary.beware,
        tasks=sorted({c.task for c in material.configurations}),
        columns=columns,
        rows=[(c.task, [column.cell(c) for column in columns]) for c in material.configurations],
    )


def _task(c: Configuration) -> Cell:
    badge = ("mild", "chosen on") if chosen_on(c.data) else None  # its labels were used to choose the defaults
    return Cell(c.data, small=c.task.removeprefix(c.data).strip(), badge=badge)


def _model(c: Configuration) -> Cell:
    return Cell(c.model, small=c.solver.removeprefix(c.model).strip())


def _rank(c: Configuration) -> Cell:
    rank = c.group.get("rank")
    known = float(rank) if isinstance(rank, int | float) else math.nan
    return Cell(number(known, 0), known)


def _runs(c: Configuration) -> Cell:
    failed, missing = int(c.group.get("failed", 0)), int(c.group.get("missing", 0))
    words = [f"{failed:,} failed"] * (failed > 0) + [f"{missing:,} missing"] * (missing > 0)
    n = len(c.runs)
    return Cell(f"{n:,}", n, badge=("bad", ", ".join(words)) if words else None)


def _measured(metric: Metric, c: Configuration) -> Cell:
    """The cell of a metric's mean over seeds."""
    value = c.mean(metric.name)
    below = _BELOW.get(metric.name, _nothing)(c)
    if not abs(value) < 1e9:
        return Cell("", value, *below)
    return Cell(percent(value) if metric.form == PERCENT else f"{value:{metric.form}}", value, *below)


def _nothing(c: Configuration) -> _Below:
    return "", None


def _auroc_interval(c: Configuration) -> _Below:
    return _interval(c.group, "roc_auc"), None


def _interval(group: dict[str, Any], metric: str, digits: int = 4) -> str:
    low, high = number(group.get(f"{metric}_low"), digits), number(group.get(f"{metric}_high"), digits)
    return f"{low} to {high}" if low and high else ""


def _base_rate(c: Configuration) -> _Below:
    base = number(c.mean("base_rate"), 3)
    return f"base {base}" if base else "", None


def _promise(c: Configuration) -> _Below:
    of_runs = [run.metrics for run in c.runs]
    if not all(map(promises, of_runs)):
        false, level = (percent(c.mean(name)) for name in ("test_fdp", "fdr_level"))
        return f"false discoveries {false} of {level}" if false and level else "nothing promised", None
    promised = percent(c.mean("target_fpr"))
    badge = ("bad", "▲ exceeded") if _can_be_judged(of_runs) and exceeded(of_runs) else None
    return f"of {promised}" if promised else "", badge


def _can_be_judged(of_runs: list[dict[str, float]]) -> bool:
    """True if all runs have the needed metrics, which a stranger's may lack."""
    return all({"test_fpr", "target_fpr"} <= m.keys() for m in of_runs)


def _whether_it_helped(c: Configuration) -> _Below:
    badges = {"unclear": ("bad", "touches 0"), "no": ("bad", "hurt")}
    return _interval(c.group, "training_gain", 3), badges.get(str(c.group.get("training_helped", "")))


# Text below a mean, by metric.
_BELOW: dict[str, Callable[[Configuration], _Below]] = {
    "roc_auc": _auroc_interval,
    "average_precision": _base_rate,
    "test_fpr": _promise,
    "training_gain": _whether_it_helped,
}


def _control(c: Configuration) -> Cell:
    name, over = c.group.get("control"), c.group.get("over_control", math.nan)
    if not isinstance(name, str) or not isinstance(over, float) or math.isnan(over):
        return Cell("")
    low, high = (c.group.get(f"over_control_{side}", math.nan) for side in ("low", "high"))
    # A single run has no interval, only a sign.
    better, worse = (over < 0, over > 0) if math.isnan(low) else (high < 0, low > 0)
    badge = ("bad", "better") if better else None if worse else ("mild", "no proof")
    return Cell(TITLES.get(name, name), over, small=f"model {over:+.4f}", badge=badge)


def _in_use_columns(use: Use) -> tuple[Column, ...]:
    """Columns with the thresholds' consequences in use."""
    like = "if rows there are like the tested ones"
    columns = [Column("Right alarms", f"At {use.words}, {like}, with a 95 % interval", partial(_right, use))]
    if use.rows_per_day is not None:
        meaning = f"False alarms of {three_digits(use.rows_per_day)} normal rows a day, {like}"
        columns.append(Column("False a day", meaning, partial(_a_day, use), is_best_low=True))
    return tuple(columns)


def _right(use: Use, c: Configuration) -> Cell:
    found = _of(c, use)
    if found is None:
        return Cell("", small="not known: its threshold depends on how many anomalies are tested" if c.runs else "")
    n = found.alarms_per_right
    return Cell(right_of(n.value), 1 / n.value, small=f"{right_of(n.high)} to {right_of(n.low)}")


def _a_day(use: Use, c: Configuration) -> Cell:
    found = _of(c, use)
    if found is None or found.false_alarms is None:
        return Cell("")
    value, low, high = found.false_alarms.value, found.false_alarms.low, found.false_alarms.high
    return Cell(three_digits(value), value, small=f"{three_digits(low)} to {three_digits(high)}")


def _of(c: Configuration, use: Use) -> InUse | None:
    of_runs = [run.metrics for run in c.runs if run.metrics.keys() >= NEEDED]
    return in_use(of_runs, use) if of_runs else None


def _metric_column(name: str) -> Column:
    metric = METRICS[name]
    heading = metric.in_short[0].upper() + metric.in_short[1:]
    return Column(heading, metric.meaning, partial(_measured, metric), is_best_low=metric.more_is_better is False)


_COLUMNS = (
    Column(
        "Data",
        "The dataset, with the settings that say what is asked of it; chosen on: its labels took part when the shipped"
        " defaults were chosen, so that results on it confirm nothing",
        _task,
        "data",
    ),
    Column("Model", "The detector, with the settings that differ", _model, "model"),
    Column("Rank", "By mean AUROC on the same data", _rank, is_best_low=True),
    Column("Runs", "Finished runs, one a seed", _runs),
    *map(_metric_column, shown_in(REPORT)),
    Column("Best control", "Of those that need no training; how far the model's AUROC is above it", _control, "w"),
)


def _verdict(task: str, of_task: list[Configuration]) -> Verdict:
    ranked = [c for c in of_task if not math.isnan(c.mean("roc_auc"))]
    if not ranked:
        return Verdict(task, "", "no run has an AUROC.")
    first = ranked[0]
    interval = _interval(first.group, "roc_auc")
    rest = f"ranks first of {plural(len(ranked), 'configuration')}, AUROC {number(first.mean('roc_auc'))}"
    rest += f" ({interval})" if interval else ""
    probability = first.group.get("above_next", math.nan)
    if len(ranked) > 1 and isinstance(probability, float) and not math.isnan(probability):
        sure = "" if probability >= 0.975 else ", which is inconclusive"
        second = shorten(ranked[1].solver, 80)
        rest += f"; it is truly above {second} with a probability of {_sure(probability)}{sure}"
    beaten = [c for c in ranked if c.group.get("over_control", math.nan) < 0]
    if beaten:
        name = str(beaten[0].group.get("control"))
        whom = "every model" if len(beaten) == len(ranked) else f"{len(beaten)} of {len(ranked)} models"
        rest += f". A control without training, {shorten(TITLES.get(name, name), 40)}, ranks better than {whom}"
    return Verdict(task, first.solver, f"{rest}.")


def _sure(probability: float) -> str:
    return f"{100 * min(probability, 0.999):.1f} %" if probability > 0.99 else f"{100 * probability:.0f} %"
