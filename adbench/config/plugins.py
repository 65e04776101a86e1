"""Plugins: models, datasets, preprocessing, protocols and thresholds that live outside this package.

A plugin is a folder, or an installed package, that holds `configs/GROUP/NAME.yaml` beside the modules which those files
name:

    mine/
      configs/model/linear.yaml     _target_: models.linear.Linear
      models/linear.py              class Linear: ...

Folders are activated by `--plugins`, by the environment variable ADBENCH_PLUGINS (several as in PATH) and by
`activate`; packages by being installed with an entry point of the group `adbench.plugins`. Nothing else activates one:
run folders, configurations and tables name options, never a plugin to load. Modules are imported when one of their
options is used; those of a folder as `adbench.plugins.FOLDER.models.linear`, in every process.
"""

import hashlib
import os
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml

from adbench.config.keys import TARGET
from adbench.config.paths import config_folder
from adbench.errors import ConfigError
from adbench.storage.syntax import find_spec

VARIABLE = "ADBENCH_PLUGINS"
ENTRY_POINTS = "adbench.plugins"
NAMESPACE = "adbench.plugins"  # holds the modules of plugin folders
# Group -> the folder in which its modules are expected; a `_target_` may name any module of the plugin.
ROOMS = {
    "data": "data",
    "model": "models",
    "preprocess": "preprocess",
    "protocol": "protocols",
    "threshold": "thresholds",
}
CONFIGS = "configs"


@dataclass(frozen=True)
class Plugin:
    """An active plugin.

    folder: holds `configs` and the modules. package: the dotted name under which its modules are imported.
    version: of the installed distribution; None for a folder.
    """

    name: str
    folder: Path
    package: str
    version: str | None = None

    def options(self) -> dict[str, list[str]]:
        """Group -> the names of its options, read from the files."""
        found = {group: sorted(path.stem for path in self._yaml(group).glob("*.yaml")) for group in ROOMS}
        return {group: names for group, names in found.items() if names}

    def file(self, group: str, option: str) -> Path:
        """The YAML file of an option, existing or not."""
        return self._yaml(group) / f"{option}.yaml"

    def module_file(self, module: str) -> str:
        """The expected file of one of its modules, relative to the folder."""
        return f"{module.removeprefix(f'{self.package}.').replace('.', '/')}.py"

    def target(self, group: str, option: str) -> str:
        """The dotted path of an option's class or function: its `_target_`, relative to the plugin unless it begins
        with the plugin's package or is one of adbench's own.

        Raises ConfigError for a file that is no YAML or has no such key.
        """
        file = self.file(group, option)
        target = read_yaml(file).get(TARGET)
        if not isinstance(target, str) or not re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+", target):
            raise ConfigError(
                f"expected {file} to name its class or function, got {TARGET}: {target}; write"
                f" {TARGET}: {ROOMS[group]}.{option}.NAME"
            )
        return target if target.startswith((f"{self.package}.", "adbench.")) else f"{self.package}.{target}"

    def sha256(self) -> str:
        """Digest of its Python and YAML files, by relative path and bytes."""
        digest = hashlib.sha256()
        for path in sorted(path for ending in ("py", "yaml") for path in self.folder.rglob(f"*.{ending}")):
            inside = path.relative_to(self.folder)
            if not any(part.startswith(".") or part == "__pycache__" for part in inside.parts) and path.is_file():
                content = path.read_bytes()
                digest.update(f"{inside.as_posix()}\0{len(content)}\0".encode() + content)
        return digest.hexdigest()

    def _yaml(self, group: str) -> Path:
        return self.folder / CONFIGS / group

    def owns(self, module: str) -> bool:
        """True if a dotted module name belongs to it."""
        return f"{module}.".startswith(f"{self.package}.")


_ACTIVE: dict[str, tuple[Plugin, ...]] = {}  # by the value of the environment variable


def activate(*folders: str | Path) -> tuple[Plugin, ...]:
    """Activate plugin folders for this process and those that it starts; returns all active plugins.

    Raises ConfigError for a folder that is missing, holds no options or a broken one, or has a name that is taken.
    """
    before = os.environ.get(VARIABLE)
    paths = [str(Path(folder).expanduser().resolve()) for folder in folders]
    if any(os.pathsep in path for path in paths):
        raise ConfigError(f"expected a plugin folder without {os.pathsep!r} in its path, got {' and '.join(paths)}")
    known = [path for path in (before or "").split(os.pathsep) if path]
    os.environ[VARIABLE] = os.pathsep.join(dict.fromkeys([*known, *paths]))
    try:
        return active()
    except ConfigError:
        os.environ.pop(VARIABLE) if before is None else os.environ.update({VARIABLE: before})
        raise


def active() -> tuple[Plugin, ...]:
    """The active plugins: installed packages, then folders. Raises ConfigError as `activate` does."""
    value = os.environ.get(VARIABLE, "")
    if value not in _ACTIVE:
        paths = [Path(text).expanduser().resolve() for text in value.split(os.pathsep) if text]
        found = (*map(_installed, _entry_points()), *map(_of_folder, dict.fromkeys(paths)))
        _require_own_names(found)
        for plugin in found:
            if plugin.package.startswith(f"{NAMESPACE}."):
                _make_importable(plugin)
        _ACTIVE[value] = found
    return _ACTIVE[value]


