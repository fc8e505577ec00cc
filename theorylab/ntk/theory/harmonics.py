r"""Which spherical harmonics the kernel of a network contains, and the exact rank of its Gram matrices.

The dual of an activation is a power series of the covariance with the squared Hermite coefficients as its
coefficients: none is negative, so that nothing cancels, and powers that appear stay [daniely2016]_.  A kernel on the
sphere that contains the power :math:`\rho^j` of the cosine contains the harmonics of the degrees :math:`j, j-2,
\dots`.  All that matters is thus the highest even and the highest odd power, followed through the layers: after a term
of degree k in an activation, a product of k powers, i of them odd.  The tangent kernel contains what the covariance
contains, since :math:`\dot T\,\Theta` has one factor replaced by one with the same powers.

With infinitely many even and odd degrees the Gram matrix of distinct points is positive definite [schoenberg1942]_,
[jacot2018]_; else an even part sees a point and its antipode as one, and a part of highest degree K spans the
:math:`\binom{K+d-1}{d-1}` homogeneous polynomials of that degree.

.. [daniely2016] A. Daniely, R. Frostig, Y. Singer, "Toward deeper understanding of neural networks: the power of
   initialization and a dual view on expressivity", NeurIPS 2016, arXiv:1602.05897.
.. [schoenberg1942] I. J. Schoenberg, "Positive definite functions on spheres", Duke Mathematical Journal 9 (1942).
.. [jacot2018] A. Jacot, F. Gabriel, C. Hongler, "Neural tangent kernel: convergence and generalization in neural
   networks", NeurIPS 2018, arXiv:1806.07572, Proposition 2.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from theorylab import validation
from theorylab.ntk.problem import Activation
from theorylab.ntk.problem import activation as named_activation

__all__ = ["KernelDegrees", "gram_rank", "kernel_degrees"]

#: Highest even and odd Hermite degree of families without parameters that matter; -inf where there is none.
_FAMILIES = {
    "erf": (-math.inf, math.inf),
    "exp": (math.inf, math.inf),
    "gaussian": (math.inf, -math.inf),
    "gelu": (math.inf, 1.0),
    "probit": (0.0, math.inf),
    "rbf": (math.inf, math.inf),
    "rectified_quadratic": (2.0, math.inf),
    "sign": (-math.inf, math.inf),
    "step": (0.0, math.inf),
}
#: Sines and cosines of a phase below this are roundings of zero.
_PHASE = 1e-12


class KernelDegrees(NamedTuple):
    """Harmonics that a kernel on the sphere contains: all even degrees up to one, all odd degrees up to another.

    Parameters
    ----------
    even, odd : float
        Highest even and highest odd degree; inf for all of them, -inf for none.
    """

    even: float
    odd: float

    @property
    def positive_definite(self) -> bool:
        """Whether the Gram matrix of any distinct points of the sphere is strictly positive definite."""
        return self.even == math.inf and self.odd == math.inf


def kernel_degrees(activation: str | Activation, depth: int, b_std: float) -> KernelDegrees:
    r"""Harmonics in the covariance and in the tangent kernel of an infinitely wide network on a sphere.

    Parameters
    ----------
    activation : str or Activation
        Of every hidden layer, of a family with a known dual.
    depth : int
        Number of hidden layers >= 0.
    b_std : float
        Multiplier >= 0 of the biases; only whether it is zero matters.

    Returns
    -------
    KernelDegrees
        Highest even and highest odd degree, of both kernels alike.

    Raises
    ------
    ValueError
        If the Hermite coefficients of the activation are not known.

    Notes
    -----
    Derived here from the power series of [daniely2016]_.  It says which eigenvalues are positive, not how small: those
    of analytic activations fall faster than any power.

    Examples
    --------
    >>> kernel_degrees("relu", 1, b_std=0.0)
    KernelDegrees(even=inf, odd=1.0)
    >>> kernel_degrees("relu", 2, b_std=0.0).positive_definite, kernel_degrees("erf", 5, b_std=0.0).positive_definite
    (True, False)
    """
    hermite = _hermite_degrees(named_activation(activation))
    depth = int(validation.check_count("depth", depth, minimum=0))
    biased = validation.check_number("b_std", b_std, minimum=0.0) > 0.0
    degrees = _with_bias(KernelDegrees(-math.inf, 1.0), biased)
    for _ in range(depth):
        degrees = _with_bias(_composed(hermite, degrees), biased)
    return degrees


def gram_rank(degrees: KernelDegrees, dim: int, n_points: int, *, antipodal: bool = False) -> int:
    r"""Rank of the Gram matrix of points in general position on a sphere.

    Parameters
    ----------
    degrees : KernelDegrees
        What the kernel contains.
    dim : int
        Dimension d >= 2 of the space around the sphere.
    n_points : int
        Number of points >= 1.
    antipodal : bool
        Whether the points are n/2 pairs of opposite ones.  An even number of equidistant points on the circle is of
        that kind; without pairs the points must not be opposite to each other at all.

    Returns
    -------
    int
        The rank: :math:`\min(m, D_{even}) + \min(m, D_{odd})` for m pairs, :math:`\min(n, D_{even} + D_{odd})` for n
        points without pairs, with :math:`D_K = \binom{K+d-1}{d-1}` functions of one parity up to the degree K.

    Raises
    ------
    ValueError
        If the points are in pairs and their number is odd.

    Notes
    -----
    Derived here; the rank of points in special position (on a common cone, for instance) can be less.

    Examples
    --------
    >>> gram_rank(kernel_degrees("relu", 1, b_std=0.0), 2, 40, antipodal=True)
    22
    """
    dim = int(validation.check_count("dim", dim, minimum=2))
    n_points = int(validation.check_count("n_points", n_points))
    even, odd = (_dimension(dim, degree) for degree in degrees)
    if not antipodal:
        return int(min(n_points, even + odd))
    if n_points % 2:
        raise ValueError(f"n_points must be even for antipodal points; got {n_points}.")
    pairs = n_points // 2
    return int(min(pairs, even) + min(pairs, odd))


def _dimension(dim: int, degree: float) -> float:
    """Dimension of the harmonics of one parity up to a degree."""
    if math.isinf(degree):
        return math.inf if degree > 0.0 else 0
    return math.comb(int(degree) + dim - 1, dim - 1)


def _with_bias(degrees: KernelDegrees, biased: bool) -> KernelDegrees:
    return KernelDegrees(max(degrees.even, 0.0), degrees.odd) if biased else degrees


def _composed(hermite: KernelDegrees, inner: KernelDegrees) -> KernelDegrees:
    """Highest powers of a series of such degrees in a series of such powers."""
    found: tuple[list[float], list[float]] = ([-math.inf], [-math.inf])
    for parity, degree in enumerate(hermite):
        if degree < 0.0:
            continue
        # of infinitely many terms the lowest says which parities there are; their powers have no bound
        k = 2 + parity if degree == math.inf else int(degree)
        for n_odd in range(k + 1):
            powers = [inner.odd] * n_odd + [inner.even] * (k - n_odd)
            if -math.inf not in powers:
                found[n_odd % 2].append(math.inf if degree == math.inf and max(inner) > 0.0 else sum(powers))
    return KernelDegrees(max(found[0]), max(found[1]))


def _hermite_degrees(activation: Activation) -> KernelDegrees:
    """Highest even and odd degree of the Hermite series of an activation at any variance."""
    name, parameters = activation.name, activation.parameters
    if name == "leaky_relu":
        (slope,) = parameters
        return KernelDegrees(math.inf if slope != 1.0 else -math.inf, 1.0 if slope != -1.0 else -math.inf)
    if name == "sin":
        frequency, phase = parameters
        even, odd = abs(math.sin(phase)) > _PHASE, abs(math.cos(phase)) > _PHASE
        endless = math.inf if frequency else 0.0
        return KernelDegrees(endless if even else -math.inf, math.inf if odd and frequency else -math.inf)
    if name == "polynomial":
        present = [k for k, coefficient in enumerate(parameters) if coefficient]
        by_parity = (max((k for k in present if k % 2 == parity), default=-math.inf) for parity in (0, 1))
        return KernelDegrees(*map(float, by_parity))
    if name in _FAMILIES:
        return KernelDegrees(*_FAMILIES[name])
    known = ", ".join(sorted([*_FAMILIES, "leaky_relu", "polynomial", "sin"]))
    raise ValueError(f"activation must be of a family with known Hermite coefficients, {known}; got {name!r}.")
