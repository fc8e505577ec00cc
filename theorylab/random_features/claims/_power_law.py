"""What the claims on power-law spectra share: kernel ridge regressions simulated at chosen fitting ratios.

Margins.  Against the law for many samples a simulation with n samples has two finite-size errors.  The sums over modes
exceed the integrals as if there were half a sample more (Euler-Maclaurin): beta / (2 n (1-r)) relative in the test
error, alpha / (2 n (1-r)) in the effective ridge, 1 / (2 n) in amplified noise.  And the Gaussian model differs from
the sums by the finite-size law of :mod:`theorylab.random_features.claims._simulation`.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np

from theorylab import arrays
from theorylab.claims import Conditions
from theorylab.evidence import error_of_mean
from theorylab.random_features import experiment, theory
from theorylab.random_features.claims._simulation import run_sweep
from theorylab.random_features.problem import KernelSpectrum

__all__ = ["MODES_PER_SAMPLE", "PowerLawProblem", "PowerLawRun", "simulate_power_laws"]

#: Explicit modes for each sample; the sums that stand for the others are then good to about 20^-(2 alpha - 1).
MODES_PER_SAMPLE = 20


@dataclasses.dataclass(frozen=True, kw_only=True)
class PowerLawProblem:
    """Kernel ridge regression with n samples; the noise relative to the noise-free error of interpolation."""

    alpha: float
    beta: float
    n_samples: int
    fitting_ratios: tuple[float, ...] = (0.0,)
    relative_noise: float = 0.0

    @property
    def ratios(self) -> np.ndarray:
        """The fitting ratios R as an array."""
        return np.array(self.fitting_ratios)

    @property
    def noise_variance(self) -> float:
        """Variance of the label noise."""
        return self.relative_noise * float(theory.powerlaw_test_mse(self.alpha, self.beta, self.n_samples, 0.0))

    @property
    def ridges(self) -> np.ndarray:
        """Ridges that belong to the fitting ratios for many samples."""
        kappa = theory.powerlaw_effective_ridge(self.alpha, self.n_samples, self.ratios)
        return np.asarray(self.n_samples * kappa * np.sqrt(self.ratios))

    @property
    def spectrum(self) -> KernelSpectrum:
        """All infinitely many modes."""
        return KernelSpectrum.power_law(self.alpha, self.beta)

    def exact(self) -> theory.RiskEstimate:
        """Prediction from the sums over all modes, at the same ridges."""
        return theory.risk_estimate(
            self.spectrum, self.n_samples, ridge=self.ridges, noise_variance=self.noise_variance
        )

    @property
    def half_sample(self) -> np.ndarray:
        """1 / (2 n (1 - r)) of every fitting ratio: relative weight of half a sample."""
        return 0.5 / (self.n_samples * (1.0 - np.sqrt(self.ratios)))


@dataclasses.dataclass(frozen=True)
class PowerLawRun:
    """Trials of one problem: one row for each trial, one column for each fitting ratio; all see the same inputs."""

    problem: PowerLawProblem
    test_mse: np.ndarray
    train_mse: np.ndarray
    kappa: np.ndarray

    def mean(self, name: str) -> np.ndarray:
        """Mean over the trials."""
        return np.asarray(getattr(self, name).mean(axis=0))

    def standard_error(self, name: str) -> np.ndarray:
        """Standard error of the mean."""
        values = getattr(self, name)
        return np.asarray(error_of_mean(values))

    @property
    def relative_test_mse(self) -> tuple[np.ndarray, np.ndarray]:
        """Test error over that of the first fitting ratio, and its standard error from the same trials."""
        return _quotient(self.test_mse, self.test_mse[:, :1])

    @property
    def fitting_ratio(self) -> tuple[np.ndarray, np.ndarray]:
        """Train error over test error, and its standard error from the same trials."""
        return _quotient(self.train_mse, self.test_mse)


def _quotient(numerator: np.ndarray, denominator: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Quotient of means over trials, and its standard error to first order."""
    base = denominator.mean(axis=0)
    quotient = numerator.mean(axis=0) / base
    residual = (numerator - quotient * denominator).std(axis=0, ddof=1) / base
    return quotient, residual / math.sqrt(numerator.shape[0])


def _power_law_cell(
    *, alpha: float, beta: float | None, n_samples: int, backend: str, device: str, **cell: Any
) -> experiment.SimulationResult:
    """One point of a sweep: plain arguments in, trials out; without beta the labels are noise alone."""
    head = MODES_PER_SAMPLE * n_samples
    spectrum = KernelSpectrum.power_law(alpha, alpha if beta is None else beta, head=head)
    if beta is None:
        spectrum = KernelSpectrum(spectrum.eigenvalues, tail_trace=spectrum.tail_trace)
    return experiment.average_kernel_ridge(spectrum, n_samples, backend=arrays.backend(backend, device), **cell)


def simulate_power_laws(
    conditions: Conditions, problems: list[PowerLawProblem], *, trials_times_size: int, only_noise: bool = False
) -> list[PowerLawRun]:
    """Simulate every problem; with `only_noise` the labels are noise of unit variance and nothing else.

    Averaged over labels, one trial scatters by a few times 1/n relative.
    """
    points = [
        {
            "alpha": problem.alpha,
            "beta": None if only_noise else problem.beta,
            "n_samples": problem.n_samples,
            "ridges": tuple(problem.ridges.tolist()),
            "noise_variance": 1.0 if only_noise else problem.noise_variance,
            "n_trials": max(8, math.ceil(trials_times_size / problem.n_samples)),
        }
        for problem in problems
    ]
    results = run_sweep(conditions, _power_law_cell, points)
    names = ("test_mse", "train_mse", "kappa")
    return [
        PowerLawRun(problem, *(result[name] for name in names))
        for problem, result in zip(problems, results, strict=True)
    ]
