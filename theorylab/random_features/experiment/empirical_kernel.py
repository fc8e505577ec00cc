"""Kernel matrices as they are met: of finitely many random features, and on training sets drawn from a population."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np

from theorylab import arrays, validation
from theorylab.random_features.experiment.features import random_features
from theorylab.random_features.experiment.trials import TrialArrays

__all__ = ["KernelErrors", "SubmatrixResult", "simulate_empirical_kernel", "simulate_submatrices"]

#: Features of one block, so that any number of them fits into memory.
_BLOCK = 4096


@dataclasses.dataclass(frozen=True)
class KernelErrors(TrialArrays):
    """Distance of empirical kernel matrices from their limit, one entry for each draw of the features.

    Parameters
    ----------
    mean_square : numpy.ndarray, shape (n_trials,)
        Mean squared difference over all entries.
    largest : numpy.ndarray, shape (n_trials,)
        Largest absolute difference.
    """

    mean_square: np.ndarray
    largest: np.ndarray


@dataclasses.dataclass(frozen=True)
class SubmatrixResult(TrialArrays):
    """Kernel matrices of random subsets, one row for each draw and one column for each ridge.

    Parameters
    ----------
    kappa : numpy.ndarray, shape (n_trials, n_ridges)
        Inverse trace of the inverse of the regularised kernel matrix.
    """

    kappa: np.ndarray


def simulate_empirical_kernel(
    X: Any,
    kernel: Any,
    n_features: int,
    n_trials: int,
    rng: np.random.Generator,
    *,
    activation: str,
    weight_variance: float,
    backend: arrays.Backend | None = None,
) -> KernelErrors:
    """Compare the Gram matrix of random features with a kernel matrix.

    Parameters
    ----------
    X : array_like, shape (n, d)
        Points.
    kernel : array_like, shape (n, n)
        Matrix that the Gram matrix is compared with.
    n_features, n_trials : int
        Number of features, and of independent draws of them.
    rng : numpy.random.Generator
        Source of the weights; drawn on the host.
    activation : {"relu", "erf"}
        Feature map.
    weight_variance : float
        Variance of the Gaussian weights, > 0.
    backend : theorylab.arrays.Backend, optional
        Where to compute; NumPy by default.

    Returns
    -------
    KernelErrors
        Arrays of shape (n_trials,), on the host.
    """
    X = arrays.to_numpy(validation.check_array("X", X, ndim=2))
    kernel = arrays.to_numpy(validation.check_array("kernel", kernel, shape=(X.shape[0], X.shape[0])))
    k = int(validation.check_count("n_features", n_features))
    scale = math.sqrt(validation.check_number("weight_variance", weight_variance, exclusive_minimum=0.0))
    backend = backend or arrays.backend()
    points, limit = backend.asarray(X), backend.asarray(kernel)
    errors = []
    for _ in range(int(validation.check_count("n_trials", n_trials))):
        difference = -limit
        for start in range(0, k, _BLOCK):
            size = min(_BLOCK, k - start)
            weights = backend.asarray(scale * rng.standard_normal((size, X.shape[1])))
            psi = random_features(points, weights, activation)
            difference = difference + (size / k) * (psi @ psi.T)
        xp = backend.xp
        errors.append((float(xp.mean(difference**2)), float(xp.max(xp.abs(difference)))))
    return KernelErrors(*np.array(errors).T)


def simulate_submatrices(
    K: Any,
    n_samples: int,
    ridges: Any,
    n_trials: int,
    rng: np.random.Generator,
    *,
    backend: arrays.Backend | None = None,
) -> SubmatrixResult:
    r"""Measure :math:`1/\mathrm{tr}(K_n + \delta I)^{-1}` for random n x n principal submatrices of a kernel matrix.

    Parameters
    ----------
    K : array_like, shape (N, N)
        Kernel matrix of a whole population, positive definite.
    n_samples, n_trials : int
        Size of the subsets, drawn without replacement, at most N; and their number.
    ridges : array_like, shape (n_ridges,)
        Ridges >= 0.
    rng : numpy.random.Generator
        Source of the subsets.
    backend : theorylab.arrays.Backend, optional
        Where to compute; NumPy by default.

    Returns
    -------
    SubmatrixResult
        Array of shape (n_trials, n_ridges), on the host.

    Raises
    ------
    ValueError
        If an argument is out of range, or a submatrix is singular without ridge.
    """
    K = arrays.to_numpy(validation.check_square("K", K))
    n = int(validation.check_count("n_samples", n_samples))
    if n > K.shape[0]:
        raise ValueError(f"n_samples must be at most the {K.shape[0]} points of K; got {n}.")
    ridges = arrays.to_numpy(validation.check_array("ridges", ridges, ndim=1, minimum=0.0))
    backend = backend or arrays.backend()
    kappa = []
    for _ in range(int(validation.check_count("n_trials", n_trials))):
        chosen = rng.choice(K.shape[0], n, replace=False)
        values = backend.to_numpy(backend.xp.linalg.eigvalsh(backend.asarray(K[np.ix_(chosen, chosen)])))
        total = values[:, None] + ridges
        if np.min(total) <= n * np.finfo(np.float64).eps * values[-1]:
            raise ValueError(
                f"K must be positive definite on every subset; got an eigenvalue {values[0]:.3g} beside "
                f"{values[-1]:.3g}, with a smallest ridge of {ridges.min():.3g}. Drop duplicates or raise the ridge."
            )
        kappa.append(1.0 / np.sum(1.0 / total, axis=0))
    return SubmatrixResult(np.stack(kappa))
