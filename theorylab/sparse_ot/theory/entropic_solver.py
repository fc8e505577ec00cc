r"""Entropic transport plans by Newton's method or by Sinkhorn's, whichever is faster.

.. [tang2024] X. Tang, M. Shavlovsky, H. Rahmanian, E. Tardini, K. K. Thekumparampil, T. Xiao, L. Ying, "Accelerating
   Sinkhorn Algorithm with Sparse Newton Iterations", ICLR 2024, arXiv:2401.12253.
"""

from __future__ import annotations

import math
from typing import Any

from theorylab import arrays, validation
from theorylab.numerics import NotConverged
from theorylab.sparse_ot.problem import check_transport
from theorylab.sparse_ot.theory._entropic_newton import run_newton
from theorylab.sparse_ot.theory._entropic_sinkhorn import Record, newton_pays, run_sinkhorn, warm_up
from theorylab.sparse_ot.theory._entropic_sparse_newton import run_sparse_newton
from theorylab.sparse_ot.theory._entropic_state import Instances, State, column_error, objective, project_rows
from theorylab.sparse_ot.theory.entropic_rates import kept_entries

__all__ = ["entropic_ot_newton"]

#: Method to sweeps before its first Newton step, and to the steps (for "sinkhorn": sweeps) that it may take.
_WARM_UP = {"auto": 100, "lm": 100, "sns": 20, "newton": 20, "sinkhorn": 0}
_MAX_ITER = {"auto": 200, "lm": 200, "sns": 200, "newton": 200, "sinkhorn": 100_000}
#: Entries of each row and column that the sparsified Hessian keeps on average, when nothing is said.
_KEPT = 15.0


def entropic_ot_newton(
    a: Any,
    b: Any,
    M: Any,
    reg: float,
    *,
    method: str = "auto",
    n_sinkhorn: int | None = None,
    density: float | None = None,
    tol: float = 1e-10,
    max_iter: int | None = None,
    log: bool = False,
) -> Any:
    r"""Plan of entropic optimal transport, to high accuracy also where the regularisation is weak.

    The plan minimises :math:`\langle P, M\rangle + \mathrm{reg} \sum_{ij} P_{ij}\log P_{ij}` over the plans with row
    sums a and column sums b.  Where the regularisation is weak beside the costs, Sinkhorn's algorithm takes tens of
    thousands of sweeps; Newton's method takes about ten factorisations.

    Parameters
    ----------
    a : array_like, shape (..., m)
        Row masses, >= 0.
    b : array_like, shape (..., n)
        Column masses, >= 0, of the same total, which need not be 1.
    M : array_like, shape (..., m, n)
        Costs.  Leading axes are a batch, and broadcast.
    reg : float
        Regularisation, > 0, in the units of `M`: 1/eta.
    method : str
        "lm": damped Newton on the semi-dual with sweeps between its steps.  "sinkhorn": sweeps alone.  "auto": sweeps,
        and "lm" from the moment on that it promises to be faster.  "sns" [tang2024]_: sweeps, then Newton steps with a
        sparsified Hessian, solved by conjugate gradients.  "newton": the same with the whole Hessian.  The last two
        run on the host, for comparison: both may stall.
    n_sinkhorn : int, optional
        Sweeps before the first Newton step, >= 0; 100 by default, 20 for "sns" and "newton".
    density : float, optional
        For "sns": share of the entries of the plan that the Hessian keeps, in (0, 1]; 15 / max(m, n) by default.
    tol : float
        l1 error of both marginals to reach, as a share of the total mass, > 0.  The potentials' own rounding limits it
        to about ``1e-16 * max|M| / reg``.
    max_iter : int, optional
        Newton steps, 200 by default; for "sinkhorn" sweeps, 100,000 by default.
    log : bool
        Whether to return how it went.

    Returns
    -------
    P : array, shape (..., m, n)
        float64, in the namespace and on the device of the arguments.  Rows and columns without mass are zero.
    log : dict
        Only with ``log=True``.  "alpha" (..., m) and "beta" (..., n), the dual potentials with
        ``P = exp((alpha_i + beta_j - M_ij)/reg - 1)``, minus infinity where there is no mass; "value" (...), the
        minimum; and, as lists for a batch, "method" that ended it, "errors" at each look, "n_sweeps",
        "n_factorizations", "n_cg".

    Raises
    ------
    ValueError
        If an argument is out of range, or no plan exists (see :func:`~theorylab.sparse_ot.problem.check_transport`).
    NotConverged
        If a problem has not reached `tol`; it carries the plans as `estimate` and their errors as `residual`.  An
        exception and not a warning, since a plan with wrong marginals looks like any other.

    Notes
    -----
    Memory: about eight arrays of the size of `M`.  With NumPy the linear systems are solved by Cholesky factorisation
    of the Schur complement on the smaller side, elsewhere by the library's ``linalg.solve``.

    Examples
    --------
    >>> entropic_ot_newton([0.5, 0.5], [0.5, 0.5], [[0.0, 1.0], [1.0, 0.0]], 0.1).round(6)
    array([[4.99977e-01, 2.30000e-05],
           [2.30000e-05, 4.99977e-01]])
    """
    reg = validation.check_number("reg", reg, exclusive_minimum=0.0)
    tol = validation.check_number("tol", tol, exclusive_minimum=0.0)
    method = validation.check_choice("method", method, tuple(_WARM_UP))
    n_sinkhorn = (
        _WARM_UP[method] if n_sinkhorn is None else int(validation.check_count("n_sinkhorn", n_sinkhorn, minimum=0))
    )
    max_iter = _MAX_ITER[method] if max_iter is None else int(validation.check_count("max_iter", max_iter))
    if density is not None:
        density = validation.check_number("density", density, exclusive_minimum=0.0, maximum=1.0)
    xp, a, b, M = check_transport(a, b, M)
    swapped = M.shape[-2] < M.shape[-1]  # the factorised matrix belongs to the columns
    if swapped:
        a, b, M = b, a, xp.matrix_transpose(M)
    total = xp.sum(a, axis=-1)
    instances = _instances(xp, a, b, M, total, reg)
    records = _solve(instances, method, n_sinkhorn, density, tol, max_iter)
    state = project_rows(instances, xp.stack([record.psi for record in records]))
    return _finish(instances, state, records, tol, (tuple(M.shape), total, reg, swapped), log)


