"""Values drawn at random."""

from typing import TYPE_CHECKING

from adbench.sweeps.samplers.study import Study

if TYPE_CHECKING:
    import optuna


class Random(Study):
    """Independent of one another and of what came out (Bergstra & Bengio 2012); the yardstick of every other search."""

    option = "random"

    def make_sampler(self, seed: int) -> "optuna.samplers.BaseSampler":
        from optuna.samplers import RandomSampler

        return RandomSampler(seed=seed)
