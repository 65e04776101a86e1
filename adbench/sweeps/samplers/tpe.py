"""Values drawn near those that did well."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from adbench.sweeps.objective import Objective
from adbench.sweeps.samplers.study import Study

if TYPE_CHECKING:
    import optuna

PATIENCE = {"n_startup_trials": 5, "n_warmup_steps": 3}  # trials that all run; the first epoch that can end one


class TPE(Study):
    """The tree-structured Parzen estimator (Bergstra et al. 2011), Optuna's, with its settings.

    prune: whether a trial ends early when, after an epoch, its best so far is worse than the median of the others
    after that epoch; only for objectives that are known while training.
    """

    option = "tpe"

    def __init__(
        self,
        overrides: Sequence[str],
        objective: Objective | None,
        n_trials: int,
        name: str | None,
        seed: int,
        prune: bool,
    ) -> None:
        self.prune = prune
        super().__init__(overrides, objective, n_trials, name, seed)

    def make_sampler(self, seed: int) -> "optuna.samplers.BaseSampler":
        from optuna.samplers import TPESampler

        return TPESampler(seed=seed)

    def make_pruner(self) -> "optuna.pruners.BasePruner | None":
        from optuna.pruners import MedianPruner

        return MedianPruner(**PATIENCE) if self.prune else None
