r"""Solver of sparsity-constrained transport: potentials, plans, and a certificate that needs no trust in the solver.

The bounds, derived here: :func:`~theorylab.sparse_ot.theory.objectives.semi_dual_objective` at a potential from below,
:func:`~theorylab.sparse_ot.theory.objectives.convexified_cost` of a plan with exact marginals from above.
"""

from __future__ import annotations

import dataclasses
import warnings
from typing import Any, NamedTuple

import numpy as np

from theorylab import arrays, validation
from theorylab.numerics import NotConverged
from theorylab.sparse_ot.problem import check_transport
from theorylab.sparse_ot.theory._arguments import check_max_nz, check_reg
from theorylab.sparse_ot.theory._solution import Settings, Solution, solve

__all__ = ["Bidual", "ConvergenceWarning", "SparseTransport", "bidual_ot", "sparse_ot"]


class ConvergenceWarning(UserWarning):
    """A plan was returned that misses the row marginals, or a gap that stayed open."""


@dataclasses.dataclass(frozen=True)
class SparseTransport:
    r"""What is known of a solution besides its plan; arrays have the batch axes of the problem in front.

    Entries can also be looked up by name, as in the `log` of other libraries: ``log["alpha"]``.

    Parameters
    ----------
    value : array
        Semi-dual at `alpha`: a lower bound of the optimum, whatever the solver did.
    value_upper : array
        Convexified cost of the convex plan: an upper bound of the maximum of the dual; inf where there is no such plan.
    gap : array
        Their difference, relative to the larger of the value's magnitude and :math:`\gamma\|b\|^2/(2k)`, the least
        that the regulariser can be; inf without an upper bound.
    alpha : array, shape (..., m)
        Potential of the rows: gradient of the optimal value with respect to a, up to a constant.
    beta : array, shape (..., n)
        Potential of the columns.
    tied_columns : array of bool, shape (..., n)
        Columns where the convex plan has more than `max_nz` entries: the k-th and the next score are equal there, to
        the resolution of the gap.  Without a certificate, those where the two are within 5 %.
    row_error, column_error : array
        l1 distance of the marginals of the returned plan from a and b.
    converged : array of bool
        Whether the gap is below its tolerance; without a certificate, whether the row error is.
    message : str
        What the solver has to say, empty if nothing.
    n_iterations : array of int
        Quasi-Newton steps and Newton steps, shape (..., 2).
    n_evaluations : array of int
        Evaluations of the semi-dual.
    plan_convex : array, shape (..., m, n), or None
        Plan with exact marginals that minimises the convexified cost: gradient of the optimal value with respect to M.
        None without a certificate.
    """

    value: Any
    value_upper: Any
    gap: Any
    alpha: Any
    beta: Any
    tied_columns: Any
    row_error: Any
    column_error: Any
    converged: Any
    message: str
    n_iterations: Any
    n_evaluations: Any
    plan_convex: Any

    def __getitem__(self, name: str) -> Any:
        return getattr(self, name)


class Bidual(NamedTuple):
    """Optimum of the convexified problem.

    Parameters
    ----------
    value : array
        The optimum, to the relative gap asked for.
    plan : array, shape (..., m, n)
        Plan with exact marginals; some columns may have more than `max_nz` entries.
    alpha : array, shape (..., m)
        Potential of the rows.
    """

    value: Any
    plan: Any
    alpha: Any


