"""adbench: which detector finds the anomalies in this data, how well, and can I believe the number?

The commands as functions, each imported on first use:

    import adbench
    run = adbench.train(["model=vae", "data=nslkdd"])
    run.metrics["roc_auc"]
"""

import importlib
from typing import Any

__version__ = "0.1.0"

# Name -> its module. No name may equal a subpackage's: importing the subpackage would replace the function.
_PUBLIC = {
    "train": "adbench.runner.run",
    "sweep": "adbench.sweeps.schedule",
    "plan": "adbench.sweeps.plan",
    "summarize": "adbench.analysis.summary",
    "report": "adbench.reporting.build",
    "check": "adbench.gate.check",
    "reproduce": "adbench.runner.reproduce",
    "load": "adbench.inference.load",
    "activate": "adbench.config.plugins",
}
__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'adbench' has no attribute {name!r}")
    return getattr(importlib.import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_PUBLIC])
