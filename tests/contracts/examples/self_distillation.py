"""Calls of the theory of self-distillation; how they are written is said in ``examples/__init__.py``."""

from collections.abc import Callable
from typing import Any

from tests.contracts.examples import Example
from theorylab.self_distillation.problem import toy_problem
from theorylab.self_distillation.theory import KernelEigensystem

EIGENVALUES = [3.0, 1.0, 0.25, 0.01]
COEFFICIENTS = [[1.0, 0.2], [-0.5, 0.1], [0.3, 0.0], [0.1, -0.2]]
FILTERS = [[0.8, 0.6, 0.3, 0.1], [0.7, 0.4, 0.1, 0.05]]
FIRST, DISTILLED, TARGET = [0.5, 1.0, -0.3], [0.3, 0.8, -0.1], [0.6, 0.7, -0.2]


def gram(asarray: Callable[[Any], Any]) -> Any:
    """Kernel matrix of the toy problem."""
    return asarray(toy_problem().gram.tolist())


EXAMPLES: dict[str, Example] = {
    "self_distillation.distillation_filters": lambda asarray: (
        (asarray(EIGENVALUES), asarray([[0.1], [2.0]]), asarray([[0.5, 0.0, 0.3], [1.0, 0.2, 0.7]])),
        {},
    ),
    "self_distillation.distillation_filters: one step": lambda asarray: ((asarray(EIGENVALUES), 0.1, []), {}),
    "self_distillation.dual_filters": lambda asarray: (
        (asarray(EIGENVALUES), 0.1, asarray([-0.5, 1.7])),
        {"bounded": False},
    ),
    "self_distillation.constant_weight_filter": lambda asarray: (
        (asarray(EIGENVALUES), asarray([0.1, 1.0]), asarray([[0.0], [0.3], [1.0]]), 3),
        {},
    ),
    "self_distillation.constant_weight_filter: limit": lambda asarray: (
        (asarray(EIGENVALUES), 0.1, asarray([0.0, 0.3, 1.0]), asarray([1.0, 5.0, float("inf")])),
        {},
    ),
    "self_distillation.limit_filter": lambda asarray: (
        (asarray(EIGENVALUES), asarray([0.1, 1.0]), asarray([[0.0], [0.3]])),
        {},
    ),
    "self_distillation.effective_regularization": lambda asarray: (
        (asarray([0.1, 1.0]), asarray([[0.0], [0.3]])),
        {},
    ),
    "self_distillation.distance_to_limit": lambda asarray: (
        (asarray(EIGENVALUES), asarray(COEFFICIENTS), 0.1, 0.3, asarray([1.0, 2.0, 30.0])),
        {},
    ),
    "self_distillation.equivalent_ridge": lambda asarray: (
        (asarray(EIGENVALUES), asarray([[0.2, 0.5, 1.0, 0.0]])),
        {},
    ),
    "self_distillation.mixture_coefficients": lambda asarray: ((asarray([[0.5, 0.0, 0.3], [1.0, 0.2, 0.7]]),), {}),
    "self_distillation.filter_risk": lambda asarray: ((asarray(FILTERS), asarray(COEFFICIENTS), 0.3), {}),
    "self_distillation.distillation_risk": lambda asarray: (
        (asarray(EIGENVALUES), asarray(COEFFICIENTS), 0.3, asarray([0.1, 1.0, 3.0]), asarray([[0.5, 0.0], [1.0, 0.2]])),
        {},
    ),
    "self_distillation.mixture_mse": lambda asarray: (
        (asarray([[FIRST, DISTILLED], [DISTILLED, TARGET]]), asarray(TARGET), asarray([[0.5], [0.1]])),
        {},
    ),
    "self_distillation.optimal_ground_truth_weight": lambda asarray: (
        (asarray(FIRST), asarray(DISTILLED), asarray(TARGET)),
        {},
    ),
    "self_distillation.optimal_ground_truth_weight: clipped": lambda asarray: (
        (asarray([FIRST, TARGET]), asarray([DISTILLED, FIRST]), asarray([TARGET, DISTILLED])),
        {"clip": (0.0, 1.0)},
    ),
    "self_distillation.optimal_weight_sequence": lambda asarray: (
        (asarray([FIRST, DISTILLED, [0.2, 0.5, 0.1]]), asarray(TARGET)),
        {},
    ),
    "self_distillation.mixed_mse": lambda asarray: (
        (asarray(FIRST), asarray(DISTILLED), asarray(TARGET), asarray([[0.0, 0.5], [1.0, 2.0]])),
        {},
    ),
    "self_distillation.ground_truth_weight_error": lambda asarray: ((asarray(FIRST), asarray(DISTILLED), 0.3), {}),
    "self_distillation.oracle_ground_truth_weight": lambda asarray: (
        (asarray(EIGENVALUES), asarray(COEFFICIENTS), asarray([0.0, 0.3]), asarray([[0.1], [1.0]])),
        {},
    ),
    "self_distillation.ridge_tangent": lambda asarray: ((asarray(FIRST), asarray(DISTILLED), 0.3), {}),
    "self_distillation.risk_slope": lambda asarray: ((asarray(FIRST), asarray(DISTILLED), asarray(TARGET), 0.3), {}),
    "self_distillation.tangent_ground_truth_weight": lambda asarray: (
        (asarray([-0.3, 0.2]), asarray([[0.1], [0.4]]), 0.3),
        {},
    ),
    "self_distillation.eigen_ratio": lambda asarray: ((asarray(FILTERS),), {}),
    "self_distillation.eigen_ratio_limit": lambda asarray: (
        (asarray(EIGENVALUES), asarray([0.1, 1.0]), asarray([0.0, 0.3])),
        {},
    ),
    "self_distillation.eigen_ratio_trend": lambda asarray: (
        (asarray(EIGENVALUES), asarray([[0.1], [1.0]]), asarray([[0.5, 0.0, 0.9]])),
        {},
    ),
    "self_distillation.leave_one_out": lambda asarray: (
        (KernelEigensystem.from_gram(gram(asarray)), asarray(toy_problem().y.tolist()), 0.2, asarray([0.3, 0.0, 0.8])),
        {},
    ),
    "self_distillation.constrained_distillation_path": lambda asarray: (
        (gram(asarray), asarray(toy_problem().y.tolist()), 0.045, 5),
        {},
    ),
    "self_distillation.multiplier_bounds": lambda asarray: ((asarray(EIGENVALUES), asarray([2.0, 3.0]), 0.1), {}),
    "self_distillation.guaranteed_rounds": lambda asarray: ((asarray(EIGENVALUES), asarray([2.0, 3.0]), 0.1), {}),
    "self_distillation.norm_bound": lambda asarray: ((asarray(EIGENVALUES), 3.0, 0.1, asarray([0.0, 1.0, 3.0])), {}),
    "self_distillation.filter_ratio_bound": lambda asarray: ((asarray(EIGENVALUES), 3.0, 0.1, asarray([1.0, 3.0])), {}),
}
