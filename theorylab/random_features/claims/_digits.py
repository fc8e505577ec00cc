"""The handwritten digits as a population: its spectra, and one point of a sweep over training sets drawn from it."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from theorylab import arrays, datasets
from theorylab.random_features import experiment, theory
from theorylab.random_features.problem import KernelSpectrum

__all__ = ["digits", "digits_cell"]

#: Variance of the weights of each activation, in units of 1/d.
_WEIGHT_VARIANCE = {"relu": 2.0, "erf": 4.0}
_KERNELS = {"relu": theory.relu_kernel, "erf": theory.erf_kernel}


@functools.lru_cache(maxsize=4)
def digits(activation: str) -> tuple[np.ndarray, np.ndarray, KernelSpectrum]:
    """Points with mean square norm d = 64, one-hot labels, and the spectrum of the kernel on all of them."""
    data = datasets.load("digits")
    X = datasets.scaled_to_mean_square_norm(data.X, data.X.shape[1])
    y = datasets.one_hot(data.y)
    kernel = _KERNELS[activation](X, weight_variance=_WEIGHT_VARIANCE[activation] / X.shape[1])
    return X, y, KernelSpectrum.from_gram(kernel, y)


def digits_cell(*, activation: str, backend: str, device: str, **cell: Any) -> experiment.PopulationResult:
    """One point of a sweep over digits: plain arguments in, trials out."""
    X, y, _ = digits(activation)
    return experiment.simulate_population(
        X,
        y,
        activation=activation,
        weight_variance=_WEIGHT_VARIANCE[activation] / X.shape[1],
        backend=arrays.backend(backend, device),
        **cell,
    )
