"""What a sweep asks of the engine that runs its jobs."""

import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from adbench.runner.job import Job

# How a job ended. What became of the run stands in its folder, unless nothing could be written there.
RAN, REFUSED, BUSY, NO_FOLDER, APART = "ran", "refused", "busy", "no_folder", "apart"


LOST = "lost"  # the process that ran the job is gone; see adbench.executors.worker for the other outcomes


@dataclass(frozen=True)
class Ended:
    """A job that is no longer running."""

    job: Job
    outcome: str = RAN
    error: str = ""


class Executor(ABC):
    """Runs groups of jobs at the same time, each by `adbench.executors.worker.run_jobs`.

    All that is shared is the file system: what became of a run stands in its folder, on whatever machine it ran.
    """

    here = False  # whether the jobs see just the files that this process sees
    slots: int  # groups at the same time; known once it is open

    def open(self) -> None:  # noqa: B027 - most have nothing to take
        """Take what is needed before the first job; a dry run does not. Raises ConfigError where that is not there."""

    @abstractmethod
    def start(self, jobs: Sequence[Job], force: bool) -> None:
        """Run a job, or several that are trained as one; never more than `slots` such groups at a time."""

    @abstractmethod
    def wait(self, seconds: float) -> list[Ended]:
        """The jobs that ended since the last call; returns at the first, or when the seconds are over."""

    @abstractmethod
    def stop(self, job: Job) -> None:
        """End a job that runs, and those that are trained with it, at once; none comes back from `wait`."""

    @abstractmethod
    def close(self) -> None:
        """End all jobs and free what was taken."""


def n_cores() -> int:
    """The processor cores that this process may use, as far as the system tells."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
