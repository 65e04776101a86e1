"""Helpers of executors whose engine is an external service."""

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
    """Call `run_jobs` in a process started by an engine.

    folder: the sweep's working directory, so that relative paths mean the same. The process changes its directory; the
    configuration stays the same, so neither a run's name nor its config.yaml depends on where it ran.
    """
    try:
        os.chdir(folder)
    except OSError as error:
        reason = f"expected {folder} on {socket.gethostname()} too, got {error.strerror}; run on a shared file system"
        return [{"outcome": NO_FOLDER, "error": reason}] * len(configs)
    return run_jobs(configs, Context(Reporter(), force))


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for a job that was told to stop, so that it can finish writing its folder."""
    until = time.monotonic() + _LET_GO_SECONDS
    while not condition() and time.monotonic() < until:
        time.sleep(0.05)


def one_line(error: Any) -> str:
    """An engine's message, which can be a page long, as one line."""
    return " ".join(str(error).split())[:300]
