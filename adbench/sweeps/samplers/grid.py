"""Grid search over all combinations of values."""

from collections import deque
from collections.abc import Sequence

from adbench.config.overrides import expand
from adbench.results.record import Run
from adbench.runner.job import Job
from adbench.sweeps.jobs import make_jobs
from adbench.sweeps.objective import Objective
from adbench.sweeps.samplers.base import Sampler


class Grid(Sampler):
    """All combinations, ordered by data, split and encoding, since a worker keeps its last rows in memory."""

    knows_all_jobs = True

    def __init__(self, overrides: Sequence[str], objective: Objective | None) -> None:
        self.jobs = make_jobs(expand(overrides))
        if objective is not None:
            objective.require_legal([job.config for job in self.jobs])
        self.n_jobs = len(self.jobs)
        self._waiting = deque(sorted(self.jobs, key=_shared))

    def next(self) -> Job | None:
        return self._waiting.popleft() if self._waiting else None

    def ended(self, job: Job, run: Run) -> None:
        """Ignored: results do not affect a grid."""


def _shared(job: Job) -> list[str]:
    return [str(job.config[key]) for key in ("data", "protocol", "preprocess", "seed")]
