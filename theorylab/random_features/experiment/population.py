"""Training sets drawn from a finite population of points: real data, and a synthetic population of given spectrum."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np

from theorylab import arrays, validation
from theorylab.random_features.experiment.features import random_features
from theorylab.random_features.experiment.gaussian import explicit_modes
from theorylab.random_features.experiment.ridge import fit_random_feature_ridge
from theorylab.random_features.problem import KernelSpectrum

__all__ = ["PopulationResult", "simulate_gaussian_population", "simulate_population"]


@dataclasses.dataclass(frozen=True)
class PopulationResult:
    """Trials on a finite population, one row for each trial and one column for each ridge.

    Parameters
    ----------
    heldout_mse : numpy.ndarray, shape (n_trials, n_ridges)
        Mean squared error, summed over outputs, on the points outside the training set.
    train_mse : numpy.ndarray, shape (n_trials, n_ridges)
        Same on the training set.
    """

    heldout_mse: np.ndarray
    train_mse: np.ndarray


def simulate_population(
    X: Any,
    y: Any,
    n_samples: int,
    n_features: int,
    ridges: Any,
    n_trials: int,
    rng: np.random.Generator,
    *,
    activation: str,
    weight_variance: float,
    replace: bool = False,
    backend: arrays.Backend | None = None,
) -> PopulationResult:
    """Train random-feature ridge regressions on random subsets of a finite population and test them on the rest.

    Parameters
    ----------
    X : array_like, shape (N, d)
        All points.
    y : array_like, shape (N,) or (N, C)
        Targets.
    n_samples, n_features, n_trials : int
        Sizes; fewer samples than points.
    ridges : array_like, shape (n_ridges,)
        Ridges >= 0 of the unnormalised loss.
    rng : numpy.random.Generator
        Source of subsets and weights; drawn on the host.
    activation : {"relu", "erf"}
        Feature map.
    weight_variance : float
        Variance of the Gaussian weights, > 0.
    replace : bool
        Draw the training points with replacement: duplicates then change the law of the kernel matrix.
    backend : theorylab.arrays.Backend, optional
        Where to compute; NumPy by default.

    Returns
    -------
    PopulationResult
        Arrays of shape (n_trials, n_ridges), on the host.
    """
    X = arrays.to_numpy(validation.check_array("X", X, ndim=2))
    y = arrays.to_numpy(validation.check_array("y", y, ndim=(1, 2)))
    n_points = validation.check_same_length(X=X, y=y)
    n = _checked_subset(n_samples, n_points)
    k = int(validation.check_count("n_features", n_features))
    trials = int(validation.check_count("n_trials", n_trials))
    variance = validation.check_number("weight_variance", weight_variance, exclusive_minimum=0.0)
    ridges = arrays.to_numpy(validation.check_array("ridges", ridges, ndim=1, minimum=0.0))
    backend = backend or arrays.backend()
    points, labels = backend.asarray(X), backend.asarray(y.reshape(n_points, -1))
    results = []
    for _ in range(trials):
        weights = math.sqrt(variance) * rng.standard_normal((k, X.shape[1]))
        chosen = rng.choice(n_points, n, replace=replace)
        psi = random_features(points, backend.asarray(weights), activation)
        results.append(_population_trial(psi, labels, chosen, ridges, backend))
    return PopulationResult(*(np.stack(column) for column in zip(*results, strict=True)))


def simulate_gaussian_population(
    spectrum: KernelSpectrum,
    n_samples: int,
    n_features: int,
    ridges: Any,
    n_trials: int,
    rng: np.random.Generator,
    *,
    backend: arrays.Backend | None = None,
) -> PopulationResult:
    r"""Train on random subsets of a synthetic population whose kernel matrix has exactly the given spectrum.

    The kernel matrix on N points is :math:`K = U\,\mathrm{diag}(N\lambda)\,U^T` with a uniformly random rotation U, the
    targets are :math:`\sqrt N U v`, and the k random features of all points are Gaussian with covariance K.

    Parameters
    ----------
    spectrum : KernelSpectrum
        One mode for each point: N modes in all, without tail.
    n_samples, n_features, n_trials : int
        Sizes; fewer samples than points.
    ridges : array_like, shape (n_ridges,)
        Ridges >= 0 of the unnormalised loss.
    rng : numpy.random.Generator
        Source of rotations, features and subsets; drawn on the host.
    backend : theorylab.arrays.Backend, optional
        Where to compute; NumPy by default.

    Returns
    -------
    PopulationResult
        Arrays of shape (n_trials, n_ridges), on the host.
    """
    scale, target = explicit_modes(spectrum)
    n_points = scale.size
    n = _checked_subset(n_samples, n_points)
    k = int(validation.check_count("n_features", n_features))
    trials = int(validation.check_count("n_trials", n_trials))
    ridges = arrays.to_numpy(validation.check_array("ridges", ridges, ndim=1, minimum=0.0))
    backend = backend or arrays.backend()
    results = []
    for _ in range(trials):
        rotation, triangle = np.linalg.qr(rng.standard_normal((n_points, n_points)))
        rotation = rotation * np.sign(np.diag(triangle))  # makes it uniform
        mixing = backend.asarray(rotation * (math.sqrt(n_points) * scale))
        features = mixing @ backend.asarray(rng.standard_normal((n_points, k)) / math.sqrt(k))
        labels = backend.asarray(math.sqrt(n_points) * rotation @ target[:, None])
        chosen = rng.choice(n_points, n, replace=False)
        results.append(_population_trial(features, labels, chosen, ridges, backend))
    return PopulationResult(*(np.stack(column) for column in zip(*results, strict=True)))


def _checked_subset(n_samples: int, n_points: int) -> int:
    n = int(validation.check_count("n_samples", n_samples))
    if n >= n_points:
        raise ValueError(f"n_samples must be below the {n_points} points; got {n}. Some must be left to test on.")
    return n


def _population_trial(
    psi: Any, labels: Any, chosen: np.ndarray, ridges: np.ndarray, backend: arrays.Backend
) -> tuple[np.ndarray, np.ndarray]:
    xp = backend.xp
    left_out = np.setdiff1d(np.arange(labels.shape[0]), chosen)
    index = backend.asarray(chosen), backend.asarray(left_out)
    (psi_train, psi_rest), (y_train, y_rest) = ([xp.take(a, i, axis=0) for i in index] for a in (psi, labels))
    fit = fit_random_feature_ridge(psi_train, y_train, backend.asarray(ridges))
    return tuple(  # type: ignore[return-value]
        backend.to_numpy(_mean_squared_error(xp, psi_part, y_part, fit.weights))
        for psi_part, y_part in ((psi_rest, y_rest), (psi_train, y_train))
    )


def _mean_squared_error(xp: Any, features: Any, y: Any, weights: Any) -> Any:
    n_ridges, n_outputs = weights.shape[1:]
    predicted = xp.reshape(features @ xp.reshape(weights, (weights.shape[0], -1)), (y.shape[0], n_ridges, n_outputs))
    return xp.mean(xp.sum((predicted - y[:, None, :]) ** 2, axis=2), axis=0)
