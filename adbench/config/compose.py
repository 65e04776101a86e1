"""Composition of a user's overrides into one plain, checked configuration."""

import copy
import shlex
from collections.abc import Iterable, Sequence
from typing import Any

import hydra
import yaml
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from adbench.config.alarm_rate import insist_on_rate, resolve_rate
from adbench.config.keys import TARGET, Config
from adbench.config.options import REQUIRED, TRAIN, groups, option_file
from adbench.config.overrides import SEVERAL, hydra_at_hand, parse, with_tables
from adbench.config.paths import config_folder
from adbench.config.plugins import CONFIGS, active, provider
from adbench.config.validate import check_data_name, check_key, check_option, check_top, match_types
from adbench.errors import ConfigError
from adbench.text import override as written

# Groups that need no option.
OPTIONAL = ("experiment", "debug", "logger")


def compose(overrides: Iterable[str], primary: str = TRAIN) -> Config:
    """The composed configuration with its overrides, resolved to plain dicts, lists and scalars.

    `choices` names the option taken from each group; the loggers of a run are the keys of `logger`. Raises ConfigError,
    with the nearest names, for an unknown group, option or key, and for a value of another type than the default it
    replaces.
    """
    return compose_all([list(overrides)], primary)[0]


def compose_all(jobs: Iterable[Sequence[str]], primary: str = TRAIN, naming: bool = False) -> list[Config]:
    """Like `compose` for many lists of overrides; Hydra's slow part runs once per choice of options.

    naming: whether an error names the list that it is about.
    """
    with hydra_at_hand():
        composer, configs = _Composer(primary), []
        for overrides in jobs:
            try:
                configs.append(composer(overrides))
            except ConfigError as error:
                raise ConfigError(f"{error}, in the job {' '.join(overrides)}" if naming else str(error)) from None
        return configs


# Compositions, valid while the files have not changed: composing takes Hydra a hundred times as long as checking them.
_BASES: dict[tuple[Any, ...], tuple[DictConfig, Config, dict[str, str]]] = {}
_MAX_BASES = 256


def _state_of_files() -> tuple[tuple[str, int, int], ...]:
    """Name, time and size of all files under configs/, those of plugins too."""
    folders = [config_folder(), *(plugin.folder / CONFIGS for plugin in active())]
    found = ((path, path.stat()) for folder in folders for path in folder.rglob("*.yaml"))
    return tuple(sorted((str(path), state.st_mtime_ns, state.st_size) for path, state in found))


class _Composer:
    def __init__(self, primary: str) -> None:
        self.primary, self.groups = primary, groups(primary)
        self._files = _state_of_files()

    def __call__(self, overrides: Sequence[str]) -> Config:
        parsed = [parse(text) for text in with_tables(overrides, self.groups.get("data", ()))]
        for override in parsed:
            if override.is_sweep_override():
                text = override.input_line
                advice = "adbench sweep runs each of them" if self.primary == TRAIN else "take one for the whole sweep"
                raise ConfigError(f"expected one value a key, got several in {text!r}; {advice}")
            if override.package is not None or override.key_or_group.startswith("hydra"):
                raise ConfigError(f"expected a group or a key, got {override.input_line}; write it as in model=vae")
        # With null as option, as in debug=null, an optional group is left out.
        parsed = [o for o in parsed if o.key_or_group not in OPTIONAL or o.is_delete() or o.value() is not None]
        choosing = [override for override in parsed if override.key_or_group in self.groups]
        changing = [override for override in parsed if override.key_or_group not in self.groups]
        for override in choosing:
            check_option(override, self.groups, REQUIRED[self.primary])
        base, defaults, choices = self._base(choosing)
        for override in changing:
            check_key(override, defaults, self.groups)
        config = _changed(base, changing, choices)
        check_top(config, defaults)
        match_types(config, defaults, "")
        if "data" in config:
            check_data_name(config, self.groups["data"])
        if self.primary == TRAIN:
            resolve_rate(config, defaults["target_fpr"])
            typed = {override.key_or_group for override in changing}
            insist_on_rate(config, typed | _typed_in(choosing))
            if "trainer.max_epochs" in typed and "trainer.min_steps" not in typed:
                config["trainer"]["min_steps"] = 0  # max_epochs=3 means 3 epochs
        return config

    def _base(self, choosing: list[Override]) -> tuple[DictConfig, Config, dict[str, str]]:
        """Hydra's composition of the chosen options: as a base to change, as plain defaults, and the options' names."""
        texts = tuple(override.input_line or "" for override in choosing)
        key = (self._files, self.primary, texts)
        if key not in _BASES:
            try:
                composed = hydra.compose(self.primary, [*texts, *_searched()], return_hydra_config=True)
            except (HydraException, OmegaConfBaseException, yaml.YAMLError, ValueError, RecursionError) as error:
                raise _not_composed(choosing, error) from None
            single = self.groups.keys() - {SEVERAL}
            chosen = {k: v for k, v in composed.hydra.runtime.choices.items() if k in single and v is not None}
            assert isinstance(composed, DictConfig)
            OmegaConf.set_struct(composed, False)
            del composed["hydra"]
            OmegaConf.set_struct(composed, True)
            choices = dict(sorted(chosen.items()))
            _name_targets(composed, choices)
            if len(_BASES) >= _MAX_BASES:
                _BASES.clear()
            _BASES[key] = composed, _changed(composed, [], choices), choices
        return _BASES[key]


