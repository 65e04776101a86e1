"""`adbench plugins`."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from adbench.cli.common import Json, command, console, print_entries, print_json, refuse
from adbench.text import printable

plugins_app = typer.Typer(
    help="Models, datasets, preprocessing, protocols and thresholds of your own: see which are active, and check them.",
    no_args_is_help=True,
)


def activate_folders(folders: list[Path]) -> None:
    """Activate what `--plugins` names, or end with one sentence and exit code 2."""
    from adbench.config.plugins import activate
    from adbench.errors import ConfigError

    try:
        activate(*folders)
    except ConfigError as error:
        refuse(error, as_json="--json" in sys.argv)
        raise typer.Exit(2) from None


@plugins_app.command("list")
@command
def plugins_list(as_json: Json = False) -> None:
    """The active plugins: where they lie, and which options they add.

    Example: adbench plugins list --plugins ./mine
    """
    from adbench.config.plugins import active

    entries = [
        {
            "name": plugin.name,
            "version": plugin.version,
            "folder": printable(str(plugin.folder)),
            "options": plugin.options() if as_json else _typed(plugin.options()),
            "sha256": plugin.sha256() if as_json else plugin.sha256()[:12],
        }
        for plugin in active()
    ]
    if entries or as_json:
        print_entries("plugins", entries, as_json)
    else:
        console(stderr=True).print("no plugin is active; --plugins FOLDER activates one")


def _typed(options: dict[str, list[str]]) -> str:
    return printable("  ".join(f"{group}={','.join(names)}" for group, names in options.items()))


@plugins_app.command("check")
@command
def plugins_check(
    names: Annotated[
        list[str] | None, typer.Argument(help="Active plugins. Default: all of them.", show_default=False)
    ] = None,
    as_json: Json = False,
) -> int:
    """Try every option of a plugin in a run, and its models against the detector contract. Exit code 1: one failed.

    Example: adbench plugins check --plugins ./mine
    """
    from adbench.config.plugins import active
    from adbench.errors import ConfigError
    from adbench.text import suggest

    known = {plugin.name: plugin for plugin in active()}
    for name in names or ():
        if name not in known:
            raise ConfigError(f"expected an active plugin, got {name}{suggest(name, known)}")
    if not known:
        raise ConfigError("expected an active plugin to check, got none; activate one with --plugins FOLDER")
    results = [result for name in names or known for result in _results(known[name], as_json)]
    if as_json:
        print_json({"checks": results})
    failed = sum(not result["passed"] for result in results)
    if not as_json:
        print(f"{len(results) - failed} passed, {failed} failed")
    return 1 if failed else 0


def _results(plugin: Any, as_json: bool) -> list[dict[str, Any]]:
    """The outcome of each check, said as it comes."""
    from adbench.errors import AdbenchError
    from adbench.testing.plugins import checks_of_plugin

    results = []
    for check in checks_of_plugin(plugin):
        error = ""
        try:
            check()
        except (AssertionError, AdbenchError) as failure:
            error = " ".join(str(failure).split())
        except Exception as failure:  # a plugin's class can raise anything
            error = f"{type(failure).__name__}: {' '.join(str(failure).split())}"
        results.append({"plugin": plugin.name, "option": check.option, "check": check.what, "passed": not error})
        results[-1]["error"] = printable(error)
        if not as_json:
            said = f"FAILED {check}: {error[:300]}" if error else f"ok     {check}"
            print(printable(said), flush=True)
    return results
