"""Packages that only some options need: an extra of adbench-runner brings each."""

import importlib.util

from adbench.errors import ConfigError


def require_package(name: str, extra: str, purpose: str) -> None:
    """Raise ConfigError unless the package is installed; it is not imported.

    extra: of adbench-runner, that brings it. purpose: what needs it, as it is typed: "executor=ray".
    """
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:  # without an origin it is a mere folder of that name, such as logs of it
        raise ConfigError(f"expected the package {name} for {purpose}, got none; pip install 'adbench-runner[{extra}]'")
