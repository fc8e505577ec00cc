"""One problem on the host: zero masses out, both stages, plans and potentials back in the caller's units."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theorylab.sparse_ot.theory._certify import Certified, certify
from theorylab.sparse_ot.theory._columns import Columns, SemiDual, TopK, simplex_plan
from theorylab.sparse_ot.theory._first_order import ascend, entropic_start

__all__ = ["Settings", "Solution", "solve"]

Array = NDArray[np.float64]

#: First stage on its own: it goes on while a step gains this share of the value.
_LAST_GAIN = 1e-12
#: First stage before the second, which takes over where a step gains less than this share of the value, divided by the
#: number of rows: the more rows, the more evaluations a Newton step is worth.
_GAIN, _STEPS = 3e-3, 80
#: Relative distance of the k-th and the next score, as a share of their height above the threshold, that counts as a
#: tie where the optimum is known only as well as L-BFGS finds it.
_NEARLY_TIED = 0.05


@dataclasses.dataclass(frozen=True)
class Settings:
    """Checked parameters of the solver; their meaning is that of `sparse_ot`."""

    reg: float
    max_nz: int
    plan: str
    certify: bool
    tol: float
    gap_tol: float
    max_iter: int


@dataclasses.dataclass(frozen=True)
class Solution:
    """What the solver found, in the caller's units; plans are ``scipy.sparse.csc_array`` of shape (m, n)."""

    plan: Any
    plan_convex: Any
    alpha: Array
    beta: Array
    value: float
    value_upper: float
    gap: float
    tied_columns: NDArray[np.bool_]
    row_error: float
    column_error: float
    mass: float
    exhausted: bool
    unfillable: NDArray[np.intp]
    n_unreached: int
    n_iterations: tuple[int, int]
    n_evaluations: int


def solve(settings: Settings, a: Array, b: Array, M: Array, alpha0: Array | None) -> Solution:
    """Both stages, or the first alone."""
    rows, columns = np.flatnonzero(a > 0.0), np.flatnonzero(b > 0.0)
    problem = Columns.of(a[rows], b[columns], M[np.ix_(rows, columns)], settings.reg, settings.max_nz)
    semi_dual = SemiDual(problem)
    start = entropic_start(problem) if alpha0 is None else alpha0[rows] / problem.cost_unit
    steps, gain = (
        (min(_STEPS, settings.max_iter), _GAIN / rows.size) if settings.certify else (settings.max_iter, _LAST_GAIN)
    )
    ascent = ascend(semi_dual, start, steps, gain)
    if settings.certify:
        found = certify(problem, semi_dual, ascent.alpha, settings.gap_tol)
    else:
        nothing = np.zeros((columns.size, 0))
        lower = semi_dual(ascent.alpha)[0]
        found = Certified(ascent.alpha, nothing.astype(np.intp), nothing, lower, np.inf, 0)
    top, tied = _top_k_plan(problem, semi_dual, found)

    def placed(indices: NDArray[np.intp], masses: Array) -> Any:
        return _sparse(rows[indices], columns, masses * problem.mass_unit, M.shape)

    convex = placed(found.rows, found.plan) if np.isfinite(found.upper) else None
    plan = convex if settings.plan == "convex" and convex is not None else placed(top.rows, top.plan)
    alpha, beta = _potentials(found.alpha * problem.cost_unit, top.tau * problem.cost_unit, rows, columns, M)
    everywhere = np.zeros(b.size, dtype=bool)
    everywhere[columns] = tied
    return Solution(
        plan=plan,
        plan_convex=convex,
        alpha=alpha,
        beta=beta,
        value=found.lower * problem.value_unit,
        value_upper=found.upper * problem.value_unit,
        gap=found.gap(problem),
        tied_columns=everywhere,
        row_error=float(np.abs(np.asarray(plan.sum(axis=1)).ravel() - a).sum()),
        column_error=float(np.abs(np.asarray(plan.sum(axis=0)).ravel() - b).sum()),
        mass=float(a.sum()),
        exhausted=ascent.exhausted and not settings.certify,
        unfillable=_unfillable(a, b, settings.max_nz),
        n_unreached=max(0, rows.size - columns.size * settings.max_nz),
        n_iterations=(ascent.n_iterations, found.n_iterations),
        n_evaluations=semi_dual.n_evaluations,
    )


def _top_k_plan(problem: Columns, semi_dual: SemiDual, found: Certified) -> tuple[TopK, NDArray[np.bool_]]:
    """The top-k plan, and which columns are tied.

    Among tied entries those that carry most of the convex plan are kept: any choice is a maximiser, this one misses the
    rows by less.
    """
    k = problem.max_nz
    top = semi_dual.evaluate(found.alpha)
    if not np.isfinite(found.upper):
        return top, _nearly_tied(problem, found.alpha, top.tau)
    tied = np.count_nonzero(found.plan > 0.0, axis=1) > k
    if np.any(tied):
        most = np.argsort(-found.plan[tied], axis=1, kind="stable")[:, :k]
        chosen = np.take_along_axis(found.rows[tied], most, axis=1)
        scores = found.alpha[chosen] - np.take_along_axis(problem.costs[tied], chosen, axis=1)
        masses, _ = simplex_plan(scores, problem.b[tied])
        top.rows[tied], top.plan[tied] = chosen, masses
    return top, tied


def _nearly_tied(problem: Columns, alpha: Array, tau: Array) -> NDArray[np.bool_]:
    """Columns whose k-th and next score are close and both above the threshold."""
    k, m = problem.max_nz, problem.a.size
    if k == m:
        return np.zeros(tau.size, dtype=bool)
    heights = np.partition(alpha - problem.costs - tau[:, None], (m - k - 1, m - k), axis=1)
    last, following = heights[:, m - k], heights[:, m - k - 1]
    return np.asarray((following > 0.0) & (last - following <= _NEARLY_TIED * last))


def _unfillable(a: Array, b: Array, k: int) -> NDArray[np.intp]:
    """Columns that hold more than the k largest rows together: no k-sparse plan has these marginals."""
    most = np.sort(a)[::-1][:k].sum()
    return np.flatnonzero(b > most * (1.0 + 1e-12))


def _potentials(
    alpha: Array, tau: Array, rows: NDArray[np.intp], columns: NDArray[np.intp], M: Array
) -> tuple[Array, Array]:
    """Potentials of all rows and columns: those without mass get the largest alpha that asks for none, and tau's limit.

    Neither changes the objective.
    """
    m, n = M.shape
    full_alpha, full_tau = np.empty(m), np.empty(n)
    full_alpha[rows], full_tau[columns] = alpha, tau
    empty = np.setdiff1d(np.arange(m), rows)
    full_alpha[empty] = np.min(M[np.ix_(empty, columns)] + tau, axis=1)
    empty = np.setdiff1d(np.arange(n), columns)
    full_tau[empty] = np.max(full_alpha[:, None] - M[:, empty], axis=0)
    return full_alpha, -full_tau


def _sparse(rows: NDArray[np.intp], columns: NDArray[np.intp], masses: Array, shape: tuple[int, ...]) -> Any:
    """The plan as a sparse array, from rows and masses of each column."""
    from scipy.sparse import csc_array

    used = masses > 0.0
    places = np.broadcast_to(columns[:, None], rows.shape)[used]
    return csc_array((masses[used], (rows[used], places)), shape=shape)
