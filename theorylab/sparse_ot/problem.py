r"""What both sides of the chapter agree on: a transport problem, when it is well posed, and the families to test on.

A problem is two mass vectors :math:`a \in R^m_+`, :math:`b \in R^n_+` of equal sums, which need not be 1, and a cost
matrix :math:`M` of shape (m, n).  A plan :math:`T` is of the shape of M, with row sums a and column sums b.  Leading
axes are a batch of problems.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from theorylab import arrays, validation

__all__ = [
    "TransportProblem",
    "check_transport",
    "gaussian_clouds",
    "generic_marginals",
    "iid_costs",
    "stroke_images",
    "uniform_marginals",
]

#: Relative difference of the two total masses that counts as rounding.
_BALANCE = 1e-8
#: Mass of the empty pixels beside the strongest one.
_BACKGROUND = 1e-3
#: Ground costs of the unit square, each divided by its largest value there.
_GROUND_COSTS: dict[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
    "sqeuclidean": lambda difference: (difference**2).sum(axis=-1) / 2.0,
    "euclidean": lambda difference: np.sqrt((difference**2).sum(axis=-1) / 2.0),
    "cityblock": lambda difference: np.abs(difference).sum(axis=-1) / 2.0,
}


class TransportProblem(NamedTuple):
    """Marginals and costs, in the order in which every solver takes them.

    Parameters
    ----------
    a : array, shape (..., m)
        Mass of each row, >= 0.
    b : array, shape (..., n)
        Mass of each column, >= 0, of the same sum.
    M : array, shape (..., m, n)
        Costs.

    Examples
    --------
    >>> a, b, M = TransportProblem([0.5, 0.5], [0.5, 0.5], [[0.0, 1.0], [1.0, 0.0]])
    """

    a: Any
    b: Any
    M: Any


def check_transport(a: Any, b: Any, M: Any) -> tuple[Any, Any, Any, Any]:
    r"""Require a transport problem that is well posed, and bring it to float64 arrays of one library.

    Parameters
    ----------
    a : array_like, shape (..., m)
        Mass of each row, >= 0; single zeros are allowed.
    b : array_like, shape (..., n)
        Mass of each column, >= 0; single zeros are allowed.
    M : array_like, shape (..., m, n)
        Costs, finite, of any sign.  The leading axes of the three broadcast.

    Returns
    -------
    xp : module
        Namespace of the arrays.
    a, b, M : array
        float64, with the same leading axes.  Total masses that differ by at most 1e-8 of their size differ by
        rounding: `b` is then multiplied to the sum of `a`, so that a plan exists at all.

    Raises
    ------
    TypeError
        If an argument is not made of real numbers, or two array libraries meet.
    ValueError
        If the shapes do not fit, an entry is negative or not finite, a total is zero or the totals differ.

    Notes
    -----
    Masses with different totals are refused and never rescaled: which of the two was meant is not known here.

    Examples
    --------
    >>> xp, a, b, M = check_transport([1, 1], [2], [[0.0], [3.0]])
    >>> a.dtype.name, M.shape
    ('float64', (2, 1))
    >>> check_transport([0.5, 0.5], [0.5, 0.6], [[0.0, 1.0], [1.0, 0.0]])
    Traceback (most recent call last):
    ...
    ValueError: b must have the same sum as a; got 1.1 beside 1. Normalise both: a / a.sum() and b / b.sum().
    """
    a = _with_axes("a", validation.check_array("a", a, minimum=0.0), 1)
    b = _with_axes("b", validation.check_array("b", b, minimum=0.0), 1)
    M = _with_axes("M", validation.check_array("M", M), 2)
    xp, (a, b, M) = arrays.promote(a, b, M)
    a, b, M = _broadcast(xp, a, b, M)
    of_a, of_b = xp.sum(a, axis=-1), xp.sum(b, axis=-1)
    if not bool(xp.all(of_a > 0.0)):
        raise ValueError("a must hold a positive mass; got only zeros. There is nothing to transport.")
    if bool(xp.any(xp.abs(of_a - of_b) > _BALANCE * of_a)):
        worst = int(xp.argmax(xp.reshape(xp.abs(of_a - of_b) / of_a, (-1,))))
        totals = [float(xp.reshape(total, (-1,))[worst]) for total in (of_b, of_a)]
        raise ValueError(
            f"b must have the same sum as a; got {totals[0]:.10g} beside {totals[1]:.10g}. "
            "Normalise both: a / a.sum() and b / b.sum()."
        )
    return xp, a, b * (of_a / of_b)[..., None], M


def uniform_marginals(m: int, n: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Equal masses of total 1 on the rows and on the columns.

    Parameters
    ----------
    m, n : int
        Number of rows and of columns.

    Returns
    -------
    a : numpy.ndarray, shape (m,)
        1/m each.
    b : numpy.ndarray, shape (n,)
        1/n each.

    Examples
    --------
    >>> uniform_marginals(2, 4)[1]
    array([0.25, 0.25, 0.25, 0.25])
    """
    m, n = int(validation.check_count("m", m)), int(validation.check_count("n", n))
    return np.full(m, 1.0 / m), np.full(n, 1.0 / n)


