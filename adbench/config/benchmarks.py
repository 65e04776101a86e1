"""Benchmarks: named lists of overrides, so that a published table is one command."""

from typing import Any

import yaml

from adbench.config.options import SWEEP, groups
from adbench.config.paths import config_folder
from adbench.errors import ConfigError
from adbench.text import suggest


def overrides_of(text: str) -> list[str]:
    """The overrides that benchmark=NAME stands for. Raises ConfigError for a name that does not exist."""
    name, known = text.partition("=")[2], groups(SWEEP).get("benchmark", [])
    if name not in known:
        raise ConfigError(f"expected a benchmark that exists, got {text}{suggest(name, known)}")
    document: Any = yaml.safe_load((config_folder() / "benchmark" / f"{name}.yaml").read_text(encoding="utf-8"))
    if not isinstance(document, list) or not all(isinstance(line, str) for line in document):
        raise ConfigError(f"expected a list of overrides in configs/benchmark/{name}.yaml, got something else")
    return document
