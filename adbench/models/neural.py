"""Base classes of detectors with a network."""

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
    """A detector trained by gradient descent. A subclass defines its networks, `loss(batch)` and `score(x)`.

    One with several losses, such as a GAN, overrides `objectives`. `TrainableModule` documents the requirements for
    stacked training.
    """

    fitted_range: Tensor

    def __init__(self, learning_rate: float) -> None:
        super().__init__(learning_rate)
        self.register_buffer("fitted_range", torch.empty(0))  # minimum and maximum per column, (2, columns)

    def learn_range(self, x: Matrix) -> None:
        """Store the range of the fit rows, for `within`."""
        low, high = np.full(x.shape[-1], np.inf, np.float32), np.full(x.shape[-1], -np.inf, np.float32)
        for block in self.blocks(x):
            rows = block.flatten(0, -2).numpy(force=True)
            low, high = np.minimum(low, rows.min(axis=0)), np.maximum(high, rows.max(axis=0))
        self.fitted_range = torch.from_numpy(np.stack([low, high])).to(self.device)

    def within(self, x: Tensor) -> Tensor:
        """The rows clipped to the fitted range; unchanged before `fit` and during training.

        Far outside that range a network extrapolates linearly and may reconstruct values it never saw. Given clipped
        rows, its error includes the whole distance outside: farther scores higher.
        """
        return x if not len(self.fitted_range) else torch.clamp(x, self.fitted_range[0], self.fitted_range[1])

    def loss(self, x: Tensor) -> Tensor:
        """The mean loss of a batch, shape (rows, ..., columns) -> ().

        For stacked networks, one per network: (networks, rows, ..., columns) -> (networks,).
        """
        raise NotImplementedError

    def score(self, x: Tensor) -> Tensor:
        """One score per row, shape (rows, ..., columns) -> (rows,)."""
        raise NotImplementedError

    def objectives(self) -> Sequence[Objective]:
        """The losses in the order of their steps on each batch, each with the parameters it trains."""
        return [(self.loss, self.parameters())]

    def mean_squared_error(self, x_hat: Tensor, x: Tensor) -> Tensor:
        """Mean over rows and the table's columns, shape (..., rows, features) -> (...); x needs no gradient."""
        if self.members is None or self.members.mask is None:
            return mean_squared_error(x_hat, x)
        return self.column_mean((x_hat - x).square()).mean(dim=-1)

    def fit(self, x: Matrix, training: Training, labels: RowLabels | None = None) -> int:
        """Train on the rows of x; returns the number of rows processed over all epochs."""
        n_rows = training.fit(self, x)
        self.learn_range(x if labels is None else x[labels == 0])  # known anomalies do not widen the range
        return n_rows

    @torch.inference_mode()
    def score_rows(self, x: Matrix) -> Scores:
        """One score per row, shape (rows,), in float32 arithmetic regardless of the training precision."""
        self.eval()
        scores = [self.score(block).double().cpu() for block in self.blocks(x)]
        return torch.cat([torch.empty(0, dtype=torch.float64), *scores]).numpy()

    def untrained(self) -> Self:
        """A copy with the initial weights, unaffected by a later `fit`."""
        return copy.deepcopy(self)

    def arrays(self) -> Arrays:
        """All weights and buffers."""
        return {name: tensor.cpu().numpy() for name, tensor in self.state_dict().items()}

    def restore(self, arrays: Arrays) -> Self:
        """Load the state returned by `arrays`."""
        # Runs older than the range lack it, and without it they score as they did.
        self.fitted_range = torch.empty(arrays.get("fitted_range", np.empty(0)).shape)
        tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
        self.load_state_dict({"fitted_range": self.fitted_range} | tensors)
        return self


class ColumnDetector(NeuralDetector):
    """A detector whose score is the sum over columns of `column_scores(x)`, which a subclass implements."""

    def column_scores(self, x: Tensor) -> Tensor:
        """Each column's part of a row's score, shape (rows, ..., columns) -> the same."""
        raise NotImplementedError

    def score(self, x: Tensor) -> Tensor:
        """The sum of the column scores."""
        return self.column_scores(x).flatten(1).sum(dim=1)

    @torch.inference_mode()
    def contributions(self, x: Matrix) -> Contributions:
        """Each column's part of a row's score, shape (rows, ..., columns) -> the same, float64."""
        self.eval()
        found = [self.column_scores(block).double().cpu() for block in self.blocks(x)]
        return torch.cat([torch.empty(0, *x.shape[1:], dtype=torch.float64), *found]).numpy()


def mlp(sizes: Sequence[int], activation: type[nn.Module]) -> nn.Sequential:
    """Linear layers of these widths with an in-place activation between them and none after the last."""
    layers: list[nn.Module] = []
    for n_in, n_out in pairwise(sizes):
        layers += [nn.Linear(n_in, n_out), activation(inplace=True)]
    return nn.Sequential(*layers[:-1])


def log_error(error: Tensor, scale: float | None) -> Tensor:
    """log(1 + (error / scale)^2), elementwise; the plain square if scale is None.

    Up to a constant, the negative log-likelihood of a Cauchy distribution of this scale around the reconstruction:
    quadratic for errors below the scale, and so slow beyond it that no single column decides a row's score.
    """
    return error.square() if scale is None else torch.log1p((error / scale).square())
