"""What executors over somebody else's engine share."""

import os
import socket
import time
from collections.abc import Callable, Sequence
from typing import Any

from adbench.config.keys import Config
from adbench.executors.base import NO_FOLDER
from adbench.executors.worker import run_jobs
from adbench.runner.reporter import Reporter
from adbench.runner.run import Context

_LET_GO_SECONDS = 10


def run_there(folder: str, configs: Sequence[Config], force: bool) -> list[dict[str, str]]:
    """`run_jobs` in a process that was started elsewhere.

    folder: the sweep's working directory, so that relative paths mean the same here. Only the process changes, not the
    configuration: neither a run's name nor its config.yaml knows where it ran.
    """
    try:
        os.chdir(folder)
    except OSError as error:
        reason = f"expected {folder} on {socket.gethostname()} too, got {error.strerror}; run on a shared file system"
        return [{"outcome": NO_FOLDER, "error": reason}] * len(configs)
    return run_jobs(configs, Context(Reporter(), force))


def wait_until(condition: Callable[[], bool]) -> None:
    """Give a job that was told to end the time to do so, so that its folder can be written."""
    until = time.monotonic() + _LET_GO_SECONDS
    while not condition() and time.monotonic() < until:
        time.sleep(0.05)


def one_line(error: Any) -> str:
    """An engine's words, which can be a page, as one sentence."""
    return " ".join(str(error).split())[:300]