def provider(group: str, option: str) -> Plugin | None:
    """The active plugin that has an option; None for one of adbench's own."""
    if group not in ROOMS:
        return None
    return next((plugin for plugin in active() if plugin.file(group, option).is_file()), None)


def owner(module: str) -> Plugin | None:
    """The active plugin that a dotted module name lies in."""
    return next((plugin for plugin in active() if plugin.owns(module)), None)


def used_by(choices: dict[str, Any]) -> list[Plugin]:
    """The active plugins that have options of a configuration."""
    found = (provider(group, str(choices.get(group))) for group in ROOMS)
    return list(dict.fromkeys(plugin for plugin in found if plugin is not None))


def without_yaml(group: str, option: str) -> str:
    """The end of the sentence about an unknown option for which some plugin has a module and no YAML; else empty."""
    room = ROOMS.get(group, "")
    for plugin in active() if room and option.isidentifier() else ():
        if (plugin.folder / room / f"{option}.py").is_file():
            return (
                f"; the plugin {plugin.name} has {room}/{option}.py, and lacks {CONFIGS}/{group}/{option}.yaml with"
                f" {TARGET}: {room}.{option}.NAME"
            )
    return ""


def _entry_points() -> Iterable[EntryPoint]:
    return sorted(entry_points(group=ENTRY_POINTS), key=lambda point: point.name)


def _installed(point: EntryPoint) -> Plugin:
    """The plugin behind an entry point, whose package is found and not imported."""
    distribution = point.dist.name if point.dist is not None else point.name
    spec = find_spec(point.module)
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError(
            f"expected the plugin {point.name} of {distribution} to be a package, got {point.value}; pip uninstall"
            f" {distribution} removes it"
        )
    version = point.dist.version if point.dist is not None else None
    return _with_options(Plugin(point.name, Path(next(iter(spec.submodule_search_locations))), point.module, version))


def _of_folder(folder: Path) -> Plugin:
    if not folder.is_dir():
        problem = "is a file" if folder.exists() else "does not exist"
        raise ConfigError(f"expected a plugin folder, got {folder}, which {problem}; see --plugins and {VARIABLE}")
    name = re.sub(r"\W", "_", folder.name)
    if not name.isidentifier() or name.startswith("_"):
        raise ConfigError(f"expected a plugin folder whose name begins with a letter, got {folder}; rename it")
    return _with_options(Plugin(name, folder, f"{NAMESPACE}.{name}"))


def _with_options(plugin: Plugin) -> Plugin:
    """The plugin, checked. Raises ConfigError without options, or with one that is broken or adbench's own."""
    options = plugin.options()
    if not options:
        inside = ", ".join(sorted(path.name for path in plugin.folder.iterdir())[:5]) or "nothing"
        raise ConfigError(
            f"expected {plugin.folder / CONFIGS} to hold an option such as model/NAME.yaml, got a folder of {inside};"
            f" a plugin has {CONFIGS}/GROUP/NAME.yaml for GROUP in {', '.join(ROOMS)}"
        )
    for group, names in options.items():
        for name in names:
            if (config_folder() / group / f"{name}.yaml").is_file():
                raise ConfigError(
                    f"expected a name that adbench does not have itself, got {group}={name} in the plugin"
                    f" {plugin.name}; rename {plugin.file(group, name)}"
                )
            plugin.target(group, name)
    return plugin


def _require_own_names(plugins: tuple[Plugin, ...]) -> None:
    """Raise ConfigError where two plugins have one name, or one option."""
    taken: dict[Any, Plugin] = {}
    for plugin in plugins:
        options = [(group, name) for group, names in plugin.options().items() for name in names]
        for what in (plugin.name, *options):
            if (other := taken.setdefault(what, plugin)) is not plugin:
                said = what if isinstance(what, str) else "=".join(what)
                raise ConfigError(
                    f"expected plugins that share no name, got {said} in {other.folder} and {plugin.folder};"
                    " rename one of them"
                )


def _make_importable(plugin: Plugin) -> None:
    """Give the folder its dotted name. Modules imported from another folder of that name are forgotten."""
    known = sys.modules.get(plugin.package)
    if known is not None and list(known.__path__) == [str(plugin.folder)]:
        return
    for name in [name for name in sys.modules if plugin.owns(name)]:
        del sys.modules[name]
    package = ModuleType(plugin.package, f"Modules of the plugin folder {plugin.folder}.")
    package.__path__ = [str(plugin.folder)]
    sys.modules[plugin.package] = package


def described(plugin: Plugin) -> dict[str, Any]:
    """A plugin's entry in a run's environment.json."""
    return {"version": plugin.version, "sha256": plugin.sha256()}


def read_yaml(file: Path) -> dict[str, Any]:
    """The keys of an option's file. Raises ConfigError for what is no mapping, or no YAML."""
    try:
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ConfigError(f"expected YAML in {file}, got {' '.join(str(error).split())[:200]}") from None
    if not isinstance(document, dict):
        raise ConfigError(f"expected keys with values in {file}, got {type(document).__name__}")
    return document
