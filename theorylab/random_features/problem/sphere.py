r"""Eigenvalues of dot-product kernels on the sphere, level by level.

For x, x' uniform on a sphere in d dimensions and :math:`K = K(t)`, t the cosine between them, the eigenfunctions are
the spherical harmonics.  Those of degree l share the eigenvalue (Funk and Hecke)

.. math:: \lambda_l = \mathbb{E}\,[K(t) P_l(t)], \qquad
    N_l = \frac{2l+d-2}{l}\binom{l+d-3}{l-1}, \quad N_0 = 1,

with the Gegenbauer polynomials :math:`P_l`, :math:`P_l(1) = 1`, and t distributed as one coordinate of a uniform unit
vector.  Source: [bach2017]_, appendix D.1.

.. [bach2017] F. Bach, "Breaking the curse of dimensionality with convex neural networks", JMLR 18(19), 2017.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from theorylab import arrays, numerics, validation

__all__ = ["SphereLevels", "sphere_levels"]

#: Nodes allowed; a kernel that needs more is not smooth in the angle.
_MAX_NODES = 4096
#: Two rules must agree to this share of the kernel's size.
_TOLERANCE = 1e-11
#: Eigenvalues below this share of their integrand's size are rounding errors of some hundred nodes, and zero.
_ROUNDING = 512.0 * float(np.finfo(np.float64).eps)


@dataclasses.dataclass(frozen=True)
class SphereLevels:
    """The first levels of a dot-product kernel.

    Parameters
    ----------
    eigenvalues : numpy.ndarray, shape (L,)
        From degree 0 on; those that the quadrature cannot tell from zero are zero.
    multiplicities : numpy.ndarray, shape (L,)
        Number of spherical harmonics of each degree.
    remainder : float
        Sum of the eigenvalues of all higher degrees, each as often as its multiplicity says.
    """

    eigenvalues: np.ndarray
    multiplicities: np.ndarray
    remainder: float


def sphere_levels(kernel: Callable[[Any], Any], dim: int, n_levels: int) -> SphereLevels:
    r"""Eigenvalues and multiplicities of the degrees :math:`0, \dots, L-1` of a kernel :math:`K(t)` on the sphere.

    The expectation is computed in the angle, :math:`t = \cos\theta`, by Gauss-Legendre quadrature with the weight
    :math:`\sin^{d-2}\theta`: kernels of networks and functions of the distance are smooth in the angle, though many
    are not in t.

    Parameters
    ----------
    kernel : callable
        ``kernel(t)`` for a NumPy array of cosines in [-1, 1], elementwise.
    dim : int
        Dimension d >= 2 of the space around the sphere.
    n_levels : int
        Number of degrees L.

    Returns
    -------
    SphereLevels
        NumPy arrays of shape (L,), and what is left of the trace :math:`K(1)`.

    Raises
    ------
    NotConverged
        If rules with ever more nodes keep disagreeing: the kernel is not smooth in the angle.
    ValueError
        If the kernel returns something else than one finite number for each cosine, or is not positive semi-definite.
    """
    dim = int(validation.check_count("dim", dim, minimum=2))
    n_levels = int(validation.check_count("n_levels", n_levels))
    diagonal = float(_values(kernel, np.ones(1))[0])
    n_nodes = 64 + 2 * n_levels + 8 * math.ceil(math.sqrt(dim))
    coarse, _ = _projections(kernel, dim, n_levels, n_nodes)
    while True:
        n_nodes *= 2
        eigenvalues, size = _projections(kernel, dim, n_levels, n_nodes)
        change = np.abs(eigenvalues - coarse)
        if np.all(change <= _TOLERANCE * size):
            break
        if n_nodes > _MAX_NODES:
            raise numerics.NotConverged("quadrature of the kernel on the sphere", eigenvalues, change, n_nodes)
        coarse = eigenvalues
    eigenvalues = np.where(np.abs(eigenvalues) <= _ROUNDING * size, 0.0, eigenvalues)
    multiplicities = np.array([_multiplicity(dim, level) for level in range(n_levels)])
    remainder = diagonal - float(eigenvalues @ multiplicities)
    rounding = _ROUNDING * (abs(diagonal) + float(size @ multiplicities))
    if remainder < -rounding:
        raise ValueError(
            f"kernel must be positive semi-definite; got a diagonal of {diagonal:.6g}, {-remainder:.3g} less than the "
            "sum of its eigenvalues. Check the kernel's value at t = 1."
        )
    return SphereLevels(eigenvalues, multiplicities, remainder if remainder > rounding else 0.0)


def _projections(kernel: Callable[[Any], Any], dim: int, n_levels: int, n_nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """E[K P_l] and E|K P_l| for each degree l."""
    nodes, weights = numerics.gauss_legendre(n_nodes, -0.5 * math.pi, 0.5 * math.pi)
    cosines = np.sin(nodes)  # symmetric to the last digit, so that odd and even kernels stay what they are
    weights = weights * np.cos(nodes) ** (dim - 2)
    weighted = _values(kernel, cosines) * (weights / weights.sum())
    before, polynomial = np.zeros_like(cosines), np.ones_like(cosines)
    projections, sizes = [], []
    for level in range(n_levels):
        projections.append(weighted @ polynomial)
        sizes.append(np.abs(weighted) @ np.abs(polynomial))
        # (l + d - 2) P_{l+1} = (2 l + d - 2) t P_l - l P_{l-1}; the first step, 0 = 0 for d = 2, is P_1 = t
        step = ((2 * level + dim - 2) * cosines * polynomial - level * before) / (level + dim - 2) if level else cosines
        before, polynomial = polynomial, step
    return np.array(projections), np.array(sizes)


def _values(kernel: Callable[[Any], Any], cosines: np.ndarray) -> np.ndarray:
    values = arrays.to_numpy(validation.check_array("kernel(t)", kernel(cosines)))
    if values.shape != cosines.shape:
        raise ValueError(
            f"kernel must return one value for each cosine, shape {cosines.shape}; got shape {values.shape}. "
            "Write it with operations on arrays."
        )
    return values


def _multiplicity(dim: int, level: int) -> float:
    """Number of linearly independent spherical harmonics of a degree."""
    if level == 0:
        return 1.0
    return (2 * level + dim - 2) * math.comb(level + dim - 3, level - 1) / level
