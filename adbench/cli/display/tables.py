"""Tables for the terminal."""

from collections.abc import Sequence
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table

from adbench.analysis.summary import Summary
from adbench.analysis.tables import (
    controls_sheet,
    groups_sheet,
    over_tasks_sheet,
    pairs_sheet,
    pivot_sheets,
    sensitivity_sheet,
    unfinished_sheet,
    variance_sheet,
)
from adbench.analysis.text_table import Sheet
from adbench.text import printable


def print_summary(summary: Summary, console: Console, pivot: str | None = None) -> None:
    """Print one row per configuration, or one table per metric; then controls, unfinished runs, pairs and variances."""
    sheets = pivot_sheets(summary, pivot) if pivot else [groups_sheet(summary)]
    if len(summary.controls):
        sheets.append(controls_sheet(summary))
    if (unfinished := unfinished_sheet(summary)).rows:
        sheets.append(unfinished)
    if len(summary.pairs):
        sheets.append(pairs_sheet(summary))
    if len(summary.over_tasks):
        sheets.append(over_tasks_sheet(summary))
    if len(summary.variance):
        sheets.append(variance_sheet(summary))
    if len(summary.sensitivity):
        sheets.append(sensitivity_sheet(summary))
    for i, sheet in enumerate(sheets):
        if i:
            console.print()
        print_sheet(sheet, console)


def print_sheet(sheet: Sheet, console: Console) -> None:
    """Print a sheet and its notes. Lines are never cut or broken, however long."""
    columns = list(zip(sheet.headings, *sheet.rows, strict=True))
    widths = [max(map(cell_len, column)) for column in columns]

    def line(cells: Sequence[str]) -> str:
        gaps = (" " * (width - cell_len(cell)) for width, cell in zip(widths, cells, strict=True))
        sides = (
            (cell, gap) if i < sheet.text_columns else (gap, cell)
            for i, (cell, gap) in enumerate(zip(cells, gaps, strict=True))
        )
        return "  ".join("".join(side) for side in sides).rstrip()

    console.print(sheet.title, style="italic")
    console.print(line(sheet.headings), style="bold")
    print("\n".join(map(line, sheet.rows)), file=console.file)  # rich would look for styles in every cell
    for note in sheet.notes:
        console.print(note, style="dim")


def print_catalogue(entries: list[dict[str, Any]], console: Console) -> None:
    """Print one row per entry, one column per key."""
    table = _table(None, list(entries[0]), text_columns=len(entries[0]))
    for entry in entries:
        table.add_row(*(_plain(value) for value in entry.values()))
    console.print(table)


def _table(title: str | None, headings: list[str], text_columns: int) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for i, heading in enumerate(headings):
        table.add_column(heading, justify="left" if i < text_columns else "right", overflow="fold")
    return table


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
    """Print a dataset's card: facts, one row per part, one row per family, warnings and notes."""
    facts = _table(None, ["", ""], text_columns=2)
    facts.show_header = False
    for name in ("title", "source", "licence", "citation"):
        facts.add_row(name, card[name])
    if "time" in card:
        facts.add_row("time", f"{card['time']['range']}, {card['time']['distinct']:,} distinct")
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
