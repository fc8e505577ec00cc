r"""Referees of unregularised transport: assignments by enumeration, and costs on a grid by linear programming."""

from __future__ import annotations

import itertools
import math

import numpy as np
from numpy.typing import NDArray

from theorylab import validation
from theorylab.numerics import NotConverged

__all__ = ["assignment_plan", "enumerate_gap", "solve_grid_transport"]

Floats = NDArray[np.float64]


def enumerate_gap(M: Floats) -> float:
    """Cost of the second-best permutation less that of the best, over n, by looking at all n! of them.

    Parameters
    ----------
    M : numpy.ndarray, shape (n, n)
        Costs, 2 <= n <= 9.

    Returns
    -------
    float
        The gap for masses 1/n.

    Examples
    --------
    >>> enumerate_gap(np.array([[0.0, 1.0], [2.0, 0.0]]))
    1.5
    """
    n = int(validation.check_number("rows of M", len(M), minimum=2.0, maximum=9.0))
    orders = np.array(list(itertools.permutations(range(n))))
    costs = np.sort(M[np.arange(n), orders].sum(axis=1))
    return float(costs[1] - costs[0]) / n


def assignment_plan(M: Floats) -> Floats:
    """Plan of an optimal assignment, 1/n in each of its n pairs.

    Parameters
    ----------
    M : numpy.ndarray, shape (n, n)
        Costs.

    Returns
    -------
    numpy.ndarray, shape (n, n)
        The plan.

    Examples
    --------
    >>> assignment_plan(np.array([[0.0, 1.0], [2.0, 0.0]]))
    array([[0.5, 0. ],
           [0. , 0.5]])
    """
    from scipy.optimize import linear_sum_assignment

    plan = np.zeros_like(M)
    plan[linear_sum_assignment(M)] = 1.0 / len(M)
    return plan


def solve_grid_transport(a: Floats, b: Floats, axis_cost: Floats) -> float:
    """Least cost of transport between masses on a square grid, where the ground cost is a sum over the two axes.

    A pixel (i, j) is first moved to (k, j), then to (k, l): with an additive cost nothing is lost by stopping there,
    and the linear program has 2 side^3 unknowns and not side^4.

    Parameters
    ----------
    a, b : numpy.ndarray, shape (side**2,)
        Masses of the pixels, row by row, of equal sums.
    axis_cost : numpy.ndarray, shape (side, side)
        Cost of a move along one axis.

    Returns
    -------
    float
        The optimal transport cost.

    Raises
    ------
    NotConverged
        If the linear program is not solved.

    Examples
    --------
    >>> solve_grid_transport(np.array([1.0, 0, 0, 0]), np.array([0, 0, 0, 1.0]), np.array([[0, 1.0], [1.0, 0]]))
    2.0
    """
    from scipy import sparse
    from scipy.optimize import linprog

    side = math.isqrt(a.size)
    eye, ones = sparse.eye_array(side), np.ones((1, side))
    # unknowns of the first stage: (i, j) to (k, j) at i, j, k; of the second: (k, j) to (k, l) at k, j, l
    leave = sparse.kron(sparse.eye_array(side**2), ones)  # (i, j): what the first stage takes away
    pass_in = sparse.kron(ones, sparse.kron(eye, eye))  # (j, k): what the first stage brings
    swap = np.arange(side**2).reshape(side, side).T.ravel()
    pass_out = sparse.csr_array(sparse.kron(sparse.eye_array(side**2), ones))[swap]  # (j, k): what the second takes
    arrive = sparse.kron(eye, sparse.kron(ones, eye))  # (k, l): what the second brings
    rows = sparse.block_array([[leave, None], [pass_in, -pass_out], [None, arrive]], format="csr")
    first = np.broadcast_to(axis_cost[:, None, :], (side,) * 3).ravel()
    second = np.broadcast_to(axis_cost[None, :, :], (side,) * 3).ravel()
    right = np.concatenate([a, np.zeros(side**2), b * (a.sum() / b.sum())])
    result = linprog(np.concatenate([first, second]), A_eq=rows, b_eq=right, method="highs")
    if result.status != 0:
        raise NotConverged("the linear program of the grid", np.array(math.nan), np.array(math.inf), int(result.nit))
    return float(result.fun)
