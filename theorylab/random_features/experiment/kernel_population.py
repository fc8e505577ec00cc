"""Kernel ridge regression on training sets drawn from a finite population, for its labels and for noise alone."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from theorylab import arrays, validation
from theorylab.random_features.experiment.trials import TrialArrays

__all__ = ["KernelPopulationResult", "simulate_kernel_population"]


@dataclasses.dataclass(frozen=True)
class KernelPopulationResult(TrialArrays):
    r"""Trials on a finite population, one row for each trial and one column for each ridge.

    Errors are quadratic in the labels: with independent label noise of variance :math:`\sigma^2` added they are, on
    average over it, ``test_mse + sigma**2 * noise_test_mse``, and likewise for the train error.

    Parameters
    ----------
    test_mse, train_mse : numpy.ndarray, shape (n_trials, n_ridges)
        Mean squared error, summed over outputs, on points outside and inside the training set; labels as they are.
    noise_test_mse, noise_train_mse : numpy.ndarray, shape (n_trials, n_ridges)
        Expected errors where all labels are noise of unit variance.
    kappa : numpy.ndarray, shape (n_trials, n_ridges)
        Inverse trace of the regularised inverse kernel matrix.
    """

    test_mse: np.ndarray
    train_mse: np.ndarray
    noise_test_mse: np.ndarray
    noise_train_mse: np.ndarray
    kappa: np.ndarray


def simulate_kernel_population(
    K: Any,
    y: Any,
    n_samples: int,
    ridges: Any,
    n_trials: int,
    rng: np.random.Generator,
    *,
    backend: arrays.Backend | None = None,
) -> KernelPopulationResult:
    """Fit kernel ridge regressions to random subsets of a population and test them on all other points.

    Parameters
    ----------
    K : array_like, shape (N, N)
        Kernel matrix of all points, positive definite.
    y : array_like, shape (N,) or (N, C)
        Labels.
    n_samples, n_trials : int
        Size of the training sets, below N; and their number.
    ridges : array_like, shape (n_ridges,)
        Ridges >= 0 of the unnormalised loss.
    rng : numpy.random.Generator
        Source of the training sets, drawn without replacement.
    backend : theorylab.arrays.Backend, optional
        Where to compute; NumPy by default.

    Returns
    -------
    KernelPopulationResult
        Arrays of shape (n_trials, n_ridges), on the host.

    Examples
    --------
    >>> x = np.linspace(0.0, 1.0, 50)[:, None]
    >>> K = np.exp(-np.abs(x - x.T))
    >>> run = simulate_kernel_population(K, x, 20, [0.0, 1.0], n_trials=3, rng=np.random.default_rng(0))
    >>> run.test_mse.shape, bool(run.train_mse[:, 0].max() < 1e-20)
    ((3, 2), True)
    """
    K = arrays.to_numpy(validation.check_square("K", K))
    y = arrays.to_numpy(validation.check_array("y", y, ndim=(1, 2)))
    n_points = validation.check_same_length(K=K, y=y)
    n = int(validation.check_count("n_samples", n_samples))
    if n >= n_points:
        raise ValueError(f"n_samples must be below the {n_points} points; got {n}. Some must be left to test on.")
    trials = int(validation.check_count("n_trials", n_trials))
    ridges = arrays.to_numpy(validation.check_array("ridges", ridges, ndim=1, minimum=0.0))
    backend = backend or arrays.backend()
    kernel, labels, delta = backend.asarray(K), backend.asarray(y.reshape(n_points, -1)), backend.asarray(ridges)
    rows = []
    for _ in range(trials):
        order = backend.asarray(rng.permutation(n_points))
        rows.append([backend.to_numpy(values) for values in _trial(backend.xp, kernel, labels, order, n, delta)])
    return KernelPopulationResult(*(np.stack(column) for column in zip(*rows, strict=True)))


def _trial(xp: Any, kernel: Any, labels: Any, order: Any, n: int, ridges: Any) -> tuple[Any, ...]:
    """Errors of one training set, the first n points of an order, in the eigenbasis of its kernel matrix."""
    chosen, rest = order[:n], order[n:]
    rows = xp.take(kernel, chosen, axis=0)
    values, vectors = xp.linalg.eigh(xp.take(rows, chosen, axis=1))
    y = vectors.T @ xp.take(labels, chosen, axis=0)
    across, y_rest = vectors.T @ xp.take(rows, rest, axis=1), xp.take(labels, rest, axis=0)
    inverse = 1.0 / (values[:, None] + ridges)
    # one column of dual weights for each ridge and output
    dual = xp.reshape(inverse[:, :, None] * y[:, None, :], (n, -1))
    predicted = xp.reshape(across.T @ dual, (rest.shape[0], ridges.shape[0], y.shape[1]))
    return (
        xp.mean(xp.sum((y_rest[:, None, :] - predicted) ** 2, axis=2), axis=0),
        ridges**2 * (xp.sum(y**2, axis=1) @ inverse**2) / n,
        1.0 + xp.sum(across**2, axis=1) @ inverse**2 / rest.shape[0],
        ridges**2 * xp.sum(inverse**2, axis=0) / n,
        1.0 / xp.sum(inverse, axis=0),
    )
