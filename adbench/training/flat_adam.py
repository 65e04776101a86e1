"""Adam over one flat tensor of all parameters, which saves the overhead per layer."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter

# A multiple of the vector register size: the optimiser's kernel rounds a tensor's remainder differently.
_ALIGNED = 64


class FlatAdam(torch.optim.Adam):
    """Kingma & Ba 2015, "Adam: A Method for Stochastic Optimization", fused.

    The parameters and gradients become views of one tensor each. learning_rates: one or, if every parameter's first
    dimension counts networks, one per network. Networks with consecutive equal rates share a tensor.
    """

    def __init__(self, parameters: Sequence[Parameter], learning_rates: Sequence[float]) -> None:
        if len(set(learning_rates)) == 1:
            learning_rates = learning_rates[:1]  # keeps the parameters contiguous for any number of networks
        n_networks = len(learning_rates)
        sizes = [parameter.numel() // n_networks for parameter in parameters]
        width = -(-sum(sizes) // _ALIGNED) * _ALIGNED
        device = parameters[0].device
        values = torch.zeros(n_networks, width, device=device)
        gradients = torch.zeros(n_networks, width, device=device)
        self.gradients: list[tuple[Parameter, Tensor]] = []
        start = 0
        for parameter, size in zip(parameters, sizes, strict=True):
            columns = slice(start, start + size)
            values[:, columns] = parameter.detach().reshape(n_networks, size)
            parameter.data = values[:, columns].view(parameter.shape)
            self.gradients.append((parameter, gradients[:, columns].view(parameter.shape)))
            start += size
        self.flat_gradients = gradients
        super().__init__(_groups(values, gradients, learning_rates), fused=True)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Set gradients to zero, never to None, and reattach those that other code has detached."""
        for parameter, gradient in self.gradients:
            if parameter.grad is not gradient:
                parameter.grad = gradient
        self.flat_gradients.zero_()


def _groups(values: Tensor, gradients: Tensor, learning_rates: Sequence[float]) -> list[dict[str, Any]]:
    groups = []
    first = 0
    for end in range(1, len(learning_rates) + 1):
        if end == len(learning_rates) or learning_rates[end] != learning_rates[first]:
            flat = Parameter(values[first:end])
            flat.grad = gradients[first:end]
            groups.append({"params": [flat], "lr": learning_rates[first]})
            first = end
    return groups
