"""A summary as sheets of text, and a sheet as Markdown or LaTeX."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from adbench.errors import ConfigError
from adbench.metric_names import heading
from adbench.results import DONE
from adbench.standings import ALL_PAIRS_OF
from adbench.summary import Summary
from adbench.summary_groups import GAIN, NO, UNCLEAR
from adbench.terminal import printable

Row = Any  # a row of a pandas table


@dataclass(frozen=True)
class Sheet:
    """A table of texts, of which the first columns hold words and the others numbers."""

    title: str
    headings: list[str]
    text_columns: int
    rows: list[list[str]]
    notes: list[str] = field(default_factory=list)


def groups_sheet(summary: Summary) -> Sheet:
    """One row a configuration."""
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
        cells = [_text(row[name]) for name in words]
        cells += [_count(row["rank"]) if name == "rank" else _share(row[name]) for name in ranked]
        cells += [str(row[name]) for name in ("n", "failed", "missing")]
        cells += [mean_cell(row, metric) for metric in metrics]
        if control:
            cells += [_text(row["control"]), _interval(row, "over_control", "+.4f")]
        rows.append(cells)
    return Sheet("over seeds", headings, len(words), rows, _notes(summary, bool(control)))


def pivot_sheets(summary: Summary, column: str) -> list[Sheet]:
    """One sheet a metric: a row for each of the other columns it was grouped by, a column for each value of this one.

    Raises ConfigError for a column it was not grouped by.
    """
    if column not in summary.by:
        raise ConfigError(f"expected a column to pivot among {', '.join(summary.by)}, got {column}; add it to --by")
    words = [name for name in _words(summary) if name != column]
    values = sorted(summary.groups[column].unique(), key=str)
    sheets = []
    for metric in (metric for metric in summary.metrics if metric in summary.groups):
        cells: dict[tuple[str, ...], dict[Any, str]] = {}
        for row in summary.groups.to_dict("records"):
            cells.setdefault(tuple(_text(row[name]) for name in words), {})[row[column]] = mean_cell(row, metric)
        rows = [[*label, *(of_label.get(value, "-") for value in values)] for label, of_label in cells.items()]
        sheets.append(Sheet(heading(metric), [*words, *map(_text, values)], len(words), rows, [_INTERVAL]))
    return sheets


def pairs_sheet(summary: Summary) -> Sheet:
    """One row a pair of configurations."""
    headings = ["better", "than", "tasks", "runs", "difference", "probability", "seeds needed"]
    rows = []
    for row in summary.pairs.to_dict("records"):
        interval = _interval(row, "difference", "+.4f", "low", "high")
        # A probability of .975 is an interval that touches 0 no more.
        more = "" if row["low"] > 0 or row["high"] < 0 else _count(row["seeds_needed"])
        cells = [_text(row["a"]), _text(row["b"]), str(row["n_tasks"]), str(row["n"])]
        rows.append([*cells, interval, _share(row["probability"]) + _doubt(row), more])
    notes = [
        "runs: with the same seed for the same task, that is data and protocol; difference: the mean over tasks of the"
        " mean over seeds",
        "probability: that the true means have this order, for these tasks; seeds needed: a task, to find such a"
        " difference in 4 of 5 attempts",
    ]
    if summary.rows["solver"].nunique() > ALL_PAIRS_OF:
        notes.append(f"of more than {ALL_PAIRS_OF} configurations, only neighbours by their mean are compared")
    metric = heading(summary.metrics[0]) if summary.metrics else ""
    return Sheet(f"pairs, by {metric}", headings, 2, rows, notes)


def _doubt(row: Row) -> str:
    return "" if row["low"] > 0 or row["high"] < 0 else " inconclusive"


def unfinished_sheet(summary: Summary) -> Sheet:
    """One row for each run that gave no metrics."""
    rows = [
        [_text(row[name]) for name in ("data", "model", "settings", "seed", "status", "run", "error")]
        for row in summary.rows[summary.rows["status"] != DONE].to_dict("records")
    ]
    return Sheet("not finished", ["data", "model", "settings", "seed", "status", "run", "error"], 7, rows)


def mean_cell(row: Row, metric: str) -> str:
    """Mean and half of its interval; what a training gain leaves open is said in words."""
    if metric.endswith("_seconds"):
        return _interval(row, metric, ".1f")
    text = _interval(row, metric, ".4f")
    return text + {UNCLEAR: " unclear", NO: " hurt"}.get(row.get("training_helped", ""), "") if metric == GAIN else text


_INTERVAL = "mean ± half of its 95 % t interval over n seeds"


def _notes(summary: Summary, with_control: bool) -> list[str]:
    notes = [_INTERVAL]
    if "above_next" in summary.groups:
        notes.append(
            f"#: by {heading(summary.metrics[0])}; above next: the probability that it is truly above the next one,"
            " over the seeds that both have"
        )
    if "training_helped" in summary.groups and (summary.groups["training_helped"] == UNCLEAR).any():
        notes.append("unclear: an interval of the training gain touches 0, so nothing was shown to be learned")
    if with_control:
        notes.append(f"control: the best of those without training, by {heading(summary.metrics[0])}")
    return notes


def _words(summary: Summary) -> list[str]:
    """The columns it was grouped by; settings only where there are any."""
    groups = summary.groups
    return [name for name in summary.by if name != "settings" or groups["settings"].astype(bool).any()]


def _interval(row: Row, name: str, form: str, low: str | None = None, high: str | None = None) -> str:
    value, low_, high_ = row[name], row[low or f"{name}_low"], row[high or f"{name}_high"]
    if math.isnan(value):
        return "-"
    half_width = "" if math.isnan(low_) else f" ± {format((high_ - low_) / 2, form.removeprefix('+'))}"
    return format(value, form) + half_width


def _share(value: float) -> str:
    return "-" if math.isnan(value) else ">0.999" if value > 0.999 else f"{value:.3f}"


def _count(value: Any) -> str:
    return "-" if pd.isna(value) or not math.isfinite(value) else f"{value:,.0f}"


def _text(value: Any) -> str:
    return "-" if value is None or (isinstance(value, float) and math.isnan(value)) else printable(str(value))


def as_markdown(sheets: Sequence[Sheet]) -> str:
    """Tables for a README or a comment; what would be markup in a name is shown as it is written."""
    return "\n\n".join(_markdown(sheet) for sheet in sheets)


def _markdown(sheet: Sheet) -> str:
    def line(cells: Sequence[str]) -> str:
        return f"| {' | '.join(map(_escape_markdown, cells))} |"

    ruler = [":--" if i < sheet.text_columns else "--:" for i in range(len(sheet.headings))]
    rows = [line(sheet.headings), f"|{'|'.join(ruler)}|", *map(line, sheet.rows)]
    return "\n".join([f"**{_escape_markdown(sheet.title)}**", "", *rows, "", *map(_escape_markdown, sheet.notes)])


def _escape_markdown(text: str) -> str:
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return "".join(f"\\{character}" if character in r"\`*_[]|" else character for character in escaped)


def as_latex(sheets: Sequence[Sheet]) -> str:
    """Tables for a paper, with the rules of the package booktabs."""
    return "\n\n".join(_latex(sheet) for sheet in sheets)


_LATEX = {
    **{character: f"\\{character}" for character in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "\\": r"\textbackslash{}",
    "±": r"$\pm$",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
}


def _latex(sheet: Sheet) -> str:
    def line(cells: Sequence[str]) -> str:
        return " & ".join("".join(_LATEX.get(character, character) for character in cell) for cell in cells) + r" \\"

    columns = "l" * sheet.text_columns + "r" * (len(sheet.headings) - sheet.text_columns)
    body = [line(sheet.headings), r"\midrule", *map(line, sheet.rows)]
    comments = [f"% {note}" for note in [sheet.title, *sheet.notes]]
    return "\n".join(
        [*comments, rf"\begin{{tabular}}{{{columns}}}", r"\toprule", *body, r"\bottomrule", r"\end{tabular}"]
    )
