"""A detector's losses through torch.compile, where there is a compiler."""

from collections.abc import Callable
from typing import Any

import torch
from pytorch_lightning.utilities.seed import isolate_rng
from torch import Tensor

from adbench.training.module import Loss, TrainableModule


def compiled_losses(module: TrainableModule, say: Callable[[str], None]) -> dict[str, Loss]:
    """The detector's losses by name, each compiled. say: called with the reason, once, where that cannot be.

    A batch of another size than the first, such as the last of a pass, goes as it would without: compiling for it would
    take seconds again.
    """
    return {loss.__name__: _Compiled(loss, list(given), say) for loss, given in module.objectives()}


class _Compiled:
    def __init__(self, loss: Loss, parameters: list[Any], say: Callable[[str], None]) -> None:
        self.plain, self.parameters, self.say = loss, parameters, say
        self.compiled: Loss | None = None
        self.shape: torch.Size | None = None

    def __call__(self, x: Tensor) -> Tensor:
        if self.shape is None:
            self.shape = x.shape
            self._compile(x)
        return self.plain(x) if self.compiled is None or x.shape != self.shape else self.compiled(x)

    def _compile(self, x: Tensor) -> None:
        """Try it, forward and backward, on a first batch."""
        try:
            # fallback_random: what is drawn is what would be drawn without.
            compiled: Loss = torch.compile(self.plain, dynamic=False, options={"fallback_random": True})
            with isolate_rng(include_cuda=x.device.type == "cuda"):
                torch.autograd.grad(compiled(x).sum(), self.parameters)
        except Exception as error:
            # A compiler can fail in any way; the training does not need it.
            reason = " ".join(str(error).split())[:200]
            self.say(f"goes on without trainer.compile: {reason}")
            return
        self.compiled = compiled
