"""Problems that the claims share: each as the matrices that theory takes and as the data that scikit-learn takes."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theorylab.claims import Agreement, Conditions
from theorylab.self_distillation import experiment, theory
from theorylab.self_distillation.problem import gaussian_kernel, toy_problem

__all__ = ["ROUNDING", "Problem", "identity", "random_problem", "toy"]

Floats = NDArray[np.float64]

#: Margin of identities between predictions of order one.  A solve with K + lambda I loses cond(K + lambda I) machine
#: epsilons, 1e-12 for the worst problem here, and every further step contracts the error of the step before.
ROUNDING = 1e-10


@dataclasses.dataclass(frozen=True, eq=False)
class Problem:
    """Training data with a kernel, and points to evaluate at.

    Parameters
    ----------
    X, y : numpy.ndarray, shapes (n, p) and (n,) or (n, c)
        Training data.
    X_test : numpy.ndarray, shape (m, p)
        Evaluation points.
    truth : numpy.ndarray, shape (m,) or (m, c)
        Noiseless target there.
    gram, cross : numpy.ndarray, shapes (n, n) and (m, n)
        Kernel between training points, and from evaluation to training points.
    kernel : mapping
        The same kernel in scikit-learn's words.
    regularization : float
        Ridge of every step.
    """

    X: Floats
    y: Floats
    X_test: Floats
    truth: Floats
    gram: Floats
    cross: Floats
    kernel: Mapping[str, Any]
    regularization: float

    @functools.cached_property
    def system(self) -> theory.KernelEigensystem:
        """Eigendecomposition of the Gram matrix."""
        return theory.KernelEigensystem.from_gram(self.gram)

    def predict(self, weights: Any, regularization: float | None = None, *, bounded: bool = True) -> Floats:
        """Predicted fits of all steps at the evaluation points, shape (T, m) or (T, m, c)."""
        ridge = self.regularization if regularization is None else regularization
        duals = self.system.apply(theory.dual_filters(self.system.eigenvalues, ridge, weights, bounded=bounded), self.y)
        return self.at_test(duals)

    def at_test(self, duals: Any) -> Floats:
        """Predictions at the evaluation points from dual coefficients (T, n) or (T, n, c)."""
        return np.asarray(np.moveaxis(np.tensordot(self.cross, duals, axes=(1, 1)), 0, 1))

    def refit(self, weights: Any, regularization: float | None = None) -> experiment.Refits:
        """Measured fits of all steps."""
        ridge = self.regularization if regularization is None else regularization
        return experiment.fit_steps(self.X, self.y, ridge, weights, kernel=self.kernel, X_eval=self.X_test)

    def mse(self, fits: Any) -> Any:
        """Error against the truth of fits (..., m) to a single output."""
        return np.mean((np.asarray(fits) - self.truth) ** 2, axis=-1)


@functools.cache
def toy() -> Problem:
    """Eleven noisy points of a sinusoid, with the published kernel and ridge."""
    data = toy_problem()
    return Problem(
        X=data.X,
        y=data.y,
        X_test=data.X_test,
        truth=data.truth,
        gram=data.gram,
        cross=data.cross,
        kernel={"kernel": "rbf", "gamma": data.gamma},
        regularization=data.regularization,
    )


def random_problem(conditions: Conditions, name: str, n_samples: int, *path: int | str) -> Problem:
    """Gaussian inputs in five dimensions, two outputs with noise, and one of three kernels of scikit-learn.

    The quadratic polynomial kernel has 21 features in five dimensions, so that its Gram matrix is singular.
    """
    from sklearn.metrics.pairwise import pairwise_kernels

    rng = conditions.rng("problem", name, *path)
    X, X_test = rng.standard_normal((n_samples, 5)), rng.standard_normal((20, 5))
    mixing = rng.standard_normal((5, 2)) / 2.0
    kernel: dict[str, Any] = {
        "rbf": {"kernel": "rbf", "gamma": 0.2},
        "laplacian": {"kernel": "laplacian", "gamma": 0.2},
        "polynomial": {"kernel": "polynomial", "gamma": 0.2, "degree": 2, "coef0": 1.0},
    }[name]
    settings = {key: value for key, value in kernel.items() if key != "kernel"}
    if name == "rbf":
        gram, cross = gaussian_kernel(X, gamma=0.2), gaussian_kernel(X_test, X, gamma=0.2)
    else:
        gram = pairwise_kernels(X, metric=name, **settings)
        cross = pairwise_kernels(X_test, X, metric=name, **settings)
    return Problem(
        X=X,
        y=np.sin(X @ mixing) + 0.3 * rng.standard_normal((n_samples, 2)),
        X_test=X_test,
        truth=np.sin(X_test @ mixing),
        gram=(gram + gram.T) / 2.0,
        cross=cross,
        kernel=kernel,
        regularization=float(10.0 ** rng.uniform(-1.0, 1.0)),
    )


def identity(predicted: Any, measured: Any, label: str, margin: Any = ROUNDING) -> Agreement:
    """Two deterministic computations of the same numbers."""
    return Agreement(predicted=predicted, measured=measured, margin=margin, label=label)
