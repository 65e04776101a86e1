"""Optional packages, each installed by an extra of adbench-runner."""

import importlib.util

from adbench.errors import ConfigError


def require_package(name: str, extra: str, purpose: str) -> None:
    """Raise ConfigError unless the package is installed; it is not imported.

    extra: the extra of adbench-runner that installs it. purpose: the override that needs it, such as "executor=ray".
    """
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:  # without an origin, it is only a folder of that name, such as one of logs
        raise ConfigError(f"expected the package {name} for {purpose}, got none; pip install 'adbench-runner[{extra}]'")
