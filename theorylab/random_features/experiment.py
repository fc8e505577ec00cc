r"""Measurements of the chapter: random-feature ridge regressions that are really fitted.

The estimator is :math:`f(x) = \hat k(x, X)(\hat K + \delta I)^{-1} y` with :math:`\hat K = \Psi\Psi^T/k`, that is
:math:`w = \arg\min \sum_i (y_i - w\cdot\psi(x_i)/\sqrt k)^2 + \delta |w|^2`; zero ridge means least norm.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from theorylab import arrays, validation
from theorylab.random_features.problem import KernelSpectrum

__all__ = [
    "ACTIVATIONS",
    "PopulationResult",
    "RidgeFit",
    "SimulationResult",
    "fit_ridge",
    "random_features",
    "simulate_gaussian_features",
    "simulate_gaussian_population",
    "simulate_population",
]


def _relu(values: Any) -> Any:
    xp = arrays.namespace(values)
    return xp.maximum(values, xp.zeros_like(values))


def _erf(values: Any) -> Any:
    from scipy.special import erf  # half a second of import for one of the two activations

    _, (result,) = arrays.promote(erf(arrays.to_numpy(values)), like=values)  # the standard has no erf
    return result


#: Feature maps by name; each acts elementwise on an array of any library.
ACTIVATIONS: dict[str, Callable[[Any], Any]] = {"relu": _relu, "erf": _erf}


@dataclasses.dataclass(frozen=True)
class SimulationResult:
    """Trials of the Gaussian-feature model, one row for each trial and one column for each ridge.

    Parameters
    ----------
    test_mse : numpy.ndarray, shape (n_trials, n_ridges)
        Population error of each fit, noise of the test label included; no test set is involved.
    train_mse : numpy.ndarray, shape (n_trials, n_ridges)
        Mean squared residual on the training set.
    gcv : numpy.ndarray, shape (n_trials, n_ridges)
        Generalised cross-validation: the train error over the squared residual share; NaN without ridge.
    kappa : numpy.ndarray, shape (n_trials, n_ridges)
        Inverse trace of the regularised inverse empirical kernel.
    """

    test_mse: np.ndarray
    train_mse: np.ndarray
    gcv: np.ndarray
    kappa: np.ndarray


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


@dataclasses.dataclass(frozen=True)
class RidgeFit:
    """Ridge regressions of one data set for several ridges, from one singular value decomposition.

    Parameters
    ----------
    weights : array, shape (k, n_ridges, C)
        Solution for each ridge and each of the C outputs.
    inverse_trace : array, shape (n_ridges,)
        Trace of the inverse of the regularised kernel matrix; ``inf`` where it is singular.
    """

    weights: Any
    inverse_trace: Any


def random_features(X: Any, weights: Any, activation: str) -> Any:
    r"""Features :math:`g(w_j \cdot x_i)/\sqrt k` of a random single-layer network.

    Parameters
    ----------
    X : array_like, shape (n, d)
        Points.
    weights : array_like, shape (k, d)
        One weight vector for each feature.
    activation : {"relu", "erf"}
        The function g; "erf" is computed on the host.

    Returns
    -------
    array, shape (n, k)
        float64, in the namespace of `X`; its Gram matrix is the empirical kernel.

    Examples
    --------
    >>> random_features([[1.0, -1.0]], [[1.0, 0.0], [0.0, 1.0]], "relu").round(3).tolist()
    [[0.707, 0.0]]
    """
    X = validation.check_array("X", X, ndim=2)
    weights = validation.check_array("weights", weights, ndim=2)
    if weights.shape[1] != X.shape[1]:
        raise ValueError(f"weights must have the {X.shape[1]} columns of X; got shape {tuple(weights.shape)}.")
    function = ACTIVATIONS[validation.check_choice("activation", activation, tuple(ACTIVATIONS))]
    _, (X, weights) = arrays.promote(X, weights)
    return function(X @ weights.T) / math.sqrt(weights.shape[0])


def fit_ridge(features: Any, y: Any, ridges: Any) -> RidgeFit:
    """Fit ridge regressions by a singular value decomposition of the features.

    Parameters
    ----------
    features : array_like, shape (n, k)
        Already divided by the square root of k.
    y : array_like, shape (n,) or (n, C)
        Labels.
    ridges : array_like, shape (n_ridges,)
        Ridges >= 0 of the unnormalised loss; 0 gives the minimum-norm least-squares solution.

    Returns
    -------
    RidgeFit
        Weights and inverse trace for each ridge.
    """
    features = validation.check_array("features", features, ndim=2)
    y = validation.check_array("y", y, ndim=(1, 2))
    ridges = validation.check_array("ridges", ridges, ndim=1, minimum=0.0)
    validation.check_same_length(features=features, y=y)
    xp, (features, y, ridges) = arrays.promote(features, y, ridges)
    n_samples = features.shape[0]
    left, singular, right = xp.linalg.svd(features, full_matrices=False)
    squares = singular**2
    kept = squares > (max(features.shape) * xp.finfo(xp.float64).eps) ** 2 * squares[0]
    squares = xp.where(kept, squares, xp.zeros_like(squares))
    total = squares[:, None] + ridges[None, :]
    inverse = xp.where(total > 0.0, 1.0 / xp.where(total > 0.0, total, xp.ones_like(total)), xp.zeros_like(total))
    projected = left.T @ (y if y.ndim == 2 else y[:, None])
    shrunk = (singular[:, None] * inverse)[:, :, None] * projected[:, None, :]
    flat = xp.reshape(shrunk, (shrunk.shape[0], -1))
    weights = xp.reshape(right.T @ flat, (features.shape[1], ridges.shape[0], projected.shape[1]))
    null_modes = n_samples - int(xp.count_nonzero(kept))
    trace = xp.sum(inverse, axis=0)
    if null_modes:
        positive = ridges > 0.0
        null = null_modes / xp.where(positive, ridges, xp.ones_like(ridges))
        trace = trace + xp.where(positive, null, xp.full_like(ridges, math.inf))
    return RidgeFit(weights, trace)


def simulate_gaussian_features(
    spectrum: KernelSpectrum,
    n_samples: int,
    n_features: int,
    ridges: Any,
    noise_variance: float,
    n_trials: int,
    rng: np.random.Generator,
    *,
    backend: arrays.Backend | None = None,
) -> SimulationResult:
    r"""Fit random-feature ridge regressions in the Gaussian-feature model and measure their errors.

    Modes are :math:`\phi(x) \sim N(0, I_M)`, features :math:`\psi(x) = G\Lambda^{1/2}\phi(x)` with iid standard normal
    G (k, M).  The learned function is linear in :math:`\phi`, so the population error is the squared distance of its
    coefficients from the target's, plus the noise of the test label: exact for each trial, without a test set.

    Parameters
    ----------
    spectrum : KernelSpectrum
        Without tail.  The power of a degenerate level is spread evenly over its modes.
    n_samples, n_features, n_trials : int
        Sizes, >= 1.
    ridges : array_like, shape (n_ridges,)
        Ridges >= 0 of the unnormalised loss.
    noise_variance : float
        Variance of the label noise, >= 0.
    rng : numpy.random.Generator
        Source of the modes, features and noise of all trials; drawn on the host.
    backend : theorylab.arrays.Backend, optional
        Where to compute; NumPy by default.

    Returns
    -------
    SimulationResult
        Arrays of shape (n_trials, n_ridges), on the host.

    Notes
    -----
    Source of the model: J. B. Simon et al., "More is better in modern machine learning", arXiv:2311.14646.
    """
    n = int(validation.check_count("n_samples", n_samples))
    k = int(validation.check_count("n_features", n_features))
    trials = int(validation.check_count("n_trials", n_trials))
    ridges = arrays.to_numpy(validation.check_array("ridges", ridges, ndim=1, minimum=0.0))
    noise = validation.check_number("noise_variance", noise_variance, minimum=0.0)
    backend = backend or arrays.backend()
    scale, target = _explicit_modes(spectrum)
    results = [_gaussian_trial(scale, target, n, k, ridges, noise, rng, backend) for _ in range(trials)]
    return SimulationResult(*(np.stack(column) for column in zip(*results, strict=True)))


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
    scale, target = _explicit_modes(spectrum)
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


def _explicit_modes(spectrum: KernelSpectrum) -> tuple[np.ndarray, np.ndarray]:
    """Square roots of eigenvalues and of the target's power, mode by mode, as arrays of shape (M,)."""
    if spectrum.tail_trace > 0.0 or spectrum.tail_power > 0.0:
        raise ValueError(f"spectrum must have no tail in a simulation; got {spectrum!r}. Give the modes explicitly.")
    counts = arrays.to_numpy(spectrum.multiplicities)
    if np.any(counts != np.rint(counts)):
        raise ValueError("multiplicities must be integers in a simulation; got fractional ones. Round them.")
    repeats = counts.astype(int)
    power = arrays.to_numpy(spectrum.coefficients_sq) / counts
    scale = np.sqrt(arrays.to_numpy(spectrum.eigenvalues))
    return np.repeat(scale, repeats), np.repeat(np.sqrt(power), repeats)


