"""Principal component analysis, scored by the distance from the subspace that holds most of the variance."""

import logging

import numpy as np

from adbench.arrays.columns import Columns
from adbench.arrays.types import Arrays, Contributions, Matrix, Scores
from adbench.config.checks import require_at_least
from adbench.errors import ConfigError
from adbench.models.base import ClassicalDetector

_log = logging.getLogger(__name__)


class PCA(ClassicalDetector):
    """Squared distance to the leading principal subspace (Jackson & Mudholkar 1979, "Control Procedures for
    Residuals Associated With Principal Component Analysis").

    The distance outside the range of the fit rows always counts as residual: a row is clipped to that range before it
    is projected. With 10 components this is the control pca_residual. Like that control, it takes half as many
    components as columns, with a warning, if there are no more columns than components.
    """

    def __init__(self, columns: Columns, n_components: int) -> None:
        super().__init__()
        require_at_least("model.n_components", n_components, 1)
        if len(columns) < 2:
            raise ConfigError(
                f"expected at least two columns for model=pca, got {len(columns)}; nothing would be left over to score"
            )
        if n_components >= len(columns):
            fewer = len(columns) // 2
            _log.warning(
                "adbench: %d columns leave nothing to score beside %d components: it takes %d",
                *(len(columns), n_components, fewer),
            )
            n_components = fewer
        self.n_components = n_components

    def learn(self, x: Matrix) -> Arrays:
        """The mean (features,) and the leading directions (components, features)."""
        from sklearn.decomposition import PCA as Decomposition  # noqa: N811

        if len(x) <= self.n_components:
            raise ConfigError(
                f"expected more fit rows than the {self.n_components} components, got {len(x):,}; bring more rows, or"
                " name fewer components with model.n_components="
            )
        # A symmetric eigenproblem of size columns x columns: deterministic for any number of rows.
        fitted = Decomposition(self.n_components, svd_solver="covariance_eigh").fit(x.astype("float64"))
        return {
            "mean": fitted.mean_,
            "components": fitted.components_,
            "range": np.stack([x.min(axis=0), x.max(axis=0)]),
        }

    def score(self, x: Matrix) -> Scores:
        """The squared residual."""
        scores: Scores = self.contributions(x).sum(axis=1)
        return scores

    def contributions(self, x: Matrix) -> Contributions:
        """Each column's squared residual, shape (rows, columns)."""
        mean, components = self.learned["mean"], self.learned["components"]
        low, high = self.learned.get("range", (-np.inf, np.inf))  # missing in older runs
        inside = np.clip(x, low, high) - mean
        residual = (x - mean) - (inside @ components.T) @ components
        return np.asarray(residual**2, dtype=np.float64)