def _searched() -> list[str]:
    """Hydra's search path for the options of plugins, as an override."""
    folders = [f"file://{plugin.folder / CONFIGS}" for plugin in active()]
    return [shlex.split(written("hydra.searchpath", folders))[0]] if folders else []


def _name_targets(composed: DictConfig, choices: dict[str, str]) -> None:
    """Write out the `_target_` of options of plugins, which their files give relative to the plugin."""
    for group, option in choices.items():
        if (plugin := provider(group, option)) is not None:
            OmegaConf.update(composed, f"{group}.{TARGET}", plugin.target(group, option))


def _typed_in(choosing: list[Override]) -> set[str]:
    """The top-level keys that the file of an experiment, or of a similar group, sets."""
    typed: set[str] = set()
    for override in choosing:
        if override.key_or_group in ("experiment", "debug") and isinstance(option := override.value(), str):
            file = option_file(override.key_or_group, option)
            typed |= set(yaml.safe_load(file.read_text(encoding="utf-8")) or ())
    return typed


def _changed(base: DictConfig, changing: list[Override], choices: dict[str, str]) -> Config:
    """The base with these values, as plain types."""
    composed = copy.deepcopy(base)
    try:
        for override in changing:
            _change(composed, override)
        if "choices" in composed:
            raise ConfigError("expected a key that exists, got choices; a choice is written as in model=vae")
        config = OmegaConf.to_container(composed, resolve=True, throw_on_missing=True)
    except (HydraException, OmegaConfBaseException, ValueError, RecursionError) as error:
        raise _not_composed(changing, error) from None
    assert isinstance(config, dict)
    return {"choices": dict(choices), **{str(key): value for key, value in config.items()}}


def _change(composed: DictConfig, override: Override) -> None:
    """Apply one override to the values, as `hydra.compose` does after composing all options."""
    key, value = override.key_or_group, override.value()
    present = OmegaConf.select(composed, key, throw_on_missing=False)
    if override.is_delete():
        if present is None:
            raise ValueError(f"could not delete {key}, which is not there")
        if value is not None and value != present:
            raise ValueError(f"could not delete {key}, whose value is {present} and not {value}")
        parent, _, last = key.rpartition(".")
        node = OmegaConf.select(composed, parent) if parent else composed
        with open_dict(composed):
            del node[last]
        return
    if override.is_add() and present is not None and not isinstance(value, dict | list):
        text = override.input_line or ""
        raise ValueError(f"could not add {key}, which is there already; write {text.lstrip('+')}")
    adding = override.is_add() or override.is_force_add()
    OmegaConf.update(composed, key, value, merge=True, force_add=adding)


def _not_composed(overrides: list[Override], error: Exception) -> ConfigError:
    texts = " ".join(override.input_line or "" for override in overrides)
    return ConfigError(f"the configuration cannot be composed from {texts}: {' '.join(str(error).split())}")
