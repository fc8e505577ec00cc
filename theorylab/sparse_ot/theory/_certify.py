"""Lower and upper bounds of the dual value that meet: rounds of the interior-point method on growing candidate sets."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theorylab.sparse_ot.theory._columns import Columns, SemiDual
from theorylab.sparse_ot.theory._interior_point import Interior, interior_point
from theorylab.sparse_ot.theory._laplacian import RowLaplacian
from theorylab.sparse_ot.theory.k_support import ksupport_norm_sq

__all__ = ["Certified", "certify"]

Array = NDArray[np.float64]

#: Entries of a column beyond max_nz that are candidates in the first round; doubled from round to round.
_SPARE = 8
_MAX_ROUNDS = 12
#: The interior-point method works to this share of the gap allowed, since its own measure is an estimate.
_SAFETY = 0.1
#: l1 error of the marginals, as a share of the mass, up to which a plan counts as feasible: some hundred roundings.
_FEASIBLE = 1e-12


@dataclasses.dataclass(frozen=True)
class Certified:
    """Bounds of the dual value, what attains them, and the work done; in the units of the problem.

    Parameters
    ----------
    alpha : numpy.ndarray, shape (m,)
        Potential that attains the lower bound.
    rows : numpy.ndarray of int, shape (n, K)
        Candidates of each column.
    plan : numpy.ndarray, shape (n, K)
        Mass on the candidates, with exact marginals if `upper` is finite; attains the upper bound.
    lower, upper : float
        The bounds; `upper` is infinite without a feasible plan.
    n_iterations : int
        Newton steps in all rounds.
    """

    alpha: Array
    rows: NDArray[np.intp]
    plan: Array
    lower: float
    upper: float
    n_iterations: int

    def gap(self, problem: Columns) -> float:
        """Distance of the bounds, relative to :func:`_scale`; inf without an upper bound."""
        return (self.upper - self.lower) / _scale(problem, self.upper) if np.isfinite(self.upper) else np.inf


def certify(problem: Columns, semi_dual: SemiDual, alpha: Array, tolerance: float) -> Certified:
    """Close the gap to `tolerance` of the value, or stop where no further round narrows it."""
    lower, distance, tau = _lower_bound(problem, semi_dual, alpha)
    best = Certified(alpha, np.zeros((0, 0), dtype=np.intp), np.zeros((0, 0)), lower, np.inf, 0)
    n_iterations, spare, support = 0, _SPARE, None
    for _ in range(_MAX_ROUNDS):
        rows = _candidates(problem, alpha, tau, spare, support)
        allowed = tolerance * _scale(problem, lower)
        inner = interior_point(problem, rows, alpha, tau, distance, _SAFETY * allowed)
        n_iterations += inner.n_iterations
        plan, feasible = _exact_plan(problem, rows, inner)
        costs = np.take_along_axis(problem.costs, rows, axis=1)
        upper = float(np.sum(costs * plan) + 0.5 * np.sum(ksupport_norm_sq(plan, problem.max_nz, axis=1)))
        alpha = inner.alpha - np.median(inner.alpha)
        lower, distance, tau = _lower_bound(problem, semi_dual, alpha)
        best = _better(best, Certified(alpha, rows, plan, lower, upper if feasible else np.inf, n_iterations))
        if best.gap(problem) <= tolerance or rows.shape[1] == problem.a.size:
            break
        support, spare = (rows, inner.plan > 1e-3 * inner.slack), 2 * spare
    return best


def _scale(problem: Columns, value: float) -> float:
    """Size of a value, at least that of its regulariser alone: a value may cancel to nothing."""
    return max(abs(value), 0.5 * float(np.sum(problem.b**2)) / problem.max_nz)


def _lower_bound(problem: Columns, semi_dual: SemiDual, alpha: Array) -> tuple[float, float, Array]:
    """The semi-dual on all entries, a measure of the distance from the optimum, and the thresholds.

    The measure is the relative row error of the top-k plan times the cost of a unit of mass.
    """
    top = semi_dual.evaluate(alpha)
    value, mass = semi_dual.value(alpha, top), float(problem.a.sum())
    error = float(np.abs(problem.a - _by_rows(top.rows, top.plan, problem.a.size)).sum()) / mass
    return value, error * abs(value / mass - float(problem.costs.min())), top.tau


def _better(old: Certified, new: Certified) -> Certified:
    """The larger lower bound and the smaller upper bound of two rounds."""
    dual, primal = (new if new.lower >= old.lower else old), (new if new.upper <= old.upper else old)
    return Certified(dual.alpha, primal.rows, primal.plan, dual.lower, primal.upper, new.n_iterations)


def _candidates(
    problem: Columns,
    alpha: Array,
    tau: Array,
    spare: int,
    support: tuple[NDArray[np.intp], NDArray[np.bool_]] | None,
) -> NDArray[np.intp]:
    """The best scores of each column, the best of each row, and the entries that carried mass in the round before.

    Without the rows' best, rounds are spent on finding entries that can carry the row masses at all.
    """
    scores = alpha - problem.costs - tau[:, None]
    m = problem.a.size
    needed = min(problem.max_nz, int(np.count_nonzero(scores > 0.0, axis=1).max()))
    scores[np.argmax(scores, axis=0), np.arange(m)] = np.inf
    if support is not None:
        rows, used = support
        held = np.take_along_axis(scores, rows, axis=1)
        np.put_along_axis(scores, rows, np.where(used, np.inf, held), axis=1)
    needed = max(needed, int(np.count_nonzero(np.isinf(scores), axis=1).max()))
    width = min(m, needed + spare)
    if width == m:
        return np.tile(np.arange(m), (problem.b.size, 1))
    return np.ascontiguousarray(np.argpartition(scores, m - width, axis=1)[:, m - width :])


def _exact_plan(problem: Columns, rows: NDArray[np.intp], inner: Interior) -> tuple[Array, bool]:
    """The plan with zeros where they belong and marginals exact to rounding, and whether that was possible."""
    laplacian = RowLaplacian(rows, problem.a.size)
    # on the central path an entry of the plan and its slack go to zero in turn
    plan = inner.plan
    for start in (np.where(inner.plan > inner.slack, inner.plan, 0.0), inner.plan):
        plan = _repair(problem, rows, laplacian, start)
        if _marginal_error(problem, rows, plan) <= _FEASIBLE * problem.a.sum():
            return plan, True
    return plan, False


def _repair(problem: Columns, rows: NDArray[np.intp], laplacian: RowLaplacian, plan: Array) -> Array:
    """Smallest relative change, in the mean square weighted by the plan, that meets both marginals."""
    totals = plan.sum(axis=1)
    if np.any(totals <= 0.0):
        return plan
    # every component of the support has a shift of its own in the kernel
    floor = _FEASIBLE * _by_rows(rows, plan, problem.a.size)
    try:
        solve = laplacian.factorise([plan / np.sqrt(totals)[:, None]], floor)
    except np.linalg.LinAlgError:
        return plan
    weights = plan
    for _ in range(3):
        of_rows = problem.a - _by_rows(rows, plan, problem.a.size)
        of_columns = problem.b - plan.sum(axis=1)
        right = of_rows - _by_rows(rows, weights * (of_columns / totals)[:, None], problem.a.size)
        x = solve(right)[rows]
        y = (of_columns - (weights * x).sum(axis=1)) / totals
        plan = np.maximum(plan + weights * (x + y[:, None]), 0.0)
    return plan


def _by_rows(rows: NDArray[np.intp], entries: Array, n_rows: int) -> NDArray[Any]:
    return np.bincount(rows.ravel(), entries.ravel(), minlength=n_rows)


def _marginal_error(problem: Columns, rows: NDArray[np.intp], plan: Array) -> float:
    of_rows = np.abs(problem.a - _by_rows(rows, plan, problem.a.size)).sum()
    return float(of_rows + np.abs(problem.b - plan.sum(axis=1)).sum())
