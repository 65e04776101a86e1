"""Compilation of a detector's losses by torch.compile, if a compiler is available."""

from collections.abc import Callable
from typing import Any

import torch
from pytorch_lightning.utilities.seed import isolate_rng
from torch import Tensor

from adbench.training.module import Loss, TrainableModule


def compiled_losses(module: TrainableModule, say: Callable[[str], None]) -> dict[str, Loss]:
    """The detector's losses by name, each compiled. say: called with the reason if that fails.

    A batch of another size than the first, such as the last of a pass, is not compiled: this would take seconds again.
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
        """Compile and try the loss, forward and backward, on a first batch."""
        try:
            # fallback_random: draws the same random numbers as uncompiled code.
            compiled: Loss = torch.compile(self.plain, dynamic=False, options={"fallback_random": True})
            with isolate_rng(include_cuda=x.device.type == "cuda"):
                torch.autograd.grad(compiled(x).sum(), self.parameters)
        except Exception as error:
            # A compiler can fail in any way, and the training can do without.
            reason = " ".join(str(error).split())[:200]
            self.say(f"goes on without trainer.compile: {reason}")
            return
        self.compiled = compiled
