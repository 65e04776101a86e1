from collections.abc import Sequence

import torch
from torch import Tensor, nn

from adbench.checks import require_at_least, require_widths
from adbench.models.base import NeuralDetector, mlp


class AE(NeuralDetector):
    def __init__(self, n_features: int, hidden_sizes: list[int], latent_size: int, learning_rate: float) -> None:
        super().__init__(learning_rate)
        require_widths("model.hidden_sizes", hidden_sizes)
        require_at_least("model.latent_size", latent_size, 1)
        sizes = [n_features, *hidden_sizes, latent_size]
        self.encoder = mlp(sizes, nn.ReLU)
        self.decoder = mlp(sizes[::-1], nn.ReLU)

    def squared_errors(self, x: Tensor) -> Tensor:
        return (x - self.decoder(self.encoder(x))).square()

    def loss(self, x: Tensor) -> Tensor:
        return self.squared_errors(x).mean()

    def score(self, x: Tensor) -> Tensor:
        return torch.log(self.squared_errors(x) + 1e-3).sum(dim=1)
