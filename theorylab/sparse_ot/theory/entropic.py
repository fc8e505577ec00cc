r"""Entropic transport: plan, dual potential, gradient and Hessian.

With :math:`\eta = 1/\mathrm{reg}` the entropic problem :math:`\min \langle P, M\rangle + \mathrm{reg} \sum P\log P`
over the plans with marginals a, b has the dual :math:`\max_{\alpha,\beta} f`,

.. math:: f(\alpha, \beta) = \langle a, \alpha\rangle + \langle b, \beta\rangle - \mathrm{reg} \sum_{ij} P_{ij}, \qquad
    P_{ij} = e^{(\alpha_i + \beta_j - M_{ij})/\mathrm{reg} - 1}.

f is concave and constant along :math:`(1, -1)`; its maximum is the minimum of the primal exactly, because of the 1 in
the exponent.  This is the convention of the whole chapter.  Source: [tang2024]_, equations of the Lyapunov potential.

.. [tang2024] X. Tang, M. Shavlovsky, H. Rahmanian, E. Tardini, K. K. Thekumparampil, T. Xiao, L. Ying, "Accelerating
   Sinkhorn Algorithm with Sparse Newton Iterations", ICLR 2024, arXiv:2401.12253.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from theorylab import arrays, validation

__all__ = ["EntropicGradient", "entropic_gradient", "entropic_hessian", "entropic_plan", "entropic_potential"]


class EntropicGradient(NamedTuple):
    """Gradient of the dual potential: what the marginals of the plan lack.

    Parameters
    ----------
    alpha : array, shape (..., m)
        a minus the row sums.
    beta : array, shape (..., n)
        b minus the column sums.
    """

    alpha: Any
    beta: Any


def entropic_plan(alpha: Any, beta: Any, M: Any, reg: float) -> Any:
    r"""Plan that belongs to dual potentials, :math:`P_{ij} = e^{(\alpha_i + \beta_j - M_{ij})/\mathrm{reg} - 1}`.

    Parameters
    ----------
    alpha : array_like, shape (..., m)
        Row potentials; minus infinity closes a row.
    beta : array_like, shape (..., n)
        Column potentials.
    M : array_like, shape (..., m, n)
        Costs, finite.  Leading axes broadcast.
    reg : float
        Regularisation, > 0.

    Returns
    -------
    array, shape (..., m, n)
        float64; it overflows to infinity where potentials are far above the costs.

    Raises
    ------
    ValueError
        If an argument is out of range or the shapes do not fit.

    Examples
    --------
    >>> entropic_plan([0.0], [0.5], [[0.5]], 0.1).round(6)
    array([[0.367879]])
    """
    xp, alpha, beta, M, reg = _checked(alpha, beta, M, reg)
    return xp.exp((alpha[..., :, None] + beta[..., None, :] - M) / reg - 1.0)


def entropic_potential(alpha: Any, beta: Any, a: Any, b: Any, M: Any, reg: float) -> Any:
    r"""Dual potential :math:`f = \langle a,\alpha\rangle + \langle b,\beta\rangle - \mathrm{reg}\sum P`.

    Parameters
    ----------
    alpha, beta : array_like, shapes (..., m) and (..., n)
        Potentials; minus infinity only where the mass is zero.
    a, b : array_like, shapes (..., m) and (..., n)
        Masses, >= 0.
    M : array_like, shape (..., m, n)
        Costs, finite.
    reg : float
        Regularisation, > 0.

    Returns
    -------
    array, shape (...)
        To be maximised; a lower bound on the primal minimum everywhere.

    Raises
    ------
    ValueError
        If an argument is out of range or the shapes do not fit.

    Examples
    --------
    >>> float(entropic_potential([0.0], [0.5], [1.0], [1.0], [[0.5]], 1.0).round(6))
    0.132121
    """
    a, b = (validation.check_array(name, x, minimum=0.0) for name, x in (("a", a), ("b", b)))
    plan = entropic_plan(alpha, beta, M, reg)
    xp, (alpha, beta, a, b) = arrays.promote(alpha, beta, a, b, like=plan)
    value = -reg * xp.sum(plan, axis=(-2, -1))
    for masses, potential in ((a, alpha), (b, beta)):
        # a mass of zero has a potential of minus infinity, and their product counts as zero
        finite = xp.where(masses > 0.0, potential, xp.zeros_like(potential))
        value = value + xp.sum(masses * finite, axis=-1)
    return value


def entropic_gradient(alpha: Any, beta: Any, a: Any, b: Any, M: Any, reg: float) -> EntropicGradient:
    r"""Gradient of the dual potential, :math:`(a - P1,\; b - P^T1)`.

    Parameters
    ----------
    alpha, beta, a, b, M, reg
        As for :func:`entropic_potential`.

    Returns
    -------
    EntropicGradient
        Its l1 norm is the marginal error of the plan.

    Raises
    ------
    ValueError
        If an argument is out of range or the shapes do not fit.

    Examples
    --------
    >>> entropic_gradient([1.0], [0.0], [1.0], [1.0], [[0.0]], 1.0).beta
    array([0.])
    """
    a, b = (validation.check_array(name, x, minimum=0.0) for name, x in (("a", a), ("b", b)))
    plan = entropic_plan(alpha, beta, M, reg)
    xp, (a, b) = arrays.promote(a, b, like=plan)
    return EntropicGradient(a - xp.sum(plan, axis=-1), b - xp.sum(plan, axis=-2))


def entropic_hessian(alpha: Any, beta: Any, M: Any, reg: float) -> Any:
    r"""Minus the Hessian of the dual potential.

    .. math:: -\nabla^2 f = \frac{1}{\mathrm{reg}}
        \begin{pmatrix} \mathrm{diag}(P1) & P \\ P^T & \mathrm{diag}(P^T1) \end{pmatrix} \succeq 0.

    Parameters
    ----------
    alpha, beta, M, reg
        As for :func:`entropic_plan`.

    Returns
    -------
    array, shape (..., m + n, m + n)
        Symmetric; (1, -1) is its null vector.

    Raises
    ------
    ValueError
        If an argument is out of range or the shapes do not fit.

    Examples
    --------
    >>> entropic_hessian([1.0], [0.0], [[0.0]], 1.0)
    array([[1., 1.],
           [1., 1.]])
    """
    plan = entropic_plan(alpha, beta, M, reg)
    xp = arrays.namespace(plan)
    blocks = []
    for sums in (xp.sum(plan, axis=-1), xp.sum(plan, axis=-2)):
        identity = xp.eye(sums.shape[-1], dtype=plan.dtype, device=arrays.device(plan))
        blocks.append(identity * sums[..., None, :])
    upper = xp.concat([blocks[0], plan], axis=-1)
    return xp.concat([upper, xp.concat([xp.matrix_transpose(plan), blocks[1]], axis=-1)], axis=-2) / reg


def _checked(alpha: Any, beta: Any, M: Any, reg: float) -> tuple[Any, Any, Any, Any, float]:
    alpha, beta = (
        validation.check_array(name, x, allow_infinite=True, maximum=1e300)
        for name, x in (("alpha", alpha), ("beta", beta))
    )
    M = validation.check_array("M", M)
    if M.ndim < 2:
        raise ValueError(f"M must have an axis of rows and one of columns; got shape {tuple(M.shape)}.")
    for name, potential, axis, length in (("alpha", alpha, "row", M.shape[-2]), ("beta", beta, "column", M.shape[-1])):
        if potential.ndim < 1 or potential.shape[-1] != length:
            raise ValueError(
                f"{name} must hold one potential for each of the {length} {axis}s of M; got shape "
                f"{tuple(potential.shape)}. M has shape (len(alpha), len(beta))."
            )
    xp, (alpha, beta, M) = arrays.promote(alpha, beta, M)
    return xp, alpha, beta, M, validation.check_number("reg", reg, exclusive_minimum=0.0)
