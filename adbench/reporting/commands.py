"""Commands that reproduce a configuration's runs, as far as the recorded configuration allows."""

import shlex
from collections.abc import Iterable
from dataclasses import dataclass

import yaml

from adbench.config.paths import config_folder
from adbench.reporting.content import Configuration
from adbench.results.code import CODE
from adbench.results.versions import SIGN


@dataclass(frozen=True)
class MadeBy:
    """The command that makes a configuration's runs, and the folder of the first."""

    task: str
    model: str
    command: str
    folder: str


def made_by(configurations: Iterable[Configuration]) -> list[MadeBy]:
    """One per configuration."""
    defaults = _default_choices()
    return [MadeBy(c.task, c.model, command(c, defaults), c.all_rows.iloc[0]["run"]) for c in configurations]


def command(configuration: Configuration, defaults: dict[str, str]) -> str:
    """A shell command with all non-default choices, the settings that vary within the report, and the seeds."""
    seeds = sorted({int(seed) for seed in configuration.all_rows["seed"]})
    if configuration.runs:
        chosen = configuration.runs[0].config["choices"]
    else:
        chosen = {"data": configuration.data.partition(SIGN)[0], "model": configuration.model}
    words = [f"{group}={chosen[group]}" for group in ("data", "model") if group in chosen]
    words += [f"{g}={o}" for g, o in sorted(chosen.items()) if g not in ("data", "model") and defaults.get(g) != o]
    data = configuration.runs[0].config.get("data") if configuration.runs else None
    if isinstance(data, dict) and isinstance(table := data.get("table"), str):
        words.append(f"data.table={table}")
    words += [word for word in _words(configuration.settings) if word.partition("=")[0] not in (*chosen, CODE)]
    words.append(f"seed={','.join(map(str, seeds))}")
    return shlex.join(["adbench", "train" if len(seeds) == 1 else "sweep", *words])


def _words(settings: str) -> list[str]:
    """`a=1 b=[2, 3]` -> a=1, b=[2, 3]: only a part with an equals sign begins a word."""
    words: list[str] = []
    for part in settings.split(" "):
        if "=" in part or not words:
            words.append(part)
        else:
            words[-1] += f" {part}"
    return [word for word in words if word]


def _default_choices() -> dict[str, str]:
    document = yaml.safe_load((config_folder() / "train.yaml").read_text(encoding="utf-8"))
    return {group: option for line in document["defaults"] if isinstance(line, dict) for group, option in line.items()}
