"""Claims of the chapter: predicted errors of random-feature ridge regression beside regressions that were fitted."""

from theorylab.random_features.claims.digits import digits_risk
from theorylab.random_features.claims.double_descent import double_descent
from theorylab.random_features.claims.effective_ridges import effective_ridges
from theorylab.random_features.claims.hard_edge import hard_edge
from theorylab.random_features.claims.learning_curves import test_risk, train_risk
from theorylab.random_features.claims.limits import infinite_limits
from theorylab.random_features.claims.more_is_better import more_is_better
from theorylab.random_features.claims.optimal_ridge import optimal_ridge_digits
from theorylab.random_features.claims.risk_maps import risk_maps

__all__ = [
    "digits_risk",
    "double_descent",
    "effective_ridges",
    "hard_edge",
    "infinite_limits",
    "more_is_better",
    "optimal_ridge_digits",
    "risk_maps",
    "test_risk",
    "train_risk",
]