def sparse_ot(
    a: Any,
    b: Any,
    M: Any,
    reg: float,
    max_nz: int,
    *,
    sparse_axis: int = 0,
    plan: str = "topk",
    certify: bool = True,
    tol: float = 1e-7,
    gap_tol: float = 1e-9,
    max_iter: int = 2000,
    alpha0: Any = None,
    as_sparse: bool = False,
    log: bool = False,
) -> Any:
    r"""Optimal transport with quadratic regularisation and at most `max_nz` entries in each column of the plan.

    .. math::
        \min_T \langle T, M\rangle + \frac\gamma2 \|T\|^2 \quad\text{s.t.}\quad T \ge 0,\; T1 = a,\; T^T1 = b,\;
        \|t_j\|_0 \le k

    by maximisation of the semi-dual, first by L-BFGS and then to the end by an interior-point method.

    Parameters
    ----------
    a : array_like, shape (..., m)
        Mass of each row, >= 0.
    b : array_like, shape (..., n)
        Mass of each column, >= 0, of the same sum.
    M : array_like, shape (..., m, n)
        Costs.  Leading axes are a batch and broadcast.
    reg : float
        :math:`\gamma > 0`, in units of cost per mass: with masses of order 1/n it acts where it is of order n.
    max_nz : int
        k >= 1.  k = 1 gives unregularised transport plus :math:`\frac\gamma2\|b\|^2`, k >= m the quadratic problem.
    sparse_axis : int
        0 to constrain the columns, each of which collects from at most k rows; 1 to constrain the rows.
    plan : str
        "topk": at most k entries in each column and exact column masses; the row masses are missed where columns are
        tied.  "convex": both marginals exact; tied columns have more than k entries.
    certify : bool
        Whether to go on from L-BFGS to the optimum and its certificate, which takes about 20 factorisations of an m x m
        matrix; "convex" needs it.
    tol : float
        Relative l1 row error up to which a top-k plan counts as one that has the marginals.
    gap_tol : float
        Relative duality gap to reach.
    max_iter : int
        Steps of L-BFGS at most, where it is not followed by the second stage.
    alpha0 : array_like, shape (..., m), optional
        Potential to start from, (..., n) for `sparse_axis` 1.
    as_sparse : bool
        Whether to return plans as ``scipy.sparse.csc_array`` on the host, in a list over the flattened batch if there
        is one.
    log : bool
        Whether to return a :class:`SparseTransport` too.

    Returns
    -------
    T : array, shape (..., m, n)
        The plan, float64, in the namespace and on the device of the arguments.
    log : SparseTransport
        Only if `log` is true.

    Raises
    ------
    TypeError, ValueError
        If the problem is not well posed or a parameter is wrong; before any work.
    NotConverged
        If `plan` is "convex" and the gap stays above `gap_tol`; it carries the plan.

    Warns
    -----
    ConvergenceWarning
        If a top-k plan misses the rows by more than `tol`, with the reason: no k-sparse plan has the marginals, or the
        optimum is at a tie, which no further iteration removes, or the solver stopped early.

    Notes
    -----
    The work is done on the host in float64.  Masses of zero are left out and put back.  The optimum lies at a tie in
    about half of the columns when the constraint matters; then only a mixture of top-k columns has the row masses.  The
    optimal value's derivative with respect to M is the convex plan, not the top-k plan.

    References
    ----------
    .. [liu2023] T. Liu, J. Puigcerver and M. Blondel, "Sparsity-constrained optimal transport", ICLR 2023.  The second
       stage and the certificate are derived here.

    Examples
    --------
    >>> T, log = sparse_ot([0.5, 0.5], [0.5, 0.5], [[0.0, 1.0], [1.0, 0.0]], reg=1.0, max_nz=1, log=True)
    >>> T, round(float(log.value), 12), bool(log.gap <= 1e-9)
    (array([[0.5, 0. ],
           [0. , 0.5]]), 0.25, True)
    """
    xp, a, b, M = check_transport(a, b, M)
    settings = Settings(
        reg=check_reg(reg),
        max_nz=check_max_nz("max_nz", max_nz),
        plan=validation.check_choice("plan", plan, ["topk", "convex"]),
        certify=bool(certify) or plan == "convex",
        tol=validation.check_number("tol", tol, exclusive_minimum=0.0),
        gap_tol=validation.check_number("gap_tol", gap_tol, exclusive_minimum=0.0),
        max_iter=int(validation.check_count("max_iter", max_iter)),
    )
    if isinstance(sparse_axis, bool) or sparse_axis not in (0, 1):
        raise ValueError(f"sparse_axis must be 0 (columns) or 1 (rows); got {sparse_axis!r}.")
    if sparse_axis == 1:
        a, b, M = b, a, xp.moveaxis(M, -1, -2)
    if alpha0 is not None:
        alpha0 = validation.check_array("alpha0", alpha0)
        if tuple(alpha0.shape) not in {tuple(a.shape), tuple(a.shape[-1:])}:
            raise ValueError(
                f"alpha0 must be of shape {tuple(a.shape)}, one entry for each mass along the sparse axis; got "
                f"shape {tuple(alpha0.shape)}."
            )
    problems = _on_host(a, b, M, alpha0)
    solutions = [solve(settings, *problem) for problem in problems]
    form = _Form(xp, a, tuple(a.shape[:-1]), transposed=sparse_axis == 1, as_sparse=as_sparse)
    T = form.plans([solution.plan for solution in solutions])
    result = _result(form, solutions, settings)
    if plan == "convex" and not bool(xp.all(result.converged)):
        raise NotConverged("sparse_ot", T, result.gap, int(xp.max(result.n_iterations)))
    if result.message:
        warnings.warn(result.message, ConvergenceWarning, stacklevel=2)
    return (T, result) if log else T


