r"""Dual activations in closed form: expectations over a pair of correlated Gaussians.

For a centred Gaussian pair with variances :math:`q_1, q_2` and covariance :math:`c`,

.. math::
    T(q_1, q_2, c) = E[\phi(u)\phi(v)], \qquad \dot T(q_1, q_2, c) = E[\phi'(u)\phi'(v)] = \partial T/\partial c,

the last equality by Price's theorem [price1958]_.  Throughout :math:`s = \sqrt{q_1q_2}` and :math:`\cos\theta = c/s`.

.. [cho2009] Y. Cho, L. K. Saul, "Kernel methods for deep learning", NeurIPS 2009 (rectified powers).
.. [williams1997] C. K. I. Williams, "Computing with infinite networks", NeurIPS 1997, eq. (11) (error function).
.. [tsuchida2021] R. Tsuchida, T. Pearce, C. van der Heide, F. Roosta, M. Gallagher, "Avoiding kernel fixed points:
   computing with ELU and GELU infinite networks", AAAI 2021 (GELU).
.. [price1958] R. Price, "A useful theorem for nonlinear devices having Gaussian inputs", IRE Transactions on
   Information Theory 4 (1958).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from theorylab import arrays, validation
from theorylab.ntk.problem import Activation

__all__ = ["CLOSED_FORMS", "UNDIFFERENTIABLE", "Dual", "dual_activation", "evaluate"]

_TWO_PI = 2.0 * math.pi


class Dual(NamedTuple):
    r"""Values of a dual activation.

    Parameters
    ----------
    value : array
        :math:`E[\phi(u)\phi(v)]`.
    derivative : array
        :math:`E[\phi'(u)\phi'(v)]`.
    """

    value: Any
    derivative: Any


#: Families without a derivative in the mean square: their NTK does not exist.
UNDIFFERENTIABLE = frozenset({"sign", "step"})


def dual_activation(activation: Activation, q1: Any, q2: Any, c: Any) -> Dual:
    r"""Expectations of the products of an activation's values and derivatives at a correlated Gaussian pair.

    Parameters
    ----------
    activation : Activation
        The function :math:`\phi`.
    q1, q2 : array_like, >= 0
        Variances, of shapes that broadcast with `c`.
    c : array_like
        Covariance, :math:`|c| \le \sqrt{q_1q_2}` up to rounding.

    Returns
    -------
    Dual
        :math:`T` and :math:`\dot T`, in the broadcast shape.  Step and sign have :math:`\dot T = \infty` at
        :math:`|c| = \sqrt{q_1q_2}`.

    Raises
    ------
    ValueError
        If a variance is negative, or a covariance exceeds what the variances allow by more than rounding.

    Notes
    -----
    Closed forms of [cho2009]_, [williams1997]_ and [tsuchida2021]_, of Gaussian integrals of exponentials, and of
    Mehler's expansion for polynomials; other functions are integrated numerically.

    Examples
    --------
    >>> from theorylab.ntk.problem import relu
    >>> [float(x) for x in dual_activation(relu(), 1.0, 1.0, 1.0)]
    [0.5, 0.5]
    """
    q1 = validation.check_array("q1", q1, minimum=0.0)
    q2 = validation.check_array("q2", q2, minimum=0.0)
    c = validation.check_array("c", c)
    xp, (q1, q2, c) = arrays.promote(q1, q2, c, keep_float32=True)
    excess = xp.max(c**2 - q1 * q2 * (1.0 + 1e-6))
    if float(excess) > 0.0:
        raise ValueError(
            f"c must be at most sqrt(q1 * q2) in magnitude; got a square that is {float(excess):.3g} larger. "
            "Pass variances and covariance of one Gaussian pair."
        )
    c = c + xp.zeros_like(q1 * q2 * c)  # in the broadcast shape, while the variances stay as small as they are
    return evaluate(xp, activation, q1, q2, c)


def evaluate(xp: Any, activation: Activation, q1: Any, q2: Any, c: Any) -> Dual:
    """Dual of an activation; the arguments are taken as they are.

    Parameters
    ----------
    xp : module
        Namespace of the arrays.
    activation : Activation
        The function.
    q1, q2, c : array
        Variances and covariance; shapes broadcast.

    Returns
    -------
    Dual
        Value and derivative.
    """
    if activation.name in CLOSED_FORMS:
        return CLOSED_FORMS[activation.name](xp, q1, q2, c, *activation.parameters)
    from theorylab.ntk.theory.numerical_dual import numerical_dual  # heavy, and seldom needed

    return numerical_dual(activation, q1, q2, c)


def _angle(xp: Any, q1: Any, q2: Any, c: Any) -> tuple[Any, Any]:
    """Angle of the pair and s sin(angle); a pair without variance counts as orthogonal.

    The angle is taken from both of its functions and (s - c)(s + c) is not multiplied out: arccos(c/s) would lose half
    of the digits where the two points nearly coincide.
    """
    s = xp.sqrt(q1 * q2)  # equal to both where they are equal
    opposite = xp.sqrt(xp.maximum((s - c) * (s + c), xp.zeros_like(s)))
    theta = xp.where(s > 0.0, xp.atan2(opposite, c), xp.full_like(s, math.pi / 2.0))
    return theta, opposite


def _leaky_relu(xp: Any, q1: Any, q2: Any, c: Any, slope: float) -> Dual:
    theta, opposite = _angle(xp, q1, q2, c)
    bend = (1.0 - slope) ** 2 / _TWO_PI
    derivative = 0.5 * (1.0 + slope**2) - bend * theta
    return Dual(bend * opposite + c * derivative, derivative)


def _step(xp: Any, q1: Any, q2: Any, c: Any) -> Dual:
    theta, opposite = _angle(xp, q1, q2, c)
    return Dual((math.pi - theta) / _TWO_PI, _reciprocal(xp, _TWO_PI * opposite))


def _sign(xp: Any, q1: Any, q2: Any, c: Any) -> Dual:
    theta, opposite = _angle(xp, q1, q2, c)
    return Dual(1.0 - 2.0 / math.pi * theta, _reciprocal(xp, 0.5 * math.pi * opposite))


def _reciprocal(xp: Any, x: Any) -> Any:
    positive = x > 0.0
    return xp.where(positive, 1.0 / xp.where(positive, x, xp.ones_like(x)), xp.full_like(x, math.inf))


def _rectified_quadratic(xp: Any, q1: Any, q2: Any, c: Any) -> Dual:
    theta, opposite = _angle(xp, q1, q2, c)
    rest = math.pi - theta
    value = (3.0 * opposite * c + rest * (q1 * q2 + 2.0 * c**2)) / _TWO_PI
    return Dual(value, 4.0 * (opposite + rest * c) / _TWO_PI)


def _erf(xp: Any, q1: Any, q2: Any, c: Any, b: float) -> Dual:
    a = 2.0 * b**2
    root = xp.sqrt((1.0 + a * q1) * (1.0 + a * q2) - (a * c) ** 2)
    return Dual(2.0 / math.pi * xp.atan2(a * c, root), 2.0 * a / (math.pi * root))


def _probit(xp: Any, q1: Any, q2: Any, c: Any) -> Dual:
    root = xp.sqrt((1.0 + q1) * (1.0 + q2) - c**2)
    return Dual(0.25 + xp.atan2(c, root) / _TWO_PI, 1.0 / (_TWO_PI * root))


def _gelu(xp: Any, q1: Any, q2: Any, c: Any) -> Dual:
    product = (1.0 + q1) * (1.0 + q2)
    root = xp.sqrt(product - c**2)
    angle = xp.atan2(c, root)
    value = 0.25 * c + (c * angle + (c**2 + q1 * q2 * root**2) / (product * root)) / _TWO_PI
    inner = 1.0 / root**2 + (1.0 - q1 * q2) / product + 1.0
    return Dual(value, 0.25 + (angle + c / root * inner) / _TWO_PI)


def _sin(xp: Any, q1: Any, q2: Any, c: Any, b: float, h: float) -> Dual:
    mean = 0.5 * (q1 + q2)
    same, opposed = xp.exp(b**2 * (c - mean)), math.cos(2.0 * h) * xp.exp(-(b**2) * (c + mean))
    return Dual(0.5 * (same - opposed), 0.5 * b**2 * (same + opposed))


def _exp(xp: Any, q1: Any, q2: Any, c: Any, b: float) -> Dual:
    value = xp.exp(b**2 * (0.5 * (q1 + q2) + c))
    return Dual(value, b**2 * value)


def _gaussian(xp: Any, q1: Any, q2: Any, c: Any, b: float) -> Dual:
    squared = (1.0 + 2.0 * b * q1) * (1.0 + 2.0 * b * q2) - (2.0 * b * c) ** 2
    value = 1.0 / xp.sqrt(squared)
    return Dual(value, 4.0 * b**2 * c * value / squared)


def _rbf(xp: Any, q1: Any, q2: Any, c: Any, gamma: float) -> Dual:
    value = xp.exp(-gamma * (q1 + q2 - 2.0 * c))
    return Dual(value, 2.0 * gamma * value)


def _polynomial(xp: Any, q1: Any, q2: Any, c: Any, *coefficients: float) -> Dual:
    r"""Mehler's expansion with :math:`A_k(q) = E[\phi^{(k)}(\sqrt q z)]`: without division by a norm, zero is safe."""
    value, derivative = xp.zeros_like(c), xp.zeros_like(c)
    for k in reversed(range(len(coefficients))):
        term = _mean_derivative(xp, q1, k, coefficients) * _mean_derivative(xp, q2, k, coefficients)
        value = value * c / (k + 1) + term
        if k:
            derivative = derivative * c / k + term
    return Dual(value, derivative)


def _mean_derivative(xp: Any, q: Any, k: int, coefficients: tuple[float, ...]) -> Any:
    total = xp.zeros_like(q)
    for m in reversed(range(k, len(coefficients), 2)):
        j = (m - k) // 2
        total = total * q + coefficients[m] * math.factorial(m) / (2**j * math.factorial(j))
    return total


#: Families whose dual is known in closed form.
CLOSED_FORMS: dict[str, Callable[..., Dual]] = {
    "erf": _erf,
    "exp": _exp,
    "gaussian": _gaussian,
    "gelu": _gelu,
    "leaky_relu": _leaky_relu,
    "polynomial": _polynomial,
    "probit": _probit,
    "rbf": _rbf,
    "rectified_quadratic": _rectified_quadratic,
    "sign": _sign,
    "sin": _sin,
    "step": _step,
}
