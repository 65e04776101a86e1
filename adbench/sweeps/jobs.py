"""Construction of a sweep's jobs: composed, named, without duplicates."""

from collections.abc import Sequence
from pathlib import Path

from adbench.config.compose import compose_all
from adbench.config.identity import run_name
from adbench.results.code import CodesAtHand
from adbench.runner.job import Job


def make_jobs(overrides: Sequence[tuple[str, ...]]) -> list[Job]:
    """One job per distinct configuration.

    Raises ConfigError, with the job's overrides, for the first that does not compose.
    """
    jobs: dict[Path, Job] = {}
    code_at_hand = CodesAtHand()
    for of_job, config in zip(overrides, compose_all(overrides, naming=len(overrides) > 1), strict=True):
        path = Path(config["runs_dir"]) / run_name(config)
        jobs.setdefault(path, Job(of_job, config, path, code_at_hand(config)))
    return list(jobs.values())
