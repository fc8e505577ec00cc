r"""Kernel ridge regression, the limit of infinitely many features, in the Gaussian model; tails of a spectrum included.

The modes beyond those that are drawn enter through two numbers, the sum :math:`\tau` of their eigenvalues and the
target's power :math:`V` on them.  When every eigenvalue of the tail falls to zero with :math:`\tau` and :math:`V` kept,
its part of the kernel matrix, :math:`\sum_j \lambda_j \phi_j\phi_j^T`, becomes :math:`\tau I` (mean :math:`\tau I`,
variance :math:`\sum_j\lambda_j^2 \to 0` of each entry), its part of the labels becomes :math:`N(0, V)` independent from
sample to sample, and nothing of it is learned.  A simulation with :math:`\tau` on the diagonal and :math:`N(0, V)` in
the labels is then exact.  For an infinite power law, ``KernelSpectrum.power_law(alpha, beta, head=M)``, the effective
ridge is of the order :math:`n^{-\alpha}` and treating the tail so has a relative error of the order
:math:`(n/M)^{2\alpha-1}`.

Two simulations measure the same expectations.  :func:`simulate_kernel_ridge` fits one draw of labels in each trial.
:func:`average_kernel_ridge` takes the average over all labels that the inputs can have, and scatters ten times less.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from theorylab import arrays, validation
from theorylab.random_features.experiment.gaussian import SimulationResult, explicit_modes
from theorylab.random_features.problem import KernelSpectrum

__all__ = ["average_kernel_ridge", "simulate_kernel_ridge"]


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
        Explicit modes, and a tail of which `tail_trace` and `tail_power` count.  The power of a degenerate level is
        spread evenly over its modes.
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
    >>> spectrum = KernelSpectrum.power_law(2.0, 2.0, head=100)
    >>> run = simulate_kernel_ridge(spectrum, 10, [0.0, 0.1], 0.0, n_trials=3, rng=np.random.default_rng(0))
    >>> run.test_mse.shape, bool(run.train_mse[:, 0].max() < 1e-20)
    ((3, 2), True)
    """
    problem = _Problem(spectrum, n_samples, ridges, noise_variance, n_trials, rng, backend or arrays.backend())
    return problem.run(_fitted_trial)


def average_kernel_ridge(
    spectrum: KernelSpectrum,
    n_samples: int,
    ridges: Any,
    noise_variance: float,
    n_trials: int,
    rng: np.random.Generator,
    *,
    backend: arrays.Backend | None = None,
) -> SimulationResult:
    r"""Errors of kernel ridge regression for drawn inputs, averaged over the labels that they can have.

    Each trial draws inputs; the errors are quadratic in the labels, and their average over the label noise and over the
    signs of the target's coefficients follows from four n x n matrices.  With :math:`A = (K+\delta)^{-1}`,
    :math:`H = \Phi\Lambda^2\Phi^T`, :math:`S = \Phi V\Phi^T + (V_\mathrm{tail}+\sigma^2) I` and
    :math:`G = \Phi\Lambda V\Phi^T`, :math:`V = \mathrm{diag}(v^2)`,

    .. math::
        E_\mathrm{test} = \sum_i v_i^2 + V_\mathrm{tail} + \sigma^2 - 2\,\mathrm{tr}(AG) + \mathrm{tr}(AHAS),
        \qquad E_\mathrm{train} = \frac{\delta^2}{n}\mathrm{tr}(ASA).

    Parameters
    ----------
    spectrum, n_samples, ridges, noise_variance, n_trials, rng, backend
        As in :func:`simulate_kernel_ridge`; without tail there may not be fewer modes than samples.

    Returns
    -------
    SimulationResult
        Arrays of shape (n_trials, n_ridges), on the host; `gcv` is the quotient of averages.

    Raises
    ------
    ValueError
        If an argument is out of range, or the kernel matrix is singular.

    Notes
    -----
    Gaussian modes have the same law with either sign, so the mean over trials is that of fits to one target; what is
    left of the scatter is that of the inputs, about 1/n instead of :math:`2/\sqrt n` relative.  Derived here.

    Examples
    --------
    >>> spectrum = KernelSpectrum.power_law(2.0, 2.0, head=100)
    >>> run = average_kernel_ridge(spectrum, 10, [0.0, 0.1], 0.0, n_trials=3, rng=np.random.default_rng(0))
    >>> run.test_mse.shape, float(run.train_mse[:, 0].max())
    ((3, 2), 0.0)
    """
    problem = _Problem(spectrum, n_samples, ridges, noise_variance, n_trials, rng, backend or arrays.backend())
    if spectrum.n_modes < problem.n:
        raise ValueError(
            f"spectrum must have at least as many modes as n_samples = {problem.n}; got {spectrum.n_modes:g}. "
            "Use simulate_kernel_ridge, which can do without an inverse."
        )
    return problem.run(_averaged_trial)


