"""Variational autoencoder, scored by reconstruction probability."""

import torch
from torch import Tensor, nn

from adbench.arrays.columns import Columns
from adbench.config.checks import require_at_least, require_not_negative, require_positive, require_widths
from adbench.models.neural import ColumnDetector, mlp
from adbench.models.nn.gaussian import negative_log_likelihood

# exp(logvar) of a row far outside the fitted range would overflow; no fitted row comes near these bounds.
LOGVAR_BOUNDS = (-15.0, 15.0)


class VAE(ColumnDetector):
    """Trained on the evidence lower bound (Kingma & Welling 2014, "Auto-Encoding Variational Bayes", eq. 3 and 10).

    The decoder gives a mean and a standard deviation per row and column, as in An & Cho 2015,
    "Variational Autoencoder based Anomaly Detection using Reconstruction Probability", whose algorithm 4 is the
    score: E_q(z|x)[-log p(x|z)], by Monte Carlo. All draws of z share one fixed set of standard normals, so that a
    row's score depends neither on the rows scored with it nor on earlier draws.

    hidden_sizes: widths of the encoder's layers before the code; the decoder mirrors them. beta: weight of the KL
    term (1 is the bound itself; less keeps more of a row in its code: Higgins et al. 2017). min_scale: smallest
    standard deviation the decoder may claim; without it a column that is constant in a group of rows has infinite
    likelihood. n_samples: draws of z per row when scoring.
    """

    noise: Tensor

    def __init__(
        self,
        columns: Columns,
        hidden_sizes: list[int],
        latent_size: int,
        beta: float,
        min_scale: float,
        n_samples: int,
        learning_rate: float,
    ) -> None:
        super().__init__(learning_rate)
        require_widths("model.hidden_sizes", hidden_sizes)
        require_at_least("model.latent_size", latent_size, 1)
        require_not_negative("model.beta", beta)
        require_positive("model.min_scale", min_scale)
        require_at_least("model.n_samples", n_samples, 1)
        self.beta, self.min_scale = beta, min_scale
        self.encoder = mlp([len(columns), *hidden_sizes, 2 * latent_size], nn.ReLU)
        self.decoder = mlp([latent_size, *hidden_sizes[::-1], 2 * len(columns)], nn.ReLU)
        self.register_buffer("noise", torch.randn(n_samples, 1, latent_size))

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of q(z|x), each of shape (rows, latent)."""
        mu, logvar = self.encoder(x).chunk(2, dim=-1)
        return mu, logvar.clamp(*LOGVAR_BOUNDS)

    def loss(self, x: Tensor) -> Tensor:
        """The negative evidence lower bound with one draw of z per row, its KL term weighted by beta."""
        mu, logvar = self.encode(x)
        z = mu + torch.exp(0.5 * logvar) * self.normal_like(mu)
        nll = self.column_sum(negative_log_likelihood(x, self.decoder(z), self.min_scale))
        return (nll + self.beta * kl_to_standard_normal(mu, logvar)).mean(dim=-1)

    def score(self, x: Tensor) -> Tensor:
        """The negative reconstruction probability: the mean of -log p(x|z) over the draws of z."""
        return self._draws(x).sum(dim=-1).mean(dim=0)

    def column_scores(self, x: Tensor) -> Tensor:
        """The negative reconstruction probability per column; given z the columns are independent."""
        return self._draws(x).mean(dim=0)

    def _draws(self, x: Tensor) -> Tensor:
        """-log p(x|z) per draw and column, shape (samples, rows, columns)."""
        mu, logvar = self.encode(self.within(x))
        z = mu + torch.exp(0.5 * logvar) * self.noise  # (samples, rows, latent)
        return negative_log_likelihood(x, self.decoder(z), self.min_scale)


def kl_to_standard_normal(mu: Tensor, logvar: Tensor) -> Tensor:
    """KL(N(mu, exp(logvar)) || N(0, 1)) summed over the last axis (Kingma & Welling 2014, appendix B)."""
    return 0.5 * (mu.square() + logvar.exp() - 1 - logvar).sum(dim=-1)
