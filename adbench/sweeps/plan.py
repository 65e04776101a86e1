"""Planning of a sweep: its jobs, executor and rules."""

import json
from collections.abc import Iterable
from dataclasses import dataclass

from adbench.config.benchmarks import overrides_of
from adbench.config.checks import require_at_least, require_positive
from adbench.config.compose import compose
from adbench.config.identity import identity
from adbench.config.instantiate import build
from adbench.config.keys import Config
from adbench.config.options import SWEEP, groups
from adbench.config.overrides import SEVERAL, expand, replace, root_of
from adbench.data.catalogue import not_on_disk
from adbench.errors import AdbenchError, ConfigError, DataError
from adbench.executors.base import Executor
from adbench.results.record import DONE, Run
from adbench.runner.job import Job
from adbench.runner.loggers.log import build_loggers
from adbench.runner.run import require_one_wish
from adbench.storage.scratch import Scratch
from adbench.sweeps.objective import Objective
from adbench.sweeps.samplers.base import Sampler

DATA = "data="


@dataclass(frozen=True)
class Plan:
    """A composed sweep that has not started."""

    overrides: list[str]  # of its jobs, including a benchmark's
    sampler: Sampler
    executor: Executor
    objective: Objective | None
    most: int = 1  # maximum jobs trained as one
    left_out: tuple[str, ...] = ()  # a benchmark's data missing on this machine, and how to get them


@dataclass(frozen=True)
class Rules:
    """Treatment of finished and failed jobs in a sweep.

    force: repeat finished jobs. keep_old: keep the results of other code. retry_failed: repeat jobs that failed, timed
    out or were pruned. fail_fast: start no more jobs after the first that does not finish. timeout: maximum seconds
    per job.
    """

    force: bool = False
    keep_old: bool = False
    retry_failed: bool = False
    fail_fast: bool = False
    timeout: float | None = None

    def __post_init__(self) -> None:
        require_one_wish(self.force, self.keep_old)
        if self.timeout is not None:
            require_positive("--timeout", self.timeout)


class SweepReporter:
    """A listener to a sweep's progress. This one is silent; `adbench.cli.display.sweep_progress` has others."""

    def begin(self, n_jobs: int, slots: int) -> None:
        """The sweep begins."""

    def expect(self, n_jobs: int) -> None:
        """Update the expected number of jobs, an estimate while searching: trials can share a configuration."""

    def started(self, job: Job) -> None:
        """A job was submitted to the executor."""

    def ended(self, job: Job, run: Run, ran: bool) -> None:
        """A job has ended. ran: in this sweep, not before."""

    def note(self, sentence: str) -> None:
        """Information for the user, though nothing is wrong."""

    def poll(self) -> None:
        """Some time has passed."""


def plan(overrides: Iterable[str]) -> Plan:
    """Compose a sweep and all its jobs. Raises ConfigError for the first that does not compose.

    overrides: of the jobs, where a key may have several values, and of the sweep itself: executor, sampler, objective,
    and benchmark, which expands to the overrides in configs/benchmark/NAME.yaml unless they are overridden in turn.
    """
    overrides = list(overrides)
    own = (*groups(SWEEP), "objective", "fuse")
    of_sweep = [text for text in overrides if root_of(text) in own]
    of_jobs = [text for text in overrides if root_of(text) not in own]
    benchmarks = [text for text in of_sweep if root_of(text) == "benchmark"]
    config = compose([text for text in of_sweep if text not in benchmarks], SWEEP)
    executor = build(config["executor"], "executor")
    left_out: tuple[str, ...] = ()
    for text in benchmarks:
        named = [word for word in overrides_of(text) if word.startswith(DATA) and not any(map(_names_data, of_jobs))]
        of_jobs = replace(overrides_of(text), of_jobs)
        if named and executor.here:
            of_jobs, left_out = _on_this_machine(of_jobs, named[-1])
    objective = None if config["objective"] is None else Objective(str(config["objective"]))
    sampler = build(config["sampler"], "sampler", overrides=of_jobs, objective=objective)
    for loggers in [text for text in of_jobs if root_of(text) == SEVERAL and "." not in text.partition("=")[0]]:
        build_loggers(compose([loggers]))  # report a missing package once, not per job
    require_at_least("fuse", config["fuse"], 1)
    most = config["fuse"] if sampler.knows_all_jobs else 1
    return Plan(of_jobs, sampler, executor, objective, most, left_out)


def _names_data(text: str) -> bool:
    return text.startswith(DATA)


def _on_this_machine(overrides: list[str], named: str) -> tuple[list[str], tuple[str, ...]]:
    """The overrides with only those of a benchmark's data whose files are here, and sentences on the others.

    named: the override that lists the data. Raises ConfigError if none of several is here.
    """
    names = [text.removeprefix(DATA) for (text,) in expand([named])]
    folders = [text.partition("=")[2] for text in overrides if text.startswith("data.folder=")]
    missing = not_on_disk(names, folders[-1].strip("'\"") if folders else None)
    if len(names) == 1 or not missing:
        return overrides, ()  # for a single dataset, its loader's error says more
    sentences = tuple(
        f"left out, since the files are not on this machine: {', '.join(of_way)}; {way}"
        for way, of_way in missing.items()
    )
    kept = [name for name in names if not any(name in of_way for of_way in missing.values())]
    if not kept:
        raise ConfigError(f"expected data of {named} on this machine, got none of them; {next(iter(missing))}")
    return [f"{DATA}{','.join(kept)}" if text == named else text for text in overrides], sentences


def require_divisible(planned: Plan, rules: Rules) -> None:
    """Raise AdbenchError for data that a protocol of the sweep cannot divide, or that are too few for its promise.

    Each pair of data and protocol is loaded once, with its first seed, and only if one of its jobs has to be run.
    """
    pairs: dict[str, list[Job]] = {}
    for job in planned.sampler.probes:
        config = job.config
        pair = [identity(config, "data"), config["data"].get("folder"), {**config["protocol"], "split_seed": None}]
        pairs.setdefault(json.dumps(pair, sort_keys=True), []).append(job)
    for jobs in pairs.values():
        if rules.force or any(job.state(rules.keep_old).status != DONE for job in jobs):
            _require_divisible(jobs, planned.executor.here, naming=len(pairs) > 1)


def _require_divisible(jobs: list[Job], here: bool, naming: bool) -> None:
    from adbench.runner.prepare import rate_of  # imported late: a dry run loads nothing

    job = jobs[0]
    try:
        if (counts := _rows(job.config, here)) is None:
            return
        for job in jobs:
            rate_of(job.config, build(job.config["threshold"], "threshold"), *counts)
    except AdbenchError as error:
        raise error.followed_by(f", in the job {' '.join(job.overrides)}" if naming else "") from None


def _rows(config: Config, here: bool) -> tuple[int, int] | None:
    """The numbers of calibration and fit rows; None if only the jobs themselves can tell."""
    from adbench.runner.prepare import divide, load
    from adbench.runner.prepared_cache import bytes_of, rows_on_disk

    if (known := rows_on_disk(config)) is not None:
        return known
    with Scratch(bytes_of(config, "memory_gb")) as scratch:
        try:
            table = load(config, scratch)
        except DataError:
            if here:
                raise
            return None
        split = divide(config, table)
    return len(split.calibration), len(split.fit)
