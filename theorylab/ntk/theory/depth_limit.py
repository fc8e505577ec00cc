r"""Infinitely wide and infinitely deep classifiers: which classifier the kernel becomes, computed in logarithms.

Inputs are unit vectors of the non-negative orthant, with cosines :math:`\xi\in[0,1]`; there is no bias and
:math:`\sigma_w = 1`; the activation is normalised, :math:`E\phi(z)^2 = 1`, with squared orthonormal Hermite
coefficients :math:`p_k`, so that its dual is :math:`\check\phi(\xi) = \sum_k p_k\xi^k` and

.. math::
    \Sigma_0 = K_0 = \xi, \qquad \Sigma_{l+1} = \check\phi(\Sigma_l), \qquad
    K_{l+1} = \Sigma_{l+1} + K_l\,\check\phi'(\Sigma_l).

With :math:`B = \check\phi'(1)` the limit of many layers is [radhakrishnan2023]_ a 1-nearest-neighbour classifier when
:math:`p_0 = p_1 = 0`, a singular-kernel smoother with weights :math:`r^{-\alpha}`, :math:`\alpha = -2\log p_1/\log B`,
when :math:`p_0 = 0 < p_1 < 1`, and a majority vote when :math:`p_0 > 0`; in the last case with B < 1 only with a ridge
that goes to zero after the depth has gone to infinity.

.. [radhakrishnan2023] A. Radhakrishnan, M. Belkin, C. Uhler, "Wide and deep neural networks achieve consistency for
   classification", PNAS 120 (2023), arXiv:2204.14126.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from theorylab import arrays, validation
from theorylab.ntk.problem import Activation
from theorylab.numerics import NotConverged

__all__ = ["DepthLimit", "KoenigsLimit"]

#: Layers that the limit may take to leave the neighbourhood of one and to reach zero.
_MAX_LAYERS = 20_000
#: Logarithm of the cosine below which one more layer multiplies it by p_1 to the last digit.
_FAR = -40.0


class KoenigsLimit(NamedTuple):
    r"""What the depth of a singular kernel has as its limit.

    Parameters
    ----------
    log_g : array
        Logarithm of :math:`g(\xi) = \lim_L \Sigma_L / p_1^L`, the Koenigs function of the dual activation.
    excess : array
        The depth-free part of the tangent kernel, :math:`R/g` in :math:`K_L = p_1^L\,g\,(L + 1 + R/g)`.
    """

    log_g: Any
    excess: Any


class DepthLimit:
    r"""A normalised activation, as the deep limit sees it.

    Parameters
    ----------
    p : sequence of float
        Squared Hermite coefficients :math:`p_0, p_1, \dots \ge 0` of the activation, with sum 1.

    Attributes
    ----------
    p : tuple of float
        As given.

    Raises
    ------
    ValueError
        If a coefficient is negative, the sum is not 1 to 1e-12, or the activation is linear or constant.

    Notes
    -----
    Source: [radhakrishnan2023]_; the classification by B < 1 is derived here.  A truncated series has other limits than
    the function that it approximates where B is infinite or just 1, as for step functions and ReLU.

    Examples
    --------
    >>> limit = DepthLimit([0.0, 0.5, 0.0, 0.5])
    >>> limit.regime, limit.alpha
    ('singular', 2.0)
    """

    def __init__(self, p: Sequence[float]) -> None:
        values = arrays.to_numpy(validation.check_array("p", p, ndim=1, minimum=0.0))
        self.p = tuple(float(value) for value in values)
        if abs(math.fsum(self.p) - 1.0) > 1e-12:
            raise ValueError(f"p must sum to 1; got {math.fsum(self.p):.15g}. Divide by the mean square E phi(z)^2.")
        if max(self.p[0], self.p[1] if len(self.p) > 1 else 0.0) > 1.0 - 1e-12:
            raise ValueError("p must be that of a non-linear activation; got a constant or linear one.")

    @classmethod
    def of(cls, activation: Activation) -> DepthLimit:
        r"""Limit of a polynomial activation, normalised to :math:`E\phi(z)^2 = 1`.

        Parameters
        ----------
        activation : Activation
            Of the family "polynomial".

        Returns
        -------
        DepthLimit
            With the squared Hermite coefficients over their sum.
        """
        if activation.name != "polynomial":
            raise ValueError(
                f"activation must be a polynomial; got {activation.name!r}. Give its squared Hermite coefficients as p."
            )
        squares = [coefficient**2 for coefficient in _hermite_coefficients(activation.parameters)]
        return cls([square / math.fsum(squares) for square in squares])

    @property
    def slope_at_one(self) -> float:
        r"""The slope :math:`B = \check\phi'(1) = \sum_k k p_k`."""
        return math.fsum(k * p for k, p in enumerate(self.p))

    @property
    def alpha(self) -> float:
        r"""Exponent :math:`-2\log p_1/\log B` of the singular kernel in the distance; inf without linear part."""
        if self.regime == "nearest_neighbor":
            return math.inf
        if self.regime != "singular":
            raise ValueError(f"alpha must belong to the singular regime; got the regime {self.regime!r}.")
        return -2.0 * math.log(self.p[1]) / math.log(self.slope_at_one)

    @property
    def regime(self) -> str:
        """Classifier at infinite depth: "nearest_neighbor", "singular", "majority_vote" or "majority_vote_ridge"."""
        if self.p[0] > 0.0:
            return "majority_vote" if self.slope_at_one >= 1.0 else "majority_vote_ridge"
        return "singular" if self.p[1] > 0.0 else "nearest_neighbor"

    def dual(self, xi: Any) -> Any:
        r"""The dual activation :math:`\check\phi(\xi)`.

        Parameters
        ----------
        xi : array_like, in [0, 1]
            Cosines.

        Returns
        -------
        array
            In the shape of `xi`.
        """
        xi = validation.check_array("xi", xi, minimum=0.0, maximum=1.0)
        xp, (xi,) = arrays.promote(xi)
        return _series(xp, xi, self.p)

    def log_kernel(self, delta: Any, depth: int, *, kind: str = "nngp") -> Any:
        r"""Logarithm of the kernel after a number of layers.

        Parameters
        ----------
        delta : array_like, in [0, 1]
            One minus the cosine, :math:`|x - x'|^2/2`; take it from differences, not from inner products.
        depth : int
            Number of layers L, >= 0.
        kind : {"nngp", "ntk"}
            :math:`\Sigma_L` or :math:`K_L`.

        Returns
        -------
        array
            In the shape of `delta`; -inf where the kernel vanishes.  No depth under- or overflows.

        Notes
        -----
        Two charts: near one :math:`1-\xi` is carried, beyond one half :math:`\log\xi`.
        """
        xp, delta = _checked(delta)
        tangent = validation.check_choice("kind", kind, ("nngp", "ntk")) == "ntk"
        state = _Chart(xp, self.p, delta)
        log_k = state.log_xi
        for _ in range(int(validation.check_count("depth", depth, minimum=0))):
            slope = state.log_slope()
            state = state.next()
            log_k = _log_add(xp, state.log_xi, log_k + slope)
        return log_k if tangent else state.log_xi

    def log_limit(self, delta: Any) -> KoenigsLimit:
        r"""What is left of the kernel when the factor :math:`p_1^L` of every deep layer is taken out.

        Parameters
        ----------
        delta : array_like, in (0, 1)
            One minus the cosine.

        Returns
        -------
        KoenigsLimit
            In the shape of `delta`.

        Raises
        ------
        ValueError
            Outside the singular regime, or where two points coincide or are orthogonal.
        NotConverged
            If a pair has not left the neighbourhood of one within 20,000 layers.

        Notes
        -----
        Derived here.  The Koenigs function solves :math:`g(\check\phi(\xi)) = p_1 g(\xi)`, :math:`g'(0) = 1`; by the
        chain rule :math:`R/g = \sum_l (r_l - 1)` with :math:`r_l = \xi_l g'(\xi_l)/g(\xi_l)`, and :math:`r_0/r_l` is a
        product of the elasticities of the layers before l.
        """
        if self.regime != "singular":
            raise ValueError(f"p must be in the singular regime, p_0 = 0 < p_1 < 1; got the regime {self.regime!r}.")
        xp, delta = _checked(delta)
        if bool(xp.any((delta <= 0.0) | (delta >= 1.0))):
            raise ValueError("delta must be in (0, 1) for the limit; got 0 or 1. The limit is infinite or zero there.")
        state, layers = _Chart(xp, self.p, delta), 0
        product, inverses = xp.ones_like(delta), xp.ones_like(delta)
        while bool(xp.any(state.log_xi > _FAR)):
            if layers == _MAX_LAYERS:
                raise NotConverged(
                    "the limit of many layers did not converge",
                    estimate=state.log_xi - layers * math.log(self.p[1]),
                    residual=float(xp.max(state.log_xi)) - _FAR,
                    n_iterations=layers,
                )
            slope, before = state.log_slope(), state.log_xi
            state = state.next()
            product = product * xp.exp(before + slope - state.log_xi)
            inverses = inverses + 1.0 / product
            layers += 1
        return KoenigsLimit(state.log_xi - layers * math.log(self.p[1]), product * inverses - (layers + 1))

    def __repr__(self) -> str:
        return f"DepthLimit(p={self.p}, regime={self.regime!r})"


class _Chart:
    """Cosines after a layer, as one minus the cosine where they are near one and as logarithms."""

    def __init__(self, xp: Any, p: tuple[float, ...], delta: Any, log_xi: Any = None) -> None:
        self.xp, self.p, self.delta = xp, p, delta
        self.log_xi = _log1m(xp, delta) if log_xi is None else log_xi

    def next(self) -> _Chart:
        xp, p = self.xp, self.p
        near = self.delta < 0.5
        inside = xp.where(near, self.delta, xp.zeros_like(self.delta))
        gap = xp.zeros_like(inside)
        for k, weight in enumerate(p):
            if k and weight:
                gap = gap - weight * xp.expm1(k * xp.log1p(-inside))
        far = _log_series(xp, self.log_xi, p)
        delta = xp.where(near, gap, -xp.expm1(far))
        return _Chart(xp, p, delta, xp.where(near, _log1m(xp, gap), far))

    def log_slope(self) -> Any:
        """Logarithm of the derivative of the dual activation."""
        return _log_series(self.xp, self.log_xi, tuple(k * p for k, p in enumerate(self.p))[1:])


def _checked(delta: Any) -> tuple[Any, Any]:
    xp, (delta,) = arrays.promote(validation.check_array("delta", delta, minimum=0.0, maximum=1.0))
    return xp, delta


def _log1m(xp: Any, delta: Any) -> Any:
    whole = delta >= 1.0
    return xp.where(whole, xp.full_like(delta, -math.inf), xp.log1p(-xp.where(whole, xp.zeros_like(delta), delta)))


def _series(xp: Any, xi: Any, coefficients: Sequence[float]) -> Any:
    total = xp.zeros_like(xi)
    for coefficient in reversed(coefficients):
        total = total * xi + coefficient
    return total


def _log_series(xp: Any, log_xi: Any, coefficients: Sequence[float]) -> Any:
    """Logarithm of a power series with non-negative coefficients, its lowest power taken out."""
    lowest = next(k for k, coefficient in enumerate(coefficients) if coefficient > 0.0)
    rest = xp.log(_series(xp, xp.exp(log_xi), coefficients[lowest:]))
    return lowest * log_xi + rest if lowest else rest


def _log_add(xp: Any, a: Any, b: Any) -> Any:
    largest = xp.maximum(a, b)
    finite = xp.where(xp.isfinite(largest), largest, xp.zeros_like(largest))
    gap = xp.where(xp.isfinite(largest), xp.minimum(a, b) - finite, xp.zeros_like(a))
    return largest + xp.where(xp.isfinite(largest), xp.log1p(xp.exp(gap)), xp.zeros_like(a))


def _hermite_coefficients(coefficients: Sequence[float]) -> list[float]:
    r"""Coefficients in orthonormal Hermite polynomials, by :math:`x^m = \sum_j m!/(2^j j! (m-2j)!)\,He_{m-2j}`."""
    a = [0.0] * len(coefficients)
    for m, c in enumerate(coefficients):
        for j in range(m // 2 + 1):
            k = m - 2 * j
            a[k] += (
                c * math.factorial(m) / (2**j * math.factorial(j) * math.factorial(k)) * math.sqrt(math.factorial(k))
            )
    return a