def bidual_ot(a: Any, b: Any, M: Any, reg: float, max_nz: int, *, gap_tol: float = 1e-9) -> Bidual:
    r"""Optimum of the convexified problem, the bidual of sparsity-constrained transport.

    .. math::
        D_k = \min_T \Big\{\langle T, M\rangle + \frac\gamma2 \sum_j (\|t_j\|_k^{sp})^2 :
        T \ge 0,\; T1 = a,\; T^T1 = b\Big\} = \max_\alpha S(\alpha)

    Parameters
    ----------
    a, b, M : array_like, shapes (..., m), (..., n), (..., m, n)
        The transport problem, see :func:`~theorylab.sparse_ot.problem.check_transport`.
    reg : float
        :math:`\gamma > 0`, in units of cost per mass.
    max_nz : int
        k >= 1.
    gap_tol : float
        Relative gap between the value of the plan and that of the potential.

    Returns
    -------
    Bidual
        Value, plan and potential, in the namespace and on the device of the arguments.

    Raises
    ------
    TypeError, ValueError
        If the problem is not well posed or a parameter is wrong.
    NotConverged
        If the gap stays above `gap_tol`; it carries the plan.

    Notes
    -----
    :math:`D_1 = OT(a,b,M) + \frac\gamma2\|b\|^2`; :math:`D_k` falls with k; :math:`D_m` is quadratically regularised
    transport.  The work is done on the host in float64.

    References
    ----------
    .. [liu2023] T. Liu, J. Puigcerver and M. Blondel, "Sparsity-constrained optimal transport", ICLR 2023.  That the
       bidual's regulariser is the squared k-support norm is derived here.

    Examples
    --------
    >>> value, plan, alpha = bidual_ot([1.0, 1.0, 1.0], [1.5, 1.5], [[0.0, 0.0]] * 3, reg=1.0, max_nz=2)
    >>> round(float(value), 9)
    1.125
    """
    plan, log = sparse_ot(a, b, M, reg, max_nz, plan="convex", gap_tol=gap_tol, log=True)
    return Bidual(log.value, plan, log.alpha)


def _on_host(a: Any, b: Any, M: Any, alpha0: Any) -> list[tuple[Any, ...]]:
    """The problems of the batch one by one; the one place where arrays leave their library."""
    m, n = M.shape[-2:]
    a, b, M = (arrays.to_numpy(x).reshape(-1, *shape) for x, shape in ((a, (m,)), (b, (n,)), (M, (m, n))))
    if alpha0 is None:
        return [(*problem, None) for problem in zip(a, b, M, strict=True)]
    starts = np.broadcast_to(arrays.to_numpy(alpha0).astype(np.float64).reshape(-1, m), a.shape)
    return list(zip(a, b, M, starts, strict=True))


