"""Claims of the chapter: predicted errors of random-feature ridge regression beside regressions that were fitted."""

from theorylab.random_features.claims.digits import digits_risk
from theorylab.random_features.claims.double_descent import double_descent
from theorylab.random_features.claims.effective_ridges import effective_ridges
from theorylab.random_features.claims.empirical_kernels import kernel_convergence, population_kappa
from theorylab.random_features.claims.exponents import digits_fitting_ratio, powerlaw_exponents
from theorylab.random_features.claims.hard_edge import hard_edge
from theorylab.random_features.claims.learning_curves import test_risk, train_risk
from theorylab.random_features.claims.limits import infinite_limits
from theorylab.random_features.claims.more_is_better import more_is_better
from theorylab.random_features.claims.optimal_ridge import optimal_ridge_digits
from theorylab.random_features.claims.overfitting import near_interpolation, obligatory_overfitting
from theorylab.random_features.claims.own_data import harder_than_gaussian, predicted_learning_curve
from theorylab.random_features.claims.power_law import fitting_ratio_curve, powerlaw_asymptotics
from theorylab.random_features.claims.risk_maps import risk_maps
from theorylab.random_features.claims.sphere import sphere_features, universality_gap

__all__ = [
    "digits_fitting_ratio",
    "digits_risk",
    "double_descent",
    "effective_ridges",
    "fitting_ratio_curve",
    "hard_edge",
    "harder_than_gaussian",
    "infinite_limits",
    "kernel_convergence",
    "more_is_better",
    "near_interpolation",
    "obligatory_overfitting",
    "optimal_ridge_digits",
    "population_kappa",
    "powerlaw_asymptotics",
    "powerlaw_exponents",
    "predicted_learning_curve",
    "risk_maps",
    "sphere_features",
    "test_risk",
    "train_risk",
    "universality_gap",
]
