"""Validation of composed configurations: existing options and keys, values of the right type."""

import difflib
import math
import re
import sys
from typing import Any

from hydra.core.override_parser.types import Override

from adbench.config.keys import LIMITS, NAME, TARGET, Config
from adbench.config.nullable import takes_null
from adbench.config.overrides import SEVERAL
from adbench.config.plugins import without_yaml
from adbench.errors import ConfigError
from adbench.text import suggest

_TYPE_NAMES: dict[type, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a word",
    list: "a list of the same kind",
    dict: "a group of keys",
}


def match_types(node: Config, defaults: Config, path: str) -> None:
    """Refuse values of another type than the default; convert integers to floats if the default is a float."""
    for key, value in node.items():
        if key not in defaults:
            continue
        default, where = defaults[key], f"{path}{key}"
        if isinstance(default, dict) and isinstance(value, dict):
            match_types(value, default, f"{where}.")
        elif isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
            if abs(value) > sys.float_info.max:
                raise wrong_type(where, default, value)
            node[key] = float(value)
        elif isinstance(default, float) and isinstance(value, float) and not math.isfinite(value):
            raise ConfigError(f"expected a finite number for {where}, such as {default}, got {value}")
        elif not _same_type(value, default) and not (value is None and _may_be_null(key, where, defaults)):
            raise wrong_type(where, default, value)


def _may_be_null(key: str, where: str, defaults: Config) -> bool:
    target = defaults.get(TARGET)
    return where in LIMITS or (isinstance(target, str) and takes_null(target, key))


def check_option(override: Override, known_groups: dict[str, list[str]], required: tuple[str, ...]) -> None:
    group, option = override.key_or_group, override.value()
    known = known_groups[group]
    if group in required and (override.is_delete() or option is None):
        raise ConfigError(f"expected a {group}, got none; there is {', '.join(known)}")
    options = option if group == SEVERAL and isinstance(option, list) else [option]
    for one in options if not override.is_delete() and option is not None else []:
        if one not in known:
            hint = without_yaml(group, str(one)) or suggest(str(one), known)
            raise ConfigError(f"expected a {group} that exists, got {group}={one}{hint}")


def check_key(override: Override, defaults: Config, known_groups: dict[str, list[str]]) -> None:
    if override.is_add() or override.is_force_add():
        return
    node: Any = defaults
    path = ""
    for part in override.key_or_group.split("."):
        known = [key for key in node if key != "choices"] if isinstance(node, dict) else []
        if part not in known:
            names = {f"{path}{key}" for key in known if not key.startswith("_")} | (
                set(known_groups) if not path else set()
            )
            raise ConfigError(f"expected a key that exists, got {override.key_or_group}{_nearest(path, part, names)}")
        node, path = node[part], f"{path}{part}."
    if isinstance(node, dict) and not override.is_delete():
        raise ConfigError(
            f"expected one of the keys of {override.key_or_group}, got a value for the whole of it; "
            f"there is {', '.join(path + key for key in node)}"
        )
    # OmegaConf's own message names neither the key nor the expected type.
    if isinstance(node, list) and isinstance(override.value(), dict):
        raise wrong_type(override.key_or_group, node, override.value())


def _nearest(path: str, part: str, names: set[str]) -> str:
    """The end of an error sentence. Only the wrong part is compared, since the correct path before it would blur it."""
    near = difflib.get_close_matches(part, [name.removeprefix(path) for name in names], n=2, cutoff=0.6)
    return f"; did you mean {' or '.join(path + name for name in near)}?" if near else suggest(path + part, names)


def check_top(config: Config, defaults: Config) -> None:
    """Refuse top-level keys that + adds or ~ removes: nothing would read or find them."""
    for key in config.keys() - defaults.keys():
        raise ConfigError(f"expected a key that exists, got {key}{suggest(key, set(defaults) - {'choices'})}")
    for key in defaults.keys() - config.keys():
        raise ConfigError(f"expected a value for {key}, got none; leave it as it is, or write {key}=...")
    for key, default in defaults.items():
        node = config[key]
        if isinstance(default, dict) and isinstance(node, dict) and node.get(TARGET) != default.get(TARGET):
            raise ConfigError(
                f"expected an option for {key}, as in model=vae, got {key}.{TARGET}={node.get(TARGET)}; nothing else "
                "is run from a configuration"
            )


def check_data_name(config: Config, known: list[str]) -> None:
    """Refuse a name of the data that is unfit for a folder or belongs to other data; give a table of a collection one
    name, whether its number and ending were typed or not."""
    if not isinstance(config["data"], dict):
        return
    if (table := config["data"].get("table")) is not None:
        if not isinstance(table, str) or not NAME.fullmatch(table):
            raise ConfigError(
                f"expected data.table to be a table's name, got {table!r}; write one such as data.table=cardio"
            )
        config["data"]["table"] = re.sub(r"^\d+_|\.npz$", "", table) or table
    name = config["data"].get("name")
    if name is None:
        return
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise ConfigError(
            f"expected data.name to be a word of up to 100 letters, digits, '_', '-' and '.', not beginning with one of"
            f" the last two, got {name!r}; write one such as data.name=pump"
        )
    if name in known and name != config["choices"]["data"]:
        raise ConfigError(
            f"expected a name of its own for the data, got data.name={name}, which is a dataset; write"
            f" data.name=my_{name}"
        )


def wrong_type(where: str, default: Any, value: Any) -> ConfigError:
    kind = _TYPE_NAMES.get(type(default), type(default).__name__)
    return ConfigError(f"expected {kind} for {where}, such as {default}, got {value!r}")


def _same_type(value: Any, default: Any) -> bool:
    if default is None:
        return True
    if isinstance(default, list) and isinstance(value, list) and default:
        return all(_same_type(item, default[0]) for item in value)
    return type(value) is type(default)
