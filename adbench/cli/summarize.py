"""`adbench summarize`: tables of finished runs."""

import csv
import json
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from adbench.cli.common import Json, Runs, command, console, print_json
from adbench.text import printable

_TABLES = ("rows", "groups", "pairs", "over_tasks", "controls", "variance", "sensitivity")
Format = Literal["table", "csv", "markdown", "latex", "json"]


@command
def summarize(
    runs: Runs = None,
    by: Annotated[
        list[str] | None,
        typer.Option(
            help="Columns to group by, comma-separated or repeated: data, model, settings, or a varying key such as"
            " trainer.max_epochs. Default: everything except the seed.",
            show_default=False,
        ),
    ] = None,
    metric: Annotated[
        list[str] | None,
        typer.Option(help="Metrics to show; patterns work, as in 'family/*/recall'. The first one ranks."),
    ] = None,
    sort: Annotated[str | None, typer.Option(help="Column to sort by; --sort=-roc_auc: largest first.")] = None,
    filters: Annotated[
        list[str] | None,
        typer.Option(
            "--filter",
            help="Only runs that pass a filter such as model=ae,vae or seed<3; repeatable. Filtering by a metric"
            " selects by outcome, and every output says so.",
        ),
    ] = None,
    pivot: Annotated[
        str | None, typer.Option(help="One column per value of this column, as in --pivot data; one table per metric.")
    ] = None,
    output: Annotated[
        Format, typer.Option("--format", help="csv: one row per run, all metrics. json: also the groups and pairs.")
    ] = "table",
    as_json: Json = False,
) -> None:
    """Print tables of finished runs: mean and 95 % interval over seeds, rank, controls, and how sure each order is.

    A mean is followed by ± half of its 95 % interval over seeds and test rows. Failed runs and missing seeds are
    counted. "above next" is the probability that a configuration is truly above the next one on the same data, over the
    seeds that both have. A pair is "sure" if its order holds after correction for all compared pairs, "no difference"
    if any difference larger than .005 is excluded, and has "opposite orders" if single tasks disagree significantly.

    \b
    Examples: adbench summarize
              adbench summarize runs/leaderboard --metric average_precision --pivot data --format markdown
              adbench summarize --filter model=vae --by model.latent_size
    """
    from adbench.analysis.rows import FIRST
    from adbench.analysis.summary import summarize

    columns = [part.strip() for text in by or [] for part in text.split(",")] or list(FIRST)
    if pivot and not by and pivot not in columns:
        columns = [pivot, *columns]
    summary = summarize(runs or [Path("runs")], by=columns, metrics=metric or [], filters=filters or [], sort=sort)
    if as_json or output == "json":
        print_json({name: _records(getattr(summary, name)) for name in _TABLES} | {"beware": list(summary.beware)})
    elif output == "csv":
        for sentence in summary.beware:
            print(f"adbench: {sentence}", file=sys.stderr)
        table = _for_csv(summary, metric)
        _write_csv(table.assign(beware=" ".join(summary.beware)) if summary.beware else table)
    elif output == "table":
        from adbench.cli.display.tables import print_summary

        print_summary(summary, console(whole_lines=True), pivot)
    else:
        from adbench.analysis import tables as summary_sheets
        from adbench.analysis import text_table as sheet

        sheets = summary_sheets.pivot_sheets(summary, pivot) if pivot else [summary_sheets.groups_sheet(summary)]
        print(sheet.as_markdown(sheets) if output == "markdown" else sheet.as_latex(sheets))


def _records(table: Any) -> Any:
    words = {name: table[name].map(_encodable) for name in {"run", "error"} & set(table)}
    return json.loads(table.assign(**words).to_json(orient="records", double_precision=15))


def _for_csv(summary: Any, metrics: list[str] | None) -> Any:
    """The rows with all or the chosen metrics, and with printable text."""
    rows = summary.rows
    if metrics:
        from adbench.analysis.metric_names import choose_metrics
        from adbench.analysis.rows import metric_columns

        known = metric_columns(rows)
        rows = rows[[name for name in rows if name not in known] + choose_metrics(metrics, known)]
    words = {name: rows[name].map(_printable) for name in rows.select_dtypes(exclude="number")}
    return rows.assign(**words).rename(columns=printable)


def _write_csv(table: Any) -> None:
    """Write the same CSV as pandas, in half of the time."""
    columns = [[None if cell != cell else cell for cell in table[name].tolist()] for name in table]
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(table.columns)
    writer.writerows(zip(*columns, strict=True))


def _encodable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _printable(cell: Any) -> Any:
    return printable(cell) if isinstance(cell, str) else cell
