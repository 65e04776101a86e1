"""Best configuration of a sweep by its objective, on the rows that the objective used and no others."""

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
    """The best configuration, with its objective."""

    overrides: list[str]  # all but the seed
    objective: str
    value: float  # mean over its seeds
    n: int  # number of seeds
    sd: float | None  # None for one seed

    @property
    def command(self) -> str:
        """The command that runs it."""
        return shlex.join(["adbench", "train", *self.overrides])

    def document(self) -> dict[str, Any]:
        """The result as `--json` prints it."""
        return {"overrides": self.overrides, "objective": self.objective, "value": self.value, "n": self.n}

    def lines(self) -> list[str]:
        """The result as lines for the terminal."""
        spread = "" if self.sd is None else f" (sd {self.sd:.4g})"
        seeds = f"mean of {self.n} seeds{spread}" if self.n > 1 else "one seed"
        told = [f"best {self.objective} {self.value:.6g}, {seeds}:", f"  {self.command}"]
        if self.objective.startswith(VALIDATION) and VALIDATING in self.overrides:
            told.append(f"to report it with the test file, leave out {VALIDATING}")
        return told


def best_of(jobs: Iterable[Job], objective: Objective, keep_old: bool = False) -> Best | None:
    """The best configuration among those whose seeds are all done; None if there is none.

    One with fewer seeds than others is excluded: it may have had the easier ones. keep_old: whether to include runs
    made by other code.
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
