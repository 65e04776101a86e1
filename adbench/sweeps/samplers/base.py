"""What a sweep asks of whoever chooses its jobs."""

from abc import ABC, abstractmethod

from adbench.results.record import Run
from adbench.runner.job import Job


class Sampler(ABC):
    """Hands out jobs and hears how they ended. A job can be handed out twice; it is run once.

    Its constructor gets the overrides of the jobs, in which a key may have many values, and the objective; it composes
    jobs, so that a request that cannot be composed is refused before anything runs.
    """

    prunes = False  # whether it ends runs early, and lets those of before rest
    knows_all_jobs = False  # from the start, so that those which are alike can be trained together
    n_jobs: int  # that it will hand out, all in all
    jobs: list[Job]  # those that are known by now, in the order of the user's words

    def begin(self) -> None:  # noqa: B027 - most have nothing to prepare
        """The sweep begins: take what is needed, and refuse what another sweep has taken."""

    @property
    def probes(self) -> list[Job]:
        """Jobs that stand for all there will be, as far as their data and protocols go."""
        return self.jobs

    @abstractmethod
    def next(self) -> Job | None:
        """A job to run now; None when there is none, for now (jobs are still running) or for good."""

    @abstractmethod
    def ended(self, job: Job, run: Run) -> None:
        """A job that was handed out has ended, well or not."""

    def stop_early(self, job: Job) -> bool:
        """Whether a running job is so far behind that it need not go on."""
        return False

    def close(self) -> None:  # noqa: B027 - most have nothing to free
        """Free what was taken."""
