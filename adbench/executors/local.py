"""Worker processes on this machine."""

import contextlib
import json
import os
import select
import selectors
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from adbench.config.checks import require_at_least
from adbench.errors import ConfigError
from adbench.executors.base import LOST, Ended, Executor, n_cores
from adbench.runner.job import Job

CGROUP_EVENTS = (Path("/sys/fs/cgroup/memory.events"), Path("/sys/fs/cgroup/memory/memory.oom_control"))
KERNEL_EVENTS = Path("/proc/vmstat")
LAST_SECONDS = 5  # that a worker may live after closing its side of the pipe


class Local(Executor):
    """Worker processes that import torch once and run job after job.

    workers: their number (None: one per processor core). devices: GPUs to distribute, by CUDA's numbers; each worker
    sees one of them.
    """

    here = True

    def __init__(self, workers: int | None, devices: list[int]) -> None:
        if workers is not None:
            require_at_least("executor.workers", workers, 1)
        self.slots = workers or n_cores()
        self.devices = devices
        self._idle: list[_Worker] = []
        self._busy: dict[Path, _Worker] = {}  # by the folder of the job
        self._selector = selectors.DefaultSelector()

    def start(self, jobs: Sequence[Job], force: bool) -> None:
        self._idle = [worker for worker in self._idle if worker.process.poll() is None]  # they can die between jobs
        worker = self._idle.pop() if self._idle else self._new_worker()
        worker.take(jobs, force)
        self._busy |= {job.path: worker for job in jobs}
        self._selector.register(worker.answers, selectors.EVENT_READ, worker)

    def wait(self, seconds: float) -> list[Ended]:
        ended = []
        answered = [key.data for key, _ in self._selector.select(seconds)]
        # A child forked by a dead worker can keep its end of the pipe open.
        dead = [worker for worker in self._busy.values() if worker.process.poll() is not None]
        for worker in {id(worker): worker for worker in (*answered, *dead)}.values():
            self._selector.unregister(worker.answers)
            for job in worker.jobs:
                del self._busy[job.path]
            ended += worker.ended()
            if worker.process.poll() is None:
                self._idle.append(worker)
        return ended

    def stop(self, job: Job) -> None:
        worker = self._busy[job.path]
        for one in worker.jobs:
            del self._busy[one.path]
        self._selector.unregister(worker.answers)
        worker.kill()

    def close(self) -> None:
        for worker in {id(worker): worker for worker in (*self._idle, *self._busy.values())}.values():
            worker.kill()
        self._idle, self._busy = [], {}
        self._selector.close()

    def _new_worker(self) -> "_Worker":
        if not self.devices:
            return _Worker(None)
        workers = {id(worker): worker for worker in (*self._idle, *self._busy.values())}
        in_use = [worker.device for worker in workers.values()]
        return _Worker(min(self.devices, key=in_use.count))


class _Worker:
    def __init__(self, device: int | None) -> None:
        self.device = device
        environment = os.environ | ({} if device is None else {"CUDA_VISIBLE_DEVICES": str(device)})
        try:
            self.process = self._start(environment)
        except OSError as error:
            raise ConfigError(
                f"expected to start another worker, got {error.strerror}; take a smaller executor.workers"
            ) from None
        self.jobs: Sequence[Job] = ()
        self._kills_before = 0

    @staticmethod
    def _start(environment: dict[str, str]) -> "subprocess.Popen[str]":
        # A process group of its own: Ctrl-C goes to the sweep, which then decides.
        return subprocess.Popen(
            # -P: nothing is imported from the working directory
            [sys.executable, "-P", "-m", "adbench.executors.worker"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, process_group=0, text=True,
        )  # fmt: skip

    @property
    def answers(self) -> Any:
        return self.process.stdout

    def take(self, jobs: Sequence[Job], force: bool) -> None:
        assert self.process.stdin is not None
        self.jobs, self._kills_before = jobs, out_of_memory_kills()
        configs = [job.config for job in jobs]
        with contextlib.suppress(BrokenPipeError):  # it died while idle; `ended` will report it as gone
            print(json.dumps({"configs": configs, "force": force}), file=self.process.stdin, flush=True)

    def ended(self) -> list[Ended]:
        jobs, self.jobs = self.jobs, ()
        if select.select([self.answers], [], [], 0)[0]:
            answer = self.answers.readline()
            if answer.endswith("\n"):
                return [Ended(job, **of_job) for job, of_job in zip(jobs, json.loads(answer), strict=True)]
        reason = self._why_gone()
        return [Ended(job, LOST, reason) for job in jobs]

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)  # including processes forked by a training
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            assert stream is not None
            with contextlib.suppress(BrokenPipeError):  # for unwritten output
                stream.close()

    def _why_gone(self) -> str:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=LAST_SECONDS)
        self.kill()
        code = self.process.returncode
        if code >= 0:
            return f"the worker process ended with exit code {code}"
        try:
            name = signal.Signals(-code).name
        except ValueError:  # a real-time signal has no name
            name = f"signal {-code}"
        if code == -signal.SIGKILL and out_of_memory_kills() > self._kills_before:
            advice = "take fewer workers, fuse=1 or a smaller run"
            return f"out of memory: the system killed the worker process ({name}); {advice}"
        return f"the worker process was killed by {name}"


def out_of_memory_kills() -> int:
    """Number of processes that the system has killed for lack of memory; 0 if it does not report that."""
    for path in (*CGROUP_EVENTS, KERNEL_EVENTS):
        try:
            lines = dict(line.split()[:2] for line in path.read_text().splitlines())
        except (OSError, ValueError):
            continue
        if "oom_kill" in lines:
            return int(lines["oom_kill"])
    return 0
