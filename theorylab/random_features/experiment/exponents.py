r"""Measuring the two exponents of a learning problem: decay of the kernel's eigenvalues and of the target's power.

Slopes of an empirical spectrum are no measure of them: the eigenvalues of a kernel matrix on N points and those of the
kernel part company long before index N.  Two quantities of training sets of growing size n have the exponents in them
instead: :math:`1/\mathrm{tr}\,K_n^{-1} \sim n^{-\alpha}`, and the test error of interpolating noise-free labels,
:math:`\sim n^{-(\beta-1)}` (J. B. Simon et al., "More is better in modern machine learning", arXiv:2311.14646).
A subset of an independent sample is an independent sample, so training sets may be drawn from a finite population
without replacement; nothing has to be corrected for its size.  The test error of interpolating labels that are nothing
but noise gives :math:`\alpha` once more, by another route.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np

from theorylab import arrays, validation
from theorylab.random_features.experiment.kernel_ridge import average_kernel_ridge
from theorylab.random_features.problem import KernelSpectrum

__all__ = ["ExponentEstimate", "estimate_powerlaw_exponents", "simulate_powerlaw_exponents"]


@dataclasses.dataclass(frozen=True, eq=False)
class ExponentEstimate:
    r"""Raw measurements of training sets of several sizes, and the exponents fitted to their means.

    Parameters
    ----------
    sizes : numpy.ndarray, shape (n_sizes,)
        Numbers of training samples, increasing.
    kappa : numpy.ndarray, shape (n_trials, n_sizes)
        :math:`1/\mathrm{tr}(K_n+\delta I)^{-1}`.
    test_mse : numpy.ndarray, shape (n_trials, n_sizes)
        Error on points outside the training set, labels as they are.
    noise_mse : numpy.ndarray, shape (n_trials, n_sizes)
        Expected error where all labels are noise of unit variance.
    """

    sizes: np.ndarray
    kappa: np.ndarray
    test_mse: np.ndarray
    noise_mse: np.ndarray

    @property
    def alpha(self) -> float:
        """Decay of the eigenvalues: minus the slope of log `kappa` on log size."""
        return -_slope(self.sizes, self.kappa)[0]

    @property
    def alpha_standard_error(self) -> float:
        """Standard error of `alpha` from the scatter of the trials."""
        return _slope(self.sizes, self.kappa)[1]

    @property
    def beta(self) -> float:
        """Decay of the target's power: one minus the slope of log `test_mse` on log size."""
        return 1.0 - _slope(self.sizes, self.test_mse)[0]

    @property
    def beta_standard_error(self) -> float:
        """Standard error of `beta` from the scatter of the trials."""
        return _slope(self.sizes, self.test_mse)[1]

    @property
    def noise_error(self) -> float:
        """Pure-noise test error at the largest size, another measure of `alpha`."""
        return float(self.noise_mse[:, -1].mean())

    @property
    def noise_error_standard_error(self) -> float:
        """Standard error of `noise_error`."""
        return float(self.noise_mse[:, -1].std(ddof=1)) / math.sqrt(self.noise_mse.shape[0])

    def restricted(self, smallest: int, largest: float = math.inf) -> ExponentEstimate:
        """The same measurements, fitted over a part of the sizes.

        Parameters
        ----------
        smallest, largest : float
            Ends of the range of sizes, both included; at least three sizes must be in it.

        Returns
        -------
        ExponentEstimate
            Without the other sizes.
        """
        kept = (self.sizes >= smallest) & (self.sizes <= largest)
        if np.count_nonzero(kept) < 3:
            raise ValueError(
                f"smallest must leave at least three sizes; got {smallest} (up to {largest}) with sizes "
                f"{self.sizes.tolist()}. Widen the range."
            )
        return ExponentEstimate(self.sizes[kept], self.kappa[:, kept], self.test_mse[:, kept], self.noise_mse[:, kept])


def estimate_powerlaw_exponents(
    K: Any,
    y: Any,
    sizes: Any,
    n_trials: int,
    rng: np.random.Generator,
    *,
    ridge: float = 0.0,
    backend: arrays.Backend | None = None,
) -> ExponentEstimate:
    r"""Measure the exponents of a kernel and a target from training sets drawn from a population of points.

    Parameters
    ----------
    K : array_like, shape (N, N)
        Kernel matrix of all points.
    y : array_like, shape (N,) or (N, C)
        Noise-free targets of the same points; the errors of the outputs are summed.
    sizes : array_like of int, shape (n_sizes,)
        Numbers of training samples, increasing, at least three, each below N.
    n_trials : int
        Independent training sets of each size, >= 2.
    rng : numpy.random.Generator
        Source of the training sets.
    ridge : float
        :math:`\delta \ge 0`; zero, or so small that it only keeps :math:`K_n` invertible.
    backend : theorylab.arrays.Backend, optional
        Where to compute; NumPy by default.

    Returns
    -------
    ExponentEstimate
        On the host.  Its standard errors are those of drawing from this population; the population's own scatter, of
        the relative order :math:`N^{-1/2}` in each error, is not in them.

    Raises
    ------
    ValueError
        If an argument is out of range or of the wrong shape, or a kernel matrix is singular.

    Notes
    -----
    Both exponents are those of the range of sizes: real spectra bend.  Training sets are drawn without replacement, and
    the test error is that on all the other points.  The method needs inputs of many dimensions: in one dimension pairs
    of close points dominate the inverse of a kernel matrix, and alpha comes out too large (2.3 for the Laplace kernel,
    whose eigenvalues fall as :math:`i^{-2}` there).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> modes, decay = rng.standard_normal((400, 4000)), np.arange(1.0, 4001.0) ** -2.0
    >>> K, y = (modes * decay) @ modes.T, modes @ np.sqrt(decay)
    >>> estimate = estimate_powerlaw_exponents(K, y, [20, 40, 80], 10, rng)
    >>> round(estimate.alpha, 1), round(estimate.noise_error, 1)
    (2.0, 2.0)
    """
    K = arrays.to_numpy(validation.check_square("K", K))
    y = arrays.to_numpy(validation.check_array("y", y, ndim=(1, 2)))
    n_points = validation.check_same_length(K=K, y=y)
    sizes = _checked_sizes(sizes, below=n_points)
    trials = int(validation.check_count("n_trials", n_trials, minimum=2))
    ridge = validation.check_number("ridge", ridge, minimum=0.0)
    backend = backend or arrays.backend()
    kernel, labels = backend.asarray(K), backend.asarray(y.reshape(n_points, -1))
    measured = np.empty((3, trials, sizes.size))
    for trial in range(trials):
        for column, size in enumerate(sizes.tolist()):
            order = backend.asarray(rng.permutation(n_points))
            measured[:, trial, column] = _interpolate(kernel, labels, order, size, ridge, backend)
    return ExponentEstimate(sizes, *measured)


