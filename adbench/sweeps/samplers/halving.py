"""Successive halving: short trials of many values, long trials of the best."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from adbench.config.checks import require_at_least
from adbench.errors import ConfigError
from adbench.sweeps.objective import Objective
from adbench.sweeps.samplers.random import Random

if TYPE_CHECKING:
    import optuna


class Halving(Random):
    """Asynchronous successive halving (Li et al. 2018) of randomly drawn values.

    min_resource: minimum epochs per trial. reduction_factor: the best 1 / reduction_factor of the trials at each stage
    get reduction_factor times as many epochs.
    """

    option = "halving"

    def __init__(
        self,
        overrides: Sequence[str],
        objective: Objective | None,
        n_trials: int,
        name: str | None,
        seed: int,
        min_resource: int,
        reduction_factor: int,
    ) -> None:
        require_at_least("sampler.min_resource", min_resource, 1)
        require_at_least("sampler.reduction_factor", reduction_factor, 2)
        if objective is not None and objective.history_column is None:
            raise ConfigError(
                f"expected an objective that is known while training for sampler=halving, got {objective.name}; take "
                "objective=calibration/loss, or sampler=tpe"
            )
        self.min_resource, self.reduction_factor = min_resource, reduction_factor
        super().__init__(overrides, objective, n_trials, name, seed)

    def make_pruner(self) -> "optuna.pruners.BasePruner | None":
        from optuna.pruners import SuccessiveHalvingPruner

        return SuccessiveHalvingPruner(min_resource=self.min_resource, reduction_factor=self.reduction_factor)
