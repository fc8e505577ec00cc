"""Predictions of the chapter: what self-distillation does to each eigencomponent of a kernel ridge fit."""

from theorylab.self_distillation.theory.constrained import (
    ConstrainedPath,
    constrained_distillation_path,
    filter_ratio_bound,
    guaranteed_rounds,
    multiplier_bounds,
    norm_bound,
)
from theorylab.self_distillation.theory.eigensystem import KernelEigensystem
from theorylab.self_distillation.theory.filters import (
    constant_weight_filter,
    distance_to_limit,
    distillation_filters,
    dual_filters,
    effective_regularization,
    equivalent_ridge,
    limit_filter,
    mixture_coefficients,
)
from theorylab.self_distillation.theory.leave_one_out import leave_one_out
from theorylab.self_distillation.theory.optimal_weight import (
    ground_truth_weight_error,
    mixed_mse,
    optimal_ground_truth_weight,
    optimal_weight_sequence,
    oracle_ground_truth_weight,
)
from theorylab.self_distillation.theory.risk import distillation_risk, filter_risk, mixture_mse
from theorylab.self_distillation.theory.sparsification import eigen_ratio, eigen_ratio_limit, eigen_ratio_trend
from theorylab.self_distillation.theory.tangent import ridge_tangent, risk_slope, tangent_ground_truth_weight

__all__ = [
    "ConstrainedPath",
    "KernelEigensystem",
    "constant_weight_filter",
    "constrained_distillation_path",
    "distance_to_limit",
    "distillation_filters",
    "distillation_risk",
    "dual_filters",
    "effective_regularization",
    "eigen_ratio",
    "eigen_ratio_limit",
    "eigen_ratio_trend",
    "equivalent_ridge",
    "filter_ratio_bound",
    "filter_risk",
    "ground_truth_weight_error",
    "guaranteed_rounds",
    "leave_one_out",
    "limit_filter",
    "mixed_mse",
    "mixture_coefficients",
    "mixture_mse",
    "multiplier_bounds",
    "norm_bound",
    "optimal_ground_truth_weight",
    "optimal_weight_sequence",
    "oracle_ground_truth_weight",
    "ridge_tangent",
    "risk_slope",
    "tangent_ground_truth_weight",
]
