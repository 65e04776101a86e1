"""The interface between a sweep and the engine that runs its jobs."""

import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from adbench.runner.job import Job

# Outcomes of a job. The result of the run is in its folder, unless nothing could be written there.
RAN, REFUSED, BUSY, NO_FOLDER, APART = "ran", "refused", "busy", "no_folder", "apart"


LOST = "lost"  # the process that ran the job is gone; see adbench.executors.worker for the other outcomes


@dataclass(frozen=True)
class Ended:
    """A job that is no longer running."""

    job: Job
    outcome: str = RAN
    error: str = ""


class Executor(ABC):
    """Runs groups of jobs concurrently, each with `adbench.executors.worker.run_jobs`.

    Only the file system is shared: the result of a run is in its folder, on whatever machine it ran.
    """

    here = False  # whether the jobs see the same files as this process
    slots: int  # concurrent groups; known once the executor is open

    def open(self) -> None:  # noqa: B027 - most have nothing to take
        """Acquire resources before the first job; a dry run does not. Raises ConfigError if they are not available."""

    @abstractmethod
    def start(self, jobs: Sequence[Job], force: bool) -> None:
        """Run a job, or several that are trained together; at most `slots` such groups run at a time."""

    @abstractmethod
    def wait(self, seconds: float) -> list[Ended]:
        """The jobs that ended since the last call; returns at the first one, or when the seconds are over."""

    @abstractmethod
    def stop(self, job: Job) -> None:
        """Stop a running job, and those trained with it, immediately; `wait` returns none of them."""

    @abstractmethod
    def close(self) -> None:
        """Stop all jobs and release all resources."""


def n_cores() -> int:
    """The number of processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
