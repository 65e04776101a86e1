"""A sweep before it starts: what it runs, where, and by which rules."""

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
    """A sweep that is composed and not yet started."""

    overrides: list[str]  # of its jobs, a benchmark's included
    sampler: Sampler
    executor: Executor
    objective: Objective | None
    most: int = 1  # jobs that are trained as one
    left_out: tuple[str, ...] = ()  # which data of a benchmark are not on this machine, and how to get them


@dataclass(frozen=True)
class Rules:
    """What a sweep does about jobs that are finished, and those that do not finish.

    force: run again what is finished. keep_old: leave what other code made as it is. retry_failed: run again what
    failed, took too long or was pruned. fail_fast: start nothing more after the first job that does not finish.
    timeout: seconds that a job may run.
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
    """Hears how a sweep gets on. This one is silent; `adbench.cli.display.sweep_progress` has those that speak."""

    def begin(self, n_jobs: int, slots: int) -> None:
        """The sweep begins."""

    def expect(self, n_jobs: int) -> None:
        """So many jobs there will be, as far as is known now: trials of a search can share a configuration."""

    def started(self, job: Job) -> None:
        """A job was handed to the executor."""

    def ended(self, job: Job, run: Run, ran: bool) -> None:
        """A job is over; ran: in this sweep, not before."""

    def note(self, sentence: str) -> None:
        """Something that the user should know, though nothing is wrong."""

    def poll(self) -> None:
        """Some time has passed."""


def plan(overrides: Iterable[str]) -> Plan:
    """Compose a sweep and all its jobs. Raises ConfigError for the first that cannot be composed.

    overrides: of the jobs, where a key may have several values, and of the sweep itself: executor, sampler, objective,
    and benchmark, which stands for the overrides in configs/benchmark/NAME.yaml; what is typed replaces those.
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
        build_loggers(compose([loggers]))  # what is not installed is said once, not by each job
    require_at_least("fuse", config["fuse"], 1)
    most = config["fuse"] if sampler.knows_all_jobs else 1
    return Plan(of_jobs, sampler, executor, objective, most, left_out)


def _names_data(text: str) -> bool:
    return text.startswith(DATA)


def _on_this_machine(overrides: list[str], named: str) -> tuple[list[str], tuple[str, ...]]:
    """The overrides with those of a benchmark's data whose files are here, and what is to be said of the others.

    named: the override that lists the data. Raises ConfigError where none of several is here.
    """
    names = [text.removeprefix(DATA) for (text,) in expand([named])]
    folders = [text.partition("=")[2] for text in overrides if text.startswith("data.folder=")]
    missing = not_on_disk(names, folders[-1].strip("'\"") if folders else None)
    if len(names) == 1 or not missing:
        return overrides, ()  # of one alone, its loader tells more
    sentences = tuple(
        f"left out, since the files are not on this machine: {', '.join(of_way)}; {way}"
        for way, of_way in missing.items()
    )
    kept = [name for name in names if not any(name in of_way for of_way in missing.values())]
    if not kept:
        raise ConfigError(f"expected data of {named} on this machine, got none of them; {next(iter(missing))}")
    return [f"{DATA}{','.join(kept)}" if text == named else text for text in overrides], sentences


def require_divisible(planned: Plan, rules: Rules) -> None:
    """Raise AdbenchError for data that a protocol of the sweep cannot divide, or that are too few for what it promises.

    Each pair of the two is loaded once, with the first of its seeds, and only where a job of it is to be run.
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
    from adbench.runner.prepare import rate_of  # only now: a dry run loads nothing

    job = jobs[0]
    try:
        if (counts := _rows(job.config, here)) is None:
            return
        for job in jobs:
            rate_of(job.config, build(job.config["threshold"], "threshold"), *counts)
    except AdbenchError as error:
        raise error.followed_by(f", in the job {' '.join(job.overrides)}" if naming else "") from None


def _rows(config: Config, here: bool) -> tuple[int, int] | None:
    """How many calibration and fit rows there are; None where only the jobs can tell."""
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
