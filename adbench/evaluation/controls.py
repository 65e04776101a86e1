"""Controls: what a table gives away without any deep model. A model that does not beat them learned nothing new.

Each is fitted on the same matrix as the model, and scores the same test rows. The fourth control, the same
network untrained, is the model's own: see `adbench.runner`.
"""

import numpy as np
import numpy.typing as npt

from adbench.evaluation.ranking import Scores

Matrix = npt.NDArray[np.float32]  # (rows, columns)

PCA_COMPONENTS = 10
_BLOCK_ROWS = 16_384  # bounds the memory of a float64 copy


def control_scores(fit: Matrix, test: Matrix, seed: int) -> dict[str, Scores]:
    """Control name -> scores of the test rows."""
    mean, scale, components = _moments(fit)
    mean_abs_z, pca_residual = np.empty(len(test)), np.empty(len(test))
    for start in range(0, len(test), _BLOCK_ROWS):
        block = slice(start, start + _BLOCK_ROWS)
        centred = test[block].astype(np.float64) - mean
        mean_abs_z[block] = np.abs(centred / scale).mean(axis=1)
        residual = centred - (centred @ components) @ components.T
        pca_residual[block] = (residual**2).sum(axis=1)
    random = np.random.default_rng(seed).random(len(test))
    return {"mean_abs_z": mean_abs_z, "pca_residual": pca_residual, "random": random}


def _moments(fit: Matrix) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Mean (columns,), standard deviation (columns,) and leading principal directions (columns, components)."""
    n_rows, n_columns = fit.shape
    mean = fit.mean(axis=0, dtype=np.float64)
    covariance = np.zeros((n_columns, n_columns))
    for start in range(0, n_rows, _BLOCK_ROWS):
        centred = fit[start : start + _BLOCK_ROWS] - mean
        covariance += centred.T @ centred
    covariance /= n_rows
    constant = fit.min(axis=0) == fit.max(axis=0)
    deviation = np.where(constant, 1.0, np.sqrt(np.diag(covariance)))
    _, directions = np.linalg.eigh(covariance)  # ascending eigenvalues
    return np.where(constant, fit[0], mean), deviation, directions[:, -PCA_COMPONENTS:]
