r"""Dual and semi-dual of sparsity-constrained transport, their gradients, and the convexified cost that they bound.

The problem is

.. math::
    P_k = \min_T \langle T, M\rangle + \frac\gamma2\|T\|^2 \quad\text{s.t.}\quad T \ge 0,\; T1 = a,\; T^T1 = b,\;
    \|t_j\|_0 \le k \text{ for every column } j .

Its dual and its semi-dual have the same maximum :math:`D_k \le P_k`, which is the minimum of :func:`convexified_cost`
over all plans with these marginals (derived here): every potential gives a lower bound of it, every plan an upper one.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from theorylab import arrays, validation
from theorylab.sparse_ot.problem import check_transport
from theorylab.sparse_ot.theory._arguments import check_max_nz, check_reg
from theorylab.sparse_ot.theory.k_support import ksupport_norm_sq
from theorylab.sparse_ot.theory.max_operators import orthant_max_topk, simplex_max_topk

__all__ = ["DualValue", "SemiDualValue", "convexified_cost", "dual_objective", "semi_dual_objective"]


class DualValue(NamedTuple):
    """The dual at a pair of potentials.

    Parameters
    ----------
    value : array, shape (...)
        The objective.
    gradient_alpha : array, shape (..., m)
        a minus the row sums of the top-k plan.
    gradient_beta : array, shape (..., n)
        b minus its column sums.
    """

    value: Any
    gradient_alpha: Any
    gradient_beta: Any


class SemiDualValue(NamedTuple):
    """The semi-dual at a potential.

    Parameters
    ----------
    value : array, shape (...)
        The objective.
    gradient : array, shape (..., m)
        a minus the row sums of the top-k plan, whose column sums are b exactly.
    """

    value: Any
    gradient: Any


def dual_objective(alpha: Any, beta: Any, a: Any, b: Any, M: Any, reg: float, max_nz: int) -> DualValue:
    r"""Dual of sparsity-constrained transport and its gradient.

    .. math::
        D(\alpha, \beta) = \langle\alpha, a\rangle + \langle\beta, b\rangle
        - \sum_j \Omega_+^*(\alpha + \beta_j 1 - m_j), \qquad
        \nabla D = (a - T1,\; b - T^T 1)

    with :math:`\Omega_+^*` of :func:`orthant_max_topk`, attained at the columns of T.

    Parameters
    ----------
    alpha : array_like, shape (..., m)
        Potential of the rows.
    beta : array_like, shape (..., n)
        Potential of the columns.
    a, b, M : array_like, shapes (..., m), (..., n), (..., m, n)
        The transport problem, see :func:`~theorylab.sparse_ot.problem.check_transport`.
    reg : float
        :math:`\gamma > 0`, in units of cost per mass.
    max_nz : int
        Entries allowed in a column, >= 1.

    Returns
    -------
    DualValue
        Value and both parts of the gradient; a supergradient where the k-th and the next score of a column tie.

    Raises
    ------
    TypeError, ValueError
        If the problem is not well posed, a potential is not finite or of another shape, or a parameter is wrong.

    References
    ----------
    .. [liu2023] T. Liu, J. Puigcerver and M. Blondel, "Sparsity-constrained optimal transport", ICLR 2023.

    Examples
    --------
    >>> value, *gradient = dual_objective([2.0, 0.0], [0.0], [1.0, 1.0], [2.0], [[0.0], [0.0]], reg=1.0, max_nz=1)
    >>> float(value), gradient
    (0.0, [array([-1.,  1.]), array([0.])])
    """
    xp, a, b, M = check_transport(a, b, M)
    reg, max_nz = check_reg(reg), check_max_nz("max_nz", max_nz)
    alpha, beta = _potential("alpha", alpha, a), _potential("beta", beta, b)
    value, plan = orthant_max_topk(alpha[..., :, None] + beta[..., None, :] - M, reg, max_nz, axis=-2)
    linear = xp.sum(alpha * a, axis=-1) + xp.sum(beta * b, axis=-1)
    return DualValue(
        linear - xp.sum(value, axis=-1),
        a - xp.sum(plan, axis=-1),
        b - xp.sum(plan, axis=-2),
    )


def semi_dual_objective(alpha: Any, a: Any, b: Any, M: Any, reg: float, max_nz: int) -> SemiDualValue:
    r"""Semi-dual of sparsity-constrained transport and its gradient.

    .. math::
        S(\alpha) = \max_\beta D(\alpha, \beta)
        = \langle\alpha, a\rangle - \sum_j \Omega_{b_j}^*(\alpha - m_j), \qquad \nabla S = a - T1

    with :math:`\Omega_b^*` of :func:`simplex_max_topk`, attained at the columns of T.  Every value is a lower bound of
    :math:`D_k`, hence of :math:`P_k`.

    Parameters
    ----------
    alpha : array_like, shape (..., m)
        Potential of the rows; adding a number to all of them changes nothing.
    a, b, M : array_like, shapes (..., m), (..., n), (..., m, n)
        The transport problem, see :func:`~theorylab.sparse_ot.problem.check_transport`.
    reg : float
        :math:`\gamma > 0`, in units of cost per mass.
    max_nz : int
        Entries allowed in a column, >= 1.

    Returns
    -------
    SemiDualValue
        Value and gradient; a supergradient where the k-th and the next score of a column tie.

    Raises
    ------
    TypeError, ValueError
        If the problem is not well posed, the potential is not finite or of another shape, or a parameter is wrong.

    Notes
    -----
    That the maximum over beta is reached although the constraint is not convex: for any threshold the same k scores are
    kept, so that the constraint on the mass and its multiplier lead to the same column (derived here).

    References
    ----------
    .. [liu2023] T. Liu, J. Puigcerver and M. Blondel, "Sparsity-constrained optimal transport", ICLR 2023.

    Examples
    --------
    >>> value, gradient = semi_dual_objective([2.0, 0.0], [1.0, 1.0], [2.0], [[0.0], [0.0]], reg=1.0, max_nz=2)
    >>> float(value), gradient
    (0.0, array([-1.,  1.]))
    """
    xp, a, b, M = check_transport(a, b, M)
    reg, max_nz = check_reg(reg), check_max_nz("max_nz", max_nz)
    alpha = _potential("alpha", alpha, a)
    value, plan, _ = simplex_max_topk(alpha[..., :, None] - M, b, reg, max_nz, axis=-2)
    return SemiDualValue(
        xp.sum(alpha * a, axis=-1) - xp.sum(value, axis=-1),
        a - xp.sum(plan, axis=-1),
    )


def convexified_cost(T: Any, M: Any, reg: float, max_nz: int) -> Any:
    r"""Cost of a plan with the convex envelope of the constrained regulariser.

    .. math:: \langle T, M\rangle + \frac\gamma2 \sum_j (\|t_j\|_k^{sp})^2

    Its minimum over plans with marginals a and b is :math:`D_k`; for a plan with at most k entries in each column it is
    the cost :math:`\langle T, M\rangle + \frac\gamma2\|T\|^2` itself.

    Parameters
    ----------
    T : array_like, shape (..., m, n)
        Plan, >= 0.
    M : array_like, shape (..., m, n)
        Costs.
    reg : float
        :math:`\gamma > 0`, in units of cost per mass.
    max_nz : int
        Entries allowed in a column, >= 1.

    Returns
    -------
    array, shape (...)
        The cost: an upper bound of :math:`D_k` if T has the marginals.

    Raises
    ------
    TypeError, ValueError
        If `T` is negative, an array is not finite, the shapes differ or a parameter is wrong.

    References
    ----------
    .. [argyriou2012] A. Argyriou, R. Foygel and N. Srebro, "Sparse prediction with the k-support norm", NeurIPS 2012.
       That the bidual of sparsity-constrained transport is this cost is derived here.

    Examples
    --------
    >>> float(convexified_cost([[0.5], [0.5]], [[0.0], [1.0]], reg=2.0, max_nz=1))
    1.5
    """
    T, M = validation.check_array("T", T, minimum=0.0), validation.check_array("M", M)
    reg, max_nz = check_reg(reg), check_max_nz("max_nz", max_nz)
    if T.ndim < 2 or tuple(T.shape[-2:]) != tuple(M.shape[-2:]):
        raise ValueError(
            f"T must have the shape of M, {tuple(M.shape)}, or be a batch of such plans; got shape {tuple(T.shape)}."
        )
    xp, (T, M) = arrays.promote(T, M)
    return xp.sum(T * M, axis=(-2, -1)) + 0.5 * reg * xp.sum(ksupport_norm_sq(T, max_nz, axis=-2), axis=-1)


def _potential(name: str, potential: Any, masses: Any) -> Any:
    """A finite potential of the shape of the masses that it belongs to, or one for the whole batch."""
    potential = validation.check_array(name, potential)
    if tuple(potential.shape) not in {tuple(masses.shape), tuple(masses.shape[-1:])}:
        raise ValueError(
            f"{name} must be of shape {tuple(masses.shape)}, one entry for each mass; got shape "
            f"{tuple(potential.shape)}. Its batch axes are those of the problem."
        )
    return arrays.promote(potential, like=masses)[1][0]
