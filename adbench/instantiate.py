"""From a configuration node with `_target_` to an object, without letting a stranger's file run code."""

import importlib
import inspect
from typing import Any

from adbench.config import suggest
from adbench.errors import ConfigError

ALLOWED = ("adbench.", "torch.optim.", "torch.nn.", "pytorch_lightning.", "sklearn.", "pyod.")


def build(node: dict[str, Any], group: str, **more: Any) -> Any:
    """Call the node's `_target_` with its other keys, and `more`, as arguments.

    group: the node's name in the configuration, for the error sentences. Raises ConfigError when the target is
    not on the allow-list or the arguments do not fit its signature.
    """
    arguments = {key: value for key, value in node.items() if key != "_target_"} | more
    target = _locate(node, group)
    signature = inspect.signature(target)
    for key in arguments:
        if key not in signature.parameters:
            known = set(signature.parameters) - set(more)
            raise ConfigError(f"expected an argument of {node['_target_']}, got {group}.{key}{suggest(key, known)}")
    for name, parameter in signature.parameters.items():
        if parameter.default is parameter.empty and name not in arguments:
            raise ConfigError(f"expected a value for {group}.{name}, got none; write {group}.{name}=...")
    return target(**arguments)


def _locate(node: dict[str, Any], group: str) -> Any:
    path = node.get("_target_")
    if not isinstance(path, str) or not path.startswith(ALLOWED):
        raise ConfigError(
            f"expected {group}._target_ to start with one of {', '.join(ALLOWED)}, got {path}; "
            "nothing else is run from a configuration"
        )
    module_name, _, name = path.rpartition(".")
    try:
        found = getattr(importlib.import_module(module_name), name)
    except (ImportError, AttributeError):
        raise ConfigError(f"expected {group}._target_ to name a class or function, found none at {path}") from None
    # An allowed module also holds what it imported, os for one: where it was defined is what counts.
    if not callable(found) or not f"{getattr(found, '__module__', None)}.".startswith(ALLOWED):
        raise ConfigError(f"expected {group}._target_ to name a class or function of {ALLOWED}, got {path}")
    return found
