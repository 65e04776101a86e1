"""Autoencoder, scored by the error of reconstructing a row from a narrow code."""

from torch import Tensor, nn

from adbench.arrays.columns import Columns
from adbench.config.checks import require_at_least, require_positive, require_widths
from adbench.models.neural import ColumnDetector, log_error, mlp


class AE(ColumnDetector):
    """Autoencoder with reconstruction error as score (Hawkins et al. 2002, "Outlier Detection Using Replicator NNs").

    Trained on the mean squared error. The score sums the logarithms of the columns' errors, see `log_error`, so that
    an attack slightly off in many columns outscores a normal row with one odd column.

    hidden_sizes: widths of the encoder's layers before the code; the decoder mirrors them.
    error_scale: the error, in units of the scaled columns, beyond which a column counts by its logarithm; null: the
    score sums squares.
    """

    def __init__(
        self,
        columns: Columns,
        hidden_sizes: list[int],
        latent_size: int,
        error_scale: float | None,
        learning_rate: float,
    ) -> None:
        super().__init__(learning_rate)
        require_widths("model.hidden_sizes", hidden_sizes)
        require_at_least("model.latent_size", latent_size, 1)
        if error_scale is not None:
            require_positive("model.error_scale", error_scale)
        self.error_scale = error_scale
        sizes = [len(columns), *hidden_sizes, latent_size]
        self.encoder = mlp(sizes, nn.ReLU)
        self.decoder = mlp(sizes[::-1], nn.ReLU)

    def reconstruct(self, x: Tensor) -> Tensor:
        """The decoded codes, shape (rows, features)."""
        x_hat: Tensor = self.decoder(self.encoder(x))
        return x_hat

    def loss(self, x: Tensor) -> Tensor:
        """Mean squared error."""
        return self.mean_squared_error(self.reconstruct(x), x)

    def column_scores(self, x: Tensor) -> Tensor:
        """The log-error of each column's reconstruction, plus the distance outside the fitted range in error scales.

        Under the logarithm alone, one column far outside would be lost among the small errors of many.
        """
        inside = self.within(x)
        if self.error_scale is None:
            return log_error(x - self.reconstruct(inside), None)
        return log_error(inside - self.reconstruct(inside), self.error_scale) + (x - inside).abs() / self.error_scale
