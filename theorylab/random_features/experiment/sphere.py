r"""Real random features on the sphere, where the spectrum of their kernel is known exactly.

Points are uniform on the sphere of radius :math:`\sqrt d`.  The target is a sum of spherical harmonics of degree one,
two and three,

.. math:: h_1 = x_1, \qquad h_2 = \sqrt{\tfrac{d+2}{d}}\; x_1 x_2, \qquad
          h_3 = \tfrac{\sqrt{(d+2)(d+4)}}{d}\; x_1 x_2 x_3,

each with unit mean square.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np

from theorylab import arrays, validation
from theorylab.random_features.experiment.features import random_features
from theorylab.random_features.experiment.ridge import fit_random_feature_ridge

__all__ = ["SphereResult", "harmonics", "simulate_sphere", "sphere_points"]


@dataclasses.dataclass(frozen=True)
class SphereResult:
    """Trials on the sphere, one row for each trial and one column for each ridge.

    Parameters
    ----------
    test_mse : numpy.ndarray, shape (n_trials, n_ridges)
        Mean squared error on fresh points, noise variance of their labels included.
    train_mse : numpy.ndarray, shape (n_trials, n_ridges)
        Mean squared residual on the training set.
    learned : numpy.ndarray, shape (n_trials, n_ridges, 3)
        Coefficient of the fitted function on each harmonic of the target, estimated on the same fresh points.
    """

    test_mse: np.ndarray
    train_mse: np.ndarray
    learned: np.ndarray


def sphere_points(rng: np.random.Generator, n_samples: int, dim: int) -> np.ndarray:
    r"""Points uniform on the sphere of radius :math:`\sqrt d` in d dimensions.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of the draws.
    n_samples, dim : int
        Number of points and of dimensions.

    Returns
    -------
    numpy.ndarray, shape (n_samples, dim)
        The points.
    """
    gaussian = rng.standard_normal((n_samples, dim))
    return math.sqrt(dim) * gaussian / np.linalg.norm(gaussian, axis=1, keepdims=True)


def harmonics(X: np.ndarray) -> np.ndarray:
    """Harmonics of degree one, two and three that the target is made of, each with unit mean square.

    Parameters
    ----------
    X : numpy.ndarray, shape (n, d)
        Points on the sphere of radius sqrt(d), with d >= 3.

    Returns
    -------
    numpy.ndarray, shape (n, 3)
        One column for each degree.
    """
    dim = X.shape[1]
    products = np.cumprod(X[:, :3], axis=1)
    return products * [1.0, math.sqrt((dim + 2) / dim), math.sqrt((dim + 2) * (dim + 4)) / dim]


def simulate_sphere(
    coefficients: Any,
    dim: int,
    n_samples: int,
    n_features: int,
    ridges: Any,
    noise_variance: float,
    n_trials: int,
    rng: np.random.Generator,
    *,
    activation: str,
    weight_variance: float,
    n_test: int = 2000,
    backend: arrays.Backend | None = None,
) -> SphereResult:
    """Train real random-feature ridge regressions on points of the sphere and test them on fresh ones.

    Parameters
    ----------
    coefficients : array_like, shape (3,)
        Coefficient of the target on the harmonic of degree one, two, three.
    dim : int
        Dimension of the space around the sphere, >= 3.
    n_samples, n_features, n_trials, n_test : int
        Sizes; every trial has points, weights, noise and test points of its own.
    ridges : array_like, shape (n_ridges,)
        Ridges >= 0 of the unnormalised loss.
    noise_variance : float
        Variance of Gaussian label noise, >= 0.
    rng : numpy.random.Generator
        Source of all draws, which are made on the host.
    activation : {"relu", "erf"}
        Feature map.
    weight_variance : float
        Variance of the Gaussian weights, > 0.
    backend : theorylab.arrays.Backend, optional
        Where to compute; NumPy by default.

    Returns
    -------
    SphereResult
        Arrays of shape (n_trials, n_ridges) and (n_trials, n_ridges, 3), on the host.
    """
    target = arrays.to_numpy(validation.check_array("coefficients", coefficients, shape=(3,)))
    d = int(validation.check_count("dim", dim, minimum=3))
    n, k = (int(validation.check_count(*size)) for size in (("n_samples", n_samples), ("n_features", n_features)))
    ridges = arrays.to_numpy(validation.check_array("ridges", ridges, ndim=1, minimum=0.0))
    noise = validation.check_number("noise_variance", noise_variance, minimum=0.0)
    variance = validation.check_number("weight_variance", weight_variance, exclusive_minimum=0.0)
    n_fresh = int(validation.check_count("n_test", n_test))
    backend = backend or arrays.backend()
    results = []
    for _ in range(int(validation.check_count("n_trials", n_trials))):
        weights = backend.asarray(math.sqrt(variance) * rng.standard_normal((k, d)))
        train, fresh = sphere_points(rng, n, d), sphere_points(rng, n_fresh, d)
        labels = harmonics(train) @ target + math.sqrt(noise) * rng.standard_normal(n)
        psi, psi_fresh = (random_features(backend.asarray(points), weights, activation) for points in (train, fresh))
        fit = fit_random_feature_ridge(psi, backend.asarray(labels), backend.asarray(ridges))
        fitted, predicted = (backend.to_numpy(f @ fit.weights[:, :, 0]) for f in (psi, psi_fresh))
        basis = harmonics(fresh)
        results.append(
            (
                np.mean((predicted - (basis @ target)[:, None]) ** 2, axis=0) + noise,
                np.mean((fitted - labels[:, None]) ** 2, axis=0),
                predicted.T @ basis / n_fresh,
            )
        )
    return SphereResult(*(np.stack(column) for column in zip(*results, strict=True)))
