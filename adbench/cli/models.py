"""`adbench models`."""

from adbench.cli.common import Json, command, print_entries


@command
def models(as_json: Json = False) -> None:
    """List the detectors that model= can name."""
    from adbench.config.catalogue import list_models

    print_entries("models", list_models(), as_json)
