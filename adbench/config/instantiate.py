"""Safe instantiation of configuration nodes with `_target_`: an untrusted file cannot run code."""

import importlib
import inspect
from types import UnionType
from typing import Any, get_args

from adbench.config.plugins import ROOMS, Plugin, owner
from adbench.errors import ConfigError
from adbench.text import suggest

# The package of each group's targets. Nothing else is imported or called because a configuration says so: even
# well-known packages contain helpers that execute their arguments.
PACKAGES = {
    "data": "adbench.data.",
    "protocol": "adbench.protocols.",
    "preprocess": "adbench.preprocess.",
    "model": "adbench.models.",
    "threshold": "adbench.evaluation.thresholds.",
    "trainer": "adbench.training.",
    "controls": "adbench.evaluation.controls.",
    "executor": "adbench.executors.",
    "sampler": "adbench.sweeps.samplers.",
    "logger": "adbench.runner.loggers.",
}


def build(node: dict[str, Any], group: str, **more: Any) -> Any:
    """Call the node's `_target_` with its other keys, and `more`, as arguments.

    group: the node's name in the configuration; "logger.csv" names a node within a group. Raises ConfigError if the
    target is not in that group's package, or the arguments do not fit its signature.
    """
    arguments = {key: value for key, value in node.items() if key != "_target_"} | more
    target = locate(node, group)
    parameters = inspect.signature(target).parameters
    kinds = {parameter.kind for parameter in parameters.values()}
    for key, value in arguments.items():
        if key in parameters:
            _check_kind(f"{group}.{key}", value, parameters[key].annotation)
        elif inspect.Parameter.VAR_KEYWORD not in kinds:
            known = set(parameters) - set(more)
            raise ConfigError(f"expected an argument of {node['_target_']}, got {group}.{key}{suggest(key, known)}")
    for name, parameter in parameters.items():
        required = parameter.default is parameter.empty and parameter.kind is parameter.POSITIONAL_OR_KEYWORD
        if required and name not in arguments:
            raise ConfigError(f"expected a value for {group}.{name}, got none; write {group}.{name}=...")
    return target(**arguments)


def _check_kind(key: str, value: Any, annotation: Any) -> None:
    """Raise ConfigError unless the value of a key that may be null fits its annotation, such as `str | None`."""
    if not isinstance(annotation, UnionType):
        return
    kinds = get_args(annotation)
    taken = (*kinds, int) if float in kinds else kinds  # 3600 is a valid float
    if all(isinstance(kind, type) for kind in kinds) and (not isinstance(value, taken) or isinstance(value, bool)):
        names = " or ".join("null" if kind is type(None) else kind.__name__ for kind in kinds)
        raise ConfigError(f"expected {names} for {key}, got {value!r}")


def locate(node: dict[str, Any], group: str) -> Any:
    """The class or function that the node's `_target_` names. Raises ConfigError as `build` does.

    Beside adbench's own package of the group, the modules of active plugins are allowed.
    """
    path, package = node.get("_target_"), PACKAGES[group.partition(".")[0]]
    if isinstance(path, str) and group in ROOMS and (plugin := owner(path)) is not None:
        return _in_plugin(path, plugin, group)
    if not isinstance(path, str) or not path.startswith(package) or any(p.startswith("_") for p in path.split(".")):
        raise ConfigError(
            f"expected {group}._target_ to name something in {package}, got {path}; "
            "nothing else is run from a configuration"
        )
    module_name, _, name = path.rpartition(".")
    try:
        found = getattr(importlib.import_module(module_name), name)
    except (ImportError, AttributeError):
        raise ConfigError(f"expected {group}._target_ to name a class or function, found none at {path}") from None
    # An allowed module also contains its imports, such as os: the defining module decides.
    if not callable(found) or not f"{getattr(found, '__module__', None)}.".startswith(package):
        raise ConfigError(f"expected {group}._target_ to name a class or function of {package}, got {path}")
    return found


def _in_plugin(path: str, plugin: Plugin, group: str) -> Any:
    """Import the class or function of a plugin's option. Any error of its module becomes one sentence."""
    module, _, name = path.rpartition(".")
    file, option = plugin.folder / plugin.module_file(module), f"the {group} of the plugin {plugin.name}"
    try:
        found = getattr(importlib.import_module(module), name, None)
    except Exception as error:  # a plugin's module can raise anything
        raise ConfigError(f"expected {option} in {file}, got {_why_not_imported(error, plugin, module)}") from error
    if not callable(found):
        raise ConfigError(f"expected {option} to be the class or function {name} in {file}, got no such name")
    return found


def _why_not_imported(error: Exception, plugin: Plugin, module: str) -> str:
    if isinstance(error, ModuleNotFoundError):
        missing = str(error.name)
        if module == missing or module.startswith(f"{missing}."):
            return "no such file; create it, or correct _target_ in its YAML"
        top = missing.partition(".")[0]
        beside = plugin.folder / plugin.module_file(module)
        folders = (plugin.folder, beside.parent)
        if any((folder / f"{top}.py").is_file() or (folder / top).is_dir() for folder in folders):
            return f"an import of {missing}, which is a module of the plugin; import it relatively (from . import NAME)"
        return f"an import of {missing}, which is not installed; pip install it"
    place = f" in line {error.lineno}" if isinstance(error, SyntaxError) else ""
    return f"{type(error).__name__}{place}: {' '.join(str(error).split())[:200]}"