def _instances(xp: Any, a: Any, b: Any, M: Any, total: Any, reg: float) -> Instances:
    """Flat batch of problems of total mass 1."""
    m, n = M.shape[-2:]
    share = 1.0 / total[..., None]
    flat = (xp.reshape(a * share, (-1, m)), xp.reshape(b * share, (-1, n)), xp.reshape(M / reg, (-1, m, n)))
    return Instances.of(xp, *flat)


def _solve(
    instances: Instances, method: str, n_sinkhorn: int, density: float | None, tol: float, max_iter: int
) -> list[Record]:
    xp = instances.xp
    m, n = instances.costs.shape[-2:]
    # A column without mass is closed from the start.
    start = xp.where(instances.b > 0.0, xp.zeros_like(instances.b), instances.log_b)
    records = [Record(start[k, :]) for k in range(start.shape[0])]
    if method == "sinkhorn":
        run_sinkhorn(instances, records, tol, max_iter, lambda _: False)
        return records
    if method == "auto":
        limit = _MAX_ITER["sinkhorn"]
        rest = run_sinkhorn(instances, records, tol, limit, lambda record: newton_pays(record, tol, m, n))
    else:
        rest = list(range(len(records)))
    chosen, left = instances.take(rest) if rest else instances, [records[k] for k in rest]
    for record, k in zip(left, rest, strict=True):
        record.method, record.psi = "lm" if method == "auto" else method, start[k, :]
    if rest and method in ("auto", "lm"):
        warm_up(chosen, left, n_sinkhorn)
        run_newton(chosen, left, tol, max_iter)
    elif rest:
        n_kept = None if method == "newton" else kept_entries(min(1.0, density or _KEPT / max(m, n)), m, n)
        run_sinkhorn(instances, records, -math.inf, n_sinkhorn, lambda _: False)
        for k in rest:
            _run_on_host(instances, k, records[k], tol, max_iter, n_kept)
    return records


def _run_on_host(instances: Instances, k: int, record: Record, tol: float, max_iter: int, n_kept: int | None) -> None:
    """Sparse or dense Newton on one problem, with NumPy and SciPy and without the empty rows and columns."""
    a, b, costs, psi = (
        arrays.to_numpy(x) for x in (instances.a[k, :], instances.b[k, :], instances.costs[k, ...], record.psi)
    )
    rows, columns = a > 0.0, b > 0.0
    record.psi = psi[columns]
    n_kept = None if n_kept is None else min(n_kept, int(rows.sum() * columns.sum()))
    run_sparse_newton(a[rows], b[columns], costs[rows][:, columns], record, tol, max_iter, n_kept)
    psi = psi.copy()
    psi[columns] = record.psi
    _, (record.psi,) = arrays.promote(psi, like=instances.b)


def _finish(
    instances: Instances,
    state: State,
    records: list[Record],
    tol: float,
    scale: tuple[tuple[int, ...], Any, float, bool],
    log: bool,
) -> Any:
    """Plans of the caller's shape and mass; refuses those that have not converged."""
    xp = instances.xp
    (*batch, m, n), total, reg, swapped = scale
    _, error = column_error(instances, state)
    plan = xp.reshape(state.plan, (*batch, m, n)) * total[..., None, None]
    plan = xp.matrix_transpose(plan) if swapped else plan
    if not bool(xp.all(error <= tol)):
        steps = max(len(record.errors) for record in records)
        worst = float(xp.max(error))
        what = f"entropic transport by {_worst_method(records)} (tol {tol:.3g}, l1 marginal error {worst:.3g})"
        raise NotConverged(what, plan, xp.reshape(error, tuple(batch)), steps)
    if not log:
        return plan
    # exp(phi + psi - M/reg) has mass 1; the convention exp((alpha + beta - M)/reg - 1) puts mass and -1 into alpha
    value = reg * (xp.reshape(objective(instances, state), tuple(batch)) + xp.log(total)) * total
    alpha = reg * (xp.reshape(state.phi, (*batch, m)) + (xp.log(total) + 1.0)[..., None])
    beta = reg * xp.reshape(state.psi, (*batch, n))
    details: dict[str, Any] = {"alpha": beta if swapped else alpha, "beta": alpha if swapped else beta, "value": value}
    for name in ("method", "errors", "n_sweeps", "n_factorizations", "n_cg"):
        values = [getattr(record, name) for record in records]
        details[name] = values if batch else values[0]
    return plan, details


def _worst_method(records: list[Record]) -> str:
    return max(records, key=lambda record: record.errors[-1]).method
