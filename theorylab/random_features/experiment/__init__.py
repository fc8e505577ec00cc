r"""Measurements of the chapter: random-feature ridge regressions that are really fitted.

The estimator is :math:`f(x) = \hat k(x, X)(\hat K + \delta I)^{-1} y` with :math:`\hat K = \Psi\Psi^T/k`, that is
:math:`w = \arg\min \sum_i (y_i - w\cdot\psi(x_i)/\sqrt k)^2 + \delta |w|^2`; zero ridge means least norm.
"""

from .empirical_kernel import KernelErrors, SubmatrixResult, simulate_empirical_kernel, simulate_submatrices
from .exponents import ExponentEstimate, estimate_powerlaw_exponents, simulate_powerlaw_exponents
from .features import ACTIVATIONS, random_features
from .gaussian import LearnedFractions, SimulationResult, simulate_gaussian_features, simulate_learned_fractions
from .kernel_population import KernelPopulationResult, simulate_kernel_population
from .kernel_ridge import average_kernel_ridge, simulate_kernel_ridge
from .nested import NestedResult, simulate_nested
from .population import PopulationResult, simulate_gaussian_population, simulate_population
from .ridge import RidgeFit, fit_random_feature_ridge
from .sphere import SphereResult, simulate_sphere

__all__ = [
    "ACTIVATIONS",
    "ExponentEstimate",
    "KernelErrors",
    "KernelPopulationResult",
    "LearnedFractions",
    "NestedResult",
    "PopulationResult",
    "RidgeFit",
    "SimulationResult",
    "SphereResult",
    "SubmatrixResult",
    "average_kernel_ridge",
    "estimate_powerlaw_exponents",
    "fit_random_feature_ridge",
    "random_features",
    "simulate_empirical_kernel",
    "simulate_gaussian_features",
    "simulate_gaussian_population",
    "simulate_kernel_population",
    "simulate_kernel_ridge",
    "simulate_learned_fractions",
    "simulate_nested",
    "simulate_population",
    "simulate_powerlaw_exponents",
    "simulate_sphere",
    "simulate_submatrices",
]
