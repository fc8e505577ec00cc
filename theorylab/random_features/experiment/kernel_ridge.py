r"""Kernel ridge regression, the limit of infinitely many features, in the Gaussian model; tails of a spectrum included.

The modes beyond those that are drawn enter through two numbers, the sum :math:`\tau` of their eigenvalues and the
target's power :math:`V` on them.  When every eigenvalue of the tail falls to zero with :math:`\tau` and :math:`V` kept,
its part of the kernel matrix, :math:`\sum_j \lambda_j \phi_j\phi_j^T`, becomes :math:`\tau I` (mean :math:`\tau I`,
variance :math:`\sum_j\lambda_j^2 \to 0` of each entry), its part of the labels becomes :math:`N(0, V)` independent from
sample to sample, and nothing of it is learned.  A simulation with :math:`\tau` on the diagonal and :math:`N(0, V)` in
the labels is then exact.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from theorylab import arrays, validation
from theorylab.random_features.experiment.gaussian import SimulationResult, explicit_modes
from theorylab.random_features.problem import KernelSpectrum

__all__ = ["power_law_with_tail", "simulate_kernel_ridge"]


def power_law_with_tail(alpha: float, beta: float, n_modes: int) -> KernelSpectrum:
    r"""Infinite spectrum :math:`\lambda_i = i^{-\alpha}`, :math:`v_i^2 = i^{-\beta}` as a head and sums of its tail.

    Parameters
    ----------
    alpha, beta : float
        Decay of the eigenvalues and of the target's power, > 1, so that both sums are finite.
    n_modes : int
        Number :math:`M` of explicit modes.

    Returns
    -------
    KernelSpectrum
        M levels, `tail_trace` :math:`\zeta(\alpha, M+1)` and `tail_power` :math:`\zeta(\beta, M+1)`, with Hurwitz's
        zeta function :math:`\zeta(s, a) = \sum_{i\ge 0} (i+a)^{-s}`.

    Notes
    -----
    The tail is treated as if its eigenvalues were zero against the effective ridge :math:`\kappa \sim n^{-\alpha}`; the
    relative error of this is of the order :math:`(n/M)^{2\alpha-1}`.

    Examples
    --------
    >>> spectrum = power_law_with_tail(2.0, 2.0, n_modes=10)
    >>> round(6.0 * spectrum.trace / math.pi**2, 12)
    1.0
    """
    from scipy.special import zeta  # half a second of import

    alpha = validation.check_number("alpha", alpha, exclusive_minimum=1.0)
    beta = validation.check_number("beta", beta, exclusive_minimum=1.0)
    n_modes = int(validation.check_count("n_modes", n_modes))
    index = np.arange(1.0, n_modes + 1.0)
    return KernelSpectrum(
        index**-alpha,
        index**-beta,
        tail_trace=float(zeta(alpha, n_modes + 1)),
        tail_power=float(zeta(beta, n_modes + 1)),
    )


def simulate_kernel_ridge(
    spectrum: KernelSpectrum,
    n_samples: int,
    ridges: Any,
    noise_variance: float,
    n_trials: int,
    rng: np.random.Generator,
    *,
    backend: arrays.Backend | None = None,
) -> SimulationResult:
    r"""Fit kernel ridge regressions in the Gaussian model and measure their errors.

    Modes are :math:`\phi(x) \sim N(0, I_M)`; the kernel matrix is :math:`\Phi\Lambda\Phi^T + \tau I`, the labels are
    :math:`\Phi v + \epsilon` with :math:`\epsilon \sim N(0, V + \sigma^2)`, where :math:`\tau` and :math:`V` are the
    tail's trace and power.  With the dual weights :math:`a = (K + \delta)^{-1} y` the learned coefficients of the
    explicit modes are :math:`\Lambda\Phi^T a`, and the population error is their squared distance from :math:`v` plus
    :math:`V + \sigma^2`: exact for each trial, without a test set.

    Parameters
    ----------
    spectrum : KernelSpectrum
        Explicit modes, and a tail as `tail_trace` and `tail_power`.  The power of a degenerate level is spread evenly
        over its modes.
    n_samples, n_trials : int
        Sizes, >= 1.
    ridges : array_like, shape (n_ridges,)
        Ridges >= 0 of the unnormalised loss; one eigendecomposition serves all, and all see the same data.
    noise_variance : float
        Variance of the label noise, >= 0, in train and test labels.
    rng : numpy.random.Generator
        Source of the modes and the noise of all trials; drawn on the host.
    backend : theorylab.arrays.Backend, optional
        Where to compute; NumPy by default.

    Returns
    -------
    SimulationResult
        Arrays of shape (n_trials, n_ridges), on the host.  The test error is that on a fresh noisy label; the train
        error is the residual of the whole predictor, the tail of the kernel included; `kappa` is
        :math:`1/\mathrm{tr}(K+\delta)^{-1}` with the tail in K.

    Notes
    -----
    Without tail this is kernel ridge regression itself.  With a tail it is exact in the limit described at the top of
    this module; the modes must reach far below the effective ridge.  Derived here.

    Examples
    --------
    >>> spectrum = power_law_with_tail(2.0, 2.0, n_modes=100)
    >>> run = simulate_kernel_ridge(spectrum, 10, [0.0, 0.1], 0.0, n_trials=3, rng=np.random.default_rng(0))
    >>> run.test_mse.shape, bool(run.train_mse[:, 0].max() < 1e-20)
    ((3, 2), True)
    """
    n = int(validation.check_count("n_samples", n_samples))
    trials = int(validation.check_count("n_trials", n_trials))
    ridges = arrays.to_numpy(validation.check_array("ridges", ridges, ndim=1, minimum=0.0))
    noise = validation.check_number("noise_variance", noise_variance, minimum=0.0)
    backend = backend or arrays.backend()
    head = KernelSpectrum(spectrum.eigenvalues, spectrum.coefficients_sq, spectrum.multiplicities)
    scale, target = explicit_modes(head)
    unlearnable = spectrum.tail_power + noise
    results = [
        _kernel_ridge_trial(scale, target, spectrum.tail_trace, unlearnable, n, ridges, rng, backend)
        for _ in range(trials)
    ]
    return SimulationResult(*(np.stack(column) for column in zip(*results, strict=True)))


def _kernel_ridge_trial(
    scale: np.ndarray,
    target: np.ndarray,
    tail_trace: float,
    unlearnable: float,
    n: int,
    ridges: np.ndarray,
    rng: np.random.Generator,
    backend: arrays.Backend,
) -> tuple[np.ndarray, ...]:
    xp = backend.xp
    modes = backend.asarray(rng.standard_normal((n, scale.size)))
    coefficients, root = backend.asarray(target), backend.asarray(scale)
    labels = modes @ coefficients + backend.asarray(math.sqrt(unlearnable) * rng.standard_normal(n))
    features = modes * root
    values, vectors = xp.linalg.eigh(features @ features.T)
    # A kernel of fewer modes than samples has exact zeros, which rounding hides; zero ridge must not divide by them.
    values = xp.where(values > n * xp.finfo(xp.float64).eps * values[-1], values, xp.zeros_like(values)) + tail_trace
    delta = backend.asarray(ridges)
    total = values[:, None] + delta
    safe = xp.where(total > 0.0, total, xp.ones_like(total))
    rotated = (vectors.T @ labels)[:, None]
    dual = vectors @ xp.where(total > 0.0, rotated / safe, xp.zeros_like(total))
    learned = root[:, None] * (features.T @ dual)
    test = xp.sum((coefficients[:, None] - learned) ** 2, axis=0) + unlearnable
    left = xp.where(total > 0.0, delta / safe, xp.ones_like(total))  # share of each component that is not fitted
    train = xp.mean((left * rotated) ** 2, axis=0)
    kappa = xp.where(xp.min(total, axis=0) > 0.0, 1.0 / xp.sum(1.0 / safe, axis=0), xp.zeros_like(delta))
    test, train, kappa = (backend.to_numpy(quantity) for quantity in (test, train, kappa))
    # The residual share is ridge / (n kappa); without ridge GCV is 0 / 0.
    share = np.divide(ridges, n * kappa, out=np.full_like(ridges, math.nan), where=ridges > 0.0)
    return test, train, train / share**2, kappa
