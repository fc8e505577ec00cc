r"""Measurements of the chapter: random-feature ridge regressions that are really fitted.

The estimator is :math:`f(x) = \hat k(x, X)(\hat K + \delta I)^{-1} y` with :math:`\hat K = \Psi\Psi^T/k`, that is
:math:`w = \arg\min \sum_i (y_i - w\cdot\psi(x_i)/\sqrt k)^2 + \delta |w|^2`; zero ridge means least norm.
"""

from .features import ACTIVATIONS, random_features
from .gaussian import LearnedFractions, SimulationResult, simulate_gaussian_features, simulate_learned_fractions
from .kernel_ridge import average_kernel_ridge, power_law_with_tail, simulate_kernel_ridge
from .nested import NestedResult, simulate_nested
from .population import PopulationResult, simulate_gaussian_population, simulate_population
from .ridge import RidgeFit, fit_random_feature_ridge
from .sphere import SphereResult, simulate_sphere

__all__ = [
    "ACTIVATIONS",
    "LearnedFractions",
    "NestedResult",
    "PopulationResult",
    "RidgeFit",
    "SimulationResult",
    "SphereResult",
    "average_kernel_ridge",
    "fit_random_feature_ridge",
    "power_law_with_tail",
    "random_features",
    "simulate_gaussian_features",
    "simulate_gaussian_population",
    "simulate_kernel_ridge",
    "simulate_learned_fractions",
    "simulate_nested",
    "simulate_population",
    "simulate_sphere",
]
