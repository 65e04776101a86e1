"""`adbench data`: the datasets, their cards and their files."""

import sys
from typing import Annotated

import typer

from adbench.cli.common import Json, command, console, print_entries, print_json
from adbench.text import printable

Name = Annotated[str, typer.Argument(help="A dataset, as `adbench data list` names it.", show_default=False)]

data_app = typer.Typer(help="The datasets.", no_args_is_help=True, rich_markup_mode=None)


@data_app.command("list")
@command
def data_list(as_json: Json = False) -> None:
    """List the datasets that data= can name."""
    from adbench.data.catalogue import list_datasets

    print_entries("datasets", list_datasets(), as_json)


@data_app.command()
@command
def show(
    name: Name,
    overrides: Annotated[
        list[str] | None, typer.Argument(help="Overrides of its keys, such as data.folder=PATH.", show_default=False)
    ] = None,
    as_json: Json = False,
) -> None:
    """Show the card of a dataset: rows, times, families, duplicates, label leakage, licence and citation.

    \b
    Examples: adbench data show nslkdd
              adbench data show table data.path=rows.csv data.label=fraud
    """
    from adbench.analysis.dataset_card import card

    found = card(name, overrides or [])
    if as_json:
        print_json(found)
    else:
        from adbench.cli.display.tables import print_card

        print_card(found, console())


@data_app.command()
@command
def fetch(
    name: Name,
    source: Annotated[
        str | None,
        typer.Option("--from", help="A folder, or the address of one, instead of the mirrors.", show_default=False),
    ] = None,
    as_json: Json = False,
) -> None:
    """Download the files of a dataset into the data folder and verify them; files that are complete already are kept.

    The data folder is ADBENCH_DATA, or the bundled one if that is not set.

    \b
    Examples: adbench data fetch nslkdd
              adbench data fetch nslkdd --from /mnt/offline/datasets
    """
    from adbench.data import catalogue as datasets

    files = datasets.fetch(name, source, report=lambda step: print(f"adbench: {printable(step)}", file=sys.stderr))
    print_entries("files", files, as_json)


@data_app.command()
@command
def verify(
    name: Annotated[str | None, typer.Argument(help="A dataset. Default: all.", show_default=False)] = None,
    as_json: Json = False,
) -> int:
    """Compare the sha256 and row counts of the files on disk with the upstream ones; exit code 2 if one differs."""
    from adbench.data import catalogue as datasets

    files = datasets.verify(name)
    print_entries("files", files, as_json)
    problems = [file for file in files if file["problem"]]
    for file in problems:
        print(
            f"adbench: expected the upstream file at {file['path']}, got {file['problem']}; "
            f"adbench data fetch {file['dataset']} gets it",
            file=sys.stderr,
        )
    return 2 if problems else 0
