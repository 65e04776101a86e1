"""Tables for the terminal."""

import math
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table

from adbench.summary import METRICS, Summary
from adbench.terminal import printable

HEADINGS = {
    "tpr_at_1pct_fpr": "detected at 1% FPR",
    "test_fpr": "test FPR",
    "roc_auc": "AUROC",
    "fit_seconds": "fit s",
}


def print_summary(summary: Summary, console: Console) -> None:
    """One row a run; below it one row a configuration, mean ± standard deviation over its seeds."""
    rows = summary.rows
    metrics = [metric for metric in METRICS if metric in rows]
    headings = [_heading(metric) for metric in metrics]
    runs = _table("runs", ["data", "model", "settings", "seed", "status", *headings], text_columns=3)
    for _, row in rows.iterrows():
        status = row["status"] + (f" ({row['run']}): {printable(row['error'])}" if row["error"] else "")
        settings = printable(row["settings"])
        runs.add_row(row["data"], row["model"], settings, str(row["seed"]), status, *_cells(row, metrics))
    console.print(runs)
    console.print()
    print_groups(summary, console)


def print_groups(summary: Summary, console: Console) -> None:
    """One row a configuration, mean ± standard deviation over its seeds."""
    groups = summary.groups
    metrics = [metric for metric in METRICS if metric in summary.rows]
    headings = [_heading(metric) for metric in metrics]
    over_seeds = _table(
        "over seeds, mean ± sd", ["data", "model", "settings", "n", "unfinished", *headings], text_columns=3
    )
    for _, row in groups.iterrows():
        cells = [_mean_and_sd(row[f"{metric}_mean"], row[f"{metric}_sd"], metric) for metric in metrics]
        over_seeds.add_row(
            row["data"], row["model"], printable(row["settings"]), str(row["n"]), str(row["unfinished"]), *cells
        )
    console.print(over_seeds)


def print_catalogue(entries: list[dict[str, Any]], console: Console) -> None:
    """One row an entry, one column a key."""
    table = _table(None, list(entries[0]), text_columns=len(entries[0]))
    for entry in entries:
        table.add_row(*(_plain(value) for value in entry.values()))
    console.print(table)


def _table(title: str | None, headings: list[str], text_columns: int) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for i, heading in enumerate(headings):
        table.add_column(heading, justify="left" if i < text_columns else "right", overflow="fold")
    return table


def _heading(metric: str) -> str:
    return HEADINGS.get(metric, metric.replace("_", " "))


def _cells(row: "pd.Series[Any]", metrics: list[str]) -> list[str]:
    return [_number(row[metric], metric) for metric in metrics]


def _mean_and_sd(mean: float, sd: float, metric: str) -> str:
    return _number(mean, metric) if pd.isna(sd) else f"{_number(mean, metric)} ± {_number(sd, metric)}"


def _number(value: float, metric: str) -> str:
    if math.isnan(value):
        return "-"
    return f"{value:.1f}" if metric.endswith("_seconds") else f"{value:.4f}"


def _plain(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, dict):
        return "  ".join(f"{key}={value}" for key, value in value.items())
    return str(value)


def print_card(card: dict[str, Any], console: Console) -> None:
    """A dataset's card: facts, one row a part, one row a family, what to beware of."""
    facts = _table(None, ["", ""], text_columns=2)
    facts.show_header = False
    for name in ("title", "source", "licence", "citation"):
        facts.add_row(name, card[name])
    facts.add_row("columns", printable(_columns(card)))
    facts.add_row("constant", printable(", ".join(card["constant_columns"])) or "none")
    best = card["best_column"]
    facts.add_row(
        "best column",
        f"{printable(best['column'])}, AUROC {best['roc_auc']:.3f}: anomalies have {best['anomalies_have']}"
        f" (of the {best['looked_at']})",
    )
    console.print(facts)
    console.print()
    parts = _table(None, ["part", "rows", "anomalies", "base rate", "duplicate rows"], text_columns=1)
    for name, part in card["parts"].items():
        counts = [f"{part[key]:,}" for key in ("rows", "anomalies", "duplicate_rows")]
        parts.add_row(name, *counts[:2], f"{part['base_rate']:.4f}", counts[2])
    console.print(parts)
    console.print()
    families = _table(None, ["family", *card["parts"]], text_columns=1)
    for family in sorted({family for part in card["parts"].values() for family in part["families"]}):
        counts = [f"{part['families'].get(family, 0):,}" for part in card["parts"].values()]
        families.add_row(printable(family), *counts)
    console.print(families)
    for title in ("warnings", "notes"):
        for sentence in card[title]:
            console.print(printable(f"{title.removesuffix('s')}: {sentence}"))


def _columns(card: dict[str, Any]) -> str:
    categorical = ", ".join(f"{name} ({n} values)" for name, n in card["categorical_columns"].items())
    return f"{card['numeric_columns']} numeric; categorical: {categorical or 'none'}"
