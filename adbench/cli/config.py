"""`adbench config`."""

from pathlib import Path

from adbench.cli.common import Json, Overrides, command, print_json


@command
def config(overrides: Overrides = None, as_json: Json = False) -> None:
    """Print the configuration that `adbench train` would run, with every key that can be overridden."""
    from adbench.config.compose import compose
    from adbench.config.identity import run_name

    composed = compose(overrides or [])
    if as_json:
        print_json({"run": str(Path(composed["runs_dir"]) / run_name(composed)), "config": composed})
    else:
        import yaml

        print(yaml.safe_dump(composed, sort_keys=False), end="")