def iid_costs(rng: np.random.Generator, n: int) -> TransportProblem:
    """Square problem with independent costs, uniform on [0, 1), and equal masses.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of the costs.
    n : int
        Number of rows and columns.

    Returns
    -------
    TransportProblem
        NumPy arrays of shapes (n,), (n,), (n, n).

    Examples
    --------
    >>> iid_costs(np.random.default_rng(0), 3).M.shape
    (3, 3)
    """
    a, b = uniform_marginals(n, n)
    return TransportProblem(a, b, rng.random((a.size, b.size)))


def gaussian_clouds(rng: np.random.Generator, n: int) -> TransportProblem:
    r"""Squared distances between two Gaussian clouds in the plane, divided by the largest, and equal masses.

    The rows are draws of :math:`N(0, I)`, the columns of :math:`N((1, 0.5), 0.49 I)`.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of the points.
    n : int
        Number of points of either cloud.

    Returns
    -------
    TransportProblem
        NumPy arrays of shapes (n,), (n,), (n, n).

    Examples
    --------
    >>> float(gaussian_clouds(np.random.default_rng(0), 5).M.max())
    1.0
    """
    a, b = uniform_marginals(n, n)
    x = rng.standard_normal((a.size, 2))
    y = 0.7 * rng.standard_normal((b.size, 2)) + (1.0, 0.5)
    M = ((x[:, None, :] - y[None, :, :]) ** 2).sum(axis=-1)
    return TransportProblem(a, b, M / M.max())


def generic_marginals(rng: np.random.Generator, m: int, n: int) -> TransportProblem:
    """Independent costs, uniform on [0, 1), and masses in general position: draws of a Dirichlet(5) distribution.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of costs and masses.
    m, n : int
        Number of rows and of columns.

    Returns
    -------
    TransportProblem
        NumPy arrays of shapes (m,), (n,), (m, n); both totals are 1.

    Examples
    --------
    >>> round(float(generic_marginals(np.random.default_rng(0), 3, 4).b.sum()), 12)
    1.0
    """
    m, n = int(validation.check_count("m", m)), int(validation.check_count("n", n))
    M = rng.random((m, n))
    return TransportProblem(rng.dirichlet(np.full(m, 5.0)), rng.dirichlet(np.full(n, 5.0)), M)


def stroke_images(side: int = 28, cost: str = "sqeuclidean") -> TransportProblem:
    """Two drawn strokes on a square of pixels, an ellipse and a wavy bar, as masses of total 1.

    Every pixel has some mass: the background has 1e-3 of the strongest pixel's, so that the two share most of their
    weakest part.

    Parameters
    ----------
    side : int
        Pixels along an edge, >= 2.
    cost : str
        Ground cost between pixels of the unit square, divided by its largest value: "sqeuclidean", "euclidean" or
        "cityblock" (with ties and no unique optimal plan).

    Returns
    -------
    TransportProblem
        NumPy arrays of shapes (side**2,), (side**2,), (side**2, side**2).

    Examples
    --------
    >>> stroke_images(4, "cityblock").M.shape
    (16, 16)
    """
    side = int(validation.check_count("side", side, minimum=2))
    distance = _GROUND_COSTS[validation.check_choice("cost", cost, _GROUND_COSTS)]
    line = np.linspace(0.0, 1.0, side)
    x, y = (axis.ravel() for axis in np.meshgrid(line, line))
    radius = np.hypot((x - 0.5) / 0.24, (y - 0.5) / 0.36)
    ellipse = np.exp(-(((radius - 1.0) / 0.22) ** 2))
    bar = np.exp(-(((x - 0.5 - 0.12 * np.sin(3.0 * math.pi * y)) / 0.09) ** 2)) * ((y > 0.1) & (y < 0.9))
    a, b = (stroke / stroke.max() + _BACKGROUND for stroke in (ellipse, bar))
    points = np.stack([x, y], axis=1)
    return TransportProblem(a / a.sum(), b / b.sum(), distance(points[:, None, :] - points[None, :, :]))


def _with_axes(name: str, array: Any, n_axes: int) -> Any:
    if array.ndim < n_axes:
        received = f"got shape {tuple(array.shape)}"
        needed = "an axis of masses" if n_axes == 1 else "an axis of rows and one of columns"
        raise ValueError(f"{name} must have {needed} behind those of the batch; {received}. Reshape it first.")
    return array


def _broadcast(xp: Any, a: Any, b: Any, M: Any) -> tuple[Any, Any, Any]:
    """Common leading axes; the last ones must fit M."""
    m, n = M.shape[-2:]
    for name, masses, axis, length in (("a", a, "row", m), ("b", b, "column", n)):
        if masses.shape[-1] != length:
            raise ValueError(
                f"{name} must hold one mass for each of the {length} {axis}s of M; got shape {tuple(masses.shape)}. "
                "M has shape (len(a), len(b))."
            )
    leading = [tuple(x.shape[:-axes]) for x, axes in ((a, 1), (b, 1), (M, 2))]
    try:
        batch = np.broadcast_shapes(*leading)
    except ValueError:
        raise ValueError(
            f"M must have leading axes that broadcast with those of a and b; got {leading[2]} beside {leading[0]} and "
            f"{leading[1]}. Give a batch to all three, or to some and single problems to the others."
        ) from None
    if not any(leading):
        return a, b, M
    return (
        xp.broadcast_to(a, (*batch, m)),
        xp.broadcast_to(b, (*batch, n)),
        xp.broadcast_to(M, (*batch, m, n)),
    )
