r"""Newton's method on the full dual with a sparsified Hessian, as published, and with the dense one; NumPy on the host.

In units of the regularisation the potential :math:`f = \langle a,\varphi\rangle + \langle b,\psi\rangle - \sum P` has
the gradient :math:`(a - P1, b - P^T1)` and minus its Hessian is :math:`[[\mathrm{diag}(P1), P], [P^T,
\mathrm{diag}(P^T1)]]`.  The published step keeps the full diagonal and the :math:`\lceil\lambda mn\rceil` largest
entries of P, solves by conjugate gradients, and backtracks on f.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theorylab.sparse_ot.theory._entropic_newton import solve_on_host
from theorylab.sparse_ot.theory._entropic_sinkhorn import Record

__all__ = ["run_sparse_newton"]

Floats = NDArray[np.float64]

#: Residual of conjugate gradients over the right side: far below what limits a Newton step.
_CG_TOLERANCE = 1e-12
#: Share of the slope that a step must gain, and how far rounding may hide it, as a share of what f is summed from.
_ARMIJO, _ROUNDING = 1e-4, 1e-14


def run_sparse_newton(
    a: Floats,
    b: Floats,
    costs: Floats,
    record: Record,
    tol: float,
    max_steps: int,
    n_kept: int | None,
) -> None:
    """Newton's method from the potentials of a record, which is brought up to date.

    Parameters
    ----------
    a : numpy.ndarray, shape (m,)
        Row masses, > 0.
    b : numpy.ndarray, shape (n,)
        Column masses, > 0, of the same sum.
    costs : numpy.ndarray, shape (m, n)
        Costs over the regularisation.
    record : Record
        Start, on the host; its row potentials are those that meet the row masses.
    tol : float
        l1 marginal error to reach.
    max_steps : int
        Newton steps.
    n_kept : int, optional
        Entries of the plan that the Hessian keeps; all of them, by a direct solution, when left out.
    """
    m = a.size
    masses, null = np.concatenate([a, b]), np.concatenate([np.ones(m), -np.ones(b.size)])
    exponents = record.psi - costs
    top = exponents.max(axis=1)
    rows = np.log(a) - top - np.log(np.exp(exponents - top[:, None]).sum(axis=1))
    z = np.concatenate([rows, record.psi])
    value, plan = _potential(masses, costs, z)
    for _ in range(max_steps):
        sums = np.concatenate([plan.sum(axis=1), plan.sum(axis=0)])
        gradient = masses - sums
        # rounding along the null vector (1, -1) of the Hessian would grow without bound in conjugate gradients
        gradient -= null * ((gradient @ null) / null.size)
        direction, n_cg = _dense(plan, sums, gradient) if n_kept is None else _sparse(plan, sums, gradient, n_kept)
        record.n_factorizations += n_kept is None
        record.n_cg += n_cg
        least = value - _ROUNDING * float(masses @ np.abs(z) + 1.0)
        step = _backtracked(lambda z: _potential(masses, costs, z), z, least, direction, float(gradient @ direction))
        if step is None:
            break
        z, value, plan = step
        record.psi = z[m:]
        record.errors.append(float(np.abs(plan.sum(axis=1) - a).sum() + np.abs(plan.sum(axis=0) - b).sum()))
        if record.errors[-1] <= tol:
            break


def _potential(masses: Floats, costs: Floats, z: Floats) -> tuple[float, Floats]:
    m = costs.shape[0]
    with np.errstate(over="ignore"):  # a step too long; the line search refuses it
        plan = np.exp(z[:m, None] + z[m:] - costs)
        return float(masses @ z - plan.sum()), plan


def _backtracked(
    function: Callable[[Floats], tuple[float, Floats]], z: Floats, least: float, direction: Floats, slope: float
) -> tuple[Floats, float, Floats] | None:
    """First of the lengths 1, 1/2, 1/4 ... that gains enough; None when there is none."""
    length = 1.0
    while slope > 0.0 and length > 1e-10:
        trial = z + length * direction
        reached, plan = function(trial)
        if math.isfinite(reached) and reached >= least + _ARMIJO * length * slope:
            return trial, reached, plan
        length *= 0.5
    return None


def _sparse(plan: Floats, sums: Floats, gradient: Floats, n_kept: int) -> tuple[Floats, int]:
    """Direction from the sparsified Hessian by conjugate gradients, and their number."""
    from scipy import sparse
    from scipy.sparse import linalg

    m, size = plan.shape[0], sums.size
    least = np.partition(plan.ravel(), plan.size - n_kept)[plan.size - n_kept]
    kept = sparse.csr_array(np.where(plan >= least, plan, 0.0))
    transposed = kept.T.tocsr()
    count = 0

    def apply(z: Floats) -> Floats:
        return sums * z + np.concatenate([kept @ z[m:], transposed @ z[:m]])

    def counted(_: Any) -> None:
        nonlocal count
        count += 1

    matrix = linalg.LinearOperator((size, size), matvec=apply, dtype=np.float64)
    jacobi = linalg.LinearOperator((size, size), matvec=lambda z: z / sums, dtype=np.float64)
    direction, _ = linalg.cg(matrix, gradient, rtol=_CG_TOLERANCE, maxiter=10 * size, M=jacobi, callback=counted)
    return direction, count


def _dense(plan: Floats, sums: Floats, gradient: Floats) -> tuple[Floats, int]:
    """Direction from the whole Hessian, its row block eliminated; the null vector gets a ridge of rounding size."""
    m = plan.shape[0]
    rows, columns = sums[:m], sums[m:]
    weighted = plan / np.sqrt(rows)[:, None]
    right = gradient[m:] - plan.T @ (gradient[:m] / rows)
    of_columns = solve_on_host(weighted[None], (columns * (1.0 + 1e-13))[None], right[None])[0]
    return np.concatenate([(gradient[:m] - plan @ of_columns) / rows, of_columns]), 0
