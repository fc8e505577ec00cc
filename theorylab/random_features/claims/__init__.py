"""Claims of the chapter: predicted errors of random-feature ridge regression beside regressions that were fitted."""

from theorylab.random_features.claims.digits import digits_risk
from theorylab.random_features.claims.double_descent import double_descent
from theorylab.random_features.claims.learning_curves import test_risk, train_risk

__all__ = ["digits_risk", "double_descent", "test_risk", "train_risk"]
