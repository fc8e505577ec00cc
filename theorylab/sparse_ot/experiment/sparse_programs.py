r"""Referees of sparse transport that are optimisation problems of a standard form, solved by a library.

Linear programs and mixed-integer ones by HiGHS, assignments by SciPy, quadratic and second-order-cone programs by
Clarabel through cvxpy.  Plans are sought in units of the mean column mass, so that tolerances mean the same everywhere.
"""

from __future__ import annotations

import math
import warnings
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from theorylab import validation
from theorylab.numerics import NotConverged

__all__ = [
    "Optimum",
    "SparseOptimum",
    "assign_with_capacity",
    "difference_bidual",
    "solve_bidual_program",
    "solve_linear_transport",
    "solve_quadratic_transport",
    "solve_regular_subgraph",
    "solve_sparse_primal",
]

Floats = NDArray[np.float64]

#: Tolerance and largest step of the interior-point method, tried in turn: now and then it breaks down on its way.
_ATTEMPTS = ((1e-12, 0.99), (1e-12, 0.9), (1e-10, 0.9))
#: What its status "inaccurate" shall mean, instead of 5e-5.
_ACCEPTED = 1e-9
#: Shares of an entry's largest mass at which the square is first bounded by tangents.
_TANGENTS = (1 / 8, 1 / 4, 3 / 8, 1 / 2, 3 / 4, 1.0)
_MAX_ROUNDS = 60


class Optimum(NamedTuple):
    """Optimal value, and a plan that attains it.

    Parameters
    ----------
    value : float
        The optimum.
    plan : numpy.ndarray, shape (m, n)
        The plan.
    """

    value: float
    plan: Floats


class SparseOptimum(NamedTuple):
    """What is known of the optimum over k-sparse plans.

    Parameters
    ----------
    value : float
        Cost of the plan; inf if no k-sparse plan has the marginals.
    bound : float
        Lower bound of the optimum by the mixed-integer program.
    plan : numpy.ndarray, shape (m, n)
        The plan; zero if there is none.
    """

    value: float
    bound: float
    plan: Floats


def solve_bidual_program(a: Floats, b: Floats, M: Floats, reg: float, max_nz: int) -> Optimum:
    r"""Sparse transport with the convex envelope of its regulariser, as a second-order-cone program.

    .. math::
        \min_{T, L, Q} \langle T, M\rangle + \frac\gamma2\sum Q_{ij} \quad\text{s.t.}\quad T_{ij}^2 \le L_{ij} Q_{ij},\;
        0 \le L \le 1,\; \sum_i L_{ij} \le k,\; T \ge 0,\; T1 = a,\; T^T1 = b

    Parameters
    ----------
    a, b, M : numpy.ndarray, shapes (m,), (n,), (m, n)
        The transport problem.
    reg : float
        :math:`\gamma > 0`.
    max_nz : int
        k.

    Returns
    -------
    Optimum
        Value and plan.

    Raises
    ------
    NotConverged
        If Clarabel does not report an optimum.

    Examples
    --------
    >>> half = np.full(2, 0.5)
    >>> round(solve_bidual_program(half, half, np.array([[0.0, 1.0], [1.0, 0.0]]), 1.0, 1).value, 9)
    0.25
    """
    program = _Program(a, b, reg, max_nz)
    return Optimum(program.solve(M), program.plan)


def difference_bidual(a: Floats, b: Floats, M: Floats, reg: float, max_nz: int, step: float) -> Floats:
    """Derivative of the optimum of :func:`solve_bidual_program` with respect to the costs, from central differences.

    Parameters
    ----------
    a, b, M : numpy.ndarray, shapes (m,), (n,), (m, n)
        The transport problem.
    reg, max_nz : float, int
        Regularisation and entries allowed in a column.
    step : float
        Change of a cost to either side.

    Returns
    -------
    numpy.ndarray, shape (m, n)
        The differences over twice the step.

    Raises
    ------
    NotConverged
        If Clarabel does not report an optimum.

    Examples
    --------
    >>> half = np.full(2, 0.5)
    >>> difference_bidual(half, half, np.array([[0.0, 1.0], [1.0, 0.0]]), 1.0, 1, 1e-3).round(6) + 0.0
    array([[0.5, 0. ],
           [0. , 0.5]])
    """
    program, slopes = _Program(a, b, reg, max_nz), np.empty_like(M)
    for place in np.ndindex(M.shape):
        shifted = [M.copy() for _ in range(2)]
        shifted[0][place] += step
        shifted[1][place] -= step
        slopes[place] = (program.solve(shifted[0]) - program.solve(shifted[1])) / (2.0 * step)
    return slopes


