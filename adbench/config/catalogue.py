"""What there is: models and datasets, found by their files. Needs no torch."""

import importlib
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml

from adbench.config.compose import groups
from adbench.config.paths import config_folder, data_folder
from adbench.errors import ConfigError
from adbench.text import suggest


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
        module = dataset_module(name)
        files = files_of(module)
        entries.append(
            {
                "name": name,
                "description": module.TITLE,
                "rows": sum(module.ROWS.values()) if files else None,
                "licence": module.LICENCE,
                "on disk": all(map(_is_file, files.values())) if files else None,
            }
        )
    return entries


def dataset_module(name: str) -> ModuleType:
    """The module with a dataset's facts. Raises ConfigError, with the nearest names, for an unknown dataset."""
    known = groups()["data"]
    if name not in known:
        raise ConfigError(f"expected a dataset that exists, got {name}{suggest(name, known)}")
    target = yaml.safe_load(_yaml("data", name))["_target_"]
    return importlib.import_module(target.rpartition(".")[0])


def files_of(module: ModuleType) -> dict[str, Path]:
    """A dataset's upstream files -> where each lies, or belongs, on disk."""
    # Two datasets can share a folder; one that lies in another's says so.
    folder = data_folder() / getattr(module, "FOLDER", module.__name__.rpartition(".")[2])
    return {file: folder / (file if file.endswith(".gz") else f"{file}.gz") for file in module.FILES}


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a folder that may not be entered, or a name too long
        return False


def _yaml(group: str, name: str) -> str:
    return (config_folder() / group / f"{name}.yaml").read_text(encoding="utf-8")


def _first_comment(text: str) -> str:
    first = text.splitlines()[0]
    return first.removeprefix("#").strip() if first.startswith("#") else ""
