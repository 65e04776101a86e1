"""`adbench report`."""

from pathlib import Path
from typing import Annotated

import typer

from adbench.cli.common import Json, Runs, command, print_json


@command
def report(
    runs: Runs = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", help="The page. Default: report.html; without --figures only.", show_default=False
        ),
    ] = None,
    figures: Annotated[
        Path | None,
        typer.Option("--figures", help="A folder for the figures, each as SVG, PNG and PDF.", show_default=False),
    ] = None,
    only: Annotated[
        str | None,
        typer.Option(
            "--only", help="Only this figure: roc, scores-nslkdd, ... as its caption says.", show_default=False
        ),
    ] = None,
    cards: Annotated[bool, typer.Option(help="Data cards; each reads its dataset.")] = True,
    as_json: Json = False,
) -> None:
    """One HTML file about finished runs: leaderboard, curves, histograms, false alarms, training, data cards.

    It opens without a network. Figures of scores show the first seed of each configuration.

    \b
    Examples: adbench report
              adbench report runs/leaderboard -o docs/report.html
              adbench report runs/leaderboard --figures paper/figures --only roc-nslkdd
    """
    from adbench.reporting.build import report

    if output is None and figures is None:
        output = Path("report.html")
    made = report(runs or [Path("runs")], output, figures=figures, only=only, with_cards=cards)
    if as_json:
        print_json(
            {
                "report": str(made.page) if made.page else None,
                "figures": list(map(str, made.figures)),
                "runs": made.n_runs,
                "finished": made.n_finished,
                "configurations": made.n_configurations,
            }
        )
        return
    read = f"{made.n_runs:,} runs, {made.n_finished:,} finished, configurations: {made.n_configurations:,}"
    if made.page:
        print(f"{made.page}: {read}, {made.page.stat().st_size / 1e6:.1f} MB")
    if figures:
        print(f"{figures}: {len(made.figures):,} files of figures, {read}")
