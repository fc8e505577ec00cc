r"""How fast Sinkhorn's and the sparse Newton iteration converge, and how fast entropic plans become sparse.

.. [knight2008] P. A. Knight, "The Sinkhorn-Knopp algorithm: convergence and applications", SIAM J. Matrix Anal. Appl.
   30 (2008).
.. [weed2018] J. Weed, "An explicit analysis of the entropic penalty in linear programming", COLT 2018.
.. [tang2024] X. Tang, M. Shavlovsky, H. Rahmanian, E. Tardini, K. K. Thekumparampil, T. Xiao, L. Ying, "Accelerating
   Sinkhorn Algorithm with Sparse Newton Iterations", ICLR 2024, arXiv:2401.12253.
.. [karp1978] R. M. Karp, "A characterization of the minimum cycle mean in a digraph", Discrete Math. 23 (1978).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from theorylab import arrays, validation

__all__ = ["dropped_mass", "sinkhorn_rate", "sparse_newton_rate", "sparsity_bound", "sparsity_rate", "vertex_gap"]

#: Eigenvalues of a normalised Hessian below this count as null vectors.
_NULL = 1e-12


def sinkhorn_rate(P: Any) -> Any:
    r"""Factor by which one Sinkhorn sweep shrinks the marginal error near the solution, :math:`\sigma_2^2`.

    :math:`\sigma_2` is the second singular value of :math:`\mathrm{diag}(P1)^{-1/2} P\, \mathrm{diag}(P^T1)^{-1/2}`.

    Parameters
    ----------
    P : array_like, shape (..., m, n)
        Solution, >= 0; rows and columns without mass are passed over.

    Returns
    -------
    array, shape (...)
        In [0, 1]; 1 when the plan falls into parts that exchange no mass.

    Raises
    ------
    ValueError
        If an entry is negative, or there are fewer than two rows or columns.

    Notes
    -----
    Local: the first sweeps may converge at another rate.  Source: [knight2008]_.

    Examples
    --------
    >>> float(sinkhorn_rate([[3.0, 1.0], [1.0, 3.0]]).round(12))
    0.25
    """
    P = _plan(P)
    if min(P.shape[-2:]) < 2:
        raise ValueError(f"P must have at least two rows and two columns; got shape {tuple(P.shape)}.")
    xp, (P,) = arrays.promote(P)
    return xp.linalg.svdvals(_normalised(xp, P))[..., 1] ** 2


def dropped_mass(P: Any, density: float) -> Any:
    r"""Share of a plan's mass outside its :math:`\lceil\lambda mn\rceil` largest entries.

    Parameters
    ----------
    P : array_like, shape (..., m, n)
        Plan, >= 0, with some mass.
    density : float
        Share :math:`\lambda` of the entries that are kept, in (0, 1].

    Returns
    -------
    array, shape (...)
        In [0, 1): the plan is :math:`(\lambda, \epsilon)`-sparse for every larger :math:`\epsilon` [tang2024]_.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Examples
    --------
    >>> float(dropped_mass([[0.4, 0.1], [0.1, 0.4]], 0.5).round(12))
    0.2
    """
    P = _plan(P)
    n_kept = _n_kept(density, P)
    xp, (P,) = arrays.promote(P)
    ascending = xp.sort(xp.reshape(P, (*P.shape[:-2], -1)), axis=-1)
    # the small entries are summed by themselves: 1 minus the large ones would lose their digits
    return xp.sum(ascending[..., : ascending.shape[-1] - n_kept], axis=-1) / xp.sum(ascending, axis=-1)


def sparse_newton_rate(P: Any, density: float) -> Any:
    r"""Factor by which one sparse Newton step shrinks the error near the solution.

    The step solves with a matrix S that has the diagonal of the Hessian H and its largest off-diagonal entries, so that
    errors are multiplied by :math:`I - S^{-1}H`.  The eigenvalue 1 along the null vector (1, -1) of H changes no plan;
    the rate is the largest modulus among the others.  It is 0 only if nothing is dropped: the tail is linear.

    Parameters
    ----------
    P : array_like, shape (..., m, n)
        Solution, > 0 in every row and column.
    density : float
        Share of the entries of P that S keeps, in (0, 1].

    Returns
    -------
    array, shape (...)
        In [0, 1].

    Raises
    ------
    ValueError
        If an argument is out of range, or a row or column has no mass.

    Notes
    -----
    Derived here; the iteration is that of [tang2024]_.  Takes full steps, exact linear solutions, and a kept set that
    changes no more, as it is near the solution.  Cost: two eigenvalue problems of size m + n.

    Examples
    --------
    >>> float(sparse_newton_rate([[0.4, 0.1], [0.1, 0.4]], 1.0)) < 1e-12
    True
    >>> float(sparse_newton_rate([[0.4, 0.1], [0.1, 0.4]], 0.5).round(12))
    1.0
    """
    P = _plan(P)
    n_kept = _n_kept(density, P)
    xp, (P,) = arrays.promote(P)
    if not bool(xp.all(xp.sum(P, axis=-1) > 0.0)) or not bool(xp.all(xp.sum(P, axis=-2) > 0.0)):
        raise ValueError("P must have mass in every row and column; got an empty one. Leave it out.")
    ascending = xp.sort(xp.reshape(P, (*P.shape[:-2], -1)), axis=-1)
    least = ascending[..., ascending.shape[-1] - n_kept, None, None]
    stays = least <= P
    kept = _normalised(xp, P, xp.where(stays, P, xp.zeros_like(P)))
    dropped = _normalised(xp, P, xp.where(stays, xp.zeros_like(P), P))
    size = sum(P.shape[-2:])
    matrix = xp.eye(size, dtype=P.dtype, device=arrays.device(P)) + _off_diagonal(xp, kept)
    values, vectors = xp.linalg.eigh(matrix)
    # S is singular only along null vectors of H, in parts of which nothing was dropped: no step, no error there
    null = values <= _NULL
    scale = xp.where(null, xp.zeros_like(values), 1.0 / xp.sqrt(xp.where(null, xp.ones_like(values), values)))
    half = vectors * scale[..., None, :]
    left = xp.linalg.eigvalsh(xp.matmul(xp.matrix_transpose(half), xp.matmul(_off_diagonal(xp, dropped), half)))
    moduli = xp.sort(xp.abs(left), axis=-1)
    # The null vector of H is an eigenvector for -1 of dropped beside S, unless it is one of S as well.
    gauge_counted = xp.min(values, axis=-1) > _NULL
    return xp.where(gauge_counted, moduli[..., -2], moduli[..., -1])


def sparsity_bound(gap: Any, reg: Any, n: int) -> Any:
    r"""Bound on the distance of an entropic plan from the optimal assignment, :math:`6 n^2 e^{-\Delta/\mathrm{reg}}`.

    Parameters
    ----------
    gap : array_like
        Vertex gap :math:`\Delta > 0` of the unregularised problem, see :func:`vertex_gap`.
    reg : array_like
        Regularisation, > 0; broadcasts with `gap`.
    n : int
        Rows and columns, each of mass 1/n.

    Returns
    -------
    array
        Bound on :math:`\|P_\mathrm{reg} - P_0\|_1`; infinite where it is not proved, for
        :math:`\mathrm{reg} > \Delta/(1 + 2\log n)`.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Notes
    -----
    Source: [tang2024]_, approximate sparsity, from [weed2018]_.  Loose by orders of magnitude: see
    :func:`sparsity_rate`.

    Examples
    --------
    >>> float(sparsity_bound(0.1, 0.01, 2).round(6))
    0.00109
    """
    gap = validation.check_array("gap", gap, exclusive_minimum=0.0)
    reg = validation.check_array("reg", reg, exclusive_minimum=0.0)
    n = int(validation.check_count("n", n))
    xp, (gap, reg) = arrays.promote(gap, reg)
    ratio = gap / reg
    proved = ratio >= 1.0 + 2.0 * math.log(n)
    return xp.where(proved, 6.0 * n**2 * xp.exp(-ratio), xp.inf * xp.ones_like(ratio))


def vertex_gap(M: Any) -> Any:
    r"""Cost of the second-best assignment less that of the best, for masses 1/n: the gap :math:`\Delta`.

    Parameters
    ----------
    M : array_like, shape (n, n)
        Costs, n >= 2.

    Returns
    -------
    array, shape ()
        :math:`\ge 0`; 0 when the best assignment is not unique.

    Raises
    ------
    ValueError
        If `M` is not a square matrix of at least two rows.

    Notes
    -----
    The second-best assignment differs from the best in at least one pair, so it is the best with one of the n pairs
    forbidden: n assignment problems, solved on the host.  Source of the gap: [weed2018]_; the way to it, derived here.

    Examples
    --------
    >>> float(vertex_gap([[0.0, 1.0], [2.0, 0.0]]))
    1.5
    """
    M, assignment = _assignment(M)
    host, n = arrays.to_numpy(M), M.shape[0]
    best = host[np.arange(n), assignment].sum()
    second = min(_best_without(host, i, int(assignment[i])) for i in range(n))
    _, (gap,) = arrays.promote(max(second - best, 0.0) / n, like=M)
    return gap


def sparsity_rate(M: Any) -> Any:
    r"""Exponential rate at which the entropic plan of a square problem with masses 1/n approaches the assignment.

    .. math:: \mu^* = \lim_{\mathrm{reg}\to 0} -\mathrm{reg}\, \log \|P_\mathrm{reg} - P_0\|_1 = \min_{\text{cycles}}
        \frac{1}{L} \sum_{l=1}^{L} \big[M_{i_l \sigma(i_{l+1})} - M_{i_{l+1} \sigma(i_{l+1})}\big]

    over the alternating cycles of the optimal assignment :math:`\sigma`.

    Parameters
    ----------
    M : array_like, shape (n, n)
        Costs, n >= 2.

    Returns
    -------
    array, shape ()
        At least n/L times :func:`vertex_gap`; 0 when the assignment is not unique, and then no rate.

    Raises
    ------
    ValueError
        If `M` is not a square matrix of at least two rows.

    Notes
    -----
    Derived here: off the assignment :math:`P_{ij} = e^{-s_{ij}/\mathrm{reg}}/n` with the slacks s of the dual solution
    whose smallest slack is largest, a linear program whose dual is the minimum mean cycle.  The assignment is found on
    the host, the cycle by [karp1978]_ in the namespace of `M`, in O(n^3).

    Examples
    --------
    >>> float(sparsity_rate([[0.0, 1.0], [2.0, 0.0]]))
    1.5
    """
    M, assignment = _assignment(M)
    xp, (M,) = arrays.promote(M)
    n = M.shape[0]
    permuted = xp.take(M, xp.asarray(assignment, device=arrays.device(M)), axis=1)
    on_itself = xp.eye(n, dtype=M.dtype, device=arrays.device(M)) > 0.0
    weights = permuted - xp.linalg.diagonal(permuted)[None, :]
    weights = xp.where(on_itself, xp.inf * xp.ones_like(weights), weights)
    walks = [xp.zeros_like(weights[0, :])]  # least weight of a walk with k arcs into each node
    for _ in range(n):
        walks.append(xp.min(walks[-1][:, None] + weights, axis=0))
    means = [(walks[n] - walk) / (n - k) for k, walk in enumerate(walks[:n])]
    rate = xp.min(xp.max(xp.stack(means), axis=0))
    return xp.maximum(rate, xp.zeros_like(rate))


def kept_entries(density: float, m: int, n: int) -> int:
    """Number of entries that a share of a plan stands for, rounded up, but not for a rounding error of the share.

    Parameters
    ----------
    density : float
        Share in (0, 1].
    m, n : int
        Rows and columns.

    Returns
    -------
    int
        At least 1; the count is that of [tang2024]_.
    """
    return max(1, math.ceil(density * m * n * (1.0 - 1e-12)))


def _plan(P: Any) -> Any:
    P = validation.check_array("P", P, minimum=0.0)
    if P.ndim < 2:
        raise ValueError(f"P must have an axis of rows and one of columns; got shape {tuple(P.shape)}.")
    return P


def _n_kept(density: float, P: Any) -> int:
    share = validation.check_number("density", density, exclusive_minimum=0.0, maximum=1.0)
    return kept_entries(share, *P.shape[-2:])


def _normalised(xp: Any, P: Any, part: Any = None) -> Any:
    """A part of the plan, over the square roots of the plan's row and column sums."""
    result = P if part is None else part
    for sums in (xp.sum(P, axis=-1, keepdims=True), xp.sum(P, axis=-2, keepdims=True)):
        result = result / xp.sqrt(xp.where(sums > 0.0, sums, xp.ones_like(sums)))
    return result


