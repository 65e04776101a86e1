"""Summaries as text tables."""

import math
from typing import Any

import pandas as pd

from adbench.analysis.groups import GAIN, NO, UNCLEAR, contradictory_seeds
from adbench.analysis.metric_names import heading
from adbench.analysis.pairs import ALL_PAIRS_OF, BETTER, MARGIN, MIXED, OPEN, SAME, UNKNOWN
from adbench.analysis.summary import Summary
from adbench.analysis.task_ranks import ALPHA, FEWEST_TASKS
from adbench.analysis.text_table import Sheet
from adbench.data.groups import chosen_on, group_of
from adbench.errors import ConfigError
from adbench.results.record import DONE
from adbench.results.versions import SIGN
from adbench.text import printable, shorten

Row = Any  # a row of a pandas table
CHOSEN_ON = " (chosen on)"
NAMED = 12  # the most that a note lists by name


def groups_sheet(summary: Summary) -> Sheet:
    """One row per configuration."""
    groups, words = summary.groups, _words(summary)
    ranked = [name for name in ("rank", "above_next") if name in groups]
    metrics = [metric for metric in summary.metrics if metric in groups]
    control = ["control", "over control"] if "control" in groups else []
    headings = [
        *words,
        *("#" if name == "rank" else "above next" for name in ranked),
        *("n", "failed", "missing"),
        *map(heading, metrics),
        *control,
    ]
    rows = []
    for row in groups.to_dict("records"):
        cells = [_text(row[name]) + CHOSEN_ON * (name == "data" and chosen_on(str(row[name]))) for name in words]
        cells += [_count(row["rank"]) if name == "rank" else _share(row[name]) for name in ranked]
        cells += [str(row[name]) for name in ("n", "failed", "missing")]
        cells += [mean_cell(row, metric) for metric in metrics]
        if control:
            cells += [_text(row["control"]), _interval(row, "over_control", "+.4f")]
        rows.append(cells)
    return Sheet("over seeds", headings, len(words), rows, _notes(summary, bool(control)))


def pivot_sheets(summary: Summary, column: str) -> list[Sheet]:
    """One sheet per metric: a row per combination of the other grouping columns, a column per value of this one.

    Raises ConfigError if the summary is not grouped by the column.
    """
    if column not in summary.by:
        raise ConfigError(f"expected a column to pivot among {', '.join(summary.by)}, got {column}; add it to --by")
    words = [name for name in _words(summary) if name != column]
    values = sorted(summary.groups[column].unique(), key=str)
    sheets, notes = [], [_INTERVAL, *summary.beware, _how_many(summary.groups)]
    for metric in (metric for metric in summary.metrics if metric in summary.groups):
        cells: dict[tuple[str, ...], dict[Any, str]] = {}
        for row in summary.groups.to_dict("records"):
            cells.setdefault(tuple(_text(row[name]) for name in words), {})[row[column]] = mean_cell(row, metric)
        rows = [[*label, *(of_label.get(value, "-") for value in values)] for label, of_label in cells.items()]
        sheets.append(Sheet(heading(metric), [*words, *map(_text, values)], len(words), rows, notes))
    return sheets


def _how_many(groups: Any) -> str:
    """A note with the counts that a pivot's cells leave out."""
    fewest, most = groups["n"].min(), groups["n"].max()
    n = f"{fewest}" if fewest == most else f"{fewest} to {most}"
    return f"n: {n}; {groups['failed'].sum():.0f} failed, {groups['missing'].sum():.0f} missing"


def controls_sheet(summary: Summary) -> Sheet:
    """One row per task and control."""
    controls = summary.controls
    metrics = [metric for metric in summary.metrics if metric in controls]
    rows = [
        [_text(row["task"]), _text(row["control"]), str(row["n"]), *(mean_cell(row, metric) for metric in metrics)]
        for row in controls.to_dict("records")
    ]
    notes = ["oracle_...: picked with the test labels, so nobody can use it; it says what one column gives away"]
    return Sheet("controls: without any model", ["data", "control", "n", *map(heading, metrics)], 2, rows, notes)


