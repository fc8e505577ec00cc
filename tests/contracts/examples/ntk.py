"""Calls of the theory of the neural tangent kernel; how they are written is said in ``examples/__init__.py``."""

import math

from tests.contracts.examples import Example
from theorylab.ntk import problem
from theorylab.ntk.theory import NTK, KernelDegrees, SpectralLaw

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
EXAMPLES |= {
    "ntk.multiplicity": lambda asarray: ((5, asarray([[0.0, 1.0], [7.0, 40.0]])), {}),
    "ntk.multiplicity: circle": lambda asarray: ((2, asarray([0.0, 3.0])), {}),
    "ntk.sphere_spectrum": lambda asarray: (
        (lambda angles: angles**2 - 6.0 * angles, 4, asarray([0.0, 1.0, 6.0])),
        {},
    ),
    "ntk.zonal_profile": lambda asarray: ((NTK("relu", 2), asarray([[0.0, 1e-9], [1.0, math.pi]])), {}),
    "ntk.zonal_sum": lambda asarray: ((asarray([0.3, 0.1, 0.05]), asarray([[0.0, 1.0], [2.0, math.pi]]), 3), {}),
    "ntk.circle_gram_eigenvalues": lambda asarray: (
        (asarray([1.0, 0.5, 0.3, 0.1, 0.05, 0.04, 0.03]), SpectralLaw(2, 2.0, 1.0, 1.0), 4),
        {},
    ),
    "ntk.spectral_law": lambda asarray: ((NTK("relu", 2), 3), {"mean_square": 0.5}),
    "ntk.kernel_degrees": lambda asarray: (("relu", 1, 0.1), {}),
    "ntk.gram_rank": lambda asarray: ((KernelDegrees(4.0, 3.0), 3, 40), {}),
}
