"""Stored configurations, recomposed with today's files. They may be untrusted: nothing in them is executed."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adbench.config.compose import compose
from adbench.config.identity import is_unsaid
from adbench.config.keys import NOTHING_WHILE_NULL, TARGET, WHERE_NOT_WHAT, Config
from adbench.config.options import groups
from adbench.config.overrides import hydra_at_hand, parse
from adbench.config.validate import match_types
from adbench.errors import ConfigError

# These always come from the current run: its location, what it shares, and its loggers.
_OWN = ("choices", "runs_dir", "logger", "cache", "cache_gb", "memory_gb", "keep_values")


@dataclass
class Recomposed:
    """A configuration that can be run, and its differences from the stored one, by key."""

    config: Config
    unknown: dict[str, Any] = field(default_factory=dict)  # stored but unknown today: left out
    defaulted: dict[str, Any] = field(default_factory=dict)  # not stored: today's default
    overridden: dict[str, Any] = field(default_factory=dict)  # given now, with the new value
    notes: list[str] = field(default_factory=list)


def recompose(stored: Config, overrides: Sequence[str] = ()) -> Recomposed:
    """The chosen options, composed from today's files, with the stored values applied on top.

    A stored value must have the type that an override would need; a stored `_target_` is ignored. overrides: of single
    keys, for files that have moved. Raises ConfigError for an option or a value that does not fit.
    """
    known = groups()
    choices = {group: option for group, option in stored["choices"].items() if group in known}
    chosen = [f"{group}={option}" for group, option in choices.items()]
    defaults = compose(chosen)
    made = Recomposed(copy.deepcopy(defaults))
    made.notes += [f"there is no group {group} any more" for group in stored["choices"].keys() - known.keys()]
    values = {key: value for key, value in stored.items() if key not in _OWN}
    _lay_over(made, made.config, values, "")
    _say_defaults(made, values)
    match_types(made.config, defaults, "")
    _forget_folder(made, defaults)
    _override(made, chosen, overrides)
    return made


def _lay_over(made: Recomposed, node: Config, values: Config, path: str) -> None:
    for key, value in values.items():
        where = f"{path}{key}"
        if key not in node:
            made.unknown[where] = value
        elif key == TARGET:
            continue
        elif isinstance(node[key], dict) and isinstance(value, dict):
            _lay_over(made, node[key], value, f"{where}.")
        else:
            node[key] = copy.deepcopy(value)


def _say_defaults(made: Recomposed, values: Config) -> None:
    for key, default in made.config.items():
        left_out = WHERE_NOT_WHAT.get(key, ())
        if left_out is None or key in _OWN:
            continue
        if key not in values:
            if not is_unsaid(key, default):
                made.defaulted[key] = default
        elif isinstance(default, dict) and isinstance(values[key], dict):
            missing = default.keys() - values[key].keys() - {*left_out, TARGET}
            for inner in missing:
                if f"{key}.{inner}" in NOTHING_WHILE_NULL:  # null stands for the behaviour before the key existed
                    default[inner] = None
            new = {f"{key}.{inner}": default[inner] for inner in sorted(missing)}
            made.defaulted |= {name: value for name, value in new.items() if not is_unsaid(name, value)}


def _forget_folder(made: Recomposed, defaults: Config) -> None:
    """Replace a data folder that does not exist here by today's default; it is a location, not part of the data."""
    data = made.config["data"]
    if isinstance(folder := data.get("folder"), str) and not Path(folder).is_dir():
        made.notes.append(f"the data folder {folder} is not here; today's default is taken")
        data["folder"] = defaults["data"]["folder"]


def _override(made: Recomposed, chosen: list[str], overrides: Sequence[str]) -> None:
    composed = compose([*chosen, *overrides])
    with hydra_at_hand():
        parsed = [parse(text) for text in overrides]
    for override, text in zip(parsed, overrides, strict=True):
        *path, last = override.key_or_group.split(".")
        if override.key_or_group in groups() or last == TARGET or text.startswith(("+", "~")) or not path:
            raise ConfigError(f"expected a key that has moved, as in data.path=NEW, got {text}")
        node, given = made.config, composed
        for part in path:
            node, given = node[part], given[part]
        node[last] = made.overridden[override.key_or_group] = given[last]
