"""Small detectors, each with a capability that no shipped model needs."""

from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor, nn

from adbench.arrays.columns import CODE, Columns
from adbench.arrays.types import Arrays, Matrix, RowLabels, Scores
from adbench.models.autoencoders.ae import AE
from adbench.models.base import ClassicalDetector, Training, draw_seed
from adbench.models.neural import ColumnDetector, mlp


class Convolutions(ColumnDetector):
    """Takes windows: an autoencoder with convolutions over steps."""

    takes_windows: ClassVar[bool] = True
    stackable: ClassVar[bool] = False

    def __init__(self, columns: Columns, learning_rate: float = 1e-2) -> None:
        super().__init__(learning_rate)
        self.steps = columns.steps
        self.layers = nn.Sequential(
            nn.Conv1d(len(columns), 2, 3, padding=1), nn.Tanh(), nn.Conv1d(2, len(columns), 3, padding=1)
        )

    def reconstruct(self, x: Tensor) -> Tensor:
        """(rows, steps, columns), or without steps (rows, columns), to the same."""
        windows = x if x.ndim > 2 else x[:, None]
        found: Tensor = self.layers(windows.transpose(1, 2)).transpose(1, 2)
        return found if x.ndim > 2 else found[:, 0]

    def loss(self, x: Tensor) -> Tensor:
        return (x - self.reconstruct(x)).square().mean()

    def column_scores(self, x: Tensor) -> Tensor:
        return (x - self.reconstruct(x)).square()


class Scaled(AE):
    """Calibrates: a network with scores in units of the calibration rows'."""

    def __init__(self, columns: Columns, **arguments: Any) -> None:
        shipped = {"hidden_sizes": [8], "latent_size": 2, "error_scale": 0.1, "learning_rate": 1e-2}
        super().__init__(columns, **(shipped | arguments))
        self.register_buffer("unit", torch.full((1,), torch.nan))

    def calibrate(self, x: Matrix) -> None:
        self.unit = torch.ones(1)
        self.unit = torch.tensor([self.score_rows(x).mean()], dtype=torch.float32)

    def column_scores(self, x: Tensor) -> Tensor:
        return super().column_scores(x) / self.unit


class Embeddings(ColumnDetector):
    """Takes codes, with an embedding of each, beside numbers."""

    takes_codes: ClassVar[bool] = True
    stackable: ClassVar[bool] = False

    def __init__(self, columns: Columns, learning_rate: float = 1e-2) -> None:
        super().__init__(learning_rate)
        self.codes = columns.of_kind(CODE).tolist()
        self.numbers = [i for i in range(len(columns)) if i not in self.codes]
        self.embeddings = nn.ModuleList(nn.Embedding(len(columns[i].values), 2) for i in self.codes)
        n_in = len(self.numbers) + 2 * len(self.codes)
        self.layers = mlp([n_in, 8, 2, 8, len(self.numbers)], nn.ReLU)

    def loss(self, x: Tensor) -> Tensor:
        return self.column_scores(x).mean()

    def column_scores(self, x: Tensor) -> Tensor:
        # A code is an integer below the number of values; anything else is invalid.
        codes = [
            embed(x[:, i].long().clamp(0, embed.num_embeddings - 1))
            for embed, i in zip(self.embeddings, self.codes, strict=True)
        ]
        rebuilt = self.layers(torch.cat([x[:, self.numbers], *codes], dim=1))
        return torch.zeros_like(x).index_copy(1, torch.tensor(self.numbers), (x[:, self.numbers] - rebuilt).square())


class NearerTo(ClassicalDetector):
    """Takes known anomalies: scores how much nearer a row is to one of them than usual rows are."""

    takes_labels: ClassVar[bool] = True

    def __init__(self, columns: Columns, n_components: int = 1) -> None:
        super().__init__()

    def fit(self, x: Matrix, training: Training, labels: RowLabels | None = None) -> int:
        known = np.zeros(len(x), dtype=bool) if labels is None else labels == 1
        mean = x[~known].mean(axis=0)
        self.learned = {"mean": mean, "anomaly": x[known].mean(axis=0) if known.any() else mean}
        return len(x)

    def score(self, x: Matrix) -> Scores:
        wide = x.astype(np.float64)
        to_mean, to_anomaly = (((wide - self.learned[name]) ** 2).sum(axis=1) for name in ("mean", "anomaly"))
        found: Scores = to_mean if np.array_equal(*self.learned.values()) else to_mean - to_anomaly
        return found


class Averaged(ClassicalDetector):
    """Averages parts of different scales by their ranks among calibration rows, whose number it stores."""

    calibrated: ClassVar[list[Matrix]] = []

    def __init__(self, columns: Columns, n_components: int = 1) -> None:
        super().__init__()

    def learn(self, x: Matrix) -> Arrays:
        return {"mean": x.mean(axis=0, dtype=np.float64)}

    def calibrate(self, x: Matrix) -> None:
        self.calibrated.append(np.array(x))
        self.learned["scales"] = np.array([part.std() for part in self._parts(x)])

    def _parts(self, x: Matrix) -> list[Scores]:
        off = np.abs(x - self.learned["mean"])
        return [off.sum(axis=1), 1e6 * off.max(axis=1)]

    def score(self, x: Matrix) -> Scores:
        found: Scores = sum(part / scale for part, scale in zip(self._parts(x), self.learned["scales"], strict=True))
        return found


class Mixture(ClassicalDetector):
    """Keeps a library object: scikit-learn's Gaussian mixture."""

    trusted: ClassVar[tuple[str, ...]] = ()

    def __init__(self, columns: Columns, n_components: int = 1) -> None:
        super().__init__()
        self.seed, self.mixture = draw_seed(), None

    def learn(self, x: Matrix) -> Arrays:
        from sklearn.mixture import GaussianMixture

        self.mixture: Any = GaussianMixture(2, random_state=self.seed, init_params="random").fit(x)
        return {}

    def score(self, x: Matrix) -> Scores:
        found: Scores = -self.mixture.score_samples(x.astype(np.float64))
        return found

    def objects(self) -> dict[str, Any]:
        return {"mixture": self.mixture}

    def restore_objects(self, objects: dict[str, Any]) -> Self:
        self.mixture = objects["mixture"]
        return self