def pairs_sheet(summary: Summary) -> Sheet:
    """One row per pair of configurations."""
    headings = [
        "better",
        "than",
        "tasks",
        "runs",
        "difference",
        "probability",
        "of all pairs",
        "",
        "seeds needed",
    ]
    rows = []
    for row in summary.pairs.to_dict("records"):
        mixed = row["verdict"] == MIXED
        interval = _interval(row, "difference", "+.4f", "low", "high")
        more = _count(row["seeds_needed"]) if row["verdict"] == OPEN else ""
        tasks = f"{row['n_tasks']}" + (f" ({row['better_on']} to {row['worse_on']})" if row["n_tasks"] > 1 else "")
        cells = [_text(row["a"]), _text(row["b"]), tasks, str(row["n"]), interval]
        sure = ["-" if mixed else _share(row["probability"]), _p(row["holm_p"])]
        rows.append([*cells, *sure, _VERDICTS[row["verdict"]] + ("" if row["rows_known"] else " *"), more])
    notes = [
        "tasks: how many, in brackets on how many the first one is in front and behind; runs: with the same seed for"
        " the same task, that is data and protocol",
        "difference: the mean over tasks of the mean over seeds, its 95 % interval over seeds and test rows; protocols"
        " of one dataset, and related datasets, count as one",
        "probability: that the true means have this order, for these tasks, of the pair by itself; of all pairs: the p"
        f" value of no difference, by Holm for all pairs of the table; below {ALPHA:g} the order is sure",
        f"no difference: none larger than {MARGIN:g} is left open; opposite orders: sure on single tasks, and not the"
        " same on all; seeds needed: a task, to find such a difference, if it is the true one, in 4 of 5 attempts",
    ]
    if not summary.pairs["rows_known"].all():
        notes.append("* of seeds alone: these runs, or this metric, do not tell what other test rows would have given")
    if summary.rows["solver"].nunique() > ALL_PAIRS_OF:
        notes.append(f"of more than {ALL_PAIRS_OF} configurations, only neighbours by their mean are compared")
    metric = heading(summary.metrics[0]) if summary.metrics else ""
    return Sheet(f"pairs, by {metric}", headings, 2, rows, notes)


_MAY_BE_THE_SAME = f"inconclusive, they may all rank the same (fewer than {FEWEST_TASKS} groups decide nothing)"


def over_tasks_sheet(summary: Summary) -> Sheet:
    """One row per configuration with results on all tasks; a note names the others."""
    table = summary.over_tasks.to_dict("records")
    ranked = [row for row in table if not row["misses"]]
    rows = [
        [
            _text(row["solver"]),
            f"{row['mean_rank']:.2f}",
            "yes" if row["not_separated_from_best"] else "no",
            _share(row["holm_p"]),
        ]
        for row in ranked
    ]
    first = table[0]
    over = f"{first['n_groups']} groups of related data, {first['n_tasks']} tasks in all"
    notes = []
    if ranked:
        sure = first["friedman_p"] < ALPHA and first["n_groups"] >= FEWEST_TASKS
        notes += [
            f"Friedman's test over {over}: p = {first['friedman_p']:.3f},"
            f" {'they differ' if sure else _MAY_BE_THE_SAME}; mean ranks must be {first['critical_difference']:.2f}"
            " apart to be told apart (Nemenyi)",
            "p: of Wilcoxon's signed ranks against the best, corrected by Holm; with fewer than six groups it says"
            " nothing",
            "a group counts once: the mean over the protocols of a dataset, then over datasets of one source, such as"
            " nslkdd and kddcup99",
        ]
    if n_chosen := len({group_of(name) for name in summary.rows["data"].map(str) if chosen_on(name)}):
        notes.append(f"{n_chosen:,} of the groups hold data that the shipped defaults were chosen on: see above")
    if left_out := [f"{_text(row['solver'])} ({_text(row['misses'])})" for row in table if row["misses"]]:
        named = ", ".join(left_out[:NAMED]) + (f" and {len(left_out) - NAMED:,} more" * (len(left_out) > NAMED))
        notes.append(f"not ranked over {over}, for want of a result: {shorten(named, 2_000)}")
    title = f"ranks over groups of data, by {heading(summary.metrics[0])}"
    return Sheet(title, ["model", "mean rank", "may equal the best", "p"], 1, rows, notes)


_VERDICTS = {BETTER: "sure", SAME: "no difference", MIXED: MIXED, OPEN: "inconclusive", UNKNOWN: "-"}


def _p(value: float) -> str:
    return "-" if math.isnan(value) else "<.001" if value < 0.001 else f"{value:.3f}"


def variance_sheet(summary: Summary) -> Sheet:
    """One row per source of variance of each configuration whose runs vary several kinds of seed."""
    rows = [
        [
            *(_text(row[name]) for name in ("task", "solver", "source")),
            str(row["n"]),
            f"{row['sd']:.4f}",
            f"{row['share']:.1%}",
            f"{row['share_low']:.0%} to {row['share_high']:.0%}",
        ]
        for row in summary.variance.to_dict("records")
    ]
    notes = [
        "sd: what the draw of this part alone brings, by the method of moments over the runs; few draws tell it"
        " roughly, as the 95 % intervals of the shares say",
        "runs that share a split or initial weights are not independent: the intervals above are too narrow for them",
    ]
    title = f"where the variance of {heading(summary.metrics[0])} comes from" if summary.metrics else ""
    return Sheet(title, ["data", "model", "source", "runs", "sd", "share of variance", "95 % interval"], 3, rows, notes)


