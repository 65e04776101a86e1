"""Per-member state of a stacked detector: learning rates, generators, column masks."""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor


@dataclass
class Networks:
    """State of stacked networks; every field has one entry per network.

    random_states: the CPU generator's state, from which the network's draws continue, and its seed, with which draws on
    another device begin.
    """

    learning_rates: list[float]
    random_states: list[tuple[Tensor, int]]
    columns: list[int]  # of its table; further columns, up to the widest table's, are zeros
    generators: list[torch.Generator] = field(default_factory=list)
    n_columns: Any = None  # (networks, 1)
    mask: Tensor | None = None  # (networks, 1, features): 1 in a network's own columns; None if all have the same

    def start(self, device: torch.device) -> None:
        """Create generators and masks on the training device."""
        self.generators = [torch.Generator(device) for _ in self.random_states]
        for generator, (state, seed) in zip(self.generators, self.random_states, strict=True):
            generator.set_state(state) if device.type == "cpu" else generator.manual_seed(seed)
        self.n_columns = torch.tensor(self.columns, dtype=torch.float32, device=device)[:, None]
        if len(set(self.columns)) > 1:
            position = torch.arange(max(self.columns), device=device)
            self.mask = (position < self.n_columns).float()[:, None]

    def only_own_columns(self, x: Tensor) -> Tensor:
        """x with zeros in the columns missing from a network's table, shape (networks, rows, features)."""
        return x if self.mask is None else x * self.mask

    def normal_like(self, x: Tensor) -> Tensor:
        """Standard normal noise, drawn from each network's own generator as in separate training."""
        draws = [
            torch.randn(x.shape[1:], generator=generator, device=x.device, dtype=x.dtype)
            for generator in self.generators
        ]
        return torch.stack(draws)

    def states(self) -> list[Tensor]:
        """The generators' current states."""
        return [generator.get_state() for generator in self.generators]

    def restore(self, states: list[Tensor]) -> None:
        """Restore the states returned by `states`."""
        for generator, state in zip(self.generators, states, strict=True):
            generator.set_state(state)
