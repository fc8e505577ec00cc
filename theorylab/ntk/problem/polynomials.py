"""Polynomial activations, by powers and by Hermite coefficients."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from theorylab import arrays, validation
from theorylab.ntk.problem.activations import Activation

__all__ = ["hermite", "monomial", "optimal_activation", "polynomial"]


def polynomial(coefficients: Sequence[float]) -> Activation:
    r"""Polynomial, :math:`\sum_m c_m x^m`.

    Parameters
    ----------
    coefficients : sequence of float
        :math:`c_0, c_1, \dots`, at least one of them.

    Returns
    -------
    Activation
        Of the family "polynomial".
    """
    values = tuple(float(c) for c in arrays.to_numpy(validation.check_array("coefficients", coefficients, ndim=1)))
    slopes = tuple(m * c for m, c in enumerate(values))[1:] or (0.0,)
    return Activation("polynomial", lambda x: _horner(x, values), lambda x: _horner(x, slopes), values)


def monomial(power: int) -> Activation:
    r"""Power, :math:`x^p`.

    Parameters
    ----------
    power : int
        The exponent :math:`p \ge 1`.

    Returns
    -------
    Activation
        Of the family "polynomial".
    """
    return polynomial([0.0] * int(validation.check_count("power", power)) + [1.0])


def hermite(coefficients: Sequence[float]) -> Activation:
    r"""Series of orthonormal Hermite polynomials, :math:`\sum_k a_k h_k(x)` with :math:`E[h_j(z)h_k(z)] = 1\{j=k\}` for
    standard normal z.

    Parameters
    ----------
    coefficients : sequence of float
        :math:`a_0, a_1, \dots`; the sum of their squares is the variance of the output at unit input variance.

    Returns
    -------
    Activation
        Of the family "polynomial".

    Examples
    --------
    >>> [round(c, 12) for c in hermite([0.0, 0.0, 1.0]).parameters]
    [-0.707106781187, 0.0, 0.707106781187]
    """  # noqa: D205
    a = [float(c) for c in arrays.to_numpy(validation.check_array("coefficients", coefficients, ndim=1))]
    previous, current = [0.0], [1.0]
    total = [0.0] * len(a)
    for k, weight in enumerate(a):
        for m, c in enumerate(current):
            total[m] += weight * c
        shifted = [0.0, *current]
        lower = previous + [0.0] * (len(shifted) - len(previous))
        root = math.sqrt(k + 1.0)
        previous, current = current, [(s - math.sqrt(k) * p) / root for s, p in zip(shifted, lower, strict=True)]
    return polynomial(total)


def optimal_activation(dim: int) -> Activation:
    r"""Activation whose singular kernel has the exponent of the sphere's dimension, which alone is Bayes consistent.

    Parameters
    ----------
    dim : int
        Dimension d >= 1 of the sphere, one less than the number of coordinates.

    Returns
    -------
    Activation
        :math:`(h_1 + h_7)/\sqrt2` for d = 1, else
        :math:`2^{-d/4}h_1 + \sqrt{1 - 2^{1-d/2}}\,h_2 + 2^{-d/4}h_3`.

    Notes
    -----
    Source: A. Radhakrishnan, M. Belkin, C. Uhler, "Wide and deep neural networks achieve consistency for
    classification", PNAS 120 (2023), arXiv:2204.14126; that the weights :math:`r^{-d}` are
    consistent is due to Devroye, Gyorfi and Krzyzak (1998).

    Examples
    --------
    >>> [round(c, 12) for c in optimal_activation(4).parameters]
    [-0.5, -0.112372435696, 0.5, 0.204124145232]
    """
    d = int(validation.check_count("dim", dim))
    if d == 1:
        return hermite([0.0, math.sqrt(0.5), 0.0, 0.0, 0.0, 0.0, 0.0, math.sqrt(0.5)])
    outer = 2.0 ** (-d / 4.0)
    return hermite([0.0, outer, math.sqrt(max(0.0, 1.0 - 2.0 ** (1.0 - d / 2.0))), outer])


def _horner(x: Any, coefficients: Sequence[float]) -> Any:
    total = arrays.namespace(x).zeros_like(x)
    for coefficient in reversed(coefficients):
        total = total * x + coefficient
    return total
