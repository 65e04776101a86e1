"""What there is: models and datasets, found by their files. Needs no torch."""

import importlib
from typing import Any

import yaml

from adbench.config import groups
from adbench.paths import config_folder, data_folder


def list_models() -> list[dict[str, Any]]:
    """Each model: its name on the command line, what it is, and its arguments with their defaults."""
    entries = []
    for name in groups()["model"]:
        text = _yaml("model", name)
        arguments = {key: value for key, value in yaml.safe_load(text).items() if key != "_target_"}
        entries.append({"name": name, "description": _first_comment(text), "arguments": arguments})
    return entries


def list_datasets() -> list[dict[str, Any]]:
    """Each dataset: its name on the command line, what it is, its licence, and whether its files are on disk."""
    entries = []
    for name in groups()["data"]:
        target = yaml.safe_load(_yaml("data", name))["_target_"]
        module = importlib.import_module(target.rpartition(".")[0])
        folder = data_folder() / module.__name__.rpartition(".")[2]
        entries.append(
            {
                "name": name,
                "description": module.TITLE,
                "rows": sum(module.ROWS.values()),
                "licence": module.LICENCE,
                "on disk": all((folder / f"{file}.gz").is_file() for file in module.FILES),
            }
        )
    return entries


def _yaml(group: str, name: str) -> str:
    return (config_folder() / group / f"{name}.yaml").read_text(encoding="utf-8")


def _first_comment(text: str) -> str:
    first = text.splitlines()[0]
    return first.removeprefix("#").strip() if first.startswith("#") else ""
