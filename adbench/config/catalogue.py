"""Catalogue of the models, found by their files. Needs no torch."""

from typing import Any

import yaml

from adbench.config.options import groups, option_file


def list_models() -> list[dict[str, Any]]:
    """Each model: its name on the command line, its description, and its arguments with their defaults."""
    entries = []
    for name in groups()["model"]:
        text = _yaml("model", name)
        arguments = {key: value for key, value in yaml.safe_load(text).items() if key != "_target_"}
        entries.append({"name": name, "description": _first_comment(text), "arguments": arguments})
    return entries


def _yaml(group: str, name: str) -> str:
    return option_file(group, name).read_text(encoding="utf-8")


def _first_comment(text: str) -> str:
    first = text.splitlines()[0]
    return first.removeprefix("#").strip() if first.startswith("#") else ""
