r"""Pairs of inputs of nearly the same, or nearly the opposite, direction at full relative accuracy.

For leaky ReLUs the dual bends like :math:`\theta` where the two directions meet, and the arccosine of a cosine that is
known to rounding gives the angle to half the digits only.  For such pairs the recursion carries the gap
:math:`m = ss' - \Sigma` itself, in which nothing cancels (derived here).  With :math:`\alpha = (1-a)^2/2\pi`,
:math:`h = (1+a^2)/2` for the slope a, :math:`g(\theta) = \sin\theta - \theta\cos\theta`, :math:`p = \sigma_w\sqrt h\,s`
and :math:`s_+^2 = p^2 + \sigma_b^2` behind the layer,

.. math::
    \theta = 2\arcsin\sqrt{m/2ss'}, \qquad
    m_+ = \frac{\sigma_b^2 (p-p')^2}{s_+s_+' + pp' + \sigma_b^2} + \sigma_w^2 (h m - \alpha ss' g(\theta)), \qquad
    s_+ - s_+' = \frac{(p-p')(p+p')}{s_+ + s_+'}.

The first angle is Kahan's, :math:`2\arctan(|u-u'|/|u+u'|)` of unit vectors.  For directions that oppose each other,
:math:`\theta = \pi - \varphi`, the last term of the first layer is
:math:`\sigma_w^2 ss'\,[(1+a)^2/2 - 2a\sin^2(\varphi/2) - \alpha g(\varphi)]`; the layer takes them apart.
"""

from __future__ import annotations

import math
from typing import Any

from theorylab import arrays
from theorylab.ntk.theory._network import Network

__all__ = ["correct", "find"]

#: Distance of the cosine from one up to which a pair counts as near: the arccosine is then wrong by
#: eps / sqrt(2 distance), 5e-14 in double and 1e-6 in single precision.
_NEAR = {"float64": 1e-5, "float32": 2e-3}
#: Pairs that are gathered at once.
_CHUNK = 2**16


def find(xp: Any, network: Network, cosine: Any) -> tuple[Any, Any] | None:
    """Row and column of every near pair, from the correlations (n, m) in the first layer; None when all is well."""
    if network.activation.name != "leaky_relu" or network.activation.parameters == (1.0,) or not network.depth:
        return None
    limit = 1.0 - _NEAR[str(cosine.dtype).rpartition(".")[2]]
    if float(xp.max(cosine)) < limit and float(xp.min(cosine)) > -limit:
        return None
    return tuple(xp.nonzero(xp.abs(cosine) >= limit))


def correct(
    xp: Any, network: Network, X: Any, Y: Any, pairs: tuple[Any, Any] | None, results: dict[str, Any]
) -> dict[str, Any]:
    """Kernels by name between the rows of X and Y, each (n, m), with the entries of the near pairs replaced."""
    if pairs is None:
        return results
    rows, columns = pairs
    count = int(rows.shape[0])
    for start in range(0, count, _CHUNK):
        chunk = slice(start, min(start + _CHUNK, count))
        i, j = rows[chunk], columns[chunk]
        _, (x, y) = arrays.promote(xp.take(X, i, axis=0), xp.take(Y, j, axis=0))
        exact = dict(zip(("nngp", "ntk"), _kernels_of_pairs(xp, network, x, y), strict=True))
        results = {
            name: arrays.put(matrix, (i, j), xp.astype(exact[name], matrix.dtype)) for name, matrix in results.items()
        }
    return results


def _kernels_of_pairs(xp: Any, network: Network, x: Any, y: Any) -> tuple[Any, Any]:
    """NNGP kernel and NTK of each row of x with the same row of y, shapes (p, d) -> (p,)."""
    (slope,) = network.activation.parameters
    alpha, gain = (1.0 - slope) ** 2 / (2.0 * math.pi), 0.5 * (1.0 + slope**2)
    root = math.sqrt(network.w2 / x.shape[1])
    bias = xp.full_like(x[:, :1], math.sqrt(network.b2))
    u, v = (xp.concat([root * points, bias], axis=1) for points in (x, y))
    s, r = _norm(xp, u), _norm(xp, v)
    difference = root**2 * xp.sum((x - y) * (x + y), axis=1) / (s + r)
    covariance = xp.sum(u * v, axis=1)
    opposed = covariance < 0.0
    u, v = u / s[:, None], v / r[:, None]
    apart, along = _norm(xp, u - v), _norm(xp, u + v)
    turn = 2.0 * xp.atan2(xp.minimum(apart, along), xp.maximum(apart, along))  # angle, or pi minus it
    tangent = network.input_part(0, covariance)
    for layer in range(1, network.depth + 1):
        arc = alpha * _sine_minus_arc(xp, turn)
        versine = 2.0 * xp.sin(0.5 * turn) ** 2
        missing = xp.where(opposed, 0.5 * (1.0 + slope) ** 2 - slope * versine, gain * versine) - arc
        derivative = gain - alpha * xp.where(opposed, math.pi - turn, turn)
        scaled, product = math.sqrt(network.w2 * gain) * difference, network.w2 * s * r
        p, o = (math.sqrt(network.w2 * gain) * norm for norm in (s, r))
        s, r = (xp.sqrt(norm**2 + network.b2) for norm in (p, o))
        gap = network.b2 * scaled**2 / (s * r + p * o + network.b2) + product * missing
        difference = scaled * (p + o) / (s + r)
        covariance = s * r - gap
        tangent = network.input_part(layer, covariance) + network.w2 * derivative * tangent
        turn = 2.0 * xp.asin(xp.sqrt(xp.clip(gap / (2.0 * s * r), 0.0, 1.0)))
        opposed = xp.zeros_like(opposed)
    return covariance, tangent


def _norm(xp: Any, vectors: Any) -> Any:
    return xp.sqrt(xp.sum(vectors**2, axis=1))


def _sine_minus_arc(xp: Any, theta: Any) -> Any:
    """sin(theta) - theta cos(theta), by its series where the two terms cancel."""
    squared = theta**2
    series = theta * squared * (1.0 / 3.0 - squared * (1.0 / 30.0 - squared * (1.0 / 840.0 - squared / 45360.0)))
    return xp.where(theta < 0.1, series, xp.sin(theta) - theta * xp.cos(theta))
