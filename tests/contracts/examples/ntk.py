"""Calls of the theory of the neural tangent kernel; how they are written is said in ``examples/__init__.py``."""

import math

from tests.contracts.examples import Example
from theorylab.ntk import problem

EXAMPLES: dict[str, Example] = {
    **{
        f"ntk.dual_activation: {activation.name}": lambda asarray, activation=activation: (
            (
                activation,
                asarray([1.0, 0.4, 0.0]),
                asarray([[0.7], [1.0]]),
                asarray([[0.3, -0.2, 0.0], [1.0, 0.1, 0.0]]),
            ),
            {},
        )
        for activation in (problem.leaky_relu(0.1), problem.erf(), problem.gelu(), problem.polynomial([0.1, 1.0, 0.5]))
    },
}
EXAMPLES["ntk.early_stopping_risk"] = lambda asarray: (
    (asarray([2.0, 0.5, 0.0]), asarray([1.0, 0.3, 0.2]), 0.4, asarray([0.0, 1.0, math.inf])),
    {},
)
EXAMPLES["ntk.ridge_risk"] = lambda asarray: (
    (asarray([2.0, 0.5, 0.0]), asarray([1.0, 0.3, 0.2]), 0.4, asarray([0.01, 1.0, 30.0])),
    {},
)
