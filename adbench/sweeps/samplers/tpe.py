"""Search by the tree-structured Parzen estimator."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from adbench.sweeps.objective import Objective
from adbench.sweeps.samplers.study import Study

if TYPE_CHECKING:
    import optuna

PATIENCE = {"n_startup_trials": 5, "n_warmup_steps": 3}  # trials before any pruning; the first epoch that can be pruned


class TPE(Study):
    """Optuna's tree-structured Parzen estimator (Bergstra et al. 2011) with default settings.

    prune: end a trial early if, after an epoch, its best value so far is worse than the median of the others at that
    epoch; only for objectives known during training.
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
