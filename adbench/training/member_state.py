"""What a detector that is stacked of several knows of each of them."""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor


@dataclass
class Networks:
    """Everything has one entry a network.

    random_states: of torch's generator on the processor, where the network's own draws go on from, and the seed it
    began with: that is where those of another device begin.
    """

    learning_rates: list[float]
    random_states: list[tuple[Tensor, int]]
    columns: list[int]  # of its table; the others of a batch, up to the widest, are zeros
    generators: list[torch.Generator] = field(default_factory=list)
    n_columns: Any = None  # (networks, 1)
    mask: Tensor | None = None  # (networks, 1, features): 1 in its own columns; None where all have the same

    def start(self, device: torch.device) -> None:
        """Take the generators and masks to where the networks are trained."""
        self.generators = [torch.Generator(device) for _ in self.random_states]
        for generator, (state, seed) in zip(self.generators, self.random_states, strict=True):
            generator.set_state(state) if device.type == "cpu" else generator.manual_seed(seed)
        self.n_columns = torch.tensor(self.columns, dtype=torch.float32, device=device)[:, None]
        if len(set(self.columns)) > 1:
            position = torch.arange(max(self.columns), device=device)
            self.mask = (position < self.n_columns).float()[:, None]

    def only_own_columns(self, x: Tensor) -> Tensor:
        """Zeros in the columns that a network's table does not have, shape (networks, rows, features)."""
        return x if self.mask is None else x * self.mask

    def normal_like(self, x: Tensor) -> Tensor:
        """Standard normal noise, each network's from its own generator, as it would draw it alone."""
        draws = [
            torch.randn(x.shape[1:], generator=generator, device=x.device, dtype=x.dtype)
            for generator in self.generators
        ]
        return torch.stack(draws)

    def states(self) -> list[Tensor]:
        """Where the draws have got to."""
        return [generator.get_state() for generator in self.generators]

    def restore(self, states: list[Tensor]) -> None:
        """Take back what `states` gave."""
        for generator, state in zip(self.generators, states, strict=True):
            generator.set_state(state)
