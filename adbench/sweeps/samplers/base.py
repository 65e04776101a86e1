"""The sampler contract."""

from abc import ABC, abstractmethod

from adbench.results.record import Run
from adbench.runner.job import Job


class Sampler(ABC):
    """Hands out jobs and receives their results. A job can be handed out twice; it is run once.

    The constructor gets the overrides of the jobs, in which a key may have several values, and the objective. It
    composes jobs, so that an invalid request is refused before anything runs.
    """

    prunes = False  # whether it ends runs early, and keeps those pruned before
    knows_all_jobs = False  # whether all jobs are known from the start, so that similar ones can be fused
    n_jobs: int  # total number of jobs it will hand out
    jobs: list[Job]  # jobs known so far, in the user's order

    def begin(self) -> None:  # noqa: B027 - most samplers have nothing to prepare
        """Acquire resources at the start of the sweep; refuse those held by another sweep."""

    @property
    def probes(self) -> list[Job]:
        """Jobs that cover the data and protocols of all jobs."""
        return self.jobs

    @abstractmethod
    def next(self) -> Job | None:
        """The next job to run; None if there is none for now (jobs are still running) or at all."""

    @abstractmethod
    def ended(self, job: Job, run: Run) -> None:
        """Receive the result of a job that was handed out."""

    def stop_early(self, job: Job) -> bool:
        """True if a running job falls behind and should be pruned."""
        return False

    def close(self) -> None:  # noqa: B027 - most samplers have nothing to release
        """Release the resources."""