def solve_quadratic_transport(
    a: Floats, b: Floats, M: Floats, reg: float, allowed: NDArray[np.bool_] | None = None
) -> Optimum:
    r"""Minimum of :math:`\langle T, M\rangle + \frac\gamma2\|T\|^2` over all plans, or over those on given entries.

    Parameters
    ----------
    a, b, M : numpy.ndarray, shapes (m,), (n,), (m, n)
        The transport problem.
    reg : float
        :math:`\gamma > 0`.
    allowed : numpy.ndarray of bool, shape (m, n), optional
        Entries that may hold mass; all by default.

    Returns
    -------
    Optimum
        Value and plan.

    Raises
    ------
    NotConverged
        If Clarabel does not report an optimum.

    Examples
    --------
    >>> half = np.full(2, 0.5)
    >>> solve_quadratic_transport(half, half, np.zeros((2, 2)), 1.0).plan.round(9)
    array([[0.25, 0.25],
           [0.25, 0.25]])
    """
    cp = _cvxpy()
    unit = float(np.mean(b))
    where = np.flatnonzero(np.ones(M.shape, dtype=bool) if allowed is None else allowed)
    mass = cp.Variable(where.size, nonneg=True)
    cost = M.ravel()[where] @ mass + 0.5 * validation.check_number("reg", reg) * unit * cp.sum_squares(mass)
    marginals = _marginals(*M.shape)[:, where] @ mass == np.concatenate([a, b]) / unit
    value = _solved(cp.Problem(cp.Minimize(cost), [marginals]))
    plan = np.zeros(M.size)
    plan[where] = np.maximum(mass.value, 0.0) * unit
    return Optimum(unit * value, plan.reshape(M.shape))


def solve_linear_transport(a: Floats, b: Floats, M: Floats) -> Optimum:
    """Unregularised transport by the dual simplex method: the plan is a vertex, with at most m + n - 1 entries.

    Parameters
    ----------
    a, b, M : numpy.ndarray, shapes (m,), (n,), (m, n)
        The transport problem.

    Returns
    -------
    Optimum
        Value and plan.

    Raises
    ------
    NotConverged
        If HiGHS does not report an optimum.

    Examples
    --------
    >>> half = np.full(2, 0.5)
    >>> solve_linear_transport(half, half, np.array([[0.0, 1.0], [1.0, 0.0]])).value
    0.0
    """
    unit = float(np.mean(b))
    x = _linear_program(M.ravel(), _marginals(*M.shape), np.concatenate([a, b]) / unit, math.inf)
    plan = (x * unit).reshape(M.shape)
    return Optimum(float(np.sum(plan * M)), plan)


def solve_regular_subgraph(M: Floats, degree: int) -> Optimum:
    """Cheapest set of entries of a square matrix with `degree` in each row and in each column, as a linear program.

    Parameters
    ----------
    M : numpy.ndarray, shape (n, n)
        Costs.
    degree : int
        Entries in each row and column.

    Returns
    -------
    Optimum
        Cost of the set, and its indicator.

    Raises
    ------
    NotConverged
        If HiGHS does not report an optimum.

    Examples
    --------
    >>> solve_regular_subgraph(np.array([[0.0, 1.0], [1.0, 0.0]]), 2).value
    2.0
    """
    x = _linear_program(M.ravel(), _marginals(*M.shape), np.full(2 * len(M), float(degree)), 1.0)
    return Optimum(float(M.ravel() @ x), x.reshape(M.shape))


