r"""Filters: by which factor each eigencomponent of the targets is kept after a step of self-distillation.

With :math:`K = V\,\mathrm{diag}(d)\,V^T` and :math:`A_i = d_i/(d_i + \lambda)` the training predictions of step
:math:`\tau` are :math:`V\,\mathrm{diag}(b^{(\tau)})\,V^T Y`, where

.. math::
    b^{(1)}_i = A_i, \qquad b^{(\tau)}_i = A_i q^{(\tau)}_i, \qquad
    q^{(\tau)}_i = (1-\alpha^{(\tau)})\, b^{(\tau-1)}_i + \alpha^{(\tau)},

since a step is ordinary ridge regression on the mixed target :math:`\alpha Y + (1-\alpha) y^{(\tau-1)}`.  The dual
coefficients are :math:`\gamma^{(\tau)} = V\,\mathrm{diag}(q^{(\tau)}/(d+\lambda))\,V^T Y`; no inverse of K appears.

With constant weight the filter falls geometrically to that of ridge regression with ridge :math:`\lambda/\alpha`:

.. math::
    b^{(\tau)}_i = b^\infty_i + [(1-\alpha) A_i]^{\tau-1} (A_i - b^\infty_i), \qquad
    b^\infty_i = \frac{\alpha d_i}{\alpha d_i + \lambda}.

Sources: [borup2021]_ for the fit after each step and the limit; the recursion for the filters and the mixture form are
derived here.

.. [borup2021] K. Borup, L. N. Andersen, "Even your teacher needs guidance: ground-truth targets dampen regularization
   imposed by self-distillation", NeurIPS 2021, arXiv:2102.13088.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from theorylab import arrays, validation
from theorylab.self_distillation.theory._arguments import (
    check_eigenvalues,
    check_steps,
    check_weights,
    output_power,
)

__all__ = [
    "constant_weight_filter",
    "distance_to_limit",
    "distillation_filters",
    "dual_filters",
    "effective_regularization",
    "equivalent_ridge",
    "limit_filter",
    "mixture_coefficients",
]


def distillation_filters(eigenvalues: Any, regularization: Any, weights: Any, *, bounded: bool = True) -> Any:
    r"""Filters :math:`b^{(1)}, \dots, b^{(T)}` of all steps, for any sequence of ground-truth weights.

    .. math:: b^{(1)} = A, \qquad b^{(\tau)} = A\,[(1-\alpha^{(\tau)})\, b^{(\tau-1)} + \alpha^{(\tau)}].

    Parameters
    ----------
    eigenvalues : array_like, shape (n,)
        Of the Gram matrix, >= 0.
    regularization : array_like, shape (...)
        Ridge :math:`\lambda > 0` of every step, for the sum over samples.
    weights : array_like, shape (..., T - 1)
        Ground-truth weights :math:`\alpha^{(2)}, \dots, \alpha^{(T)}` in [0, 1]; empty for T = 1.  Their leading axes
        broadcast with `regularization`.
    bounded : bool
        False allows weights outside [0, 1]: the filters remain exact, but may leave [0, 1] themselves.

    Returns
    -------
    array, shape (..., T, n)
        float64.  For weights in [0, 1] they lie in [0, A], and fall from step to step where the weights do not rise.

    Raises
    ------
    ValueError
        If an argument is outside its range, or shapes do not broadcast.

    Notes
    -----
    Source: [borup2021]_; recursion derived here.  O(T n) for each ridge and sequence, which broadcast.

    Examples
    --------
    >>> distillation_filters([1.0], 1.0, [0.5, 0.0])[:, 0].tolist()
    [0.5, 0.375, 0.1875]
    """
    _, smoother, _, targets = _target_filters(eigenvalues, regularization, weights, bounded)
    return smoother[..., None, :] * targets


def dual_filters(eigenvalues: Any, regularization: Any, weights: Any, *, bounded: bool = True) -> Any:
    r"""Filters that turn targets into the dual coefficients of each step, :math:`q^{(\tau)}/(d + \lambda)`.

    :math:`\gamma^{(\tau)} = V\,\mathrm{diag}(q^{(\tau)}/(d+\lambda))\,V^T Y`, and the fit at any point is
    :math:`k(x, X)\,\gamma^{(\tau)}`.

    Parameters
    ----------
    eigenvalues, regularization, weights, bounded
        As in :func:`distillation_filters`.

    Returns
    -------
    array, shape (..., T, n)
        float64.

    Notes
    -----
    Source: [borup2021]_, without its inverse of K; derived here.

    Examples
    --------
    >>> dual_filters([1.0], 1.0, [0.5])[:, 0].tolist()
    [0.5, 0.375]
    """
    _, _, shifted, targets = _target_filters(eigenvalues, regularization, weights, bounded)
    return targets / shifted[..., None, :]


def constant_weight_filter(eigenvalues: Any, regularization: Any, weight: Any, step: Any) -> Any:
    r"""Filter of one step under a constant weight, in closed form.

    .. math:: b^{(\tau)} = b^\infty + [(1-\alpha) A]^{\tau-1} (A - b^\infty)

    Parameters
    ----------
    eigenvalues : array_like, shape (n,)
        Of the Gram matrix, >= 0.
    regularization : array_like, shape (...)
        Ridge :math:`\lambda > 0`.
    weight : array_like, shape (...)
        Ground-truth weight :math:`\alpha` in [0, 1] of all steps after the first.
    step : array_like, shape (...)
        :math:`\tau \ge 1`, whole or ``inf``; the three broadcast.

    Returns
    -------
    array, shape (..., n)
        float64.

    Notes
    -----
    Source: [borup2021]_; closed form derived here.

    Examples
    --------
    >>> constant_weight_filter([1.0], 1.0, 0.5, [1, 2])[:, 0].tolist()
    [0.5, 0.375]
    """
    step = check_steps(step)
    xp, values, ridge, alpha, step = _components(eigenvalues, regularization, weight, step)
    limit = alpha * values / (alpha * values + ridge)
    return limit + _excess(xp, values, ridge, alpha, step)


def limit_filter(eigenvalues: Any, regularization: Any, weight: Any) -> Any:
    r"""Filter after infinitely many steps, :math:`b^\infty = \alpha d/(\alpha d + \lambda)`.

    This is ridge regression with ridge :math:`\lambda/\alpha`; with weight 0 the fit collapses to zero.

    Parameters
    ----------
    eigenvalues : array_like, shape (n,)
        Of the Gram matrix, >= 0.
    regularization : array_like, shape (...)
        Ridge :math:`\lambda > 0`.
    weight : array_like, shape (...)
        Ground-truth weight :math:`\alpha` in [0, 1], constant or in the limit of many steps, provided that it is then
        positive.

    Returns
    -------
    array, shape (..., n)
        float64.

    Notes
    -----
    Source: [borup2021]_.

    Examples
    --------
    >>> limit_filter([1.0], 1.0, [0.0, 0.5])[:, 0].tolist()
    [0.0, 0.3333333333333333]
    """
    _, values, ridge, alpha, _ = _components(eigenvalues, regularization, weight, 1.0)
    return alpha * values / (alpha * values + ridge)


def effective_regularization(regularization: Any, weight: Any) -> Any:
    r"""Ridge :math:`\lambda/\alpha` whose fit infinitely many steps approach; infinite at weight 0.

    Solved for the weight it says which one has the fit with a given ridge :math:`\lambda_\infty \ge \lambda` as its
    limit: :math:`\alpha = \lambda/\lambda_\infty`.

    Parameters
    ----------
    regularization : array_like, shape (...)
        Ridge :math:`\lambda > 0` of every step.
    weight : array_like, shape (...)
        Ground-truth weight in [0, 1].

    Returns
    -------
    array, shape (...)
        float64.

    Notes
    -----
    Source: [borup2021]_.

    Examples
    --------
    >>> float(effective_regularization(0.2, 0.25))
    0.8
    """
    ridge = validation.check_array("regularization", regularization, exclusive_minimum=0.0)
    alpha = validation.check_array("weight", weight, minimum=0.0, maximum=1.0)
    xp, (ridge, alpha) = arrays.promote(ridge, alpha)
    positive = alpha > 0.0
    amplified = ridge / xp.where(positive, alpha, xp.ones_like(alpha))
    return xp.where(positive, amplified, xp.full_like(amplified, xp.inf))


def distance_to_limit(eigenvalues: Any, coefficients: Any, regularization: Any, weight: Any, step: Any) -> Any:
    r"""Distance of the training predictions of a step from their limit, under a constant weight.

    .. math::
        \|y^{(\tau)} - y^\infty\|^2 = \sum_i [(1-\alpha) A_i]^{2(\tau-1)} (A_i - b^\infty_i)^2 (V^T Y)_i^2

    Each component shrinks by its own factor :math:`(1-\alpha) A_i`, all of them eventually by the largest.

    Parameters
    ----------
    eigenvalues : array_like, shape (n,)
        Of the Gram matrix, >= 0.
    coefficients : array_like, shape (n,) or (n, c)
        :math:`V^T Y` of the targets; outputs are summed.
    regularization, weight, step : array_like, shape (...)
        As in :func:`constant_weight_filter`.

    Returns
    -------
    array, shape (...)
        Euclidean (Frobenius) norm, float64.

    Notes
    -----
    Source: derived here.  Nothing cancels, so the distance is accurate far below the rounding of the predictions.

    Examples
    --------
    >>> float(distance_to_limit([1.0], [1.0], 1.0, 0.0, 3))
    0.125
    """
    step = check_steps(step)
    power, _ = output_power("coefficients", coefficients, eigenvalues=check_eigenvalues(eigenvalues))
    xp, values, ridge, alpha, step = _components(eigenvalues, regularization, weight, step)
    _, (power,) = arrays.promote(power, like=values)
    return xp.sqrt(xp.sum(_excess(xp, values, ridge, alpha, step) ** 2 * power, axis=-1))


def equivalent_ridge(eigenvalues: Any, duals: Any) -> Any:
    r"""Ridge that would give each component its filter, :math:`1/p_i - d_i = d_i (1/b_i - 1)`.

    All equal for a ridge fit: at the first step and in the limit.  At a step between them they differ, and no single
    ridge reproduces the student.

    Parameters
    ----------
    eigenvalues : array_like, shape (n,)
        Of the Gram matrix, >= 0.
    duals : array_like, shape (..., n)
        Filters :math:`p` of the dual coefficients, see :func:`dual_filters`.

    Returns
    -------
    array, shape (..., n)
        float64; infinite where the fit has collapsed.  Weights outside [0, 1] may make it negative.

    Notes
    -----
    Source: derived here.  The absolute accuracy is that of the eigenvalue.

    Examples
    --------
    >>> equivalent_ridge([1.0, 2.0], [0.5, 0.25]).tolist()
    [1.0, 2.0]
    """
    values = check_eigenvalues(eigenvalues)
    xp, (values, duals) = arrays.promote(values, validation.check_array("duals", duals))
    collapsed = duals == 0.0
    ridge = 1.0 / xp.where(collapsed, xp.ones_like(duals), duals) - values
    return xp.where(collapsed, xp.full_like(ridge, xp.inf), ridge)


def mixture_coefficients(weights: Any, *, bounded: bool = True) -> Any:
    r"""Every student as a mixture of purely distilled ones, :math:`y^{(\tau)} = \sum_{k=1}^{\tau} C_{\tau k} S^k Y`.

    .. math::
        C_{\tau,\tau-i+1} = \alpha^{(i)} \prod_{j=i+1}^{\tau} (1-\alpha^{(j)}) \quad (2 \le i \le \tau), \qquad
        C_{\tau\tau} = \prod_{j=2}^{\tau} (1-\alpha^{(j)}),

    where :math:`S^k Y` is what k steps without ground truth give.  Rows add up to one, and for weights in [0, 1] no
    entry is negative.  The coefficients know neither kernel nor ridge: a loss that is quadratic in the predictions is,
    over a whole grid, a quadratic form in them.

    Parameters
    ----------
    weights : array_like, shape (..., T - 1)
        Ground-truth weights of steps 2 to T, in [0, 1]; empty for T = 1.
    bounded : bool
        False allows weights outside [0, 1].

    Returns
    -------
    array, shape (..., T, T)
        float64; row :math:`\tau`, column k, both counted from one in the formula.

    Notes
    -----
    Source: [borup2021]_, there with a quotient that is 0/0 at weight 1.

    Examples
    --------
    >>> mixture_coefficients([0.25, 0.5]).tolist()
    [[1.0, 0.0, 0.0], [0.25, 0.75, 0.0], [0.5, 0.125, 0.375]]
    """
    weights = check_weights(weights, bounded)
    xp, (weights,) = arrays.promote(weights)
    n_steps = weights.shape[-1] + 1
    first = xp.zeros((*weights.shape[:-1], n_steps), dtype=weights.dtype, device=arrays.device(weights))
    first = xp.concat([first[..., :1] + 1.0, first[..., 1:]], axis=-1)
    rows = [first]
    for s in range(n_steps - 1):
        weight = weights[..., s, None]
        rows.append(xp.concat([weight, (1.0 - weight) * rows[-1][..., :-1]], axis=-1))
    return xp.stack(rows, axis=-2)


def _components(eigenvalues: Any, regularization: Any, weight: Any, step: Any) -> tuple[Any, Any, Any, Any, Any]:
    """Checked arguments with an axis for the components behind those of the problems."""
    values = check_eigenvalues(eigenvalues)
    ridge = validation.check_array("regularization", regularization, exclusive_minimum=0.0)
    alpha = validation.check_array("weight", weight, minimum=0.0, maximum=1.0)
    xp, (values, ridge, alpha, step) = arrays.promote(values, ridge, alpha, step)
    return xp, values, ridge[..., None], alpha[..., None], step[..., None]


def _excess(xp: Any, values: Any, ridge: Any, alpha: Any, step: Any) -> Any:
    """How far a filter is above its limit; A - b_inf is written as a product, so that nothing cancels."""
    smoother = values / (values + ridge)
    start = smoother * ridge * (1.0 - alpha) / (alpha * values + ridge)
    ended = xp.isinf(step)
    power = ((1.0 - alpha) * smoother) ** (xp.where(ended, xp.ones_like(step), step) - 1.0)
    # (1 - alpha) A is below one but may be rounded to one, whose powers do not end at zero
    return xp.where(ended, xp.zeros_like(start * power), start * power)


def _target_filters(eigenvalues: Any, regularization: Any, weights: Any, bounded: bool) -> tuple[Any, Any, Any, Any]:
    """Smoother A and d + lambda, (..., n), and the filters q of the mixed targets, (..., T, n)."""
    values = check_eigenvalues(eigenvalues)
    ridge = validation.check_array("regularization", regularization, exclusive_minimum=0.0)
    weights = check_weights(weights, bounded)
    try:
        batch = np.broadcast_shapes(tuple(ridge.shape), tuple(weights.shape[:-1]))
    except ValueError:
        raise ValueError(
            f"weights must broadcast with regularization in all axes but the last; got shapes {tuple(weights.shape)} "
            f"and {tuple(ridge.shape)}. Give one of them further axes of length one."
        ) from None
    xp, (values, ridge, weights) = arrays.promote(values, ridge, weights)
    shifted = values + ridge[..., None]
    smoother = values / shifted
    targets = [xp.ones((*batch, values.shape[0]), dtype=values.dtype, device=arrays.device(values))]
    for s in range(weights.shape[-1]):
        weight = weights[..., s, None]
        targets.append((1.0 - weight) * (smoother * targets[-1]) + weight)
    return xp, smoother, shifted, xp.stack(targets, axis=-2)
