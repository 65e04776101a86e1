"""From what a user types to one plain, checked configuration, its hash and its run name."""

import copy
import difflib
import hashlib
import json
import math
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import hydra
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from adbench.config.alarm_rate import resolve_rate
from adbench.config.keys import CONTENT, LIMITS, NOTHING_WHILE_NULL, OPTIONS, TARGET, WHERE_NOT_WHAT
from adbench.config.overrides import SEVERAL, hydra_at_hand, parse
from adbench.config.paths import config_folder
from adbench.errors import AdbenchError, ConfigError
from adbench.storage.fingerprints import find_files, sha256_of
from adbench.text import suggest

Config = dict[str, Any]
Content = Callable[[Any], Any]  # a path of a configuration -> the fingerprints of its files

# Groups that can stay without an option.
OPTIONAL = ("experiment", "debug", "logger")
# What a configuration is composed from: the file under configs/ of this name.
TRAIN, SWEEP = "train", "sweep"
_REQUIRED = {
    TRAIN: ("data", "protocol", "preprocess", "model", "threshold", "trainer"),
    SWEEP: ("executor", "sampler"),
}
_OF_SWEEP = (*_REQUIRED[SWEEP], "benchmark")  # benchmark: lists of overrides, see adbench.config.benchmarks


def groups(primary: str = TRAIN) -> dict[str, list[str]]:
    """Configuration group -> its options, as the files under configs/ give them."""
    found = {}
    for folder in sorted(path for path in config_folder().iterdir() if path.is_dir()):
        options = sorted(path.stem for path in folder.glob("*.yaml"))
        if options and (folder.name in _OF_SWEEP) == (primary == SWEEP):
            found[folder.name] = options
    return found


def compose(overrides: Iterable[str], primary: str = TRAIN) -> Config:
    """The composed configuration with its overrides, resolved to plain dicts, lists and scalars.

    Under `choices` it names the option taken from each group; those of a run's loggers are the keys of `logger`.
    Raises ConfigError, with the nearest names, for an unknown group, option or key, and for a value of another type
    than the default it replaces.
    """
    return compose_all([list(overrides)], primary)[0]


def compose_all(jobs: Iterable[Sequence[str]], primary: str = TRAIN, naming: bool = False) -> list[Config]:
    """`compose` for many lists of overrides: what takes Hydra's time is done once a choice of options.

    naming: an error says which list it is about.
    """
    with hydra_at_hand():
        composer, configs = _Composer(primary), []
        for overrides in jobs:
            try:
                configs.append(composer(overrides))
            except ConfigError as error:
                raise ConfigError(f"{error}, in the job {' '.join(overrides)}" if naming else str(error)) from None
        return configs


class _Composer:
    def __init__(self, primary: str) -> None:
        self.primary, self.groups = primary, groups(primary)
        self._bases: dict[tuple[str, ...], tuple[DictConfig, Config, dict[str, str]]] = {}

    def __call__(self, overrides: Sequence[str]) -> Config:
        parsed = [parse(text) for text in overrides]
        for override in parsed:
            if override.is_sweep_override():
                text = override.input_line
                advice = "adbench sweep runs each of them" if self.primary == TRAIN else "take one for the whole sweep"
                raise ConfigError(f"expected one value a key, got several in {text!r}; {advice}")
            if override.package is not None or override.key_or_group.startswith("hydra"):
                raise ConfigError(f"expected a group or a key, got {override.input_line}; write it as in model=vae")
        # Without an option, as debug=null says it, an optional group is left as it is.
        parsed = [o for o in parsed if o.key_or_group not in OPTIONAL or o.is_delete() or o.value() is not None]
        choosing = [override for override in parsed if override.key_or_group in self.groups]
        changing = [override for override in parsed if override.key_or_group not in self.groups]
        for override in choosing:
            _check_option(override, self.groups, _REQUIRED[self.primary])
        base, defaults, choices = self._base(choosing)
        for override in changing:
            _check_key(override, defaults, self.groups)
        config = _changed(base, changing, choices)
        _check_top(config, defaults)
        match_types(config, defaults, "")
        if self.primary == TRAIN:
            resolve_rate(config, defaults["target_fpr"])
            typed = {override.key_or_group for override in changing}
            if "trainer.max_epochs" in typed and "trainer.min_steps" not in typed:
                config["trainer"]["min_steps"] = 0  # who asks for 3 epochs gets 3
        return config

    def _base(self, choosing: list[Override]) -> tuple[DictConfig, Config, dict[str, str]]:
        """What Hydra makes of the chosen options: to be changed, as plain defaults, and the options' names."""
        texts = tuple(override.input_line or "" for override in choosing)
        if texts not in self._bases:
            try:
                composed = hydra.compose(self.primary, list(texts), return_hydra_config=True)
            except (HydraException, OmegaConfBaseException, ValueError, RecursionError) as error:
                raise _not_composed(choosing, error) from None
            single = self.groups.keys() - {SEVERAL}
            chosen = {k: v for k, v in composed.hydra.runtime.choices.items() if k in single and v is not None}
            assert isinstance(composed, DictConfig)
            OmegaConf.set_struct(composed, False)
            del composed["hydra"]
            OmegaConf.set_struct(composed, True)
            choices = dict(sorted(chosen.items()))
            self._bases[texts] = composed, _changed(composed, [], choices), choices
        return self._bases[texts]


