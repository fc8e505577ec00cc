"""What the claims on noisy labels share: a regression at fixed design, and comparisons over draws of the noise."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np

from theorylab.claims import Bound, Conditions
from theorylab.evidence import error_of_mean
from theorylab.ntk import experiment
from theorylab.ntk.theory import KernelGradientFlow, early_stopping_risk

__all__ = ["Regression", "mean_square", "not_above", "stopped_outputs"]


@dataclasses.dataclass(frozen=True)
class Regression:
    """Regression with noise at fixed design: kernel, noiseless targets, and their kernel principal components."""

    K: np.ndarray
    signal: np.ndarray
    noise_variance: float

    @functools.cached_property
    def components(self) -> tuple[np.ndarray, np.ndarray]:
        """Eigenvalues, and squared components of the signal summed over outputs."""
        flow = KernelGradientFlow(self.K, self.signal)
        coefficients = np.asarray(flow.eigenvectors).T @ self.signal.reshape(len(self.K), -1)
        return np.asarray(flow.eigenvalues), np.sum(coefficients**2, axis=1)

    def risk(self, times: np.ndarray) -> np.ndarray:
        """Predicted risk of flow that is stopped at these times."""
        return np.asarray(early_stopping_risk(*self.components, self.noise_variance, times))


def stopped_outputs(
    conditions: Conditions, K: np.ndarray, y: np.ndarray, **options: int
) -> tuple[np.ndarray, np.ndarray]:
    """Times, and outputs (T, n, draws) on the training points."""
    asarray, to_numpy = conditions.backend.asarray, conditions.backend.to_numpy
    run = experiment.stopped_flow(asarray(K), asarray(y), asarray(K[:1]), **options)
    return run.times, to_numpy(run.train)


def mean_square(values: np.ndarray) -> np.ndarray:
    """Mean over the points, which stand on the second axis."""
    return np.asarray(np.mean(values**2, axis=1))


def not_above(low: np.ndarray, high: np.ndarray, label: str, factor: float = 1.0) -> Bound:
    """Mean of `low` at most `factor` times that of `high`, over the same draws on the last axis."""
    error = error_of_mean(factor * high - low, axis=-1)
    lhs, rhs = np.broadcast_arrays(low.mean(axis=-1), factor * high.mean(axis=-1))
    return Bound(lhs=lhs, rhs=rhs, standard_error=error, margin=1e-12, resolution=0.1 * float(np.max(rhs)), label=label)