def assign_with_capacity(M: Floats, capacity: int) -> Optimum:
    """Cheapest assignment of each row to a column, `capacity` rows to each, by an assignment to copies of the columns.

    Parameters
    ----------
    M : numpy.ndarray, shape (m, n)
        Costs, m = capacity n.
    capacity : int
        Rows that each column takes.

    Returns
    -------
    Optimum
        Mean cost of a row, and the plan with 1/m for each.

    Examples
    --------
    >>> assign_with_capacity(np.array([[0.0, 1.0], [0.0, 2.0]]), 1).value
    0.5
    """
    from scipy.optimize import linear_sum_assignment

    rows, copies = linear_sum_assignment(np.repeat(M, capacity, axis=1))
    plan = np.zeros_like(M)
    plan[rows, copies // capacity] = 1.0 / len(M)
    return Optimum(float(np.sum(plan * M)), plan)


def solve_sparse_primal(
    a: Floats, b: Floats, M: Floats, reg: float, max_nz: int, *, tolerance: float = 1e-8
) -> SparseOptimum:
    r"""Global optimum over plans with at most `max_nz` entries in a column, by outer approximation.

    A mixed-integer linear program chooses the entries :math:`z_{ij} \in \{0, 1\}`, with tangents
    :math:`q_{ij} \ge 2 s\,T_{ij} - s^2 z_{ij}` in the place of :math:`q_{ij} \ge T_{ij}^2`; a quadratic program finds
    the plan on these entries, and its tangents enter the next round.  A choice that comes up again has, by convexity,
    the cost of its plan in the linear program too: then both bounds meet.

    Parameters
    ----------
    a, b, M : numpy.ndarray, shapes (m,), (n,), (m, n)
        The transport problem, small.
    reg : float
        :math:`\gamma > 0`.
    max_nz : int
        Entries allowed in a column.
    tolerance : float
        Difference of the two bounds, relative to the value, at which to end.

    Returns
    -------
    SparseOptimum
        Cost of the best plan, lower bound, and the plan.

    Raises
    ------
    NotConverged
        If the bounds do not meet.

    Examples
    --------
    >>> ones, zeros = np.ones(3), np.zeros((3, 2))
    >>> round(solve_sparse_primal(ones, np.full(2, 1.5), zeros, 1.0, 2).value, 7)
    1.25
    """
    unit, best = float(np.mean(b)), SparseOptimum(math.inf, -math.inf, np.zeros_like(M))
    largest = (np.minimum(a[:, None], b) / unit).ravel()
    cuts = [share * largest for share in _TANGENTS]
    for _ in range(_MAX_ROUNDS):
        found = _choose_entries(a / unit, b / unit, M, reg * unit, max_nz, largest, cuts)
        if found is None:
            return SparseOptimum(math.inf, math.inf, best.plan)
        bound, chosen = found
        value, plan = solve_quadratic_transport(a, b, M, reg, chosen)
        if value < best.value:
            best = SparseOptimum(value, -math.inf, plan)
        best = best._replace(bound=unit * bound)
        if best.value - best.bound <= tolerance * abs(best.value):
            return best
        cuts.append(plan.ravel() / unit)
    raise NotConverged("outer approximation", np.array(best.value), np.array(best.value - best.bound), _MAX_ROUNDS)


def _choose_entries(
    a: Floats, b: Floats, M: Floats, reg: float, max_nz: int, largest: Floats, cuts: list[Floats]
) -> tuple[float, NDArray[np.bool_]] | None:
    """Lower bound and entries of the mixed-integer program; None if it has no solution."""
    from scipy import sparse
    from scipy.optimize import Bounds, LinearConstraint, milp

    size, eye, rows = M.size, sparse.eye_array(M.size), _marginals(*M.shape)
    below_share = sparse.hstack([eye, -sparse.diags_array(largest), sparse.csr_array((size, size))])
    tangents = [sparse.hstack([sparse.diags_array(2.0 * s), -sparse.diags_array(s**2), -eye]) for s in cuts]
    inequalities = sparse.vstack([below_share, *tangents], format="csr")
    in_columns = sparse.hstack([sparse.csr_array((b.size, size)), rows[a.size :], sparse.csr_array((b.size, size))])
    masses = np.concatenate([a, b])
    found = milp(
        np.concatenate([M.ravel(), np.zeros(size), np.full(size, 0.5 * reg)]),
        integrality=np.repeat([0, 1, 0], size),
        bounds=Bounds(0.0, np.concatenate([largest, np.ones(size), largest**2])),
        constraints=[
            LinearConstraint(sparse.hstack([rows, sparse.csr_array((masses.size, 2 * size))]), masses, masses),
            LinearConstraint(in_columns, -np.inf, float(max_nz)),
            LinearConstraint(inequalities, -np.inf, 0.0),
        ],
        options={"mip_rel_gap": 1e-10, "presolve": False},  # which costs more than it saves at this size
    )
    if found.status == 2:
        return None
    if found.status != 0:
        raise NotConverged("the mixed-integer program", np.array(math.nan), np.array(math.inf), 0)
    return float(found.mip_dual_bound), found.x[size : 2 * size].reshape(M.shape) > 0.5


class _Program:
    """The second-order-cone program with the costs as a parameter, so that it is compiled once."""

    def __init__(self, a: Floats, b: Floats, reg: float, max_nz: int) -> None:
        cp = _cvxpy()
        m, n = a.size, b.size
        self.unit = float(np.mean(b))
        self.costs = cp.Parameter(m * n)
        self.mass = cp.Variable(m * n, nonneg=True)
        share, square = cp.Variable(m * n, nonneg=True), cp.Variable(m * n, nonneg=True)
        rows = _marginals(m, n)
        constraints = [
            cp.SOC(share + square, cp.vstack([2.0 * self.mass, share - square]), axis=0),
            share <= 1.0,
            rows[m:] @ share <= float(max_nz),
            rows @ self.mass == np.concatenate([a, b]) / self.unit,
        ]
        objective = self.costs @ self.mass + 0.5 * validation.check_number("reg", reg) * self.unit * cp.sum(square)
        self.shape = (m, n)
        self.problem = cp.Problem(cp.Minimize(objective), constraints)

    def solve(self, M: Floats) -> float:
        """Optimal value for these costs."""
        self.costs.value = M.ravel()
        return self.unit * _solved(self.problem)

    @property
    def plan(self) -> Floats:
        """Plan of the last solution."""
        return np.maximum(np.asarray(self.mass.value), 0.0).reshape(self.shape) * self.unit


def _cvxpy() -> Any:
    """The library, which takes a second to import and whose functions have no types."""
    import cvxpy

    return cvxpy


def _solved(problem: Any) -> float:
    """Solve by Clarabel, as far as rounding lets it get, and require an optimum."""
    cp = _cvxpy()
    names = ("gap_abs", "gap_rel", "feas")
    accepted = {f"reduced_tol_{name}": _ACCEPTED for name in names}
    for tolerance, step in _ATTEMPTS:
        settings = accepted | {f"tol_{name}": tolerance for name in names} | {"max_step_fraction": step}
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Solution may be inaccurate", UserWarning)
            try:
                # from a cold start and on one thread, so that the result depends on the problem alone
                problem.solve(solver=cp.CLARABEL, warm_start=False, max_threads=1, **settings)
            except cp.SolverError:
                continue
        if problem.status in (cp.OPTIMAL, cp.OPTIMAL_INACCURATE):
            return float(problem.value)
    raise NotConverged(f"Clarabel ({problem.status})", np.array(math.nan), np.array(math.inf), 0)


def _linear_program(costs: Floats, rows: Any, right: Floats, largest: float) -> Floats:
    from scipy.optimize import linprog

    result = linprog(costs, A_eq=rows, b_eq=right, bounds=(0.0, largest), method="highs-ds")
    if result.status != 0:
        raise NotConverged("the linear program", np.array(math.nan), np.array(math.inf), int(result.nit))
    return np.asarray(result.x)


def _marginals(m: int, n: int) -> Any:
    """Row sums, then column sums, of a plan that is written row by row."""
    from scipy import sparse

    rows = sparse.kron(sparse.eye_array(m), np.ones((1, n)))
    columns = sparse.kron(np.ones((1, m)), sparse.eye_array(n))
    return sparse.vstack([rows, columns], format="csr")