def _gaussian_trial(
    scale: np.ndarray,
    target: np.ndarray,
    n: int,
    k: int,
    ridges: np.ndarray,
    noise: float,
    rng: np.random.Generator,
    backend: arrays.Backend,
) -> tuple[np.ndarray, ...]:
    xp = backend.xp
    modes = backend.asarray(rng.standard_normal((n, scale.size)))
    projection = backend.asarray(rng.standard_normal((k, scale.size)) * (scale / math.sqrt(k)))
    coefficients = backend.asarray(target)
    labels = modes @ coefficients + backend.asarray(math.sqrt(noise) * rng.standard_normal(n))
    features = modes @ projection.T
    fit = fit_ridge(features, labels, backend.asarray(ridges))
    weights = fit.weights[:, :, 0]
    test = xp.sum((coefficients[:, None] - projection.T @ weights) ** 2, axis=0) + noise
    train = xp.mean((labels[:, None] - features @ weights) ** 2, axis=0)
    test, train, trace = (backend.to_numpy(values) for values in (test, train, fit.inverse_trace))
    # ridge * trace / n is the share of the labels that the fit leaves as residual; without ridge GCV is 0 / 0.
    share = np.multiply(ridges, trace / n, out=np.full_like(ridges, math.nan), where=ridges > 0.0)
    return test, train, train / share**2, 1.0 / trace


def _population_trial(
    psi: Any, labels: Any, chosen: np.ndarray, ridges: np.ndarray, backend: arrays.Backend
) -> tuple[np.ndarray, np.ndarray]:
    xp = backend.xp
    left_out = np.setdiff1d(np.arange(labels.shape[0]), chosen)
    index = backend.asarray(chosen), backend.asarray(left_out)
    (psi_train, psi_rest), (y_train, y_rest) = ([xp.take(a, i, axis=0) for i in index] for a in (psi, labels))
    fit = fit_ridge(psi_train, y_train, backend.asarray(ridges))
    return tuple(  # type: ignore[return-value]
        backend.to_numpy(_mean_squared_error(xp, psi_part, y_part, fit.weights))
        for psi_part, y_part in ((psi_rest, y_rest), (psi_train, y_train))
    )


def _mean_squared_error(xp: Any, features: Any, y: Any, weights: Any) -> Any:
    n_ridges, n_outputs = weights.shape[1:]
    predicted = xp.reshape(features @ xp.reshape(weights, (weights.shape[0], -1)), (y.shape[0], n_ridges, n_outputs))
    return xp.mean(xp.sum((predicted - y[:, None, :]) ** 2, axis=2), axis=0)
