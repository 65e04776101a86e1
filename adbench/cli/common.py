"""Parts shared by all commands: exit codes, error sentences, JSON, and a console without markup."""

import errno
import functools
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from adbench.text import printable

if TYPE_CHECKING:
    from adbench.errors import AdbenchError

Runs = Annotated[
    list[Path] | None,
    typer.Argument(help="Run folders, or folders of them. Default: runs/", show_default=False),
]
Json = Annotated[bool, typer.Option("--json", help="Print exactly one JSON document on stdout.")]
KeepOld = Annotated[
    bool, typer.Option("--keep-old", help="Leave finished runs as they are though other code made them.")
]

OVERRIDES_HELP = (
    "Hydra overrides: group=option (model=vae, data=nslkdd, trainer=gpu) or key=value "
    "(seed=3, model.latent_size=4, runs_dir=PATH). `adbench config` shows all keys."
)
Overrides = Annotated[list[str] | None, typer.Argument(help=OVERRIDES_HELP, show_default=False)]


def command(function: Callable[..., int | None]) -> Callable[..., None]:
    """Wrap a command: its outcome becomes an exit code, and a user's mistake one sentence on stderr."""

    @functools.wraps(function)
    def run(**arguments: Any) -> None:
        from adbench.errors import AdbenchError

        code = 0
        try:
            with ignore_broken_pipe():
                code = function(**arguments) or 0
        except AdbenchError as error:
            refuse(error, bool(arguments.get("as_json")))
            code = 2
        except KeyboardInterrupt:
            print("adbench: interrupted; the same command goes on from here", file=sys.stderr)
            code = 130
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            _silence_stdout()
            print(f"adbench: expected room to write, got {error.strerror}; make some", file=sys.stderr)
            code = 2
        raise typer.Exit(code)

    return run


def refuse(error: "AdbenchError", as_json: bool) -> None:
    """Print a user's mistake: its sentences on stderr, and as JSON the one document on stdout."""
    if as_json:
        print_json({"status": "error", "error": str(error)})
    for sentence in error.sentences:
        print(f"adbench: {printable(sentence)}", file=sys.stderr)


@contextmanager
def ignore_broken_pipe() -> Iterator[None]:
    """Ignore a closed pipe, as with `| head`: output ends without an error.

    A command whose exit code is a verdict prints inside, so that the code does not depend on the reader.
    """
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        _silence_stdout()


def _silence_stdout() -> None:
    """Redirect stdout to the null device, so that flushing at exit cannot fail either."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def console(stderr: bool = False, whole_lines: bool = False) -> Any:
    """A console that prints no markup. whole_lines: leave line breaks to the terminal, so that no number is cut."""
    from rich.console import Console as RichConsole

    class Console(RichConsole):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError  # which `command` knows; rich would exit with 1

    # Names from folders and configurations are text, never markup; a pipe is as wide as its longest line.
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() and not whole_lines else 100_000
    return Console(stderr=stderr, markup=False, emoji=False, highlight=False, width=width)


def print_json(document: dict[str, Any]) -> None:
    print(json.dumps(document, indent=2, allow_nan=False))


def print_entries(name: str, entries: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        print_json({name: entries})
    else:
        from adbench.cli.display.tables import print_catalogue

        print_catalogue(entries, console())


def confirmed(what: str, yes: bool) -> None:
    """Ask before something is lost. Raises ConfigError without a terminal to ask in; the answer no aborts."""
    from adbench.errors import ConfigError

    if yes:
        return
    if not sys.stdin.isatty():
        raise ConfigError(f"expected --yes to {what} without being asked, got none; add --yes")
    typer.confirm(f"{what}?", abort=True, err=True)


def say_earlier_names(configs: list[dict[str, Any]]) -> None:
    """Say on stderr if finished runs exist under names of an earlier version."""
    from adbench.results.housekeeping import earlier_names

    if sentence := earlier_names(configs):
        print(f"adbench: {printable(sentence)}", file=sys.stderr)
