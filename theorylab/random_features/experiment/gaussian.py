"""The Gaussian-feature model: the setting in which the theory is meant to be exact."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np

from theorylab import arrays, validation
from theorylab.random_features.experiment.ridge import fit_random_feature_ridge
from theorylab.random_features.experiment.trials import TrialArrays
from theorylab.random_features.problem import KernelSpectrum

__all__ = [
    "LearnedFractions",
    "SimulationResult",
    "explicit_modes",
    "simulate_gaussian_features",
    "simulate_learned_fractions",
]


@dataclasses.dataclass(frozen=True)
class SimulationResult(TrialArrays):
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
class LearnedFractions(TrialArrays):
    r"""How much of each mode was learned, trial by trial.

    Parameters
    ----------
    fractions : numpy.ndarray, shape (n_trials, n_ridges, M)
        Coefficient on mode i that the regression learns from labels :math:`\phi_i(x)`; 1 is all of it.  Summed over
        modes it is the number of effective parameters of the fit.
    kappa : numpy.ndarray, shape (n_trials, n_ridges)
        Inverse trace of the regularised inverse empirical kernel of the same trial.
    """

    fractions: np.ndarray
    kappa: np.ndarray


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
    scale, target = explicit_modes(spectrum)
    results = [_gaussian_trial(scale, target, n, k, ridges, noise, rng, backend) for _ in range(trials)]
    return SimulationResult(*(np.stack(column) for column in zip(*results, strict=True)))


def simulate_learned_fractions(
    spectrum: KernelSpectrum,
    n_samples: int,
    n_features: int,
    ridges: Any,
    n_trials: int,
    rng: np.random.Generator,
    *,
    backend: arrays.Backend | None = None,
) -> LearnedFractions:
    r"""Measure which part of every mode random-feature ridge regression learns, in the Gaussian-feature model.

    With feature directions B (k, M) and features :math:`F = \Phi B^T` the learned coefficients are linear in the
    target's, :math:`\hat v = L v + \ldots`, and the fraction of mode i is the diagonal entry

    .. math:: L_{ii} = \big[B^T (F^T F + \delta)^{-1} F^T \Phi\big]_{ii},

    whose mean over trials is the mean of :math:`\hat v_i / v_i` for any target.  No target and no noise are involved.

    Parameters
    ----------
    spectrum : KernelSpectrum
        Without tail; the target's power plays no part.
    n_samples, n_features, n_trials : int
        Sizes, >= 1.
    ridges : array_like, shape (n_ridges,)
        Ridges >= 0 of the unnormalised loss.
    rng : numpy.random.Generator
        Source of the modes and features of all trials; drawn on the host.
    backend : theorylab.arrays.Backend, optional
        Where to compute; NumPy by default.

    Returns
    -------
    LearnedFractions
        On the host, M numbers for each trial and ridge: mind the memory where all three are large.

    Notes
    -----
    Derived here.
    """
    n = int(validation.check_count("n_samples", n_samples))
    k = int(validation.check_count("n_features", n_features))
    trials = int(validation.check_count("n_trials", n_trials))
    ridges = arrays.to_numpy(validation.check_array("ridges", ridges, ndim=1, minimum=0.0))
    backend = backend or arrays.backend()
    scale, _ = explicit_modes(spectrum)
    results = [_learned_trial(scale, n, k, ridges, rng, backend) for _ in range(trials)]
    return LearnedFractions(*(np.stack(column) for column in zip(*results, strict=True)))


def explicit_modes(spectrum: KernelSpectrum) -> tuple[np.ndarray, np.ndarray]:
    """Square roots of eigenvalues and of the target's power, mode by mode.

    Parameters
    ----------
    spectrum : KernelSpectrum
        Without tail, with integer multiplicities; the power of a level is spread evenly over its modes.

    Returns
    -------
    scale, target : numpy.ndarray, shape (M,)
        Each from the largest eigenvalue down.

    Raises
    ------
    ValueError
        If the spectrum has a tail or a fractional multiplicity.
    """
    if spectrum.tail_trace > 0.0 or spectrum.tail_power > 0.0:
        raise ValueError(f"spectrum must have no tail in a simulation; got {spectrum!r}. Give the modes explicitly.")
    counts = arrays.to_numpy(spectrum.multiplicities)
    if np.any(counts != np.rint(counts)):
        raise ValueError("multiplicities must be integers in a simulation; got fractional ones. Round them.")
    repeats = counts.astype(int)
    power = arrays.to_numpy(spectrum.coefficients_sq) / counts
    scale = np.sqrt(arrays.to_numpy(spectrum.eigenvalues))
    return np.repeat(scale, repeats), np.repeat(np.sqrt(power), repeats)


def _draw(scale: np.ndarray, n: int, k: int, rng: np.random.Generator, backend: arrays.Backend) -> tuple[Any, Any]:
    """Modes at the samples, shape (n, M), and the directions of the features, shape (k, M)."""
    modes = backend.asarray(rng.standard_normal((n, scale.size)))
    return modes, backend.asarray(rng.standard_normal((k, scale.size)) * (scale / math.sqrt(k)))


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
    modes, directions = _draw(scale, n, k, rng, backend)
    coefficients = backend.asarray(target)
    labels = modes @ coefficients + backend.asarray(math.sqrt(noise) * rng.standard_normal(n))
    features = modes @ directions.T
    fit = fit_random_feature_ridge(features, labels, backend.asarray(ridges))
    weights = fit.weights[:, :, 0]
    test = xp.sum((coefficients[:, None] - directions.T @ weights) ** 2, axis=0) + noise
    train = xp.mean((labels[:, None] - features @ weights) ** 2, axis=0)
    test, train, trace = (backend.to_numpy(values) for values in (test, train, fit.inverse_trace))
    # ridge * trace / n is the share of the labels that the fit leaves as residual; without ridge GCV is 0 / 0.
    share = np.multiply(ridges, trace / n, out=np.full_like(ridges, math.nan), where=ridges > 0.0)
    return test, train, train / share**2, 1.0 / trace


def _learned_trial(
    scale: np.ndarray, n: int, k: int, ridges: np.ndarray, rng: np.random.Generator, backend: arrays.Backend
) -> tuple[np.ndarray, ...]:
    modes, directions = _draw(scale, n, k, rng, backend)
    # Labels phi_i for all modes at once would be M regressions; the diagonal alone needs one inner product for each.
    fit = fit_random_feature_ridge(modes @ directions.T, modes, backend.asarray(ridges))
    fractions = backend.xp.sum(fit.weights * directions[:, None, :], axis=0)
    return backend.to_numpy(fractions), 1.0 / backend.to_numpy(fit.inverse_trace)