@dataclasses.dataclass(frozen=True)
class _Form:
    """How results are handed back: library and device, batch axes, which side was constrained."""

    xp: Any
    like: Any
    batch: tuple[int, ...]
    transposed: bool
    as_sparse: bool

    def array(self, values: Any) -> Any:
        """Array of the caller's library with the batch axes in front, from one entry for each problem."""
        host = np.asarray(values)
        host = host.reshape((*self.batch, *host.shape[1:]))
        if host.dtype.kind == "f":
            return arrays.promote(host, like=self.like)[1][0]
        return self.xp.asarray(host, device=arrays.device(self.like))

    def plans(self, plans: list[Any]) -> Any:
        """Dense or sparse plans, as asked for; None where there is none."""
        if any(plan is None for plan in plans):
            return None
        plans = [plan.T.tocsc() if self.transposed else plan for plan in plans]
        if self.as_sparse:
            return plans if self.batch else plans[0]
        return self.array(np.stack([plan.toarray() for plan in plans]))


def _result(form: _Form, solutions: list[Solution], settings: Settings) -> SparseTransport:
    def gathered(name: str) -> Any:
        return form.array([getattr(solution, name) for solution in solutions])

    converged = [_converged(solution, settings) for solution in solutions]
    alpha, beta = gathered("alpha"), gathered("beta")
    rows, columns = gathered("row_error"), gathered("column_error")
    return SparseTransport(
        value=gathered("value"),
        value_upper=gathered("value_upper"),
        gap=gathered("gap"),
        alpha=beta if form.transposed else alpha,
        beta=alpha if form.transposed else beta,
        tied_columns=gathered("tied_columns"),
        row_error=columns if form.transposed else rows,
        column_error=rows if form.transposed else columns,
        converged=form.array(converged),
        message=next((text for text in (_message(s, settings) for s in solutions) if text), ""),
        n_iterations=gathered("n_iterations"),
        n_evaluations=gathered("n_evaluations"),
        plan_convex=form.plans([solution.plan_convex for solution in solutions]),
    )


def _converged(solution: Solution, settings: Settings) -> bool:
    if settings.certify:
        return abs(solution.gap) <= settings.gap_tol
    return solution.row_error <= settings.tol * solution.mass


def _message(solution: Solution, settings: Settings) -> str:
    """Why the row masses are missed, or the gap open; empty where neither is so."""
    error, n_tied = solution.row_error / solution.mass, int(np.count_nonzero(solution.tied_columns))
    if settings.certify and not _converged(solution, settings):
        return f"the relative duality gap is {solution.gap:.2g}, above gap_tol={settings.gap_tol:g}."
    if settings.plan == "convex" or error <= settings.tol:
        return ""
    missed = f"the top-k plan misses the masses across the sparse axis by {error:.2g} of their sum"
    if solution.unfillable.size > 0:
        named = ", ".join(str(j) for j in solution.unfillable[:5]) + (", ..." if solution.unfillable.size > 5 else "")
        return (
            f"{missed}: no plan with max_nz={settings.max_nz} has these marginals, since column {named} holds more "
            "than any so many rows together. Use a larger max_nz, or plan='convex' for exact masses."
        )
    if solution.n_unreached > 0:
        return (
            f"{missed}: no plan with max_nz={settings.max_nz} has these marginals, since all columns together reach "
            f"{solution.n_unreached} rows too few. Use a larger max_nz, or plan='convex' for exact masses."
        )
    if solution.exhausted:
        return f"{missed}: L-BFGS ran out of max_iter={settings.max_iter} steps. Use certify=True or more steps."
    if not settings.certify:
        return (
            f"{missed}: L-BFGS makes no more progress, with {n_tied} columns near a tie. "
            "Use certify=True to go on, or plan='convex' for exact masses."
        )
    return (
        f"{missed}: the optimum is at a tie in {n_tied} columns, so that no further iteration removes the error. "
        "Use plan='convex' for exact masses."
    )
