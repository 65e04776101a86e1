"""Random search."""

from typing import TYPE_CHECKING

from adbench.sweeps.samplers.study import Study

if TYPE_CHECKING:
    import optuna


class Random(Study):
    """Independent draws (Bergstra & Bengio 2012), the baseline of every other search."""

    option = "random"

    def make_sampler(self, seed: int) -> "optuna.samplers.BaseSampler":
        from optuna.samplers import RandomSampler

        return RandomSampler(seed=seed)
