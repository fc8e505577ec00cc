"""The handwritten digits as a population: its spectra, and training sets drawn from it at many sizes."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import numpy as np

from theorylab import arrays, datasets
from theorylab.claims import Conditions
from theorylab.evidence import error_of_mean
from theorylab.random_features import experiment, theory
from theorylab.random_features.claims._simulation import run_sweep
from theorylab.random_features.problem import KernelSpectrum

__all__ = ["DigitsGrid", "digits", "digits_cell", "digits_grid"]

#: Variance of the weights of each activation, in units of 1/d.
_WEIGHT_VARIANCE = {"relu": 2.0, "erf": 4.0}
_KERNELS = {"relu": theory.relu_kernel, "erf": theory.erf_kernel}


@functools.lru_cache(maxsize=4)
def digits(activation: str, labels: str = "one-hot") -> tuple[np.ndarray, np.ndarray, KernelSpectrum]:
    """Points with mean square norm d = 64, labels one-hot or +-1 (from five on), and the spectrum on all of them."""
    data = datasets.load("digits")
    X = datasets.scaled_to_mean_square_norm(data.X, data.X.shape[1])
    y = datasets.one_hot(data.y) if labels == "one-hot" else datasets.plus_minus_one(data.y, positive=range(5, 10))
    kernel = _KERNELS[activation](X, weight_variance=_WEIGHT_VARIANCE[activation] / X.shape[1])
    return X, y, KernelSpectrum.from_gram(kernel, y)


def digits_cell(
    *, activation: str, labels: str = "one-hot", backend: str, device: str, **cell: Any
) -> experiment.PopulationResult:
    """One point of a sweep over digits: plain arguments in, trials out."""
    X, y, _ = digits(activation, labels)
    return experiment.simulate_population(
        X,
        y,
        activation=activation,
        weight_variance=_WEIGHT_VARIANCE[activation] / X.shape[1],
        backend=arrays.backend(backend, device),
        **cell,
    )


@dataclasses.dataclass(frozen=True)
class DigitsGrid:
    """Held-out errors of ReLU features on digits over samples, features and ridges."""

    n_samples: np.ndarray  # (n, 1, 1)
    n_features: np.ndarray  # (1, k, 1)
    ridges: np.ndarray  # (ridges,)
    heldout_mse: np.ndarray  # (n, k, trials, ridges)
    spectrum: KernelSpectrum

    @property
    def mean(self) -> np.ndarray:
        """Mean over the trials, shape (n, k, ridges)."""
        means: np.ndarray = self.heldout_mse.mean(axis=2)
        return means

    @property
    def standard_error(self) -> np.ndarray:
        """Standard error of the mean, shape (n, k, ridges)."""
        errors: np.ndarray = error_of_mean(self.heldout_mse, axis=2)
        return errors


@functools.lru_cache(maxsize=2)
def digits_grid(conditions: Conditions) -> DigitsGrid:
    """Train on digits at every number of samples and features, for ridges from far below the best one to far above."""
    samples, features = (50, 100, 200, 400), (25, 50, 100, 200, 400, 800)
    ridges = np.geomspace(1e-3, 10.0, conditions.choose(quick=9, full=25))
    points = [
        {
            "activation": "relu",
            "n_samples": n,
            "n_features": k,
            "ridges": tuple(ridges.tolist()),
            "n_trials": conditions.choose(quick=16, full=100),
        }
        for n in samples
        for k in features
    ]
    errors = np.stack([run["heldout_mse"] for run in run_sweep(conditions, digits_cell, points)])
    return DigitsGrid(
        n_samples=np.array(samples)[:, None, None],
        n_features=np.array(features)[None, :, None],
        ridges=ridges,
        heldout_mse=errors.reshape(len(samples), len(features), *errors.shape[1:]),
        spectrum=digits("relu")[2],
    )
