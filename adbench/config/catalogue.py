"""Catalogue of the models, found by their files. Needs no torch."""

from typing import Any

from adbench.config.keys import TARGET
from adbench.config.options import groups, option_file
from adbench.config.plugins import read_yaml


def list_models() -> list[dict[str, Any]]:
    """Each model: its name on the command line, its description, and its arguments with their defaults."""
    entries = []
    for name in groups()["model"]:
        file = option_file("model", name)
        arguments = {key: value for key, value in read_yaml(file).items() if key != TARGET}
        entries.append({"name": name, "description": _first_comment(file.read_text("utf-8")), "arguments": arguments})
    return entries


def _first_comment(text: str) -> str:
    first = text.splitlines()[0]
    return first.removeprefix("#").strip() if first.startswith("#") else ""
