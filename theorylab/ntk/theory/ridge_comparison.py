r"""Kernel ridge regression beside gradient flow that is stopped early: the same risk, with another filter.

Flow until time t leaves :math:`e^{-\lambda t/n}` of each kernel principal component, ridge regression
:math:`r/(\lambda + r)`.  With r = n/t the two are close at both ends: for :math:`x = \lambda t/n`,

.. math:: e^{-x} \le \frac{1}{1+x} \qquad\text{and}\qquad 1 - e^{-x} \le 1.2984\,\frac{x}{1+x},

so that flow has less bias, and at most :math:`1.2984^2 = 1.6859` times the variance: the 1.69 of [ali2019]_.

.. [ali2019] A. Ali, J. Z. Kolter, R. J. Tibshirani, "A continuous-time view of early stopping for least squares
   regression", AISTATS 2019, arXiv:1810.10082.
"""

from __future__ import annotations

import math
from typing import Any

from theorylab import arrays, validation

__all__ = ["FLOW_TO_RIDGE_RISK", "WORST_EXPONENT", "ridge_risk"]

#: Where (1 - e^-x)(1 + x) / x is largest: the positive solution of e^x = 1 + x + x^2.
WORST_EXPONENT = 1.793282132900761
#: Square of that largest value: (1 + x)^4 e^-2x there, since 1 - e^-x = x (1 + x) e^-x.
FLOW_TO_RIDGE_RISK = (1.0 + WORST_EXPONENT) ** 4 * math.exp(-2.0 * WORST_EXPONENT)


def ridge_risk(eigenvalues: Any, coefficients_sq: Any, noise_variance: float, ridges: Any) -> Any:
    r"""In-sample risk of kernel ridge regression at fixed design.

    .. math::
        R(r) = \frac1n \sum_i \Big[ \Big(\frac{r}{\lambda_i + r}\Big)^2 b_i^2
        + \sigma^2 \Big(\frac{\lambda_i}{\lambda_i + r}\Big)^2 \Big].

    Parameters
    ----------
    eigenvalues : array_like, shape (n,)
        Of the kernel matrix of the training points, >= 0.
    coefficients_sq : array_like, shape (n,)
        Squared components :math:`b_i^2` of the noiseless targets along its eigenvectors.
    noise_variance : float
        Variance of the label noise, >= 0.
    ridges : array_like, shape (R,)
        Ridges > 0, added to the diagonal of the kernel matrix.

    Returns
    -------
    array, shape (R,)
        Expected mean squared distance from the noiseless targets.

    Notes
    -----
    Derived here: bias and variance of each kernel principal component.  At r = n/t the risk of gradient flow stopped at
    t is at most `FLOW_TO_RIDGE_RISK` times this one, whatever kernel, targets and noise [ali2019]_.

    Examples
    --------
    >>> ridge_risk([1.0], [4.0], 1.0, [1.0]).tolist()
    [1.25]
    """
    eigenvalues = validation.check_array("eigenvalues", eigenvalues, ndim=1, minimum=0.0)
    coefficients_sq = validation.check_array("coefficients_sq", coefficients_sq, ndim=1, minimum=0.0)
    noise = validation.check_number("noise_variance", noise_variance, minimum=0.0)
    ridges = validation.check_array("ridges", ridges, ndim=1, exclusive_minimum=0.0)
    n = validation.check_same_length(eigenvalues=eigenvalues, coefficients_sq=coefficients_sq)
    xp, (eigenvalues, coefficients_sq, ridges) = arrays.promote(eigenvalues, coefficients_sq, ridges)
    learned = eigenvalues[None, :] / (eigenvalues[None, :] + ridges[:, None])
    return xp.sum((1.0 - learned) ** 2 * coefficients_sq + noise * learned**2, axis=1) / n
