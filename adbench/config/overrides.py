"""Overrides, parsed with Hydra's grammar, and their expansion into the jobs of a sweep."""

import dataclasses
import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import product

import hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException, OverrideParseException

from adbench.config.options import option_file
from adbench.config.paths import config_folder
from adbench.config.plugins import read_yaml
from adbench.errors import ConfigError
from adbench.text import override

SEVERAL = "logger"  # the group with several options per run, written as logger=[csv,mlflow]
Job = tuple[str, ...]  # overrides with one value each, which distinguish one run of a sweep


@contextmanager
def hydra_at_hand() -> Iterator[None]:
    """A context in which Hydra is set up for adbench's configurations, needed for parsing and composing."""
    GlobalHydra.instance().clear()
    with hydra.initialize_config_dir(str(config_folder()), version_base="1.3"):
        yield


def parse(text: str) -> Override:
    """One parsed override. Raises ConfigError if it is invalid."""
    try:
        parsed = _parse(text)
    except (OverrideParseException, HydraException, ValueError, RecursionError) as error:
        reason = (str(error).splitlines() or [""])[0]
        hint = _quoted(text)
        raise ConfigError(f"expected an override such as model=vae, got {text!r} ({reason}){hint}") from None
    if parsed.key_or_group == SEVERAL and parsed.is_sweep_override():  # these would all be one run
        raise ConfigError(f"expected the loggers of a run in brackets, as in {SEVERAL}=[csv,tensorboard], got {text}")
    return parsed


def _quoted(text: str) -> str:
    """The end of an error sentence: the override with its value quoted, if that makes it valid."""
    key, _, value = text.partition("=")
    if not key or not value:
        return ""
    inside = re.fullmatch(r"\[(.*)\]", value)
    meant: str | list[str] = [_bare(one) for one in inside[1].split(",")] if inside else _bare(value)
    word = override(key, meant)
    try:
        _parse(shlex.split(word)[0])
    except (OverrideParseException, HydraException, ValueError, RecursionError):
        return ""
    return f"; for this text write {word}"


def _bare(value: str) -> str:
    """The text without surrounding quotes."""
    value = value.strip()
    return value[1:-1] if len(value) > 2 and value[0] == value[-1] and value[0] in "\"'" else value


@cache  # the jobs of a sweep repeat few texts, and nothing modifies an Override
def _parse(text: str) -> Override:
    parser = OverridesParser.create(config_loader=GlobalHydra.instance().config_loader())
    return parser.parse_overrides([text])[0]


def expand(overrides: Sequence[str]) -> list[Job]:
    """Every combination of the values that each override lists; the first override varies slowest.

    Raises ConfigError for an interval, which has no list of values.
    """
    with hydra_at_hand():
        return list(product(*map(values_of, overrides)))


def values_of(text: str) -> list[str]:
    """One override per value that the given one lists: "seed=range(2)" -> "seed=0", "seed=1"."""
    override = parse(text)
    if not override.is_sweep_override():
        return [text]
    if override.is_interval_sweep():
        raise ConfigError(f"expected values to run one by one, got {text}; take sampler=random, tpe or halving for it")
    key = override.get_key_element()
    try:
        # Hydra's iterator finds a group's options only through the current loader.
        current = dataclasses.replace(override, config_loader=GlobalHydra.instance().config_loader())
        values = [f"{key}={value}" for value in current.sweep_string_iterator()]
    except (HydraException, ValueError, TypeError) as error:
        raise ConfigError(f"expected values for {key}, got {text}: {' '.join(str(error).split())}") from None
    if not values:
        raise ConfigError(f"expected at least one value for {key}, got none from {text}")
    return values


def with_tables(overrides: Iterable[str], options: Sequence[str]) -> list[str]:
    """The overrides with table names split: data=adbench47-cardio becomes the option and its table.

    options: those of data.
    """
    found: list[str] = []
    for text in overrides:
        key, _, value = text.partition("=")
        option, _, table = value.partition("-")
        if key == "data" and table and value not in options and option in options and _has_tables(option):
            found += [f"data={option}", f"data.table={table}"]
        else:
            found.append(text)
    return found


def _has_tables(option: str) -> bool:
    return "table" in read_yaml(option_file("data", option))


def root_of(text: str) -> str:
    """The first word of an override's key: "model" for both "model=vae" and "++model.beta=2"."""
    return re.split(r"[.=@]", text.lstrip("+~"), maxsplit=1)[0]


def replace(overrides: Iterable[str], by: Sequence[str]) -> list[str]:
    """The overrides without those whose key occurs in `by`, followed by `by`."""
    keys = {text.partition("=")[0].lstrip("+~") for text in by}
    return [text for text in overrides if text.partition("=")[0].lstrip("+~") not in keys] + list(by)