def sensitivity_sheet(summary: Summary) -> Sheet:
    """One row per task and model that was run with several settings."""
    rows = [
        [
            *(_text(row[name]) for name in ("task", "model")),
            str(row["n_settings"]),
            *(f"{row[name]:.4f}" for name in ("best", "median", "worst")),
            *(_text(row[name]) for name in ("best_settings", "worst_settings")),
        ]
        for row in summary.sensitivity.to_dict("records")
    ]
    notes = [
        "of the means over seeds; the best was picked by these results, and nobody reaches it without labels: half of"
        " the settings do worse than the median"
    ]
    metric = heading(summary.metrics[0]) if summary.metrics else ""
    headings = ["data", "model", "settings", "best", "median", "worst", "the best", "the worst"]
    return Sheet(f"sensitivity to settings, by {metric}", headings, 2, rows, notes)


def unfinished_sheet(summary: Summary) -> Sheet:
    """One row per run without metrics."""
    rows = [
        [_text(row[name]) for name in ("data", "model", "settings", "seed", "status", "run", "error")]
        for row in summary.rows[summary.rows["status"] != DONE].to_dict("records")
    ]
    return Sheet("not finished", ["data", "model", "settings", "seed", "status", "run", "error"], 7, rows)


def mean_cell(row: Row, metric: str) -> str:
    """The mean and half of its interval; a training gain whose sign is uncertain is marked."""
    if metric.endswith("_seconds"):
        return _interval(row, metric, ".1f")
    text = _interval(row, metric, ".4f")
    return text + {UNCLEAR: " unclear", NO: " hurt"}.get(row.get("training_helped", ""), "") if metric == GAIN else text


VERSIONS = (
    f"data{SIGN}digits: the bytes of these files changed between runs; each version is a task of its own, named by the"
    " first digits of its sha256"
)
_INTERVAL = "mean ± half of its 95 % interval over n seeds, and over the test rows where the runs tell their share"


def _notes(summary: Summary, with_control: bool) -> list[str]:
    notes = [_INTERVAL, *summary.beware]
    if "above_next" in summary.groups:
        notes.append(
            f"#: by {heading(summary.metrics[0])}; above next: the probability that it is truly above the next one,"
            " over the seeds that both have and over the test rows"
        )
    if "training_helped" in summary.groups and (summary.groups["training_helped"] == UNCLEAR).any():
        notes.append("unclear: an interval of the training gain touches 0, so nothing was shown to be learned")
    if with_control:
        notes.append(
            f"control: the best of those without training, by {heading(summary.metrics[0])} on the same test rows, in"
            " its favour"
        )
    if summary.rows["data"].str.contains(SIGN, regex=False).any():
        notes.append(VERSIONS)
    if "data" in summary.groups and any(map(chosen_on, summary.groups["data"].map(str))):
        notes.append(
            "chosen on: the labels of these data took part when the shipped defaults were chosen, so that results on"
            " them confirm nothing"
        )
    if summary.metrics and (n := contradictory_seeds(summary.rows, summary.metrics[0])):
        notes.append(f"seeds with several runs that do not agree: {n:,}; the first run of each counts")
    return notes


def _words(summary: Summary) -> list[str]:
    """The grouping columns, without settings if all are empty."""
    groups = summary.groups
    return [name for name in summary.by if name != "settings" or groups["settings"].astype(bool).any()]


def _interval(row: Row, name: str, form: str, low: str | None = None, high: str | None = None) -> str:
    value, low_, high_ = row[name], row[low or f"{name}_low"], row[high or f"{name}_high"]
    if math.isnan(value):
        return "-"
    form = form if abs(value) < 1e9 else form.removesuffix("f").partition(".")[0] + ".3g"
    if math.isnan(low_):
        return format(value, form)
    half_width = (high_ - low_) / 2
    if abs(high_ + low_ - 2 * value) > 0.02 * half_width:  # an interval clipped at 0 or 1
        return f"{value:{form}} ({low_:{form}} to {high_:{form}})"
    return f"{value:{form}} ± {half_width:{form.removeprefix('+')}}"


def _share(value: float) -> str:
    return "-" if math.isnan(value) else ">0.999" if value > 0.999 else f"{value:.3f}"


def _count(value: Any) -> str:
    return "-" if pd.isna(value) or not math.isfinite(value) else f"{value:,.0f}"


def _text(value: Any) -> str:
    return "-" if value is None or (isinstance(value, float) and math.isnan(value)) else printable(str(value))
