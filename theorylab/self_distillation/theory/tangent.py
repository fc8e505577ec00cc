r"""One distillation moves along the tangent of the ridge path.

With :math:`f_\lambda` the ridge fit at any points, the student of the second step is exactly

.. math:: f^{(2)}_\alpha = f_\lambda + (1-\alpha)\, \lambda \frac{\partial f_\lambda}{\partial \lambda},

because the pure student is :math:`f_d = f_\lambda + \lambda\, \partial f_\lambda/\partial\lambda`.  With
:math:`R(\lambda)` the mean squared error of :math:`f_\lambda` the optimal weight is therefore

.. math:: \alpha^* = 1 + \frac{R'(\lambda)}{2 \lambda \langle (\partial f_\lambda/\partial\lambda)^2 \rangle},

below one exactly where more ridge would help (:math:`R' < 0`), and one where R is stationary: there distillation cannot
help.

Source: derived here.
"""

from __future__ import annotations

from typing import Any

from theorylab import arrays, validation
from theorylab.self_distillation.theory._arguments import check_predictions

__all__ = ["ridge_tangent", "risk_slope", "tangent_ground_truth_weight"]


def ridge_tangent(first: Any, distilled: Any, regularization: float) -> Any:
    r"""Derivative of the ridge fit by its ridge, from one pure distillation: :math:`(f_d - f_\lambda)/\lambda`.

    Parameters
    ----------
    first : array_like, shape (m,) or (m, c)
        Predictions of the ridge fit at any points.
    distilled : array_like, shape (m,) or (m, c)
        Predictions of the ridge fit to the training predictions of the first, with the same ridge.
    regularization : float
        Ridge :math:`\lambda > 0` of both.

    Returns
    -------
    array, shape (m,) or (m, c)
        float64.

    Notes
    -----
    Source: derived here.  Exact, not a finite difference.

    Examples
    --------
    >>> ridge_tangent([0.5], [0.25], 1.0).tolist()
    [-0.25]
    """
    ridge = validation.check_number("regularization", regularization, exclusive_minimum=0.0)
    _, first, distilled, _ = check_predictions(first, distilled, distilled)
    return (distilled - first) / ridge


def risk_slope(first: Any, distilled: Any, target: Any, regularization: float) -> float:
    r"""Derivative of the mean squared error of the ridge fit by its ridge.

    .. math:: R'(\lambda) = \frac2m \Big\langle f_\lambda - Y, \frac{\partial f_\lambda}{\partial\lambda} \Big\rangle

    Parameters
    ----------
    first, distilled : array_like, shape (m,) or (m, c)
        As in :func:`ridge_tangent`.
    target : array_like, shape (m,) or (m, c)
        What the error is measured against.
    regularization : float
        Ridge :math:`\lambda > 0`.

    Returns
    -------
    float
        Negative: a larger ridge would reduce the error, and so does distillation.

    Notes
    -----
    Source: derived here.

    Examples
    --------
    >>> risk_slope([0.5], [0.25], [0.0], 1.0)
    -0.25
    """
    ridge = validation.check_number("regularization", regularization, exclusive_minimum=0.0)
    xp, first, distilled, target = check_predictions(first, distilled, target)
    return 2.0 * float(xp.sum((first - target) * (distilled - first))) / (ridge * target.shape[0])


def tangent_ground_truth_weight(slope: Any, derivative_power: Any, regularization: Any) -> Any:
    r"""Optimal weight of the second step from the ridge path alone, without any distillation.

    .. math:: \alpha^* = 1 + \frac{R'(\lambda)}{2 \lambda \langle (\partial f_\lambda/\partial\lambda)^2 \rangle}

    Parameters
    ----------
    slope : array_like, shape (...)
        :math:`R'(\lambda)`, from whatever source.
    derivative_power : array_like, shape (...)
        Mean over the same points, and sum over outputs, of the squared derivative of the fit, > 0.
    regularization : array_like, shape (...)
        Ridge :math:`\lambda > 0`; the three broadcast.

    Returns
    -------
    array, shape (...)
        Not clipped, float64.

    Notes
    -----
    Source: derived here.

    Examples
    --------
    >>> tangent_ground_truth_weight([-0.25, 0.0], 0.0625, 1.0).tolist()
    [-1.0, 1.0]
    """
    slope = validation.check_array("slope", slope)
    power = validation.check_array("derivative_power", derivative_power, exclusive_minimum=0.0)
    ridge = validation.check_array("regularization", regularization, exclusive_minimum=0.0)
    _, (slope, power, ridge) = arrays.promote(slope, power, ridge)
    return 1.0 + slope / (2.0 * ridge * power)
