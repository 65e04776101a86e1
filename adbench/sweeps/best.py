"""The configuration that a sweep's objective says is best: no more than that, on none but the rows it was asked on."""

import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any

from adbench.config.identity import same_settings
from adbench.config.overrides import root_of
from adbench.runner.job import Job
from adbench.sweeps.objective import VALIDATION, Objective

VALIDATING = "protocol=labelled_validation"


@dataclass(frozen=True)
class Best:
    """One configuration, and what speaks for it."""

    overrides: list[str]  # all but the seed
    objective: str
    value: float  # the mean over its seeds
    n: int  # of them
    sd: float | None  # None of one seed

    @property
    def command(self) -> str:
        """What runs it."""
        return shlex.join(["adbench", "train", *self.overrides])

    def document(self) -> dict[str, Any]:
        """As `--json` prints it."""
        return {"overrides": self.overrides, "objective": self.objective, "value": self.value, "n": self.n}

    def lines(self) -> list[str]:
        """As it is told to people."""
        spread = "" if self.sd is None else f" (sd {self.sd:.4g})"
        seeds = f"mean of {self.n} seeds{spread}" if self.n > 1 else "one seed"
        told = [f"best {self.objective} {self.value:.6g}, {seeds}:", f"  {self.command}"]
        if self.objective.startswith(VALIDATION) and VALIDATING in self.overrides:
            told.append(f"to report it with the test file, leave out {VALIDATING}")
        return told


def best_of(jobs: Iterable[Job], objective: Objective, keep_old: bool = False) -> Best | None:
    """The best of the configurations all of whose seeds are done; None where there is none.

    One with fewer seeds than others is no candidate: it may have had the easier ones. keep_old: whether runs that other
    code made take part.
    """
    values: dict[str, list[float | None]] = {}
    overrides: dict[str, list[str]] = {}
    for job in jobs:
        key = same_settings(job.config)
        values.setdefault(key, []).append(objective.value(job.state(keep_old)))
        overrides.setdefault(key, [text for text in job.overrides if root_of(text) != "seed"])
    n_seeds = max(map(len, values.values()), default=0)
    whole = {key: [value for value in of if value is not None] for key, of in values.items()}
    means = {key: fmean(of) for key, of in whole.items() if len(of) == n_seeds}
    if not means:
        return None
    best = objective.best(means.values())
    key = next(key for key, mean in means.items() if mean == best)
    sd = stdev(whole[key]) if n_seeds > 1 else None
    return Best(overrides[key], objective.name, best, n_seeds, sd)
