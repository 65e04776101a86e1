"""`adbench report`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from adbench.cli.common import Json, Runs, command, print_json

if TYPE_CHECKING:
    from adbench.config.alarm_rate import Use


@command
def report(
    runs: Runs = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", help="The page. Default: report.html, or no page with --figures.", show_default=False
        ),
    ] = None,
    figures: Annotated[
        Path | None,
        typer.Option("--figures", help="A folder for the figures, each as SVG, PNG and PDF.", show_default=False),
    ] = None,
    only: Annotated[
        str | None,
        typer.Option(
            "--only", help="Only this figure, by the name in its caption: roc, scores-nslkdd, ...", show_default=False
        ),
    ] = None,
    base_rate: Annotated[
        float | None,
        typer.Option(
            "--base-rate",
            help="Share of anomalies in use: shows how many alarms are right at this rate.",
            show_default=False,
        ),
    ] = None,
    rows_per_day: Annotated[
        float | None,
        typer.Option("--rows-per-day", help="Normal rows per day: shows false alarms per day.", show_default=False),
    ] = None,
    cards: Annotated[bool, typer.Option(help="Include data cards; each loads its dataset.")] = True,
    as_json: Json = False,
) -> None:
    """Write one HTML file about finished runs: leaderboard, curves, histograms, false alarms, training, data cards.

    It works offline. Figures of scores show the first seed of each configuration.

    \b
    Examples: adbench report
              adbench report runs/leaderboard -o docs/report.html
              adbench report runs/leaderboard --figures paper/figures --only roc-nslkdd
              adbench report --base-rate 1e-4 --rows-per-day 1e6
    """
    from adbench.reporting.build import report

    use = _use(base_rate, rows_per_day)
    if output is None and figures is None:
        output = Path("report.html")
    made = report(runs or [Path("runs")], output, figures=figures, only=only, with_cards=cards, use=use)
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


def _use(base_rate: float | None, rows_per_day: float | None) -> "Use | None":
    """The base rate and rows per day. Raises ConfigError for invalid numbers, and for rows without a base rate."""
    from adbench.config.alarm_rate import require_use
    from adbench.errors import ConfigError

    if base_rate is not None:
        return require_use(base_rate, rows_per_day, is_option=True)
    if rows_per_day is not None:
        raise ConfigError("expected --base-rate beside --rows-per-day, got none; write one such as --base-rate 1e-4")
    return None
