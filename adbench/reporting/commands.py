"""Which command makes a configuration's runs again, as good as its configuration tells."""

import shlex
from collections.abc import Iterable

import yaml

from adbench.config.paths import config_folder
from adbench.reporting.content import Configuration
from adbench.reporting.html import text


def run_table(configurations: Iterable[Configuration]) -> str:
    """One row a configuration: its command and the folders of its runs."""
    defaults = _default_choices()
    rows = "".join(_row(c, defaults) for c in configurations)
    return (
        '<div class="scroll" tabindex="0" role="region" aria-label="Commands"><table><thead><tr><th>Data</th>'
        f"<th>Model</th><th>Command</th><th>First run</th></tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _row(c: Configuration, defaults: dict[str, str]) -> str:
    folder = c.all_rows.iloc[0]["run"]
    return (
        f"<tr><td>{text(c.task, 60)}</td><td><b>{text(c.model, 40)}</b></td><td><code>{text(command(c, defaults), 600)}"
        f"</code></td><td><code>{text(folder, 160)}</code></td></tr>"
    )


def command(configuration: Configuration, defaults: dict[str, str]) -> str:
    """Choices that are not the default, the settings that differ within the report, and the seeds; for a shell."""
    seeds = sorted({int(seed) for seed in configuration.all_rows["seed"]})
    if configuration.runs:
        chosen = configuration.runs[0].config["choices"]
    else:
        chosen = {"data": configuration.data, "model": configuration.model}
    words = [f"{group}={chosen[group]}" for group in ("data", "model") if group in chosen]
    words += [f"{g}={o}" for g, o in sorted(chosen.items()) if g not in ("data", "model") and defaults.get(g) != o]
    words += [word for word in _words(configuration.settings) if word.partition("=")[0] not in chosen]
    words.append(f"seed={','.join(map(str, seeds))}")
    return shlex.join(["adbench", "train" if len(seeds) == 1 else "sweep", *words])


def _words(settings: str) -> list[str]:
    """`a=1 b=[2, 3]` -> a=1, b=[2, 3]: a word begins where something before an equals sign does."""
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