def simulate_powerlaw_exponents(
    alpha: float,
    beta: float,
    sizes: Any,
    n_trials: int,
    rng: np.random.Generator,
    *,
    modes_per_sample: int = 20,
    backend: arrays.Backend | None = None,
) -> ExponentEstimate:
    r"""Measure the exponents in the Gaussian model of eigenvalues i^-alpha and target power i^-beta.

    Parameters
    ----------
    alpha, beta : float
        True exponents, alpha > 1 and beta in (1, 2 alpha + 1).
    sizes : array_like of int, shape (n_sizes,)
        Numbers of training samples, increasing, at least three.
    n_trials : int
        Independent training sets of each size, >= 2.
    rng : numpy.random.Generator
        Source of the training sets.
    modes_per_sample : int
        Explicit modes for each training sample; the others enter as their sums.  Where this ratio is the same at all
        sizes, the relative error of the sums, :math:`m^{1-2\alpha}`, is too, and leaves the exponents alone.
    backend : theorylab.arrays.Backend, optional
        Where to compute; NumPy by default.

    Returns
    -------
    ExponentEstimate
        On the host; errors are averages over all labels, see :func:`average_kernel_ridge`.

    Examples
    --------
    >>> run = simulate_powerlaw_exponents(1.5, 2.0, [20, 40, 80], 10, np.random.default_rng(0))
    >>> round(run.alpha, 1), round(run.beta, 1)
    (1.5, 2.0)
    """
    sizes = _checked_sizes(sizes)
    trials = int(validation.check_count("n_trials", n_trials, minimum=2))
    ratio = int(validation.check_count("modes_per_sample", modes_per_sample, minimum=2))
    columns = []
    for size in sizes.tolist():
        spectrum = KernelSpectrum.power_law(alpha, beta, head=ratio * size)
        only_noise = KernelSpectrum(spectrum.eigenvalues, tail_trace=spectrum.tail_trace)
        target = average_kernel_ridge(spectrum, size, [0.0], 0.0, trials, rng, backend=backend)
        noise = average_kernel_ridge(only_noise, size, [0.0], 1.0, trials, rng, backend=backend)
        columns.append(np.stack([target.kappa[:, 0], target.test_mse[:, 0], noise.test_mse[:, 0]]))
    return ExponentEstimate(sizes, *np.stack(columns, axis=2))


def _checked_sizes(sizes: Any, below: float = math.inf) -> np.ndarray:
    values = arrays.to_numpy(validation.check_array("sizes", sizes, ndim=1, minimum=2.0))
    if values.size < 3 or np.any(values != np.rint(values)) or np.any(np.diff(values) <= 0.0) or values[-1] >= below:
        bound = f" below the {below} points" if math.isfinite(below) else ""
        raise ValueError(f"sizes must be at least three increasing integers{bound}; got {values.tolist()}.")
    return values.astype(int)


def _interpolate(
    kernel: Any, labels: Any, order: Any, size: int, ridge: float, backend: arrays.Backend
) -> tuple[float, float, float]:
    """Inverse trace, test error and pure-noise test error of one training set, the first `size` points of an order."""
    xp = backend.xp
    chosen, rest = order[:size], order[size:]
    rows, y = xp.take(kernel, chosen, axis=0), xp.take(labels, chosen, axis=0)
    identity = backend.asarray(np.eye(size))
    across = xp.take(rows, rest, axis=1)
    matrix = xp.take(rows, chosen, axis=1) + ridge * identity
    solved = xp.linalg.solve(matrix, xp.concat([identity, across], axis=1))
    inverse, weights = solved[:, :size], solved[:, size:]  # a prediction is a weighted sum of the training labels
    error = xp.take(labels, rest, axis=0) - weights.T @ y
    n_rest = rest.shape[0]
    return (
        1.0 / float(xp.linalg.trace(inverse)),
        float(xp.sum(error**2)) / n_rest,
        1.0 + float(xp.sum(weights**2)) / n_rest,
    )


def _slope(sizes: np.ndarray, values: np.ndarray) -> tuple[float, float]:
    """Least-squares slope of the logarithm of the mean over trials on that of size, and its standard error."""
    mean = values.mean(axis=0)
    relative = values.std(axis=0, ddof=1) / (math.sqrt(values.shape[0]) * mean)
    centred = np.log(sizes) - np.log(sizes).mean()
    weights = centred / np.sum(centred**2)
    return float(weights @ np.log(mean)), float(np.sqrt(np.sum((weights * relative) ** 2)))
