"""Base class of searches: trials, each one configuration with all its seeds, stored in a file."""

import hashlib
import json
import re
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from adbench.config.checks import require_at_least
from adbench.config.extras import require_package
from adbench.config.identity import run_hash
from adbench.errors import ConfigError, RunFolderError
from adbench.results.record import INCOMPLETE, KILLED, PRUNED, SWEEPS, Run
from adbench.runner.job import Job
from adbench.storage.lock import Lock, holder_of
from adbench.sweeps.jobs import make_jobs
from adbench.sweeps.objective import Objective
from adbench.sweeps.samplers.base import Sampler
from adbench.sweeps.samplers.space import read_space
from adbench.sweeps.samplers.trial import Trial

if TYPE_CHECKING:
    import optuna

    from adbench.sweeps.samplers.storage import Storage


class Study(Sampler):
    """A search by Optuna's ask-and-tell interface; a trial's value is the objective's mean over the seeds.

    The file stores all trials. Unfinished ones at the start of a sweep were interrupted by a kill, and resume with the
    same values, so that the search ends with n_trials however often it is killed.

    n_trials: total number. name: of the file under runs_dir/.sweeps (None: derived from the search). seed: of the
    draws, combined with the number of existing trials at the start of a sweep.
    """

    option: str  # its name for `sampler=`

    def __init__(
        self, overrides: Sequence[str], objective: Objective | None, n_trials: int, name: str | None, seed: int
    ) -> None:
        require_at_least("sampler.n_trials", n_trials, 1)
        require_at_least("sampler.seed", seed, 0)
        if name is not None and not re.fullmatch(r"\w[\w.-]{0,99}", name):
            raise ConfigError(f"expected sampler.name to be letters, digits and any of _.- only, got {name!r}")
        self.n_trials, self.seed = n_trials, seed
        self.objective = _require_objective(objective, self.option)
        self.space = read_space(overrides)
        if not self.space.dimensions:
            raise ConfigError(
                f"expected a key to choose for sampler={self.option}, got none with an interval or several values; "
                "write, for one, model.latent_size='int(interval(4,64))'"
            )
        self._probes = probes = make_jobs(list(self.space.probes()))
        self.objective.require_legal([job.config for job in probes])
        self._jobs: dict[int, list[Job]] = {}  # by the trial's number
        self._open: dict[int, Trial] = {}
        self._queue: deque[Job] = deque()
        self._study: optuna.Study | None = None
        require_package("optuna", "sampler", f"sampler={self.option}")
        self._pruner = self.make_pruner()
        self.prunes = self._pruner is not None
        self._storage = self._make_storage(probes[0], list(overrides), name)
        self._lock = Lock(self._storage.path.with_suffix(".lock"))
        self._peek()

    def make_sampler(self, seed: int) -> "optuna.samplers.BaseSampler":
        """Optuna's sampler of the values."""
        raise NotImplementedError

    def make_pruner(self) -> "optuna.pruners.BasePruner | None":
        """Optuna's pruner; None for no pruning."""
        return None

    def begin(self) -> None:
        with self._storage.telling():
            self._storage.path.parent.mkdir(parents=True, exist_ok=True)
            locked = self._lock.acquire()
        if not locked:
            raise RunFolderError(
                f"expected {self._storage.path} for this sweep alone, got {holder_of(self._lock.path) or 'another'} "
                "that is searching there; wait for its end, or take another sampler.name"
            )
        if not self._storage.path.exists():
            self._storage.create(self._storage.path.stem, self.objective.direction)
        self._study = self._storage.open()
        self._jobs.clear()
        trials = self._add_known(self._study)
        self._study.sampler = self.make_sampler(_mixed(self.seed, len(trials)))
        self._study.pruner = self._pruner or self._study.pruner
        for trial in trials:
            if trial.state.is_finished():
                self._queue.extend(self._jobs[trial.number])  # checked again: a run may have been deleted
            else:
                self._add(self._storage.reopened(self._study, trial.number), max(trial.intermediate_values, default=0))
        self._refresh()

    @property
    def probes(self) -> list[Job]:
        """One job per listed value of each varying key."""
        return self._probes

    def next(self) -> Job | None:
        assert self._study is not None
        if not self._queue and len(self._jobs) < self.n_trials:
            with self._storage.telling():
                trial = self._study.ask()
            self._add(trial)
        return self._queue.popleft() if self._queue else None

    def ended(self, job: Job, run: Run) -> None:
        for trial in [trial for trial in self._open.values() if trial.has(job)]:
            trial.runs[job.path] = run
            if run.status == PRUNED:
                self._prune(trial)
            if len(trial.runs) == len(trial.jobs):
                self._tell(trial)

    def stop_early(self, job: Job) -> bool:
        if self._pruner is None or self.objective.history_column is None:
            return False
        for trial in self._open.values():
            if job.path == trial.jobs[0].path and not trial.pruned:
                with self._storage.telling():
                    behind = trial.falls_behind(self.objective.history_column)
                if behind:
                    self._prune(trial)
        return any(trial.pruned for trial in self._open.values() if trial.has(job))

    def close(self) -> None:
        self._storage.close()
        self._lock.release()

    def _make_storage(self, job: Job, overrides: list[str], name: str | None) -> "Storage":
        from adbench.sweeps.samplers.storage import Storage

        # Values from other code must not influence the current choice.
        codes = sorted({json.dumps(probe.code, sort_keys=True) for probe in self._probes})
        document = [run_hash(job.config | {"seed": 0}), self.space.description(), self.objective.name, codes]
        search = hashlib.sha256(json.dumps(document).encode()).hexdigest()[:8]
        path = Path(job.config["runs_dir"]) / SWEEPS / f"{name or f'{self.option}-{search}'}.db"
        return Storage(path, search, " ".join([*overrides, f"objective={self.objective.name}"]))

    def _peek(self) -> None:
        """Check an existing file before writing anything."""
        if self._storage.path.exists():
            try:
                self._add_known(self._storage.open())
            finally:
                self._storage.close()
        self._refresh()

    def _add_known(self, study: "optuna.Study") -> "list[optuna.trial.FrozenTrial]":
        """The trials of earlier sweeps."""
        trials = [trial for trial in study.get_trials(deepcopy=False) if trial.state.name != "WAITING"]
        for trial in trials:
            whole = trial.params.keys() == self.space.dimensions.keys()  # not killed while drawing its values
            jobs = make_jobs(self.space.jobs(trial.params)) if whole else []
            if trial.state.name == "PRUNED":  # some of its jobs were never run
                jobs = [job for job in jobs if job.state().status != INCOMPLETE]
            self._jobs[trial.number] = jobs
        return trials

    def _add(self, trial: "optuna.Trial", reported: int = 0) -> None:
        """Queue a trial."""
        from adbench.sweeps.samplers.storage import suggest

        with self._storage.telling():
            values = {key: suggest(trial, key, dimension) for key, dimension in self.space.dimensions.items()}
        jobs = make_jobs(self.space.jobs(values))
        for job in jobs if self._pruner else []:
            self.objective.prepare(job.config)
        self._jobs[trial.number], self._open[trial.number] = jobs, Trial(trial, jobs, reported)
        self._queue.extend(jobs)
        self._refresh()

    def _prune(self, trial: Trial) -> None:
        """Prune a trial, dropping its waiting jobs unless another trial shares them."""
        trial.pruned = True
        wanted = {job.path for other in self._open.values() if other is not trial for job in other.jobs}
        dropped = {job.path for job in self._queue if trial.has(job)}
        self._queue = deque(job for job in self._queue if job.path in wanted or job.path not in dropped)
        trial.jobs = [job for job in trial.jobs if job.path not in dropped]
        self._jobs[trial.in_study.number] = trial.jobs
        self._refresh()

    def _tell(self, trial: Trial) -> None:
        assert self._study is not None
        if any(run.status == KILLED for run in trial.runs.values()):
            return  # inconclusive: it stays open for the next sweep
        del self._open[trial.in_study.number]
        with self._storage.telling():
            trial.tell(self._study, self.objective)

    def _refresh(self) -> None:
        self.jobs = list({job.path: job for jobs in self._jobs.values() for job in jobs}.values())
        to_ask = max(0, self.n_trials - len(self._jobs))
        self.n_jobs = len(self.jobs) + to_ask * max(1, len(self.space.seeds))


def _mixed(seed: int, n_trials: int) -> int:
    """A seed that changes each time a search resumes."""
    return int.from_bytes(hashlib.sha256(f"{seed} {n_trials}".encode()).digest()[:4], "big")


def _require_objective(objective: Objective | None, option: str) -> Objective:
    if objective is None:
        raise ConfigError(
            f"expected an objective for sampler={option}, got none; write objective=calibration/loss, or "
            "objective=validation/roc_auc protocol=labelled_validation"
        )
    return objective
