"""Running trial of a search."""

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
    jobs: list[Job]  # one per seed; the first decides on pruning
    reported: int  # number of its epochs reported so far
    runs: dict[Path, Run] = field(default_factory=dict)
    pruned: bool = False  # its running jobs are signalled to stop

    def __post_init__(self) -> None:
        self.n_seeds = len(self.jobs)

    def has(self, job: Job) -> bool:
        """True if the job is one of this trial's."""
        return any(job.path == own.path for own in self.jobs)

    def falls_behind(self, column: str) -> bool:
        """Report new epochs to Optuna; returns whether to prune the trial after one of them."""
        for epoch in read_history(self.jobs[0].path / HISTORY)[self.reported :]:
            if column not in epoch:
                return False
            self.reported += 1
            self.in_study.report(epoch[column], step=self.reported)
            if self.in_study.should_prune():
                return True
        return False

    def tell(self, study: "optuna.Study", objective: Objective) -> None:
        """Report the outcome to Optuna: the mean over its seeds if all are done."""
        from optuna.trial import TrialState

        values = [objective.value(run) for run in self.runs.values()]
        known = [value for value in values if value is not None]
        # A mean over fewer seeds is not comparable: seeds differ in difficulty.
        if any(run.status == PRUNED for run in self.runs.values()) or len(values) < self.n_seeds:
            study.tell(self.in_study, state=TrialState.PRUNED)
        elif len(known) < len(values):
            study.tell(self.in_study, state=TrialState.FAIL)
        else:
            study.tell(self.in_study, fmean(known))
