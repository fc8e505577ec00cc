r"""Spectrum of a dot-product kernel on the sphere: its eigenvalues degree by degree, and the kernel from them.

A kernel that depends on the angle alone, :math:`\kappa(\theta)` between points of the unit sphere in d dimensions, has
the spherical harmonics as its eigenfunctions under the uniform distribution.  All harmonics of degree k share the
eigenvalue (Funk and Hecke) [bach2017]_

.. math::
    \lambda_k = E[\kappa(\theta)\,P_k(\cos\theta)], \qquad
    \kappa(\theta) = \sum_k \lambda_k N_k\,P_k(\cos\theta), \qquad
    N_k = \frac{2k+d-2}{d-2}\binom{k+d-3}{k},

with :math:`\theta` of density :math:`\propto\sin^{d-2}\theta`, Legendre polynomials :math:`P_k` of dimension d,
:math:`P_k(1) = 1`, and multiplicities :math:`N_k`; on the circle :math:`P_k(\cos\theta) = \cos k\theta`, :math:`N_k =
2`.  The eigenvalues of the Gram matrix of n uniform points, over n, tend to these.

.. [bach2017] F. Bach, "Breaking the curse of dimensionality with convex neural networks", JMLR 18(19), 2017,
   appendix D.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

from theorylab import arrays, numerics, validation
from theorylab.ntk.theory.kernel import NTK

__all__ = ["multiplicity", "sphere_spectrum", "zonal_profile", "zonal_sum"]

#: Panels of the quadrature between a right angle and coinciding points, each half as long as the one before: the last
#: is 1e-4 long, the width of the peak of a network of ten thousand layers.
_PANELS = 14
#: Nodes of a panel beyond one for each half wave of the highest degree; and how often they may be doubled.
_NODES, _DOUBLINGS = 20, 5
#: Agreement of two rules, as a share of the mean of the integrand's absolute value.
_TOLERANCE = 1e-12


def multiplicity(dim: int, degrees: Any) -> Any:
    r"""Number of linearly independent spherical harmonics of each degree,
    :math:`N_k = \frac{2k+d-2}{d-2}\binom{k+d-3}{k}`.

    Parameters
    ----------
    dim : int
        Dimension d >= 2 of the space around the sphere.
    degrees : array_like
        Whole numbers k >= 0, of any shape.

    Returns
    -------
    array
        In the shape, the library and on the device of `degrees`, float64: exact up to 2**53.

    Raises
    ------
    ValueError
        If a degree is not whole.

    Examples
    --------
    >>> multiplicity(3, [0, 1, 2, 10]).tolist()
    [1.0, 3.0, 5.0, 21.0]
    """  # noqa: D205
    dim = int(validation.check_count("dim", dim, minimum=2))
    xp, degrees, _ = _checked_degrees(degrees)
    if dim == 2:
        return xp.where(degrees > 0.0, 2.0 * xp.ones_like(degrees), xp.ones_like(degrees))
    count = (2.0 * degrees + dim - 2.0) / (dim - 2.0)
    for i in range(1, dim - 2):
        count = count * (degrees + i) / i
    return xp.round(count)


def sphere_spectrum(kernel: Callable[[Any], Any], dim: int, degrees: Any) -> Any:
    r"""Eigenvalues :math:`\lambda_k = E[\kappa(\theta)P_k(\cos\theta)]` of a kernel on the unit sphere.

    Parameters
    ----------
    kernel : callable
        :math:`\kappa`, from an array of angles in [0, pi] to an array of the same shape and library.
    dim : int
        Dimension d >= 2 of the space around the sphere.
    degrees : array_like
        Whole numbers k >= 0, of any shape; their library and device are those that `kernel` is called with.

    Returns
    -------
    array
        Eigenvalues of the integral operator under the uniform distribution, in the shape of `degrees`, float64.  Their
        absolute error is some rounding errors of :math:`E|\kappa P_k|`.

    Raises
    ------
    NotConverged
        If rules with ever more nodes keep disagreeing: the kernel is not piecewise smooth in the angle.
    ValueError
        If a degree is not whole, or the kernel returns something else than one finite number for each angle.

    Notes
    -----
    Source: [bach2017]_.  Gauss-Legendre in the angle, in which kernels of networks are smooth though they are not in
    the cosine, on panels that shrink towards coinciding and opposite points.  Opposite points are taken together,
    :math:`\kappa(\theta) + (-1)^k\kappa(\pi-\theta)`, so that the odd eigenvalues of an even kernel vanish to the last
    digit; the polynomials follow the three-term recurrence of their differences, which loses nothing near
    :math:`\theta = 0`.

    Examples
    --------
    >>> import numpy as np
    >>> sphere_spectrum(lambda angle: np.cos(angle) ** 2, 3, [0, 1, 2]).round(12).tolist()
    [0.333333333333, 0.0, 0.133333333333]
    """
    dim = int(validation.check_count("dim", dim, minimum=2))
    xp, degrees, highest = _checked_degrees(degrees)
    wanted = xp.astype(xp.reshape(degrees, (-1,)), xp.int64)
    before, n_nodes = None, _NODES
    for _ in range(_DOUBLINGS):
        values, sizes = _projections(xp, kernel, dim, highest, n_nodes, degrees)
        if before is not None:
            change = xp.abs(values - before)
            if bool(xp.all(change <= _TOLERANCE * sizes)):
                return xp.reshape(xp.take(values, wanted), degrees.shape)
        before, n_nodes = values, 2 * n_nodes
    raise numerics.NotConverged("quadrature of the kernel on the sphere", values, change, n_nodes)


def zonal_sum(eigenvalues: Any, angles: Any, dim: int) -> Any:
    r"""Kernel with given eigenvalues, :math:`\kappa(\theta) = \sum_k \lambda_k N_k P_k(\cos\theta)`.

    Parameters
    ----------
    eigenvalues : array_like, shape (K,)
        Of the degrees 0 to K - 1.
    angles : array_like, in [0, pi]
        Angles, of any shape.
    dim : int
        Dimension d >= 2 of the space around the sphere.

    Returns
    -------
    array
        In the shape of `angles`.

    Notes
    -----
    Source: [bach2017]_; the inverse of :func:`sphere_spectrum`.

    Examples
    --------
    >>> round(float(zonal_sum([0.0, 1.0 / 3.0], 0.0, 3)), 12)
    1.0
    """
    eigenvalues = validation.check_array("eigenvalues", eigenvalues, ndim=1)
    angles = validation.check_array("angles", angles, minimum=0.0, maximum=math.pi)
    dim = int(validation.check_count("dim", dim, minimum=2))
    xp, (eigenvalues, angles) = arrays.promote(eigenvalues, angles)
    folded = xp.minimum(angles, math.pi - angles)
    sign = xp.where(angles > 0.5 * math.pi, -xp.ones_like(angles), xp.ones_like(angles))
    counts = multiplicity(dim, xp.arange(eigenvalues.shape[0], dtype=xp.float64, device=arrays.device(eigenvalues)))
    total = xp.zeros_like(angles)
    for k, polynomial in enumerate(_polynomials(xp, folded, dim, eigenvalues.shape[0])):
        total = total + eigenvalues[k] * counts[k] * (sign * polynomial if k % 2 else polynomial)
    return total


def zonal_profile(kernel: NTK, angles: Any, *, mean_square: float = 1.0) -> Any:
    r"""Kernel of an infinitely wide network between points of a sphere, as a function of their angle.

    Parameters
    ----------
    kernel : NTK
        In the NTK parameterisation, in which the profile does not depend on the dimension.
    angles : array_like, in [0, pi]
        Angles between the points, of any shape.
    mean_square : float
        Mean square coordinate :math:`|x|^2/d > 0` of the points: 1 for the radius :math:`\sqrt d`, 1/d for the unit
        sphere.

    Returns
    -------
    array
        In the shape of `angles`.

    Raises
    ------
    ValueError
        If the kernel is in the standard parameterisation.

    Notes
    -----
    Derived here: with :math:`\Sigma^1 = \sigma_w^2\frac{|x|^2}{d}\cos\theta + \sigma_b^2` two coordinates are enough
    for any d.  Full relative accuracy in the angle near 0 and :math:`\pi`.

    Examples
    --------
    >>> zonal_profile(NTK("relu", 1, 2**0.5, 0.0), [0.0, 3.141592653589793]).round(12).tolist()
    [4.0, 0.0]
    """
    if kernel.parameterization != "ntk":
        raise ValueError(f"kernel must be in the NTK parameterisation; got {kernel.parameterization!r}.")
    angles = validation.check_array("angles", angles, minimum=0.0, maximum=math.pi)
    radius = math.sqrt(2.0 * validation.check_number("mean_square", mean_square, exclusive_minimum=0.0))
    xp, (angles,) = arrays.promote(angles)
    flat = xp.reshape(angles, (-1,))
    points = radius * xp.stack([xp.cos(flat), xp.sin(flat)], axis=-1)
    pole = radius * xp.stack([xp.ones_like(flat[:1]), xp.zeros_like(flat[:1])], axis=-1)
    return xp.reshape(kernel(pole, points), angles.shape)


def _checked_degrees(degrees: Any) -> tuple[Any, Any, int]:
    """Namespace, degrees as float64, and the highest of them."""
    xp, (degrees,) = arrays.promote(validation.check_array("degrees", degrees, minimum=0.0))
    if bool(xp.any(degrees != xp.floor(degrees))):
        raise ValueError("degrees must be whole numbers; got a fraction. A harmonic has the degree 0, 1, 2, ...")
    return xp, degrees, int(xp.max(degrees))


def _projections(
    xp: Any, kernel: Callable[[Any], Any], dim: int, highest: int, n_nodes: int, like: Any
) -> tuple[Any, Any]:
    """Integrals of the kernel and of its absolute value with each polynomial up to the highest degree."""
    nodes, weights = _rule(dim, highest, n_nodes)
    _, (angles, weights) = arrays.promote(nodes, weights, like=like)
    near, far = (_values(kernel, argument) for argument in (angles, math.pi - angles))
    even, odd, size = weights * (near + far), weights * (near - far), weights * (xp.abs(near) + xp.abs(far))
    values, sizes = [], []
    for k, polynomial in enumerate(_polynomials(xp, angles, dim, highest + 1)):
        values.append(xp.sum((odd if k % 2 else even) * polynomial))
        sizes.append(xp.sum(size * xp.abs(polynomial)))
    return xp.stack(values), xp.stack(sizes)


def _rule(dim: int, highest: int, n_nodes: int) -> tuple[Any, Any]:
    """Angles up to a right angle, and weights of the density of the angle; on the host."""
    import numpy as np

    ends = 0.5 * math.pi * np.concatenate([[0.0], 2.0 ** np.arange(1 - _PANELS, 1)])
    pieces = [
        numerics.gauss_legendre(n_nodes + math.ceil(highest * (upper - lower) / math.pi), lower, upper)
        for lower, upper in itertools.pairwise(ends)
    ]
    nodes, weights = (np.concatenate(part) for part in zip(*pieces, strict=True))
    weights = weights * np.sin(nodes) ** (dim - 2)
    return nodes, weights / (2.0 * weights.sum())


def _polynomials(xp: Any, angles: Any, dim: int, count: int) -> Iterator[Any]:
    r"""The polynomials of degree 0 to count - 1 at :math:`\cos\theta`, for angles up to a right one.

    With :math:`\Delta_k = P_{k+1} - P_k` the recurrence is :math:`(k+d-2)\Delta_k = k\Delta_{k-1} -
    (2k+d-2)(1-\cos\theta)P_k`.
    """
    gap = 2.0 * xp.sin(0.5 * angles) ** 2
    polynomial = xp.ones_like(gap)
    step = -gap
    for k in range(count):
        yield polynomial
        if k:
            step = (k * step - (2 * k + dim - 2) * gap * polynomial) / (k + dim - 2)
        polynomial = polynomial + step


def _values(kernel: Callable[[Any], Any], angles: Any) -> Any:
    values = validation.check_array("kernel(angles)", kernel(angles))
    if tuple(values.shape) != tuple(angles.shape):
        raise ValueError(
            f"kernel must return one value for each angle, shape {tuple(angles.shape)}; got {tuple(values.shape)}. "
            "Write it with operations on arrays."
        )
    return arrays.promote(values, like=angles)[1][0]
