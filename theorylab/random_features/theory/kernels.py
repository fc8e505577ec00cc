r"""Kernels of infinitely many features, :math:`K(x,z) = E[g(w\cdot x)\,g(w\cdot z)]` with :math:`w \sim N(0, s I)`.

Sources: the arc-cosine kernel of order one [cho2009]_ for ReLU, the arcsine kernel [williams1997]_ for the error
function.

.. [cho2009] Y. Cho, L. K. Saul, "Kernel methods for deep learning", NeurIPS 2009, eq. (6).
.. [williams1997] C. K. I. Williams, "Computing with infinite networks", NeurIPS 1997, eq. (11).
"""

from __future__ import annotations

import math
from typing import Any

from theorylab import arrays, validation

__all__ = ["erf_kernel", "relu_kernel"]


def relu_kernel(X: Any, Z: Any = None, *, weight_variance: float) -> Any:
    r"""Kernel of ReLU features.

    .. math::
        K(x,z) = \frac{s\,|x||z|}{2\pi}\big(\sin\theta + (\pi-\theta)\cos\theta\big), \qquad
        \cos\theta = \frac{x\cdot z}{|x||z|}.

    Parameters
    ----------
    X : array_like, shape (n, d)
        Points.
    Z : array_like, shape (m, d), optional
        Further points; `X` itself when left out.
    weight_variance : float
        Variance :math:`s > 0` of each weight.

    Returns
    -------
    array, shape (n, m)
        float64.

    Notes
    -----
    Source: [cho2009]_.

    Examples
    --------
    >>> float(relu_kernel([[1.0, 0.0]], weight_variance=2.0)[0, 0])
    1.0
    """
    xp, inner, norm_x, norm_z = _inner_products(X, Z)
    s = validation.check_number("weight_variance", weight_variance, exclusive_minimum=0.0)
    size = xp.sqrt(norm_x[:, None] * norm_z[None, :])
    cosine = xp.where(size > 0.0, inner / xp.where(size > 0.0, size, xp.ones_like(size)), xp.zeros_like(inner))
    cosine = xp.clip(cosine, -1.0, 1.0)
    angle = xp.acos(cosine)
    return s / (2.0 * math.pi) * size * (xp.sin(angle) + (math.pi - angle) * cosine)


def erf_kernel(X: Any, Z: Any = None, *, weight_variance: float) -> Any:
    r"""Kernel of error-function features.

    .. math:: K(x,z) = \frac{2}{\pi}\arcsin\frac{2s\,x\cdot z}{\sqrt{(1+2s|x|^2)(1+2s|z|^2)}}.

    Parameters
    ----------
    X : array_like, shape (n, d)
        Points.
    Z : array_like, shape (m, d), optional
        Further points; `X` itself when left out.
    weight_variance : float
        Variance :math:`s > 0` of each weight.

    Returns
    -------
    array, shape (n, m)
        float64.

    Notes
    -----
    Source: [williams1997]_.

    Examples
    --------
    >>> round(float(erf_kernel([[1.0]], weight_variance=0.5)[0, 0]), 12)
    0.333333333333
    """
    xp, inner, norm_x, norm_z = _inner_products(X, Z)
    s = validation.check_number("weight_variance", weight_variance, exclusive_minimum=0.0)
    scale = xp.sqrt((1.0 + 2.0 * s * norm_x)[:, None] * (1.0 + 2.0 * s * norm_z)[None, :])
    return 2.0 / math.pi * xp.asin(xp.clip(2.0 * s * inner / scale, -1.0, 1.0))


def _inner_products(X: Any, Z: Any) -> tuple[Any, Any, Any, Any]:
    X = validation.check_array("X", X, ndim=2)
    Z = X if Z is None else validation.check_array("Z", Z, ndim=2)
    if Z.shape[1] != X.shape[1]:
        raise ValueError(f"Z must have the {X.shape[1]} columns of X; got shape {tuple(Z.shape)}. Use the same inputs.")
    xp, (X, Z) = arrays.promote(X, Z)
    return xp, X @ Z.T, xp.sum(X**2, axis=1), xp.sum(Z**2, axis=1)
