"""The contract of detectors with a network."""

import copy
from collections.abc import Sequence
from itertools import pairwise
from typing import Self

import numpy as np
import torch
from torch import Tensor, nn

from adbench.arrays.types import Arrays, Contributions, Matrix, RowLabels, Scores
from adbench.models.base import Training
from adbench.models.nn.squared_error import mean_squared_error
from adbench.training.module import Objective, TrainableModule


class NeuralDetector(TrainableModule):
    """A detector trained by gradient descent. A subclass gives its networks, `loss(batch)` and `score(x)`.

    One with several losses, such as a GAN, overrides `objectives`. `TrainableModule` says what lets detectors be
    trained as one.
    """

    fitted_range: Tensor

    def __init__(self, learning_rate: float) -> None:
        super().__init__(learning_rate)
        self.register_buffer("fitted_range", torch.empty(0))  # least and largest of each column, (2, columns)

    def learn_range(self, x: Matrix) -> None:
        """Keep between what numbers the fit rows lie, for `within`."""
        low, high = np.full(x.shape[-1], np.inf, np.float32), np.full(x.shape[-1], -np.inf, np.float32)
        for block in self.blocks(x):
            rows = block.flatten(0, -2).numpy(force=True)
            low, high = np.minimum(low, rows.min(axis=0)), np.maximum(high, rows.max(axis=0))
        self.fitted_range = torch.from_numpy(np.stack([low, high])).to(self.device)

    def within(self, x: Tensor) -> Tensor:
        """The rows, each number moved to the nearest that was fitted on; before that, and in training, as they are.

        A network that is shown numbers far outside continues its last slopes there, and may rebuild what it never met.
        Shown these rows, it misses by all that lies outside: farther is stranger.
        """
        return x if not len(self.fitted_range) else torch.clamp(x, self.fitted_range[0], self.fitted_range[1])

    def loss(self, x: Tensor) -> Tensor:
        """The mean loss of a batch, shape (rows, ..., columns) -> ().

        Where networks are stacked, one per network: (networks, rows, ..., columns) -> (networks,).
        """
        raise NotImplementedError

    def score(self, x: Tensor) -> Tensor:
        """One score per row, shape (rows, ..., columns) -> (rows,)."""
        raise NotImplementedError

    def objectives(self) -> Sequence[Objective]:
        """The losses in the order in which they step on each batch, each with the parameters it trains."""
        return [(self.loss, self.parameters())]

    def mean_squared_error(self, x_hat: Tensor, x: Tensor) -> Tensor:
        """The mean over rows and the table's columns, shape (..., rows, features) -> (...); x needs no gradient."""
        if self.members is None or self.members.mask is None:
            return mean_squared_error(x_hat, x)
        return self.column_mean((x_hat - x).square()).mean(dim=-1)

    def fit(self, x: Matrix, training: Training, labels: RowLabels | None = None) -> int:
        """Train on the rows of x; returns the number of rows gone through, all epochs together."""
        n_rows = training.fit(self, x)
        self.learn_range(x if labels is None else x[labels == 0])  # known anomalies widen nothing
        return n_rows

    @torch.inference_mode()
    def score_rows(self, x: Matrix) -> Scores:
        """One score per row, shape (rows,), in float32 arithmetic whatever the precision of the training."""
        self.eval()
        scores = [self.score(block).double().cpu() for block in self.blocks(x)]
        return torch.cat([torch.empty(0, dtype=torch.float64), *scores]).numpy()

    def untrained(self) -> Self:
        """The same initial weights, which a later `fit` of this one does not change."""
        return copy.deepcopy(self)

    def arrays(self) -> Arrays:
        """All weights and buffers."""
        return {name: tensor.cpu().numpy() for name, tensor in self.state_dict().items()}

    def restore(self, arrays: Arrays) -> Self:
        """Take back what `arrays` gave."""
        # Runs from before there was a range have none; none is needed to score as they did.
        self.fitted_range = torch.empty(arrays.get("fitted_range", np.empty(0)).shape)
        tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
        self.load_state_dict({"fitted_range": self.fitted_range} | tensors)
        return self


class ColumnDetector(NeuralDetector):
    """A detector whose score is a sum over columns, of what a subclass gives as `column_scores(x)`."""

    def column_scores(self, x: Tensor) -> Tensor:
        """What each column adds to a row's score, shape (rows, ..., columns) -> the same."""
        raise NotImplementedError

    def score(self, x: Tensor) -> Tensor:
        """Their sum."""
        return self.column_scores(x).flatten(1).sum(dim=1)

    @torch.inference_mode()
    def contributions(self, x: Matrix) -> Contributions:
        """What each column adds to a row's score, shape (rows, ..., columns) -> the same, float64."""
        self.eval()
        found = [self.column_scores(block).double().cpu() for block in self.blocks(x)]
        return torch.cat([torch.empty(0, *x.shape[1:], dtype=torch.float64), *found]).numpy()


def mlp(sizes: Sequence[int], activation: type[nn.Module]) -> nn.Sequential:
    """Linear layers of these widths, the activation, which can work in place, between them, none after the last."""
    layers: list[nn.Module] = []
    for n_in, n_out in pairwise(sizes):
        layers += [nn.Linear(n_in, n_out), activation(inplace=True)]
    return nn.Sequential(*layers[:-1])


def log_error(error: Tensor, scale: float | None) -> Tensor:
    """log(1 + (error / scale)^2), elementwise; without a scale the plain squares.

    Up to a constant the negative log-likelihood of a Cauchy distribution of this scale around the reconstruction:
    quadratic for errors below the scale, and beyond it so slow that no single column decides a row's score.
    """
    return error.square() if scale is None else torch.log1p((error / scale).square())
