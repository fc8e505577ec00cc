r"""Gauss quadrature: rules whose weights carry the distribution, computed on the host.

A rule with n nodes integrates polynomials of degree up to 2n - 1 exactly; for a smooth function the error falls
geometrically with n, for one with a kink (ReLU) only like a power of 1/n.

The nodes are the eigenvalues of the tridiagonal matrix of the orthonormal polynomials' recurrence, and the weights
:math:`w_i = 1/\sum_{k<n} p_k(t_i)^2`.  SciPy's own rules overflow to NaN (Laguerre from n = 400 on, Gegenbauer in high
dimension), which these do not.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from theorylab import validation

__all__ = ["gauss_gegenbauer", "gauss_hermite", "gauss_laguerre", "gauss_legendre"]


def gauss_legendre(n: int, lower: float = -1.0, upper: float = 1.0, *, xp: Any = None) -> tuple[Any, Any]:
    r"""Rule for :math:`\int_a^b f(t)\,dt \approx \sum_i w_i f(t_i)`.

    Parameters
    ----------
    n : int
        Number of nodes.
    lower, upper : float
        Ends :math:`a < b` of the interval.
    xp : namespace, optional
        Namespace of the result; NumPy when left out.

    Returns
    -------
    nodes, weights : array, shape (n,)
        float64 on the host; the weights sum to :math:`b - a`.

    Examples
    --------
    >>> t, w = gauss_legendre(3, 0.0, 1.0)
    >>> round(float(sum(w * t**5)), 15) == round(1 / 6, 15)
    True
    """
    lower, upper = validation.check_number("lower", lower), validation.check_number("upper", upper)
    if lower >= upper:
        raise ValueError(f"upper must be > lower = {lower:g}; got {upper:g}. Swap them, and the sign of the integral.")
    k = _indices(n)
    nodes, weights = _rule(np.zeros(k.size), k[1:] / np.sqrt(4.0 * k[1:] ** 2 - 1.0))
    width = upper - lower
    return _converted(xp, lower + 0.5 * width * (nodes + 1.0), width * weights)


def gauss_hermite(n: int, *, xp: Any = None) -> tuple[Any, Any]:
    r"""Rule for :math:`\mathbb{E} f(g) \approx \sum_i w_i f(t_i)` with a standard Gaussian :math:`g`.

    Parameters
    ----------
    n : int
        Number of nodes.
    xp : namespace, optional
        Namespace of the result; NumPy when left out.

    Returns
    -------
    nodes, weights : array, shape (n,)
        float64 on the host; the weights sum to 1 (those of far nodes underflow to zero when n is some hundreds).

    Examples
    --------
    >>> t, w = gauss_hermite(4)
    >>> round(float(sum(w * t**4)), 12)
    3.0
    """
    k = _indices(n)
    return _converted(xp, *_rule(np.zeros(k.size), np.sqrt(k[1:])))


def gauss_laguerre(n: int, *, xp: Any = None) -> tuple[Any, Any]:
    r"""Rule for :math:`\int_0^\infty f(t)\,e^{-t}\,dt \approx \sum_i w_i f(t_i)`.

    Parameters
    ----------
    n : int
        Number of nodes.
    xp : namespace, optional
        Namespace of the result; NumPy when left out.

    Returns
    -------
    nodes, weights : array, shape (n,)
        float64 on the host; the weights sum to 1.

    Examples
    --------
    >>> t, w = gauss_laguerre(3)
    >>> round(float(sum(w * t**3)), 12)
    6.0
    """
    k = _indices(n)
    return _converted(xp, *_rule(2.0 * k + 1.0, k[1:]))


def gauss_gegenbauer(n: int, dim: float, *, xp: Any = None) -> tuple[Any, Any]:
    r"""Rule for :math:`\mathbb{E} f(u_1) \approx \sum_i w_i f(t_i)`, u uniform on the unit sphere in d dimensions.

    One coordinate has the density :math:`\propto (1-t^2)^{(d-3)/2}`: Chebyshev's weight for d = 2, uniform for d = 3.

    Parameters
    ----------
    n : int
        Number of nodes.
    dim : float
        Dimension :math:`d \ge 2`; need not be whole.
    xp : namespace, optional
        Namespace of the result; NumPy when left out.

    Returns
    -------
    nodes, weights : array, shape (n,)
        float64 on the host; the weights sum to 1.

    Examples
    --------
    >>> t, w = gauss_gegenbauer(3, 5)
    >>> round(float(sum(w * t**2)), 12)
    0.2
    """
    dim = validation.check_number("dim", dim, minimum=2.0)
    j = _indices(n)[2:]
    squared = j / (2.0 * j + dim - 2.0) * ((j + dim - 3.0) / (2.0 * j + dim - 4.0))
    # the same at j = 1, where dim = 2 would give 0/0
    squared = np.concatenate([[1.0 / dim], squared])[: int(n) - 1]
    return _converted(xp, *_rule(np.zeros(int(n)), np.sqrt(squared)))


def _indices(n: int) -> NDArray[np.float64]:
    return np.arange(validation.check_count("n", n), dtype=np.float64)


def _rule(diagonal: NDArray[np.float64], off_diagonal: NDArray[np.float64]) -> tuple[Any, Any]:
    r"""Nodes and weights, summing to 1, from :math:`t p_k = b_k p_{k+1} + a_k p_k + b_{k-1} p_{k-1}`."""
    nodes = linalg.eigvalsh_tridiagonal(diagonal, off_diagonal)
    if not diagonal.any():
        nodes = 0.5 * (nodes - nodes[::-1])  # an even weight: symmetric to the last digit
    before, current, total = np.zeros_like(nodes), np.ones_like(nodes), np.ones_like(nodes)
    shift = np.zeros(nodes.size, dtype=np.int64)
    for k, b in enumerate(off_diagonal):
        b_before = off_diagonal[k - 1] if k else 0.0
        before, current = current, ((nodes - diagonal[k]) * current - b_before * before) / b
        total += current**2
        # far nodes: keep the polynomials below 2**200, so that a weight underflows to zero and not to NaN
        large = np.abs(current) > 2.0**200
        before[large] /= 2.0**200
        current[large] /= 2.0**200
        total[large] /= 2.0**400
        shift[large] += 400
    weights = np.ldexp(1.0 / total, -shift)
    return nodes, weights / weights.sum()


def _converted(xp: Any, nodes: NDArray[np.float64], weights: NDArray[np.float64]) -> tuple[Any, Any]:
    return (nodes, weights) if xp is None else (xp.asarray(nodes), xp.asarray(weights))