class _Problem:
    """Checked arguments of a simulation, with the modes one by one on the backend."""

    def __init__(
        self,
        spectrum: KernelSpectrum,
        n_samples: int,
        ridges: Any,
        noise_variance: float,
        n_trials: int,
        rng: np.random.Generator,
        backend: arrays.Backend,
    ) -> None:
        self.n = int(validation.check_count("n_samples", n_samples))
        self.n_trials = int(validation.check_count("n_trials", n_trials))
        self.host_ridges = arrays.to_numpy(validation.check_array("ridges", ridges, ndim=1, minimum=0.0))
        noise = validation.check_number("noise_variance", noise_variance, minimum=0.0)
        head = KernelSpectrum(spectrum.eigenvalues, spectrum.coefficients_sq, spectrum.multiplicities)
        root, target = explicit_modes(head)
        self.rng, self.backend, self.xp = rng, backend, backend.xp
        self.root, self.target, self.ridges = (backend.asarray(values) for values in (root, target, self.host_ridges))
        self.tail_trace = spectrum.tail_trace
        self.unlearnable = spectrum.tail_power + noise

    def draw_modes(self) -> Any:
        """Inputs, as values of the explicit modes, shape (n, M)."""
        return self.backend.asarray(self.rng.standard_normal((self.n, self.root.shape[0])))

    def draw_noise(self) -> Any:
        """What cannot be learned of the labels, shape (n,)."""
        return self.backend.asarray(math.sqrt(self.unlearnable) * self.rng.standard_normal(self.n))

    def run(self, trial: Callable[[_Problem], tuple[Any, Any, Any]]) -> SimulationResult:
        """Test error, train error and inverse trace of every trial, with what follows from them."""
        rows = [[self.backend.to_numpy(values) for values in trial(self)] for _ in range(self.n_trials)]
        test, train, kappa = (np.stack(column) for column in zip(*rows, strict=True))
        # The share of the labels left as residual is ridge / (n kappa); without ridge GCV is 0 / 0.
        ridges = np.broadcast_to(self.host_ridges, kappa.shape)
        share = np.divide(ridges, self.n * kappa, out=np.full_like(kappa, math.nan), where=ridges > 0.0)
        return SimulationResult(test, train, train / share**2, kappa)


def _fitted_trial(problem: _Problem) -> tuple[Any, Any, Any]:
    """Fit one draw of labels."""
    xp, n, ridges = problem.xp, problem.n, problem.ridges
    modes = problem.draw_modes()
    labels = modes @ problem.target + problem.draw_noise()
    features = modes * problem.root
    values, vectors = xp.linalg.eigh(features @ features.T)
    # A kernel of fewer modes than samples has exact zeros, which rounding hides; zero ridge must not divide by them.
    values = xp.where(values > n * xp.finfo(xp.float64).eps * values[-1], values, xp.zeros_like(values))
    total = (values + problem.tail_trace)[:, None] + ridges
    safe = xp.where(total > 0.0, total, xp.ones_like(total))
    rotated = (vectors.T @ labels)[:, None]
    dual = vectors @ xp.where(total > 0.0, rotated / safe, xp.zeros_like(total))
    learned = problem.root[:, None] * (features.T @ dual)
    test = xp.sum((problem.target[:, None] - learned) ** 2, axis=0) + problem.unlearnable
    left = xp.where(total > 0.0, ridges / safe, xp.ones_like(total))  # share of each component that is not fitted
    train = xp.mean((left * rotated) ** 2, axis=0)
    kappa = xp.where(xp.min(total, axis=0) > 0.0, 1.0 / xp.sum(1.0 / safe, axis=0), xp.zeros_like(ridges))
    return test, train, kappa


def _averaged_trial(problem: _Problem) -> tuple[Any, Any, Any]:
    """Average over all labels of one draw of inputs."""
    xp, ridges = problem.xp, problem.ridges
    modes = problem.draw_modes()
    eigenvalues, power = problem.root**2, problem.target**2
    values, vectors = xp.linalg.eigh((modes * eigenvalues) @ modes.T)
    modes = vectors.T @ modes
    of_function = (modes * eigenvalues**2) @ modes.T  # H
    of_labels = (modes * power) @ modes.T  # S, its noise still missing
    inverse = 1.0 / ((values + problem.tail_trace)[:, None] + ridges)  # A, one column for each ridge
    overlap = xp.sum(modes**2 * (eigenvalues * power), axis=1)  # the diagonal of G
    variance = xp.linalg.diagonal(of_labels) + problem.unlearnable
    quadratic = xp.sum(inverse * ((of_function * of_labels) @ inverse), axis=0)
    quadratic = quadratic + problem.unlearnable * (xp.linalg.diagonal(of_function) @ inverse**2)
    test = xp.sum(power) + problem.unlearnable - 2.0 * (overlap @ inverse) + quadratic
    train = ridges**2 / problem.n * (variance @ inverse**2)
    return test, train, 1.0 / xp.sum(inverse, axis=0)