def _changed(base: DictConfig, changing: list[Override], choices: dict[str, str]) -> Config:
    """The base with these values, as plain types."""
    composed = copy.deepcopy(base)
    try:
        # What hydra.compose itself does with values, after all options were composed.
        ConfigLoaderImpl._apply_overrides_to_config(changing, composed)
        if "choices" in composed:
            raise ConfigError("expected a key that exists, got choices; a choice is written as in model=vae")
        config = OmegaConf.to_container(composed, resolve=True, throw_on_missing=True)
    except (HydraException, OmegaConfBaseException, ValueError, RecursionError) as error:
        raise _not_composed(changing, error) from None
    assert isinstance(config, dict)
    return {"choices": dict(choices), **{str(key): value for key, value in config.items()}}


def _not_composed(overrides: list[Override], error: Exception) -> ConfigError:
    texts = " ".join(override.input_line or "" for override in overrides)
    return ConfigError(f"the configuration cannot be composed from {texts}: {' '.join(str(error).split())}")


def run_hash(config: Config, content: Content | None = None) -> str:
    """Eight hex digits of the sha256 of the configuration, without what cannot change the result.

    content: the fingerprints of the files that a path names, where they are known without the files.
    """
    said = [key for key in config if key not in NOTHING_WHILE_NULL or config[key] is not None]
    what = {key: identity(config, key, content) for key in said if WHERE_NOT_WHAT.get(key, ()) is not None}
    what["choices"] = {group: config["choices"][group] for group in OPTIONS if group in config["choices"]}
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:8]


def identity(config: Config, key: str, content: Content | None = None) -> Any:
    """The value of one key of the top, without what cannot change the result and without Python paths; for a user's
    files, their content.
    """
    value = config[key]
    if not isinstance(value, dict):
        return value
    what = {k: v for k, v in value.items() if k not in (TARGET, *(WHERE_NOT_WHAT.get(key) or ()))}
    for named in CONTENT.get(key, ()):
        if value.get(named) is not None:
            what[named] = (content or _content)(value[named])
    return what


def _content(path: Any) -> Any:
    """The fingerprints of the files that a path names; the path itself where the run will fail for it."""
    try:
        return [sha256_of(file) for file in find_files(path, "data.path")]
    except AdbenchError:
        return path


def run_name(config: Config, content: Content | None = None) -> str:
    """<data>-<model>-s<seed>-<hash8>: the same configuration gives the same name."""
    return f"{name_prefix(config)}{run_hash(config, content)}"


def name_prefix(config: Config) -> str:
    """What stands before the hash in a run's name."""
    choices = config["choices"]
    return f"{choices['data']}-{choices['model']}-s{config['seed']}-"


def _check_option(override: Override, known_groups: dict[str, list[str]], required: tuple[str, ...]) -> None:
    group, option = override.key_or_group, override.value()
    known = known_groups[group]
    if group in required and (override.is_delete() or option is None):
        raise ConfigError(f"expected a {group}, got none; there is {', '.join(known)}")
    options = option if group == SEVERAL and isinstance(option, list) else [option]
    for one in options if not override.is_delete() and option is not None else []:
        if one not in known:
            raise ConfigError(f"expected a {group} that exists, got {group}={one}{suggest(str(one), known)}")


def _check_key(override: Override, defaults: Config, known_groups: dict[str, list[str]]) -> None:
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
    # OmegaConf's own words for this one name neither the key nor what it takes.
    if isinstance(node, list) and isinstance(override.value(), dict):
        raise _wrong_type(override.key_or_group, node, override.value())


def _nearest(path: str, part: str, names: set[str]) -> str:
    """Compares the part that is wrong; the path before it is right and would only blur the difference."""
    near = difflib.get_close_matches(part, [name.removeprefix(path) for name in names], n=2, cutoff=0.6)
    return f"; did you mean {' or '.join(path + name for name in near)}?" if near else suggest(path + part, names)


def _check_top(config: Config, defaults: Config) -> None:
    """Refuse what + and ~ can add to, or take from, the top of the configuration: nothing would read or find it."""
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


def match_types(node: Config, defaults: Config, path: str) -> None:
    """Refuse values of another type than the default; write whole numbers as floats where a float stands."""
    for key, value in node.items():
        if key not in defaults:
            continue
        default, where = defaults[key], f"{path}{key}"
        if isinstance(default, dict) and isinstance(value, dict):
            match_types(value, default, f"{where}.")
        elif isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
            if abs(value) > sys.float_info.max:
                raise _wrong_type(where, default, value)
            node[key] = float(value)
        elif isinstance(default, float) and isinstance(value, float) and not math.isfinite(value):
            raise ConfigError(f"expected a finite number for {where}, such as {default}, got {value}")
        elif not _same_type(value, default) and not (value is None and where in LIMITS):
            raise _wrong_type(where, default, value)


def _wrong_type(where: str, default: Any, value: Any) -> ConfigError:
    kind = _TYPE_NAMES.get(type(default), type(default).__name__)
    return ConfigError(f"expected {kind} for {where}, such as {default}, got {value!r}")


_TYPE_NAMES: dict[type, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a word",
    list: "a list of the same kind",
    dict: "a group of keys",
}


def _same_type(value: Any, default: Any) -> bool:
    if default is None:
        return True
    if isinstance(default, list) and isinstance(value, list) and default:
        return all(_same_type(item, default[0]) for item in value)
    return type(value) is type(default)
