"""The command line: a thin layer over public functions that do not print.

Heavy modules are imported only by the commands that need them, so that `--help` answers at once.
"""

import io
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from adbench.cli.about import Group, InstallCompletion, ShowCompletion, Version
from adbench.cli.cache import cache_app
from adbench.cli.check import check
from adbench.cli.config import config
from adbench.cli.data import data_app
from adbench.cli.models import models
from adbench.cli.plugins import activate_folders, plugins_app
from adbench.cli.report import report
from adbench.cli.reproduce import reproduce
from adbench.cli.runs import runs_app
from adbench.cli.summarize import summarize
from adbench.cli.sweep import sweep
from adbench.cli.train import train
from adbench.runner.imports import skip_final_gc

app = typer.Typer(
    cls=Group,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Which detector finds the anomalies in this data, how well, and can I believe the number?",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def main() -> None:
    """The `adbench` command."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed by whoever started this
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115 - for as long as the process lives
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without Unicode gets question marks
    try:
        if shell := os.environ.get("_ADBENCH_TAB"):
            from adbench.cli.completion.answer import complete

            complete(shell, sys.argv[1:])
        else:
            app(args=_options_first(sys.argv[1:]), prog_name="adbench")
    finally:
        skip_final_gc()


@app.callback()
def options(
    plugins: Annotated[
        list[Path] | None,
        typer.Option(
            "--plugins",
            help="Folder of models, datasets and the like of your own; anywhere on the line, and several times."
            " The variable ADBENCH_PLUGINS names folders too.",
            show_default=False,
        ),
    ] = None,
    version: Version = False,
    install_completion: InstallCompletion = None,
    show_completion: ShowCompletion = None,
) -> None:
    """Benchmark of anomaly detectors."""
    if plugins:
        activate_folders(plugins)


# In the order of --help: that of a day's work.
for command in (train, sweep, summarize, report, check, reproduce, models, config):
    app.command()(command)
app.add_typer(data_app, name="data")
app.add_typer(runs_app, name="runs")
app.add_typer(cache_app, name="cache")
app.add_typer(plugins_app, name="plugins")


def _options_first(words: list[str]) -> list[str]:
    """The words of a command line with `--plugins FOLDER` in front, wherever it was typed."""
    moved, kept, rest = [], [], iter(words)
    for word in rest:
        if word == "--":
            kept += [word, *rest]
        elif word == "--plugins" and (folder := next(rest, None)) is not None:
            moved += [word, folder]
        else:
            (moved if word.startswith("--plugins=") else kept).append(word)
    return [*moved, *kept]
