"""The command line: a thin skin over public functions that do not print.

Nothing heavy is imported before a command needs it, so that `--help` answers at once.
"""

import io
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from adbench.cli_check import check
from adbench.cli_data import data_app
from adbench.cli_report import report
from adbench.cli_reproduce import reproduce
from adbench.cli_summarize import summarize
from adbench.cli_sweep import run_sweep, sweep
from adbench.terminal import Json, console, print_entries, print_json, reported

OVERRIDES_HELP = (
    "Hydra overrides: group=option (model=vae, data=nslkdd, trainer=gpu) or key=value "
    "(seed=3, model.latent_size=4, runs_dir=PATH). `adbench config` shows all keys."
)
Overrides = Annotated[list[str] | None, typer.Argument(help=OVERRIDES_HELP, show_default=False)]

app = typer.Typer(
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
    app()


@reported
def train(
    overrides: Overrides = None,
    force: Annotated[bool, typer.Option("--force", help="Run again what is finished already.")] = False,
    multirun: Annotated[
        bool, typer.Option("-m", "--multirun", help="Several values for a key: the same as `adbench sweep`.")
    ] = False,
    as_json: Json = False,
) -> int:
    """Train one detector, test it, and say how far to believe it.

    The run lies in runs/<data>-<model>-s<seed>-<hash>; the same configuration is not run twice,
    and one that was interrupted or killed while it trained goes on from its last checkpoint.

    \b
    Examples: adbench train model=vae data=nslkdd
              adbench train model=ae seed=3 preprocess=minmax trainer.max_epochs=40
    """
    if multirun:
        return run_sweep(overrides or [], as_json, force=force)
    from contextlib import nullcontext

    from adbench import runner
    from adbench.config import compose
    from adbench.results import finished_run

    config = compose(overrides or [])
    if not force and (finished := finished_run(runner.run_path(config))):
        print(f"adbench: {finished.folder} is finished already; --force runs it again", file=sys.stderr)
    if sys.stderr.isatty():
        from adbench.progress import RichReporter

        drawing: Any = RichReporter(console(stderr=True))
    else:
        from adbench.reporter import PlainReporter

        drawing = nullcontext(PlainReporter())
    with drawing as reporter:
        run = runner.run(config, force=force, reporter=reporter)
    if as_json:
        print_json(run.document())
    elif run.status == "done":
        from adbench.panel import result_panel

        console().print(result_panel(run))
    if run.status == "failed":
        print(f"adbench: the run failed: {run.error}; see {run.folder / 'error.txt'}", file=sys.stderr)
        return 1
    if run.status == "pruned":
        print(f"adbench: the run was stopped {run.error}, by the file stop in {run.folder}", file=sys.stderr)
    return 0


@reported
def models(as_json: Json = False) -> None:
    """The detectors that model= can name."""
    from adbench.catalogue import list_models

    print_entries("models", list_models(), as_json)


@reported
def config(overrides: Overrides = None, as_json: Json = False) -> None:
    """Print the configuration that `adbench train` would run, with every key that can be overridden."""
    from adbench.config import compose, run_name

    composed = compose(overrides or [])
    if as_json:
        print_json({"run": str(Path(composed["runs_dir"]) / run_name(composed)), "config": composed})
    else:
        import yaml

        print(yaml.safe_dump(composed, sort_keys=False), end="")


# In the order of --help: that of a day's work.
for command in (train, sweep, summarize, report, check, reproduce, models, config):
    app.command()(command)
app.add_typer(data_app, name="data")
