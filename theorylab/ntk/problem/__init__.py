r"""What both sides of the chapter agree on: activations, and how a network is parameterised.

A network with :math:`D` hidden layers maps :math:`x^0 = x` through

.. math::
    z^{l+1} = \frac{\sigma_w}{\sqrt{n_l}} W^l x^l + \sigma_b b^l, \qquad x^{l+1} = \phi(z^{l+1}), \qquad f(x) = z^{D+1},

with all entries of :math:`W^l` and :math:`b^l` independent standard normal: the *NTK parameterisation*, in which the
multipliers stand in the forward pass and not in the initial weights.  ``W_std`` is :math:`\sigma_w`, ``b_std`` is
:math:`\sigma_b`, ``depth`` is :math:`D`; there are :math:`D+1` affine maps.

Losses are means over the n training points and sums over outputs, :math:`\frac{1}{2n}\sum_i |f(x_i) - y_i|^2`, so that
time enters the linearised dynamics as :math:`\Theta t / n`; where a function takes ``norm="nk"`` the mean is over
points and outputs.
"""

from theorylab.ntk.problem.activations import (
    Activation,
    abs_,
    activation,
    cos,
    erf,
    exp,
    gaussian,
    gelu,
    leaky_relu,
    numerical,
    probit,
    rbf,
    rectified_quadratic,
    relu,
    sign,
    sin,
    step,
)
from theorylab.ntk.problem.label_noise import LabelNoise
from theorylab.ntk.problem.polynomials import hermite, monomial, optimal_activation, polynomial

__all__ = [
    "Activation",
    "LabelNoise",
    "abs_",
    "activation",
    "cos",
    "erf",
    "exp",
    "gaussian",
    "gelu",
    "hermite",
    "leaky_relu",
    "monomial",
    "numerical",
    "optimal_activation",
    "polynomial",
    "probit",
    "rbf",
    "rectified_quadratic",
    "relu",
    "sign",
    "sin",
    "step",
]
