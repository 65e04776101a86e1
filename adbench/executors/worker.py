"""Worker that runs the jobs of a sweep one after the other in a process that imports everything once.

`python -m adbench.executors.worker` reads one line of JSON from stdin per job, or per group of jobs to train together,
and answers with one line on stdout. When stdin closes, the sweep is gone and the worker exits at once, whatever it is
doing.
"""

import json
import os
import queue
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TextIO

from adbench.config.keys import Config
from adbench.errors import AdbenchError, FolderInUseError, RunFolderError
from adbench.executors.base import APART, BUSY, NO_FOLDER, RAN, REFUSED
from adbench.results.folder import leave_error
from adbench.runner import run as runner
from adbench.runner.reporter import Reporter
from adbench.runner.run import Context


def run_job(config: Config, context: Context) -> dict[str, str]:
    """Run one job; errors are recorded in its folder as a failed run.

    The outcome is RAN, REFUSED for a wrong request, BUSY if another process is running it, or NO_FOLDER if its folder
    cannot be written; "error" holds the reason.
    """
    return _outcome(config, lambda: runner.run(config, context))


def run_jobs(configs: Sequence[Config], context: Context) -> list[dict[str, str]]:
    """Run several jobs as one network if possible.

    The outcome of a job that was not run because it has to run separately is APART.
    """
    if len(configs) == 1:
        return [run_job(configs[0], context)]
    from adbench.runner.fused import run_together

    outcomes = []
    for config, run in zip(configs, run_together(configs, context), strict=True):
        try:
            outcomes.append(_outcome(config, run.result))
        except runner.ApartError as error:
            outcomes.append({"outcome": APART, "error": str(error)})
    return outcomes


def _outcome(config: Config, end: Callable[[], Any]) -> dict[str, str]:
    try:
        try:
            end()
        except RunFolderError:
            raise
        except AdbenchError as error:
            # `adbench train` leaves nothing of a wrong request; in a sweep it must not disappear among the others.
            leave_error(runner.run_path(config), config, traceback.format_exc())
            return {"outcome": REFUSED, "error": f"{type(error).__module__}.{type(error).__name__}: {error}"}
    except FolderInUseError as error:
        return {"outcome": BUSY, "error": str(error)}
    except RunFolderError as error:
        return {"outcome": NO_FOLDER, "error": str(error)}
    return {"outcome": RAN, "error": ""}


def main() -> None:
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # output of plugins must not mix with answers
    lines = os.fdopen(os.dup(sys.stdin.fileno()))
    with Path(os.devnull).open() as nothing:
        # A process that a training forks closes sys.stdin first: it would wait for ever for the thread that reads it.
        os.dup2(nothing.fileno(), sys.stdin.fileno())
    jobs: queue.Queue[dict[str, Any]] = queue.Queue()
    threading.Thread(target=_read, args=(lines, jobs), daemon=True).start()
    from adbench.runner.prepared_cache import RowCache  # after the thread above has begun to watch this process

    rows = RowCache()
    while True:
        job = jobs.get()
        context = Context(Reporter(), job["force"], rows)
        print(json.dumps(run_jobs(job["configs"], context)), file=answers, flush=True)


def _read(lines: TextIO, jobs: "queue.Queue[dict[str, Any]]") -> None:
    for line in lines:
        jobs.put(json.loads(line))
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)  # including processes forked by a training
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main()