def _off_diagonal(xp: Any, block: Any) -> Any:
    """[[0, block], [block^T, 0]]."""
    *batch, m, n = block.shape
    corners = (xp.zeros((*batch, size, size), dtype=block.dtype, device=arrays.device(block)) for size in (m, n))
    first, last = corners
    upper = xp.concat([first, block], axis=-1)
    return xp.concat([upper, xp.concat([xp.matrix_transpose(block), last], axis=-1)], axis=-2)


def _assignment(M: Any) -> tuple[Any, Any]:
    """Checked costs, and the column of each row in the optimal assignment."""
    from scipy.optimize import linear_sum_assignment

    M = validation.check_array("M", M, ndim=2)
    if M.shape[0] != M.shape[1] or M.shape[0] < 2:
        raise ValueError(f"M must be square, with at least two rows; got shape {tuple(M.shape)}.")
    _, (M,) = arrays.promote(M)
    return M, linear_sum_assignment(arrays.to_numpy(M))[1]


def _best_without(costs: Any, row: int, column: int) -> float:
    from scipy.optimize import linear_sum_assignment

    # Larger than any assignment could cost more than another.
    barred = costs.copy()
    barred[row, column] = costs.max() + costs.shape[0] * (np.ptp(costs) + 1.0)
    rows, columns = linear_sum_assignment(barred)
    return float(costs[rows, columns].sum())
