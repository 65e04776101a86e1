"""A trial of a search while it is run."""

from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

from adbench.results.record import HISTORY, PRUNED, Run, read_history
from adbench.runner.job import Job
from adbench.sweeps.objective import Objective

if TYPE_CHECKING:
    import optuna


@dataclass
class Trial:
    """One configuration with all its seeds."""

    in_study: "optuna.Trial"
    jobs: list[Job]  # one a seed; the first is the one that it is pruned by
    reported: int  # epochs of it
    runs: dict[Path, Run] = field(default_factory=dict)
    pruned: bool = False  # what still runs of it is told to stop

    def __post_init__(self) -> None:
        self.n_seeds = len(self.jobs)

    def has(self, job: Job) -> bool:
        """Whether it is one of its jobs."""
        return any(job.path == own.path for own in self.jobs)

    def falls_behind(self, column: str) -> bool:
        """Report the epochs that are new; whether after one of them it need not go on."""
        for epoch in read_history(self.jobs[0].path / HISTORY)[self.reported :]:
            if column not in epoch:
                return False
            self.reported += 1
            self.in_study.report(epoch[column], step=self.reported)
            if self.in_study.should_prune():
                return True
        return False

    def tell(self, study: "optuna.Study", objective: Objective) -> None:
        """How it ended: with the mean over its seeds where all are done."""
        from optuna.trial import TrialState

        values = [objective.value(run) for run in self.runs.values()]
        known = [value for value in values if value is not None]
        # The mean over fewer seeds than others had is no value: seeds are not equally hard.
        if any(run.status == PRUNED for run in self.runs.values()) or len(values) < self.n_seeds:
            study.tell(self.in_study, state=TrialState.PRUNED)
        elif len(known) < len(values):
            study.tell(self.in_study, state=TrialState.FAIL)
        else:
            study.tell(self.in_study, fmean(known))
