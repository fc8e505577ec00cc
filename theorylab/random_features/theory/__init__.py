"""Predictions of the chapter: kernels of infinitely many features, and the errors that follow from a spectrum."""

from theorylab.random_features.theory.eigenframework import (
    EffectiveRegularization,
    RiskEstimate,
    effective_regularization,
    risk_estimate,
)
from theorylab.random_features.theory.gcv import gcv_estimate
from theorylab.random_features.theory.hard_edge import HardEdgeFactors, hard_edge_factors
from theorylab.random_features.theory.kernels import erf_kernel, relu_kernel
from theorylab.random_features.theory.power_law import (
    near_optimal_fitting_ratio,
    noise_threshold,
    optimal_fitting_ratio,
    powerlaw_effective_ridge,
    powerlaw_test_mse,
    relative_test_mse,
)
from theorylab.random_features.theory.ridge_path import optimal_ridge, risk_path

__all__ = [
    "EffectiveRegularization",
    "HardEdgeFactors",
    "RiskEstimate",
    "effective_regularization",
    "erf_kernel",
    "gcv_estimate",
    "hard_edge_factors",
    "near_optimal_fitting_ratio",
    "noise_threshold",
    "optimal_fitting_ratio",
    "optimal_ridge",
    "powerlaw_effective_ridge",
    "powerlaw_test_mse",
    "relative_test_mse",
    "relu_kernel",
    "risk_estimate",
    "risk_path",
]
