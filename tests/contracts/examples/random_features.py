"""Calls of the theory of random features; how they are written is said in ``examples/__init__.py``."""

import math
from collections.abc import Callable
from typing import Any

from tests.contracts.examples import Example
from theorylab.random_features.problem import KernelSpectrum


def spectrum(asarray: Callable[[Any], Any], **keywords: Any) -> KernelSpectrum:
    """Twelve levels with a power law."""
    levels = range(1, 13)
    return KernelSpectrum(
        asarray([level**-1.5 for level in levels]),
        asarray([[level**-1.3, 0.1 * level**-2.0] for level in levels]),
        asarray([float(3 * level) for level in levels]),
        **keywords,
    )


def infinite_power_law(n_samples: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """A spectrum with an analytic tail, in the namespace of the numbers of samples."""
    return (KernelSpectrum.power_law(1.5, 1.5, like=n_samples), n_samples, math.inf, 0.1), {}


EXAMPLES: dict[str, Example] = {
    "random_features.effective_regularization": lambda asarray: (
        (spectrum(asarray), asarray([10.0, 40.0, 80.0]), asarray([30.0, 40.0, math.inf]), asarray([1e-3, 0.1, 2.0])),
        {},
    ),
    "random_features.risk_estimate": lambda asarray: (
        (spectrum(asarray), asarray([10.0, 40.0, 80.0])),
        {"n_features": asarray([[30.0], [math.inf]]), "ridge": asarray([1e-3, 0.1, 2.0]), "noise_variance": 0.1},
    ),
    "random_features.risk_estimate: numbers": lambda asarray: (
        (spectrum(asarray, tail_trace=0.1, tail_power=0.2), 20, 30, 0.0, 0.1),
        {},
    ),
    "random_features.risk_estimate: finite population": lambda asarray: (
        (spectrum(asarray), asarray([10.0, 150.0, 300.0]), 400, asarray([0.1, 1e-3, 0.1])),
        {"population_size": 300},
    ),
    "random_features.risk_path": lambda asarray: (
        (spectrum(asarray), 20, asarray([30.0, 50.0]), asarray([0.1, 0.2]), asarray([[3.0], [20.0]])),
        {},
    ),
    "random_features.optimal_ridge": lambda asarray: (
        (spectrum(asarray), asarray([10.0, 40.0]), asarray([30.0, math.inf]), asarray([0.1, 0.5])),
        {},
    ),
    "random_features.powerlaw_effective_ridge": lambda asarray: (
        (asarray([1.5, 2.0, 1.01]), 100.0),
        {"fitting_ratio": asarray([[0.0, 0.25, 1.0], [0.1, 0.2, 0.3]])},
    ),
    "random_features.powerlaw_test_mse": lambda asarray: (
        (asarray([1.5, 2.0, 1.01]), asarray([2.5, 1.01, 2.0]), 100.0),
        {"fitting_ratio": asarray([[0.0, 0.25, 1.0], [0.1, 0.2, 0.3]]), "noise_variance": 0.1},
    ),
    "random_features.relative_test_mse": lambda asarray: (
        (1.5, asarray([2.5, 1.2, 3.9]), asarray([0.0, 1e-6, 1.0])),
        {"relative_noise": asarray([[0.0], [2.0]])},
    ),
    "random_features.noise_threshold": lambda asarray: ((1.5, asarray([2.5, 1.2, 3.9])), {}),
    "random_features.optimal_fitting_ratio": lambda asarray: (
        (1.5, asarray([2.5, 1.2, 3.9])),
        {"relative_noise": asarray([[0.0], [2.0], [100.0]])},
    ),
    "random_features.near_optimal_fitting_ratio": lambda asarray: (
        (1.5, asarray([2.5, 1.2, 3.9]), 0.01),
        {"relative_noise": asarray([[0.0], [2.0]])},
    ),
    "random_features.risk_estimate: table": lambda asarray: (
        (spectrum(asarray).tabulate(), asarray([10.0, 40.0, 80.0, 500.0])),
        {"n_features": asarray([[30.0], [math.inf]]), "ridge": asarray([1e-3, 0.0, 2.0, 1e-20]), "noise_variance": 0.1},
    ),
    "random_features.effective_regularization: power law": lambda asarray: infinite_power_law(asarray([10.0, 40.0])),
    "random_features.optimal_ridge: table": lambda asarray: (
        (spectrum(asarray).tabulate(), asarray([10.0, 40.0]), 30, asarray([0.1, 0.5])),
        {},
    ),
    "random_features.gcv_estimate": lambda asarray: (
        (asarray([[2.0, 1.0, 0.0], [1.0, 2.0, 0.5], [0.0, 0.5, 1.0]]), asarray([[1.0, 0.5], [2.0, -1.0], [-1.0, 0.2]])),
        {"ridge": asarray([0.0, 0.1])},
    ),
    "random_features.hard_edge_factors": lambda asarray: ((asarray([[1e-3, 0.4], [1.0, 50.0]]),), {}),
    "random_features.relu_kernel": lambda asarray: (
        (asarray([[1.0, 2.0], [0.0, 0.0], [-1.0, 0.5]]), asarray([[0.3, -0.2], [1.0, 2.0]])),
        {"weight_variance": 2.0},
    ),
    "random_features.erf_kernel": lambda asarray: (
        (asarray([[1.0, 2.0], [0.0, 0.0], [-1.0, 0.5]]),),
        {"weight_variance": 0.7},
    ),
}

#: Looser relative tolerances, and why.
TOLERANCES: dict[str, float] = {
    # the minimiser of a smooth function is known to the square root of the rounding error
    "random_features.optimal_ridge": 1e-6,
    "random_features.optimal_ridge: table": 1e-6,
}
