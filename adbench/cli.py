"""The command line: a thin skin over public functions that do not print.

Nothing heavy is imported before a command needs it, so that `--help` answers at once.
"""

import functools
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

OVERRIDES_HELP = (
    "Hydra overrides: group=option (model=vae, data=nslkdd, trainer=gpu) or key=value "
    "(seed=3, model.latent_size=4, runs_dir=PATH). `adbench config` shows all keys."
)
Overrides = Annotated[list[str] | None, typer.Argument(help=OVERRIDES_HELP, show_default=False)]
Json = Annotated[bool, typer.Option("--json", help="Print exactly one JSON document on stdout.")]

app = typer.Typer(
    help="Which detector finds the anomalies in this data, how well, and can I believe the number?",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
data_app = typer.Typer(help="The datasets.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(data_app, name="data")


def main() -> None:
    """The `adbench` command."""
    app()


def reported(command: Callable[..., int | None]) -> Callable[..., None]:
    """Turn a command's outcome into an exit code, and a user's mistake into one sentence on stderr."""

    @functools.wraps(command)
    def run(**arguments: Any) -> None:
        from adbench.errors import AdbenchError

        try:
            code = command(**arguments) or 0
        except AdbenchError as error:
            if arguments.get("as_json"):
                _print_json({"status": "error", "error": str(error)})
            print(f"adbench: {error}", file=sys.stderr)
            code = 2
        except KeyboardInterrupt:
            print("adbench: interrupted; the same command starts it again", file=sys.stderr)
            code = 130
        except BrokenPipeError:
            # The reader went away, as `| head` does; nothing is left to say, not even at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            code = 0
        raise typer.Exit(code)

    return run


@app.command()
@reported
def train(
    overrides: Overrides = None,
    force: Annotated[bool, typer.Option("--force", help="Run again what is finished already.")] = False,
    as_json: Json = False,
) -> int:
    """Train one detector, test it, and say how far to believe it.

    The run lies in runs/<data>-<model>-s<seed>-<hash>; the same configuration is not run twice.

    Examples: adbench train model=vae data=nslkdd
              adbench train model=ae seed=3 preprocess=minmax trainer.max_epochs=40
    """
    from contextlib import nullcontext

    from adbench import runner
    from adbench.config import compose
    from adbench.results import finished_run

    config = compose(overrides or [])
    if not force and (finished := finished_run(runner.run_path(config))):
        print(f"adbench: {finished.folder} is finished already; --force runs it again", file=sys.stderr)
    if sys.stderr.isatty():
        from adbench.progress import RichReporter

        drawing: Any = RichReporter(_console(stderr=True))
    else:
        drawing = nullcontext(runner.Reporter())
    with drawing as reporter:
        run = runner.run(config, force=force, reporter=reporter)
    if as_json:
        _print_json(run.document())
    elif run.status == "done":
        from adbench.panel import result_panel

        _console().print(result_panel(run))
    if run.status == "failed":
        print(f"adbench: the run failed: {run.error}; see {run.folder / 'error.txt'}", file=sys.stderr)
        return 1
    return 0


@app.command()
@reported
def summarize(
    runs: Annotated[
        list[Path] | None,
        typer.Argument(help="Run folders, or folders of them. Default: runs/", show_default=False),
    ] = None,
    as_json: Json = False,
) -> None:
    """Tables of finished runs: one row a run, then mean and standard deviation over seeds."""
    from adbench import summary

    tables = summary.summarize(runs or [Path("runs")])
    if as_json:
        records = {name: json.loads(getattr(tables, name).to_json(orient="records")) for name in ("rows", "groups")}
        _print_json(records)
    else:
        from adbench.tables import print_summary

        print_summary(tables, _console())


@app.command()
@reported
def models(as_json: Json = False) -> None:
    """The detectors that model= can name."""
    from adbench.catalogue import list_models

    _print_catalogue("models", list_models(), as_json)


@data_app.command("list")
@reported
def data_list(as_json: Json = False) -> None:
    """The datasets that data= can name."""
    from adbench.catalogue import list_datasets

    _print_catalogue("datasets", list_datasets(), as_json)


@app.command()
@reported
def config(overrides: Overrides = None, as_json: Json = False) -> None:
    """Print the configuration that `adbench train` would run, with every key that can be overridden."""
    from adbench.config import compose, run_name

    composed = compose(overrides or [])
    if as_json:
        _print_json({"run": str(Path(composed["runs_dir"]) / run_name(composed)), "config": composed})
    else:
        import yaml

        print(yaml.safe_dump(composed, sort_keys=False), end="")


def _console(stderr: bool = False) -> Any:
    from rich.console import Console

    # Names from folders and configurations are text, never markup; a pipe is as wide as its longest line.
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else 100_000
    return Console(stderr=stderr, markup=False, emoji=False, highlight=False, width=width)


def _print_catalogue(name: str, entries: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        _print_json({name: entries})
    else:
        from adbench.tables import print_catalogue

        print_catalogue(entries, _console())


def _print_json(document: dict[str, Any]) -> None:
    print(json.dumps(document, indent=2, allow_nan=False))
