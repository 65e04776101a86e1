"""Adversarially trained autoencoder, scored with the learned features of its discriminator."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from adbench.arrays.columns import Columns
from adbench.config.checks import (
    require_at_least,
    require_fraction,
    require_not_negative,
    require_positive,
    require_widths,
)
from adbench.models.neural import NeuralDetector, log_error, mlp
from adbench.models.nn.squared_error import mean_squared_error
from adbench.training.module import Objective


class GAN(NeuralDetector):
    """Akçay et al. 2019, "Skip-GANomaly: Skip Connected and Adversarially Trained Encoder-Decoder Anomaly Detection".

    The generator is an autoencoder, the discriminator tells rows from their reconstructions, and the generator
    minimises the paper's sum of adversarial loss, contextual loss (the reconstruction error) and latent loss (the
    distance between the discriminator's features of a row and of its reconstruction). The score is the paper's
    lambda R(x) + (1 - lambda) L(x), with reconstruction error R and feature distance L. Differences from the paper:
    no skip connections, since on vectors they would pass the row itself to the decoder; a squared, not absolute,
    contextual loss; and lambda one half, not .9, so that the discriminator carries its share of the score.

    The discriminator's output is no score: it only learns to tell fitted rows from generated ones, and is arbitrary
    for rows unlike both. On network records it ranks attacks below normals. Its features compare a row with that row's
    own reconstruction, which is wrong wherever the row is unusual. Both distances sum logarithms, see `log_error`. No
    claim is made that the discriminator improves on the reconstruction alone: on the attacks of NSL-KDD's training
    file a lambda of .9 ranks slightly better (docs/results/defaults.txt).

    hidden_sizes: widths of the encoder's layers before the code; the decoder mirrors them. feature_size: width of
    the discriminator's hidden layer, f(x). contextual_weight, latent_weight: weights of the generator's losses,
    relative to 1 for the adversarial one. reconstruction_share: the score's lambda. error_scale: as in `AE`; null:
    squares.
    """

    def __init__(
        self,
        columns: Columns,
        hidden_sizes: list[int],
        latent_size: int,
        feature_size: int,
        contextual_weight: float,
        latent_weight: float,
        reconstruction_share: float,
        error_scale: float | None,
        learning_rate: float,
    ) -> None:
        super().__init__(learning_rate)
        require_widths("model.hidden_sizes", hidden_sizes)
        require_at_least("model.latent_size", latent_size, 1)
        require_at_least("model.feature_size", feature_size, 1)
        require_not_negative("model.contextual_weight", contextual_weight)
        require_not_negative("model.latent_weight", latent_weight)
        require_fraction("model.reconstruction_share", reconstruction_share)
        if error_scale is not None:
            require_positive("model.error_scale", error_scale)
        self.contextual_weight, self.latent_weight = contextual_weight, latent_weight
        self.reconstruction_share, self.error_scale = reconstruction_share, error_scale
        sizes = [len(columns), *hidden_sizes, latent_size]
        self.generator = nn.Sequential(mlp(sizes, nn.ReLU), mlp(sizes[::-1], nn.ReLU))
        self.features = nn.Sequential(nn.Linear(len(columns), feature_size), nn.LeakyReLU(0.2, inplace=True))
        self.verdict = nn.Linear(feature_size, 1)

    def objectives(self) -> Sequence[Objective]:
        """The discriminator's step, then the generator's."""
        discriminator = [*self.features.parameters(), *self.verdict.parameters()]
        return [(self.discriminator_loss, discriminator), (self.generator_loss, list(self.generator.parameters()))]

    def discriminator_loss(self, x: Tensor) -> Tensor:
        """Cross-entropy of telling rows from reconstructions (Goodfellow et al. 2014, eq. 1)."""
        with torch.no_grad():
            x_hat = self.generator(x)
        return real_loss(self.verdict(self.features(x))) + fake_loss(self.verdict(self.features(x_hat)))

    def generator_loss(self, x: Tensor) -> Tensor:
        """Adversarial loss (non-saturating: Goodfellow et al. 2014, section 3), contextual and latent loss."""
        x_hat = self.generator(x)
        seen = self.features(x_hat)
        with torch.no_grad():  # independent of the generator
            of_x = self.features(x)
        contextual = self.mean_squared_error(x_hat, x)
        latent = mean_squared_error(seen, of_x)
        return real_loss(self.verdict(seen)) + self.contextual_weight * contextual + self.latent_weight * latent

    def score(self, x: Tensor) -> Tensor:
        """lambda R(x) + (1 - lambda) L(x), each a mean log-error."""
        x_hat = self.generator(self.within(x))
        residual = log_error(x - x_hat, self.error_scale).mean(dim=1)
        unlike = log_error(self.features(x) - self.features(x_hat), self.error_scale).mean(dim=1)
        return self.reconstruction_share * residual + (1 - self.reconstruction_share) * unlike


def real_loss(logit: Tensor) -> Tensor:
    """Mean of -log sigmoid(logit), shape (..., rows, 1) -> (...): small if rows are classified as real."""
    return softplus(-logit).mean(dim=(-2, -1))


def fake_loss(logit: Tensor) -> Tensor:
    """Mean of -log(1 - sigmoid(logit)), shape (..., rows, 1) -> (...): small if classified as generated."""
    return softplus(logit).mean(dim=(-2, -1))
