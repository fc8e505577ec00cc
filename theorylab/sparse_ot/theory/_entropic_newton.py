r"""Levenberg-Marquardt Newton on the semi-dual, with Sinkhorn sweeps between its steps.

With the row potentials eliminated exactly, :math:`F(\psi) = \langle b, \psi\rangle - \sum_i a_i \log \sum_j
\exp(\psi_j - C_{ij})` has the gradient :math:`b - q`, :math:`q = P^T 1`, and minus its Hessian is the Schur complement

.. math:: H = \mathrm{diag}(q) - P^T \mathrm{diag}(1/a) P,

which is singular along constants, and nearly so along every group of rows and columns that exchanges little mass with
the rest.  The step solves :math:`(H + \mu\,\mathrm{diag}(b))\, d = b - q`.  Three things make it converge from a cold
start on every problem tried, where a plain Newton method stalls:

* sweeps after each step: they smooth the error inside such groups, which a Newton step far from the optimum makes large
  (an exponential is overshot), and never lower F; they cost a few per cent of a factorisation;
* a start from sweeps under costs that grow step by step (epsilon scaling), which brings such groups near their places;
* :math:`\mu` falls with the error, so that the end is quadratic.

Sources: the semi-dual Newton method for entropic transport goes back to [brauer2017]_; damping and sweeps between the
steps are derived here.

.. [brauer2017] C. Brauer, C. Clason, D. Lorenz, B. Wirth, "A Sinkhorn-Newton method for entropic optimal transport",
   arXiv:1710.06635.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from theorylab import arrays
from theorylab.sparse_ot.theory._entropic_sinkhorn import Record, looked_at, store, subset
from theorylab.sparse_ot.theory._entropic_state import (
    Instances,
    State,
    column_error,
    merge,
    objective,
    project_rows,
    sweep,
    take,
)

__all__ = ["run_newton", "solve_on_host"]

#: Sweeps behind each step.
_SWEEPS = 20
_FIRST_DAMPING, _LEAST_DAMPING = 1e-2, 1e-14
#: A step that gains this share of what the quadratic model promises is taken; from the second on damping falls.
_TAKEN, _GOOD = 1e-4, 0.25
#: Lengths of the step to try before a larger damping.
_LENGTHS = (1.0, 0.25, 0.0625, 0.015625)
#: Damping that swamps the rounding of single precision, 1e-7 of the masses: the product may then be made in it.
_LOOSE = 1e-6
#: Share of its mass below which a column counts as closed.
_CLOSED = 1e-200


def run_newton(instances: Instances, records: list[Record], tol: float, max_steps: int) -> None:
    """Newton's method on every problem until each has converged or has had its steps.

    Parameters
    ----------
    instances : Instances
        The problems, the smaller side the columns.
    records : list of Record
        One for each; their potentials are the start and are brought up to date.
    tol : float
        l1 marginal error to reach.
    max_steps : int
        Factorisations that each problem may take.
    """
    xp = instances.xp
    active = list(range(len(records)))
    state = project_rows(instances, xp.stack([record.psi for record in records]))
    damping = xp.full((len(records),), _FIRST_DAMPING, dtype=xp.float64, device=arrays.device(state.psi))
    for done in range(max_steps + 1):
        state, errors = looked_at(instances, state, tol)
        store(records, active, state)
        for i, error in zip(active, errors, strict=True):
            records[i].errors.append(error)
        stay = [k for k, error in enumerate(errors) if error > tol]
        if not stay or done == max_steps:
            return
        if len(stay) < len(active):
            damping = take(xp, damping, stay)
        instances, state, active = subset(instances, state, active, stay)
        state, damping = _step(instances, state, damping, tol)
        for i in active:
            records[i].n_factorizations += 1
            records[i].n_sweeps += _SWEEPS


def _step(instances: Instances, state: State, damping: Any, tol: float) -> tuple[State, Any]:
    """State after one factorisation, and the damping of the next."""
    xp = instances.xp
    sums, error = column_error(instances, state)
    direction = _solve(instances, state.plan, sums, damping)
    slope = xp.sum(direction * (instances.b - sums), axis=-1)
    found = xp.isfinite(slope) & (slope > 0.0)  # otherwise the factorisation broke down
    direction = xp.where(found[:, None], direction, xp.zeros_like(direction))
    promised = xp.where(found, 0.5 * slope, xp.ones_like(slope))
    before = objective(instances, state)
    open_, result, factor = found, state, 5.0 * xp.ones_like(damping)
    for length in _LENGTHS:
        if not bool(xp.any(open_)):
            break
        trial = project_rows(instances, state.psi + length * direction)
        trial_sums, trial_error = column_error(instances, trial)
        if length > _LENGTHS[-1] and bool(xp.all(~open_ | xp.any(trial_sums < _CLOSED * instances.b, axis=-1))):
            continue  # a step that closes a column is far too long: not worth its sweeps
        if bool(xp.any(trial_error > tol)):
            trial = sweep(instances, trial, _SWEEPS)
            _, trial_error = column_error(instances, trial)
        gain = (objective(instances, trial) - before) / (length * promised)
        halved = trial_error < 0.5 * error  # near the end the gain is rounding
        taken = open_ & ((gain > _TAKEN) | halved)
        good = (gain > _GOOD) | halved
        result, open_ = merge(xp, taken, trial, result), open_ & ~taken
        full = xp.where(good, xp.minimum(0.1 * xp.ones_like(gain), 0.01 * trial_error / damping), xp.ones_like(gain))
        factor = xp.where(taken, full if length == 1.0 else 2.0 * xp.ones_like(gain), factor)
    refused = open_ | ~found
    if bool(xp.any(refused)):
        result = merge(xp, refused, sweep(instances, state, _SWEEPS), result)
    return result, xp.maximum(factor * damping, _LEAST_DAMPING * xp.ones_like(damping))


def _solve(instances: Instances, plan: Any, sums: Any, damping: Any) -> Any:
    """Newton direction of each problem; not finite where the factorisation broke down."""
    xp = instances.xp
    loose = isinstance(plan, np.ndarray) and bool(np.all(damping >= _LOOSE))
    root = xp.sqrt(instances.a + instances.empty_a)[..., None]
    weighted = np.divide(plan, root, dtype=np.float32, casting="same_kind") if loose else plan / root
    diagonal = sums + damping[:, None] * instances.b + instances.empty_b
    right = instances.b - sums
    if isinstance(weighted, np.ndarray):
        return solve_on_host(weighted, diagonal, right)
    matrix = xp.matmul(xp.matrix_transpose(weighted), weighted)
    identity = xp.eye(matrix.shape[-1], dtype=matrix.dtype, device=arrays.device(matrix))
    return xp.linalg.solve(identity * diagonal[:, None, :] - matrix, right[..., None])[..., 0]


def solve_on_host(weighted: Any, diagonal: Any, right: Any) -> Any:
    """Cholesky solutions of (diag(diagonal) - W^T W) x = right for stacks of NumPy arrays, W in either precision.

    Products are of the library that factorises: threads of NumPy's would still wait busily beside those of SciPy's.
    """
    from scipy.linalg import blas, lapack

    half_of_product = blas.ssyrk if weighted.dtype == np.float32 else blas.dsyrk
    solutions = np.full_like(right, np.nan)
    for k, W in enumerate(weighted):
        # transposed: Fortran wants columns
        matrix = half_of_product(-1.0, W.T, lower=1).astype(np.float64, copy=False)
        np.fill_diagonal(matrix, np.diagonal(matrix) + diagonal[k])
        factor, failed = lapack.dpotrf(matrix, lower=1, clean=0, overwrite_a=1)
        if not failed:
            solutions[k], _ = lapack.dpotrs(factor, right[k], lower=1)
    return solutions
