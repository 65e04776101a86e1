"""`adbench runs`: list, remove and rename run folders."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from adbench.cli.common import Json, Runs, command, confirmed, console, print_entries, print_json
from adbench.text import printable

runs_app = typer.Typer(help="List, remove and rename run folders.", no_args_is_help=True, rich_markup_mode=None)

DryRun = Annotated[bool, typer.Option("--dry-run", help="Print what would be done without doing it.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


@runs_app.command("list")
@command
def runs_list(runs: Runs = None, as_json: Json = False) -> None:
    """List the run folders with their status and size.

    Example: adbench runs list runs/leaderboard
    """
    from adbench.results.housekeeping import list_runs

    _finish_removals(runs or [Path("runs")])
    entries = list_runs(runs or [Path("runs")])
    print_entries("runs", entries if as_json else [{k: _text(v) for k, v in e.items()} for e in entries], as_json)


def _text(value: object) -> object:
    return printable(value) if isinstance(value, str) else value


def _finish_removals(folders: list[Path]) -> None:
    """Finish removals that an earlier, killed `rm` left behind."""
    from adbench.results.housekeeping import finish_removals

    for path, reason in finish_removals(folders).items():
        told = f"adbench: {path} is left of a removal that was interrupted: {reason}; remove it by hand"
        print(printable(told), file=sys.stderr)


@runs_app.command()
@command
def rm(
    folders: Annotated[list[Path], typer.Argument(help="Run folders; with --failed, folders of them.")],
    failed: Annotated[
        bool, typer.Option("--failed", help="Only runs that failed, were killed or are damaged.")
    ] = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Remove run folders with everything in them. Asks first.

    \b
    Examples: adbench runs rm runs/nslkdd-vae-s0-53f08af8
              adbench runs rm --failed runs --yes
    """
    from adbench.results.housekeeping import choose, remove

    if not dry_run:
        _finish_removals(folders)
    chosen = choose(folders, failed)
    if not dry_run and chosen:
        confirmed(f"remove {len(chosen):,} run folders", yes)
        remove(chosen)
    if as_json:
        print_json({"removed" if not dry_run else "would_remove": list(map(str, chosen))})
        return
    for folder in chosen:
        print(printable(f"{'would remove' if dry_run else 'removed'} {folder}"))
    if not chosen:
        console(stderr=True).print("nothing to remove")


@runs_app.command()
@command
def migrate(runs: Runs = None, dry_run: DryRun = False, as_json: Json = False) -> None:
    """Rename run folders named by an earlier version, so that today's version finds them finished.

    Names used to depend on the module paths of adbench's classes. The contents of the folders are not changed.
    """
    from adbench.results.housekeeping import RENAMED
    from adbench.results.housekeeping import migrate as migrate_runs

    migrations = migrate_runs(runs or [Path("runs")], dry_run)
    if as_json:
        print_json({"runs": [migration.document() for migration in migrations]})
        return
    for migration in migrations:
        after = migration.after.name if migration.after else ""
        told = f"-> {after}" if migration.status == RENAMED else f"left: {migration.reason}"
        print(printable(f"{migration.before} {told}"))
    n_renamed = sum(migration.status == RENAMED for migration in migrations)
    print(
        f"{n_renamed:,} {'to rename' if dry_run else 'renamed'}, {len(migrations) - n_renamed:,} left", file=sys.stderr
    )
