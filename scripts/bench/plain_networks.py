"""Hand-written networks of ae, vae and gan with the usual expressions of their losses.

Independent of `adbench.models`.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss, softplus

from adbench.config.keys import Config


class Plain(nn.Module):
    """A network with the usual expressions of its losses."""

    def players(self) -> Sequence[list[nn.Parameter]]:
        """The parameters that each loss trains."""
        return [list(self.parameters())]

    def losses(self, x: Tensor) -> Iterator[Tensor]:
        """One loss per player, each computed after the previous player's step."""
        raise NotImplementedError


class PlainAE(Plain):
    """Mean squared error."""

    def __init__(self, n_features: int, hidden_sizes: list[int], latent_size: int, **_: Any) -> None:
        super().__init__()
        self.encoder = _layers([n_features, *hidden_sizes, latent_size])
        self.decoder = _layers([latent_size, *hidden_sizes[::-1], n_features])

    def losses(self, x: Tensor) -> Iterator[Tensor]:
        """The reconstruction loss."""
        yield mse_loss(self.decoder(self.encoder(x)), x)


class PlainVAE(Plain):
    """The negative evidence lower bound, without its constant."""

    def __init__(
        self, n_features: int, hidden_sizes: list[int], latent_size: int, beta: float, min_scale: float, **_: Any
    ) -> None:
        super().__init__()
        self.beta, self.min_scale = beta, min_scale
        self.encoder = _layers([n_features, *hidden_sizes, 2 * latent_size])
        self.decoder = _layers([latent_size, *hidden_sizes[::-1], 2 * n_features])

    def losses(self, x: Tensor) -> Iterator[Tensor]:
        """The loss with one draw of the code."""
        mu, logvar = self.encoder(x).chunk(2, dim=-1)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        mean, raw_scale = self.decoder(z).chunk(2, dim=-1)
        scale = self.min_scale + softplus(raw_scale)
        nll = (0.5 * ((x - mean) / scale).square() + scale.log()).sum(dim=-1)
        kl = 0.5 * (mu.square() + logvar.exp() - 1 - logvar).sum(dim=-1)
        yield (nll + self.beta * kl).mean()


class PlainGAN(Plain):
    """GAN with one reconstruction per batch for both players, as in PyTorch's DCGAN example."""

    def __init__(
        self,
        n_features: int,
        hidden_sizes: list[int],
        latent_size: int,
        feature_size: int,
        contextual_weight: float,
        latent_weight: float,
        **_: Any,
    ) -> None:
        super().__init__()
        self.contextual_weight, self.latent_weight = contextual_weight, latent_weight
        sizes = [n_features, *hidden_sizes, latent_size]
        self.generator = nn.Sequential(_layers(sizes), _layers(sizes[::-1]))
        self.features = nn.Sequential(nn.Linear(n_features, feature_size), nn.LeakyReLU(0.2))
        self.verdict = nn.Linear(feature_size, 1)

    def players(self) -> Sequence[list[nn.Parameter]]:
        """The parameters of the discriminator, then of the generator."""
        return [[*self.features.parameters(), *self.verdict.parameters()], list(self.generator.parameters())]

    def losses(self, x: Tensor) -> Iterator[Tensor]:
        """The loss of the discriminator, then of the generator."""
        x_hat = self.generator(x)
        real, fake = self.verdict(self.features(x)), self.verdict(self.features(x_hat.detach()))
        yield softplus(-real).mean() + softplus(fake).mean()
        with torch.no_grad():
            of_x = self.features(x)
        seen = self.features(x_hat)
        contextual, latent = mse_loss(x_hat, x), mse_loss(seen, of_x)
        adversarial = softplus(-self.verdict(seen)).mean()
        yield adversarial + self.contextual_weight * contextual + self.latent_weight * latent


NETWORKS: dict[str, Callable[..., Plain]] = {"ae": PlainAE, "vae": PlainVAE, "gan": PlainGAN}


def plain(config: Config, n_features: int) -> Plain:
    """The plain network of the configuration's model."""
    return NETWORKS[config["choices"]["model"]](n_features, **config["model"])


def _layers(sizes: Sequence[int]) -> nn.Sequential:
    layers = [layer for n_in, n_out in pairwise(sizes) for layer in (nn.Linear(n_in, n_out), nn.ReLU())]
    return nn.Sequential(*layers[:-1])
