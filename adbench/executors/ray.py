"""Tasks on a Ray cluster, existing or started for the sweep."""

import contextlib
import logging
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from adbench.config.checks import require_at_least, require_not_negative
from adbench.config.extras import require_package
from adbench.config.paths import DATA_VARIABLE
from adbench.config.plugins import VARIABLE as PLUGINS_VARIABLE
from adbench.errors import ConfigError
from adbench.executors.base import LOST, Ended, Executor, n_cores
from adbench.executors.remote import one_line, run_there, wait_until
from adbench.runner.job import Job

ANSWER_SECONDS = 12
# Ray itself tries for a minute, prints pages, and then exits the process: so a subprocess does it.
JOIN = """
import sys, ray
try:
    ray.init(sys.argv[1], log_to_driver=False, logging_level=50)
except Exception as error:
    sys.exit(" ".join(str(error).split()))
"""
QUIET = {"log_to_driver": False, "logging_level": logging.CRITICAL}
OBJECTS_BYTES = 2**27  # only configurations and outcomes are transferred; by default Ray reserves a third of the memory


class Ray(Executor):
    """Ray's worker processes; each task is a job, or several that are trained together.

    address: of the cluster ("auto", "host:6379", "ray://host:10001"); None starts one on this machine, which ends with
    the sweep. workers: concurrent tasks (None: as many as the cluster has processors for). cpus_per_job: processors
    that Ray reserves per task. gpus_per_job: GPUs per task; can be a fraction.
    """

    def __init__(self, address: str | None, workers: int | None, cpus_per_job: int, gpus_per_job: float) -> None:
        if workers is not None:
            require_at_least("executor.workers", workers, 1)
        require_at_least("executor.cpus_per_job", cpus_per_job, 1)
        require_not_negative("executor.gpus_per_job", gpus_per_job)
        if gpus_per_job > 1 and gpus_per_job % 1:
            raise ConfigError(f"expected executor.gpus_per_job to be whole or below 1, got {gpus_per_job}")
        require_package("ray", "ray", "executor=ray")
        self.address, self.workers = address, workers
        self.cpus_per_job, self.gpus_per_job = cpus_per_job, gpus_per_job
        self._own_folder = ""  # holds the sockets and logs of a cluster of our own
        self._task: Any = None
        self._running: dict[Any, Sequence[Job]] = {}  # by the task's future

    def open(self) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        import ray

        # Environment variables of the processes; an existing cluster has others.
        carried = (DATA_VARIABLE, PLUGINS_VARIABLE)
        variables = {"PYTHONSAFEPATH": "1"} | {name: os.environ[name] for name in carried if name in os.environ}
        options = QUIET | {"runtime_env": {"env_vars": variables}}
        if self.address is None:
            self._start_cluster(options)
        else:
            _require_answer(self.address)
            _init(f"Ray cluster at {self.address}", address=self.address, **options)
        task = ray.remote(max_retries=0, num_cpus=self.cpus_per_job, num_gpus=self.gpus_per_job)
        self._task = task(run_there)
        self.slots = self._slots(ray.cluster_resources())  # type: ignore[no-untyped-call]

    def start(self, jobs: Sequence[Job], force: bool) -> None:
        configs = [job.config for job in jobs]
        self._running[self._task.remote(str(Path.cwd()), configs, force)] = jobs

    def wait(self, seconds: float) -> list[Ended]:
        import ray

        if not self._running:
            time.sleep(seconds)
            return []
        ready, _ = ray.wait(list(self._running), num_returns=1, timeout=seconds)
        return [ended for future in ready for ended in _ended(self._running.pop(future), future)]

    def stop(self, job: Job) -> None:
        import ray

        future = next(future for future, jobs in self._running.items() if job in jobs)
        jobs = self._running.pop(future)
        ray.cancel(future, force=True)
        wait_until(lambda: all(one.holder() is None for one in jobs))

    def close(self) -> None:
        if self._task is not None:
            import ray

            for job, *_ in list(self._running.values()):
                with contextlib.suppress(ray.exceptions.RayError):  # a cluster that is gone has stopped them
                    self.stop(job)
            ray.shutdown()
        if self._own_folder:
            shutil.rmtree(self._own_folder, ignore_errors=True)

    def _start_cluster(self, options: dict[str, Any]) -> None:
        # It listens on the network; with a token it accepts only us. By default Ray would store one in the home folder.
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
        jobs = self.workers or max(1, n_cores() // self.cpus_per_job)
        self._own_folder = tempfile.mkdtemp(prefix="ray-")  # short: names of sockets are at most 107 bytes long
        _init(
            "Ray cluster that starts on this machine",
            address="local",
            num_cpus=jobs * self.cpus_per_job,
            include_dashboard=False,
            object_store_memory=OBJECTS_BYTES,
            _temp_dir=self._own_folder,
            **options,
        )

    def _slots(self, resources: dict[str, float]) -> int:
        """The number of concurrent tasks; a cluster that scales on demand may have no room for one yet."""
        room = resources.get("CPU", 0) // self.cpus_per_job
        if self.gpus_per_job:
            room = min(room, resources.get("GPU", 0) // self.gpus_per_job)
        if not room and (self.workers is None or self.address is None):
            raise ConfigError(
                f"expected a Ray cluster with room for a job of executor.cpus_per_job={self.cpus_per_job} and "
                f"executor.gpus_per_job={self.gpus_per_job:g}, got {resources.get('CPU', 0):g} processors and "
                f"{resources.get('GPU', 0):g} GPUs; if it grows on demand, name executor.workers"
            )
        return self.workers or int(room)


def _require_answer(address: str) -> None:
    """Raise ConfigError unless a Ray cluster answers at this address within seconds."""
    expected = f"expected a Ray cluster that answers at executor.address={address}"
    advice = "start one with ray start --head, or leave executor.address=null"
    try:
        joined = subprocess.run(
            [sys.executable, "-P", "-c", JOIN, address], capture_output=True, text=True, timeout=ANSWER_SECONDS
        )
    except subprocess.TimeoutExpired:
        raise ConfigError(f"{expected}, got no answer in {ANSWER_SECONDS} s; {advice}") from None
    if joined.returncode:
        reason = one_line((joined.stderr.strip().splitlines() or ["nothing"])[-1])
        raise ConfigError(f"{expected}, got {reason.rstrip('.')}; {advice}")


def _init(what: str, **options: Any) -> None:
    import ray

    on_terminate = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(**options)
    except Exception as error:
        raise ConfigError(f"expected a {what}, got {one_line(error)}") from None
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, on_terminate)  # Ray's own handler prints a stack of addresses


def _ended(jobs: Sequence[Job], future: Any) -> list[Ended]:
    import ray

    try:
        return [Ended(job, **of_job) for job, of_job in zip(jobs, ray.get(future), strict=True)]
    except ray.exceptions.OutOfMemoryError:
        reason = "out of memory: Ray ended the worker process; take fewer workers, fuse=1 or a smaller run"
    except ray.exceptions.RayTaskError as error:  # it failed before running the jobs
        reason = f"the worker process failed: {one_line(str(error).strip().splitlines()[-1])}"
    except ray.exceptions.RayError as error:
        reason = f"{type(error).__name__}: {one_line(error)}"
    return [Ended(job, LOST, reason) for job in jobs]
