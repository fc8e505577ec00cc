r"""Measurements of entropic transport: plain iterations, written as they are defined, on NumPy arrays.

Every plan is :math:`P = \exp((\alpha_i + \beta_j - M_{ij})/\mathrm{reg})`, without a 1 in the exponent: potentials are
never compared across the two sides, plans and errors are.

.. [tang2024] X. Tang, M. Shavlovsky, H. Rahmanian, E. Tardini, K. K. Thekumparampil, T. Xiao, L. Ying, "Accelerating
   Sinkhorn Algorithm with Sparse Newton Iterations", ICLR 2024, arXiv:2401.12253.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from theorylab import validation
from theorylab.numerics import NotConverged

__all__ = [
    "Iteration",
    "complex_step_gradient",
    "difference_hessian",
    "follow_path",
    "marginal_error",
    "run_log_sinkhorn",
    "run_sparse_newton",
    "sum_objective",
    "trace_sweeps",
]

Floats = NDArray[np.float64]

#: Residual at which a Newton iteration ends: rounding.
_ROUNDING = 1e-14
#: Growth of 1/reg from one problem of a path to the next.
_PATH_FACTOR = 1.5


@dataclasses.dataclass(frozen=True)
class Iteration:
    """What an iteration went through.

    Parameters
    ----------
    plan : numpy.ndarray, shape (m, n)
        Where it ended.
    errors : numpy.ndarray, shape (n_iterations + 1,)
        l1 error of both marginals, before the first iteration and after each.
    lengths : numpy.ndarray
        Length of each Newton step; empty for sweeps.
    """

    plan: Floats
    errors: Floats
    lengths: Floats


def run_log_sinkhorn(a: Floats, b: Floats, M: Floats, reg: float, n_sweeps: int) -> Iteration:
    """Plain Sinkhorn in the log domain, rows then columns, with the error after each sweep.

    Parameters
    ----------
    a, b : numpy.ndarray, shapes (m,) and (n,)
        Masses, > 0.
    M : numpy.ndarray, shape (m, n)
        Costs.
    reg : float
        Regularisation, > 0.
    n_sweeps : int
        Number of sweeps.

    Returns
    -------
    Iteration
        The first error is that of the kernel exp(-M/reg) divided by its sum.

    Examples
    --------
    >>> half = np.full(2, 0.5)
    >>> float(run_log_sinkhorn(half, half, np.array([[0.0, 1.0], [2.0, 0.0]]), 0.5, 200).errors[-1]) < 1e-12
    True
    """
    kernel = -M / validation.check_number("reg", reg, exclusive_minimum=0.0)
    z, errors = _log_sweeps(a, b, kernel, int(validation.check_count("n_sweeps", n_sweeps)))
    return Iteration(np.exp(z[: a.size, None] + z[a.size :] + kernel), np.array(errors), np.empty(0))


def trace_sweeps(
    a: Floats, b: Floats, M: Floats, reg: float, *, tolerance: float, max_sweeps: int, every: int = 10
) -> tuple[Floats, Floats]:
    """Errors of scaling Sinkhorn, looked at now and then.

    Parameters
    ----------
    a, b : numpy.ndarray, shapes (m,) and (n,)
        Masses, > 0.
    M : numpy.ndarray, shape (m, n)
        Costs, such that no row or column of exp(-M/reg) is zero.
    reg : float
        Regularisation, > 0.
    tolerance : float
        l1 marginal error at which to stop.
    max_sweeps : int
        Where to stop otherwise.
    every : int
        Sweeps between two looks.

    Returns
    -------
    sweeps, errors : numpy.ndarray, shape (k,)
        Number of sweeps done, and the error then.

    Examples
    --------
    >>> half = np.full(2, 0.5)
    >>> trace_sweeps(half, half, np.array([[0.0, 1.0], [2.0, 0.0]]), 1.0, tolerance=1e-9, max_sweeps=99)[0].tolist()
    [10.0, 20.0, 30.0]
    """
    kernel = np.exp(-M / validation.check_number("reg", reg, exclusive_minimum=0.0))
    sweeps, errors = [], []
    v = np.ones_like(b)
    for done in range(1, int(validation.check_count("max_sweeps", max_sweeps)) + 1):
        u = a / (kernel @ v)
        v = b / (kernel.T @ u)
        if done % every == 0:
            sweeps.append(float(done))
            errors.append(float(np.abs(u * (kernel @ v) - a).sum()))  # the columns are exact
            if errors[-1] <= tolerance:
                break
    return np.array(sweeps), np.array(errors)


def run_sparse_newton(
    a: Floats,
    b: Floats,
    M: Floats,
    reg: float,
    *,
    n_kept: int,
    n_sweeps: int = 20,
    max_steps: int = 100,
    diagonal: Literal["full", "truncated"] = "full",
) -> Iteration:
    r"""Sinkhorn-Newton-Sparse as published: sweeps, then Newton steps with a sparsified Hessian.

    Each step keeps the `n_kept` largest entries of the plan off the diagonal of the Hessian, solves by conjugate
    gradients and backtracks on the dual potential; it ends at rounding, or where no step gains.

    Parameters
    ----------
    a, b : numpy.ndarray, shapes (m,) and (n,)
        Masses, > 0, of equal sums.
    M : numpy.ndarray, shape (m, n)
        Costs.
    reg : float
        Regularisation, > 0.
    n_kept : int
        Entries of the plan that are kept.
    n_sweeps : int
        Sweeps before the first step.
    max_steps : int
        Newton steps.
    diagonal : {"full", "truncated"}
        Row and column sums of the whole plan, or of its kept entries.

    Returns
    -------
    Iteration
        The first error is that after the sweeps.

    Notes
    -----
    The algorithm is that of [tang2024]_.

    Examples
    --------
    >>> half = np.full(2, 0.5)
    >>> run = run_sparse_newton(half, half, np.array([[0.0, 1.0], [2.0, 0.5]]), 0.5, n_kept=4, n_sweeps=1)
    >>> len(run.lengths) < 8, bool(run.errors[-1] < 1e-13)
    (True, True)
    """
    validation.check_choice("diagonal", diagonal, ("full", "truncated"))
    kept = int(validation.check_count("n_kept", n_kept))
    kernel = -M / validation.check_number("reg", reg, exclusive_minimum=0.0)
    z, _ = _log_sweeps(a, b, kernel, int(validation.check_count("n_sweeps", n_sweeps)))
    masses, shift = np.concatenate([a, b]), np.concatenate([np.ones(a.size), -np.ones(b.size)])
    errors, lengths = [], []
    value, plan = _dual(masses, kernel, z)
    errors.append(marginal_error(plan, a, b))
    for _ in range(int(validation.check_count("max_steps", max_steps))):
        if errors[-1] <= _ROUNDING * masses.sum():
            break
        gradient = masses - np.concatenate([plan.sum(axis=1), plan.sum(axis=0)])
        # rounding along (1, -1), which no plan depends on, would grow in conjugate gradients
        gradient -= shift * ((gradient @ shift) / shift.size)
        direction = _sparse_direction(plan, gradient, min(kept, plan.size), diagonal)
        length = _armijo(masses, kernel, z, value, direction, float(gradient @ direction))
        if length == 0.0:
            break
        z = z + length * direction
        value, plan = _dual(masses, kernel, z)
        errors.append(marginal_error(plan, a, b))
        lengths.append(length)
    return Iteration(plan, np.array(errors), np.array(lengths))


def follow_path(a: Floats, b: Floats, M: Floats, regs: Floats) -> Floats:
    """Entropic plans for falling regularisations, by plain Newton steps with a least-squares solution along the path.

    Between the regularisations asked for, 1/reg grows by at most half; each problem starts from the potentials of the
    one before.

    Parameters
    ----------
    a, b : numpy.ndarray, shapes (m,) and (n,)
        Masses, > 0, of equal sums.
    M : numpy.ndarray, shape (m, n)
        Costs; a few dozen rows, since each step solves a dense system of m + n unknowns.
    regs : numpy.ndarray, shape (k,)
        Regularisations, > 0, falling.

    Returns
    -------
    numpy.ndarray, shape (k, m, n)
        Their l1 marginal errors are at most 1e-11 of the mass, and what rounding of M/reg adds.

    Raises
    ------
    NotConverged
        If a plan is not found to that accuracy.

    Examples
    --------
    >>> half = np.full(2, 0.5)
    >>> follow_path(half, half, np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([0.1]))[0, 0, 1].round(7)
    np.float64(2.27e-05)
    """
    path = [float(np.ptp(M)) or 1.0]
    for reg in regs:
        while path[-1] / _PATH_FACTOR > reg:
            path.append(path[-1] / _PATH_FACTOR)
        path.append(float(reg))
    plans, wanted = [], set(map(float, regs))
    z = np.zeros(a.size + b.size)
    for reg in path:
        # potentials in units of the costs stay nearly the same along the path
        z, plan = _newton(a, b, -M / reg, z / reg)
        z *= reg
        if reg in wanted:
            plans.append(plan)
            wanted.discard(reg)
    return np.stack(plans)


def complex_step_gradient(a: Floats, b: Floats, M: Floats, reg: float, z: Floats) -> Floats:
    r"""Gradient of the dual potential by complex steps, exact to rounding.

    Parameters
    ----------
    a, b : numpy.ndarray, shapes (m,) and (n,)
        Masses.
    M : numpy.ndarray, shape (m, n)
        Costs.
    reg : float
        Regularisation, > 0.
    z : numpy.ndarray, shape (m + n,)
        Row and column potentials, of the plan :math:`e^{(\alpha_i + \beta_j - M_{ij})/\mathrm{reg} - 1}`.

    Returns
    -------
    numpy.ndarray, shape (m + n,)
        Derivatives of :math:`\langle a,\alpha\rangle + \langle b,\beta\rangle - \mathrm{reg} \sum P`.

    Examples
    --------
    >>> complex_step_gradient(np.ones(1), np.ones(1), np.zeros((1, 1)), 1.0, np.array([1.0, 0.0]))
    array([0., 0.])
    """
    step, m = 1e-30, a.size
    gradient = np.empty_like(z)
    for k in range(z.size):
        moved = z.astype(np.complex128)
        moved[k] += 1j * step
        plan = np.exp((moved[:m, None] + moved[m:] - M) / reg - 1.0)
        gradient[k] = (np.concatenate([a, b]) @ moved - reg * plan.sum()).imag / step
    return gradient


def difference_hessian(a: Floats, b: Floats, M: Floats, reg: float, z: Floats) -> Floats:
    """Minus the Hessian of the dual potential by central differences of its gradient.

    Parameters
    ----------
    a, b, M, reg, z
        As for :func:`complex_step_gradient`.

    Returns
    -------
    numpy.ndarray, shape (m + n, m + n)
        Its truncation error is about 1e-9 of its size.

    Examples
    --------
    >>> one = np.ones(1)
    >>> difference_hessian(one, one, np.zeros((1, 1)), 1.0, np.array([1.0, 0.0])).round(6)
    array([[1., 1.],
           [1., 1.]])
    """
    step = 1e-4 * reg
    columns = [
        complex_step_gradient(a, b, M, reg, z - step * unit) - complex_step_gradient(a, b, M, reg, z + step * unit)
        for unit in np.eye(z.size)
    ]
    return np.stack(columns, axis=1) / (2.0 * step)


def marginal_error(plan: Floats, a: Floats, b: Floats) -> float:
    """l1 error of both marginals.

    Parameters
    ----------
    plan : numpy.ndarray, shape (m, n)
        Plan.
    a, b : numpy.ndarray, shapes (m,) and (n,)
        Masses that its rows and columns should have.

    Returns
    -------
    float
        The sum of all absolute errors.

    Examples
    --------
    >>> marginal_error(np.array([[0.5, 0.25]]), np.ones(1), np.array([0.5, 0.5]))
    0.5
    """
    return float(np.abs(plan.sum(axis=1) - a).sum() + np.abs(plan.sum(axis=0) - b).sum())


def sum_objective(plan: Floats, M: Floats, reg: float) -> float:
    r"""Primal objective :math:`\sum P M + \mathrm{reg} \sum P \log P`, summed exactly.

    Parameters
    ----------
    plan : numpy.ndarray, shape (m, n)
        Plan, >= 0.
    M : numpy.ndarray, shape (m, n)
        Costs.
    reg : float
        Regularisation; 0 for the transport cost alone.

    Returns
    -------
    float
        The sum, rounded once.

    Examples
    --------
    >>> sum_objective(np.array([[1.0, 0.0]]), np.array([[2.0, 5.0]]), 0.1)
    2.0
    """
    entries = plan[plan > 0.0]
    return math.fsum((plan * M).ravel()) + reg * math.fsum(entries * np.log(entries))


def _dual(masses: Floats, kernel: Floats, z: Floats) -> tuple[float, Floats]:
    """Dual potential in units of the regularisation, and its plan."""
    m = kernel.shape[0]
    with np.errstate(over="ignore"):
        plan = np.exp(z[:m, None] + z[m:] + kernel)
        return float(masses @ z - plan.sum()), plan


def _log_sweeps(a: Floats, b: Floats, kernel: Floats, count: int) -> tuple[Floats, list[float]]:
    """Potentials after some sweeps from a kernel of total mass 1, and the errors on the way."""
    from scipy.special import logsumexp

    log_a, log_b = np.log(a), np.log(b)
    rows, columns = np.full(a.shape, -logsumexp(kernel)), np.zeros(b.shape)
    errors = [marginal_error(np.exp(rows[:, None] + columns + kernel), a, b)]
    for _ in range(count):
        rows = log_a - logsumexp(columns + kernel, axis=1)
        columns = log_b - logsumexp(rows[:, None] + kernel, axis=0)
        errors.append(marginal_error(np.exp(rows[:, None] + columns + kernel), a, b))
    return np.concatenate([rows, columns]), errors


def _sparse_direction(plan: Floats, gradient: Floats, n_kept: int, diagonal: str) -> Floats:
    from scipy import sparse
    from scipy.sparse.linalg import cg

    order = np.argsort(plan, axis=None)[-n_kept:]
    rows, columns = np.unravel_index(order, plan.shape)
    block = sparse.csr_array((plan[rows, columns], (rows, columns)), shape=plan.shape)
    full = plan if diagonal == "full" else block
    sums = np.concatenate([np.asarray(full.sum(axis=axis)).ravel() for axis in (1, 0)])
    hessian = sparse.diags_array(sums) + sparse.block_array([[None, block], [block.T, None]])
    direction, _ = cg(hessian.tocsr(), gradient, rtol=1e-10, maxiter=5000)
    return np.asarray(direction, dtype=np.float64)


def _armijo(masses: Floats, kernel: Floats, z: Floats, value: float, direction: Floats, slope: float) -> float:
    """First of the lengths 1, 1/2, 1/4 ... that gains its share, rounding of the sums forgiven; 0 for none."""
    rounding = 1e-14 * float(masses @ np.abs(z) + masses.sum())
    length = 1.0
    while slope > 0.0 and length > 1e-9:
        reached = _dual(masses, kernel, z + length * direction)[0]
        if math.isfinite(reached) and reached >= value + 1e-4 * length * slope - rounding:
            return length
        length /= 2.0
    return 0.0


def _newton(a: Floats, b: Floats, kernel: Floats, z: Floats) -> tuple[Floats, Floats]:
    """Dense Newton steps with backtracking from given potentials."""
    masses, m = np.concatenate([a, b]), a.size
    value, plan = _dual(masses, kernel, z)
    for _ in range(200):
        if marginal_error(plan, a, b) <= _ROUNDING * masses.sum():
            break
        sums = np.concatenate([plan.sum(axis=1), plan.sum(axis=0)])
        hessian = np.diag(sums)
        hessian[:m, m:], hessian[m:, :m] = plan, plan.T
        gradient = masses - sums
        direction = np.linalg.lstsq(hessian, gradient, rcond=1e-14)[0]
        length = _armijo(masses, kernel, z, value, direction, float(gradient @ direction))
        if length == 0.0:
            break
        z = z + length * direction
        value, plan = _dual(masses, kernel, z)
    rounding = 1e-14 * float(np.abs(kernel).max())  # of the exponents, summed
    if marginal_error(plan, a, b) > (1e-11 + rounding) * masses.sum():
        raise NotConverged("Newton's method along the path", plan, np.array(marginal_error(plan, a, b)), 200)
    return z, plan
