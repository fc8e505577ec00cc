r"""Measurements of sparse transport that need no solver: supports one by one, differences, and a plain ascent.

Everything here follows the definition of a quantity on NumPy arrays, and is as slow as that.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from theorylab import validation

__all__ = [
    "ColumnMaximum",
    "central_differences",
    "count_oracle_calls",
    "enumerate_column_maximum",
    "enumerate_dual",
    "enumerate_semi_dual",
    "measure_jumps",
]

Floats = NDArray[np.float64]

#: Numbers held at a time while supports are enumerated.
_BLOCK = 4_000_000
#: Share of the mass by which an entry may be negative through rounding.
_ROUNDING = 1e-13
_MEMORY = 10


class ColumnMaximum(NamedTuple):
    """Maximum over the sparse columns, and where it is attained.

    Parameters
    ----------
    value : numpy.ndarray, shape (...)
        The maximum for each column.
    argmax : numpy.ndarray, shape (..., m)
        The column that attains it.
    """

    value: Floats
    argmax: Floats


def enumerate_column_maximum(scores: Floats, reg: float, max_nz: int, mass: Floats | None = None) -> ColumnMaximum:
    r"""Maximum over sparse columns of scores less the quadratic regulariser, by trying every set of entries.

    .. math:: \max_{t \ge 0,\; \|t\|_0 \le k} \langle s, t\rangle - \frac\gamma2\|t\|^2

    On each set of at most `max_nz` entries the stationary point of the quadratic, with the mass given if it is, has a
    closed form; those without a negative entry are candidates, and the best candidate is the maximum, since a maximiser
    is stationary on the set of its positive entries.

    Parameters
    ----------
    scores : numpy.ndarray, shape (..., m)
        Columns of scores.
    reg : float
        :math:`\gamma > 0`.
    max_nz : int
        Entries allowed, 1 <= max_nz <= m.
    mass : numpy.ndarray, shape (...), optional
        Mass of each column, > 0; without it any mass is allowed.

    Returns
    -------
    ColumnMaximum
        Values and maximisers.

    Examples
    --------
    >>> enumerate_column_maximum(np.array([3.0, 1.0, 2.5]), 1.0, 2, np.array(1.0)).argmax
    array([0.75, 0.  , 0.25])
    """
    reg = validation.check_number("reg", reg, exclusive_minimum=0.0)
    m = scores.shape[-1]
    flat = scores.reshape(-1, m)
    masses = None if mass is None else np.broadcast_to(mass, scores.shape[:-1]).ravel()
    value, argmax = np.full(len(flat), -np.inf if mass is not None else 0.0), np.zeros_like(flat)
    columns = np.arange(len(flat))
    for size in range(1, int(validation.check_count("max_nz", max_nz)) + 1):
        sets = np.array(list(itertools.combinations(range(m), size)))
        for block in np.array_split(sets, -(-sets.size * len(flat) // _BLOCK)):
            found, entries = _best_of(flat, reg, masses, block)
            best = np.argmax(found, axis=1)
            better = found[columns, best] > value
            value[better] = found[columns, best][better]
            argmax[better] = 0.0
            places = np.flatnonzero(better)[:, None]
            argmax[places, block[best[better]]] = entries[columns, best][better]
    return ColumnMaximum(value.reshape(scores.shape[:-1]), argmax.reshape(scores.shape))


def enumerate_semi_dual(alpha: Floats, a: Floats, b: Floats, M: Floats, reg: float, max_nz: int) -> Floats:
    r"""Semi-dual of sparse transport, columns of their given mass being maximised over by enumeration.

    .. math:: \langle\alpha, a\rangle - \sum_j \max_t \langle\alpha - m_j, t\rangle - \frac\gamma2\|t\|^2

    Parameters
    ----------
    alpha : numpy.ndarray, shape (..., m)
        Potentials.
    a, b, M : numpy.ndarray, shapes (m,), (n,), (m, n)
        The transport problem.
    reg, max_nz : float, int
        Regularisation and entries allowed in a column.

    Returns
    -------
    numpy.ndarray, shape (...)
        Values.

    Examples
    --------
    >>> float(enumerate_semi_dual(np.array([2.0, 0.0]), np.ones(2), np.array([2.0]), np.zeros((2, 1)), 1.0, 2))
    0.0
    """
    columns = enumerate_column_maximum(alpha[..., None, :] - M.T, reg, max_nz, b)
    return np.asarray(alpha @ a - columns.value.sum(axis=-1))


def enumerate_dual(potentials: Floats, a: Floats, b: Floats, M: Floats, reg: float, max_nz: int) -> Floats:
    r"""Dual of sparse transport, columns of any mass being maximised over by enumeration.

    .. math::
        \langle\alpha, a\rangle + \langle\beta, b\rangle
        - \sum_j \max_t \langle\alpha + \beta_j - m_j, t\rangle - \frac\gamma2\|t\|^2

    Parameters
    ----------
    potentials : numpy.ndarray, shape (..., m + n)
        Potentials of the rows, then of the columns.
    a, b, M : numpy.ndarray, shapes (m,), (n,), (m, n)
        The transport problem.
    reg, max_nz : float, int
        Regularisation and entries allowed in a column.

    Returns
    -------
    numpy.ndarray, shape (...)
        Values.

    Examples
    --------
    >>> float(enumerate_dual(np.array([2.0, 0.0, 0.0]), np.ones(2), np.array([2.0]), np.zeros((2, 1)), 1.0, 1))
    0.0
    """
    alpha, beta = potentials[..., : a.size], potentials[..., a.size :]
    columns = enumerate_column_maximum(alpha[..., None, :] + beta[..., :, None] - M.T, reg, max_nz)
    return np.asarray(alpha @ a + beta @ b - columns.value.sum(axis=-1))


def central_differences(function: Callable[[Floats], Floats], point: Floats, step: float) -> Floats:
    """Gradient from central differences, all of them in one call.

    Parameters
    ----------
    function : callable
        Takes an array of shape (..., d), gives one of shape (...).
    point : numpy.ndarray, shape (d,)
        Where.
    step : float
        Half the distance of the two points.

    Returns
    -------
    numpy.ndarray, shape (d,)
        The differences over twice the step: exact to rounding for a function that is quadratic between the points.

    Examples
    --------
    >>> central_differences(lambda x: (x**2).sum(axis=-1), np.array([1.0, 2.0]), 0.5)
    array([2., 4.])
    """
    shifts = step * np.eye(point.size)
    above, below = function(np.stack([point + shifts, point - shifts]))
    return np.asarray((above - below) / (2.0 * step))


def measure_jumps(scores: Floats, reg: float, max_nz: int, mass: float, step: float = 1e-9) -> Floats:
    """By how much the maximiser of a column jumps where its k-th and its next score change places.

    Parameters
    ----------
    scores : numpy.ndarray, shape (..., m)
        Columns with scores in falling order; the entry behind the k-th is set to the k-th.
    reg, max_nz : float, int
        Regularisation and entries allowed.
    mass : float
        Mass of the column.
    step : float
        Distance of the two points of measurement from the tie.

    Returns
    -------
    numpy.ndarray, shape (...)
        Euclidean distance of the maximisers on the two sides of the tie, found by enumeration.

    Examples
    --------
    >>> float(measure_jumps(np.array([1.0, 1.0, 0.0]), 1.0, 1, 1.0))
    1.4142135623730951
    """
    sides = []
    for sign in (1.0, -1.0):
        tied = scores.copy()
        tied[..., max_nz] = tied[..., max_nz - 1] + sign * step
        sides.append(enumerate_column_maximum(tied, reg, max_nz, np.array(mass)).argmax)
    return np.asarray(np.linalg.norm(sides[0] - sides[1], axis=-1))


def count_oracle_calls(
    a: Floats,
    b: Floats,
    M: Floats,
    reg: float,
    max_nz: int,
    *,
    optimum: float,
    tolerances: Sequence[float],
    max_calls: int,
) -> list[int]:
    """How many values of the semi-dual plain L-BFGS needs, from zero, to come within each tolerance of the optimum.

    Parameters
    ----------
    a, b, M : numpy.ndarray, shapes (m,), (n,), (m, n)
        The transport problem.
    reg, max_nz : float, int
        Regularisation and entries allowed in a column.
    optimum : float
        The maximum of the semi-dual.
    tolerances : sequence of float
        Relative distances from it.
    max_calls : int
        Where to stop counting.

    Returns
    -------
    list of int
        Calls for each tolerance; `max_calls` if it is not reached, be it that the line search finds no way on.

    Examples
    --------
    >>> half = np.full(2, 0.5)
    >>> costs = np.array([[0.0, 1.0], [1.0, 0.0]])
    >>> count_oracle_calls(half, half, costs, 1.0, 2, optimum=0.25, tolerances=[1e-6], max_calls=9)
    [1]
    """
    from scipy.optimize import minimize

    values: list[float] = []

    def negative(alpha: Floats) -> tuple[float, Floats]:
        value, gradient = _oracle(alpha, a, b, M, reg, max_nz)
        values.append(value)
        return -value, -gradient

    options = {"maxfun": max_calls, "maxiter": max_calls, "maxcor": _MEMORY, "ftol": 0.0, "gtol": 1e-14}
    minimize(negative, np.zeros_like(a), jac=True, method="L-BFGS-B", options=options)
    distance = (optimum - np.array(values[:max_calls])) / abs(optimum)
    return [int(np.argmax(distance <= tol)) + 1 if np.any(distance <= tol) else max_calls for tol in tolerances]


def _best_of(scores: Floats, reg: float, masses: Floats | None, sets: NDArray[np.intp]) -> tuple[Floats, Floats]:
    """Value and entries of the stationary point on each set of entries for each column, -inf where it is negative."""
    held = scores[:, sets]  # (columns, sets, entries)
    if masses is None:
        entries, least = held / reg, 0.0
    else:
        threshold = (held.sum(axis=-1) - reg * masses[:, None]) / sets.shape[1]
        entries, least = (held - threshold[..., None]) / reg, -_ROUNDING * masses.max()
    value = (held * entries - 0.5 * reg * entries**2).sum(axis=-1)
    return np.where(entries.min(axis=-1) >= least, value, -np.inf), entries


def _oracle(alpha: Floats, a: Floats, b: Floats, M: Floats, reg: float, max_nz: int) -> tuple[float, Floats]:
    """Semi-dual and gradient, column by column sorted and filled up from the top."""
    value, rest = float(alpha @ a), a.copy()
    places = np.arange(1, max_nz + 1)
    scores = alpha[:, None] - M
    order = np.argsort(-scores, axis=0, kind="stable")[:max_nz]
    best = np.take_along_axis(scores, order, axis=0)
    thresholds = (np.cumsum(best, axis=0) - reg * b) / places[:, None]  # with the first 1, 2, ... entries in use
    in_use = np.sum(best > thresholds, axis=0)
    threshold = np.take_along_axis(thresholds, in_use[None, :] - 1, axis=0)
    entries = np.maximum(best - threshold, 0.0) / reg
    value -= float(np.sum(best * entries - 0.5 * reg * entries**2))
    np.subtract.at(rest, order, entries)
    return value, rest
