"""One Gaussian-feature model seen at many sizes: samples and features are added to those that are there already."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from theorylab import arrays, validation
from theorylab.random_features.experiment.gaussian import explicit_modes
from theorylab.random_features.experiment.ridge import fit_random_feature_ridge
from theorylab.random_features.experiment.trials import TrialArrays
from theorylab.random_features.problem import KernelSpectrum

__all__ = ["NestedResult", "simulate_nested"]


@dataclasses.dataclass(frozen=True)
class NestedResult(TrialArrays):
    """Errors of the same trials at every size.

    Parameters
    ----------
    test_mse : numpy.ndarray, shape (n_trials, len(n_samples), len(n_features), n_ridges)
        Population error, noise of the test label included.
    train_mse : numpy.ndarray, same shape
        Mean squared residual on the training set; the test error where there are infinitely many samples.
    """

    test_mse: np.ndarray
    train_mse: np.ndarray


@dataclasses.dataclass(frozen=True)
class _Draw:
    """What one trial draws, for the largest sizes; smaller ones take the first rows."""

    backend: arrays.Backend
    scale: Any  # (M,) square roots of the eigenvalues
    target: Any  # (M,)
    modes: Any  # (n, M)
    directions: Any  # (k, M), not divided by sqrt(k)
    features: Any  # (n, k), likewise
    labels: Any  # (n,)
    noise: float


def simulate_nested(
    spectrum: KernelSpectrum,
    n_samples: Sequence[float],
    n_features: Sequence[float],
    ridges: Any,
    noise_variance: float,
    n_trials: int,
    rng: np.random.Generator,
    *,
    backend: arrays.Backend | None = None,
) -> NestedResult:
    r"""Fit random-feature ridge regressions at every pair of sizes, all of a trial on parts of the same draw.

    The model is that of :func:`simulate_gaussian_features`.  A size contains the smaller ones, so that the differences
    between sizes scatter less than the errors themselves, and the costly product of modes and feature directions is
    made once for all sizes.

    Parameters
    ----------
    spectrum : KernelSpectrum
        Without tail.  The power of a degenerate level is spread evenly over its modes.
    n_samples, n_features : sequence of int or inf
        Sizes, >= 1.  Infinitely many features are kernel ridge regression; infinitely many samples are the projection
        of the target on the span of the features, which a ridge does not change.  Not both.
    ridges : array_like, broadcast to (len(n_samples), len(n_features), n_ridges)
        Ridges >= 0 of the unnormalised loss, the same for all sizes or chosen for each.
    noise_variance : float
        Variance of the label noise, >= 0.
    n_trials : int
        Number of trials, >= 1.
    rng : numpy.random.Generator
        Source of the modes, features and noise of all trials; drawn on the host.
    backend : theorylab.arrays.Backend, optional
        Where to compute; NumPy by default.

    Returns
    -------
    NestedResult
        On the host.

    Raises
    ------
    ValueError
        If an argument is out of range, or both sizes may be infinite.

    Examples
    --------
    >>> spectrum = KernelSpectrum([1.0, 0.1], [1.0, 1.0], [4, 40])
    >>> run = simulate_nested(spectrum, [5, 10], [8, np.inf], [0.1], 0.0, n_trials=3, rng=np.random.default_rng(0))
    >>> run.test_mse.shape
    (3, 2, 2, 1)
    """
    ns = _sizes("n_samples", n_samples)
    ks = _sizes("n_features", n_features)
    if math.inf in ns and math.inf in ks:
        raise ValueError("n_features must be finite where n_samples is infinite; got inf for both. Nothing is random.")
    trials = int(validation.check_count("n_trials", n_trials))
    checked = arrays.to_numpy(validation.check_array("ridges", ridges, minimum=0.0))
    shape = (len(ns), len(ks), *checked.shape[-1:])
    try:
        grid = np.broadcast_to(checked, shape)
    except ValueError:
        raise ValueError(f"ridges must broadcast to {shape}; got shape {checked.shape}.") from None
    noise = validation.check_number("noise_variance", noise_variance, minimum=0.0)
    backend = backend or arrays.backend()
    scale, target = explicit_modes(spectrum)
    test, train = np.empty((2, trials, *grid.shape))
    for trial in range(trials):
        draw = _draw(scale, target, _largest(ns), _largest(ks), noise, rng, backend)
        for i, n in enumerate(ns):
            for j, k in enumerate(ks):
                test[trial, i, j], train[trial, i, j] = _errors(draw, n, k, grid[i, j])
    return NestedResult(test, train)


def _sizes(name: str, sizes: Sequence[float]) -> list[float]:
    if len(sizes) == 0:
        raise ValueError(f"{name} must hold at least one size; got none.")
    return [validation.check_count(f"{name}[{i}]", size, allow_infinite=True) for i, size in enumerate(sizes)]


def _largest(sizes: list[float]) -> int:
    """Largest finite size; infinite ones need no rows."""
    return int(max((size for size in sizes if math.isfinite(size)), default=0))


def _draw(
    scale: np.ndarray,
    target: np.ndarray,
    n: int,
    k: int,
    noise: float,
    rng: np.random.Generator,
    backend: arrays.Backend,
) -> _Draw:
    modes = backend.asarray(rng.standard_normal((n, scale.size)))
    directions = backend.asarray(rng.standard_normal((k, scale.size)) * scale)
    coefficients = backend.asarray(target)
    return _Draw(
        backend=backend,
        scale=backend.asarray(scale),
        target=coefficients,
        modes=modes,
        directions=directions,
        features=modes @ directions.T,
        labels=modes @ coefficients + backend.asarray(math.sqrt(noise) * rng.standard_normal(n)),
        noise=noise,
    )


def _errors(draw: _Draw, n: float, k: float, ridges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Test and train error at one pair of sizes, one for each ridge."""
    xp, target = draw.backend.xp, draw.target[:, None]
    if math.isinf(n):
        directions = draw.directions[: int(k), :]
        fit = fit_random_feature_ridge(directions.T, draw.target, draw.backend.asarray(np.zeros_like(ridges)))
        missed = xp.sum((target - directions.T @ fit.weights[:, :, 0]) ** 2, axis=0) + draw.noise
        return draw.backend.to_numpy(missed), draw.backend.to_numpy(missed)
    rows = int(n)
    labels = draw.labels[:rows]
    if math.isinf(k):
        # Every mode is a feature of its own, of the size of its eigenvalue.
        features = draw.modes[:rows, :] * draw.scale
        weights = fit_random_feature_ridge(features, labels, draw.backend.asarray(ridges)).weights[:, :, 0]
        learned = draw.scale[:, None] * weights
    else:
        columns, root = int(k), math.sqrt(k)
        features = draw.features[:rows, :columns] / root
        weights = fit_random_feature_ridge(features, labels, draw.backend.asarray(ridges)).weights[:, :, 0]
        learned = draw.directions[:columns, :].T @ weights / root
    test = xp.sum((target - learned) ** 2, axis=0) + draw.noise
    train = xp.mean((labels[:, None] - features @ weights) ** 2, axis=0)
    return draw.backend.to_numpy(test), draw.backend.to_numpy(train)
