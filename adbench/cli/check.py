"""`adbench check`: the gate for continuous integration."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from adbench.cli.common import Json, Runs, command, console, ignore_broken_pipe, print_json
from adbench.text import printable

if TYPE_CHECKING:
    from adbench.gate.check import Report


@command
def check(
    baseline: Annotated[
        Path, typer.Option("--baseline", help="The file to compare with, or to write.", show_default=False)
    ],
    runs: Runs = None,
    update: Annotated[
        bool, typer.Option("--update", help="Write the baseline from the runs: at least three seeds, better ten.")
    ] = False,
    metric: Annotated[
        list[str] | None,
        typer.Option(
            help="Metric to judge instead of roc_auc, average_precision, tpr_at_1pct_fpr, fit_seconds and"
            " score_seconds; repeatable. With --update: metric to store besides those of all test rows.",
            show_default=False,
        ),
    ] = None,
    alpha: Annotated[float, typer.Option(help="Probability of any false alarm, over all quality comparisons.")] = 0.05,
    tolerance: Annotated[
        float,
        typer.Option(help="Accepted drop in quality: a metric passes if a larger drop is excluded."),
    ] = 0.01,
    speed_tolerance: Annotated[
        float,
        typer.Option("--speed-tolerance", help="Accepted slowdown, below which nothing is reported: 0.2 is 20 %."),
    ] = 0.2,
    gate_speed: Annotated[
        bool,
        typer.Option(
            "--gate-speed",
            help="Let speed decide the exit code too. Times are comparable on one machine only, and runs that shared a"
            " busy machine were slow together: they are weaker evidence than the number of seeds suggests.",
        ),
    ] = False,
    output: Annotated[
        Literal["table", "json", "junit", "markdown"],
        typer.Option("--format", help="markdown: a comment for a pull request."),
    ] = "table",
    as_json: Json = False,
) -> int:
    """Say whether detectors have become worse than a baseline: the gate for continuous integration.

    Each metric of each data x model is compared over its seeds, pairwise if both sides have the same ones. regression:
    a drop that chance does not explain, after correction for all comparisons. pass: a drop beyond the tolerance is
    excluded. inconclusive: neither; the table says how many seeds would decide.

    Exit codes: 0 pass or improvement, 1 regression or a failed run, 3 inconclusive or missing runs, 2 a wrong request.

    \b
    Examples: adbench check --baseline baselines/nslkdd.json runs/regression
              adbench check --baseline baselines/nslkdd.json --update runs/regression
              adbench check --baseline baselines/nslkdd.json --format markdown > comment.md
    """
    from adbench.gate.check import Limits, check

    folders = runs or [Path("runs")]
    if update:
        return _update(baseline, folders, metric or [], as_json or output == "json")
    report = check(baseline, folders, metric or [], Limits(alpha, tolerance, speed_tolerance, gate_speed))
    with ignore_broken_pipe():
        _print(report, "json" if as_json else output)
    return report.exit_code


def _print(report: "Report", output: str) -> None:
    from adbench.gate import formats as check_formats

    if output == "json":
        print_json(check_formats.as_document(report))
    elif output == "junit":
        print(check_formats.as_junit(report))
    elif output == "markdown":
        print(check_formats.as_markdown(report))
    else:
        _print_table(report)


def _update(baseline: Path, folders: list[Path], metrics: list[str], as_json: bool) -> int:
    from adbench.gate.check import update

    configurations, warnings = update(baseline, folders, metrics)
    for warning in warnings:
        print(f"adbench: {printable(warning)}", file=sys.stderr)
    if as_json:
        entries = [{"data": c.data, "model": c.model, "seeds": c.seeds} for c in configurations]
        print_json({"baseline": str(baseline), "configurations": entries, "warnings": warnings})
    else:
        n_runs = sum(len(c.seeds) for c in configurations)
        print(f"{printable(str(baseline))}: {len(configurations)} configurations, {n_runs} runs")
    return 0


def _print_table(report: "Report") -> None:
    from rich.table import Table

    from adbench.gate.formats import HEADINGS, N_TEXT_COLUMNS, cells, explanation, headline

    out = console(whole_lines=True)
    speed = "speed" if report.limits.gate_speed else "speed, which does not count for the exit code"
    for title, kind in (("quality", "quality"), (speed, "speed")):
        table = Table(title=title, title_justify="left", box=None, pad_edge=False, padding=(0, 2, 0, 0))
        for i, heading in enumerate(HEADINGS):
            as_text = i < N_TEXT_COLUMNS or i == len(HEADINGS) - 1
            table.add_column(heading, justify="left" if as_text else "right", overflow="fold")
        for verdict in report.verdicts:
            if verdict.rules.kind == kind:
                table.add_row(*cells(verdict))
        if table.row_count:
            out.print(table)
            out.print()
    for note in report.notes:
        out.print(f"note: {printable(note)}")
    out.print(explanation(report))
    out.print(headline(report))
