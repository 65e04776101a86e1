"""One-class support vector machine, scored by the distance outside a smooth region around most fit rows."""

import numpy as np

from adbench.arrays.columns import Columns
from adbench.arrays.types import Arrays, Matrix, Scores
from adbench.config.checks import require_at_least, require_fraction, require_positive
from adbench.models.base import ClassicalDetector, draw_seed


class OCSVM(ClassicalDetector):
    """One-class SVM with a Gaussian kernel (Schölkopf et al. 2001); the score is its negative decision function.

    The dual problem is quadratic in the number of rows. Up to `exact_rows` it is solved exactly (libsvm); beyond, it
    is approximated: the kernel by Nystroem's method on `n_landmarks` sampled rows (Williams & Seeger 2001), the linear
    problem in those features by stochastic gradient descent on at most `max_rows` sampled rows. Both give one weight
    per support vector or landmark: score(x) = offset - sum_j coefficient_j kernel(x, landmark_j).

    nu: share of fit rows that may lie outside. bandwidth: the kernel's width, in units of r, the fit rows' root mean
    square distance from their centre: kernel(x, y) = exp(-(|x - y| / (bandwidth r))^2).
    """

    def __init__(
        self, columns: Columns, nu: float, bandwidth: float, exact_rows: int, n_landmarks: int, max_rows: int | None
    ) -> None:
        super().__init__()
        require_fraction("model.nu", nu)
        require_positive("model.bandwidth", bandwidth)
        require_at_least("model.exact_rows", exact_rows, 0)
        require_at_least("model.n_landmarks", n_landmarks, 1)
        if max_rows is not None:
            require_at_least("model.max_rows", max_rows, 1)
        self.nu, self.bandwidth = nu, bandwidth
        self.exact_rows, self.n_landmarks, self.max_rows = exact_rows, n_landmarks, max_rows

    def learn(self, x: Matrix) -> Arrays:
        """Landmarks (n, features), their coefficients (n,), the offset and the kernel's gamma."""
        wide = x.astype(np.float64)
        variance = float(wide.var(axis=0).sum())
        gamma = 1.0 / (self.bandwidth**2 * variance) if variance else 1.0
        solve = self._exact if len(x) <= self.exact_rows else self._approximate
        landmarks, coefficients, offset = solve(wide, gamma)
        return {
            "landmarks": landmarks,
            "coefficients": coefficients,
            "offset": np.array([offset]),
            "gamma": np.array([gamma]),
        }

    def _exact(self, x: Scores, gamma: float) -> tuple[Scores, Scores, float]:
        from sklearn.svm import OneClassSVM

        svm = OneClassSVM(gamma=gamma, nu=self.nu)
        svm.random_state = 0  # unused, but would otherwise be drawn from the global generator
        svm.fit(x)
        return svm.support_vectors_, svm.dual_coef_[0], -float(svm.intercept_[0])

    def _approximate(self, x: Scores, gamma: float) -> tuple[Scores, Scores, float]:
        from sklearn.kernel_approximation import Nystroem
        from sklearn.linear_model import SGDOneClassSVM

        seed = draw_seed()
        if self.max_rows is not None and len(x) > self.max_rows:
            x = x[np.random.default_rng(seed).choice(len(x), self.max_rows, replace=False)]
        n_landmarks = min(self.n_landmarks, len(x))
        kernel = Nystroem(gamma=gamma, n_components=n_landmarks, random_state=seed)
        svm = SGDOneClassSVM(nu=self.nu, random_state=seed).fit(kernel.fit_transform(x))
        # The features are kernel(x, landmarks) @ normalization.T: this turns their weights into landmark weights.
        return kernel.components_, kernel.normalization_.T @ svm.coef_.ravel(), float(svm.offset_[0])

    def score(self, x: Matrix) -> Scores:
        """The offset minus the weighted kernels; far from every landmark, the offset itself."""
        from sklearn.metrics.pairwise import rbf_kernel

        kernel = rbf_kernel(x.astype(np.float64), self.learned["landmarks"], float(self.learned["gamma"][0]))
        scores: Scores = self.learned["offset"][0] - kernel @ self.learned["coefficients"]
        return scores
