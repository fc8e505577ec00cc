r"""Sparsification: how distillation weighs eigencomponents against each other.

For neighbouring components :math:`d_j \ge d_k` the ratio :math:`R^{(\tau)} = b_j^{(\tau)}/b_k^{(\tau)}` says how much
more of the first is kept.  Without ground truth it grows without bound, :math:`(A_j/A_k)^\tau`; with weight 1 it stays
:math:`A_j/A_k`; with a constant weight between it tends to

.. math:: R^\infty = \frac{d_j (\alpha d_k + \lambda)}{d_k (\alpha d_j + \lambda)} < \frac{d_j}{d_k},

and on the way it need not be monotone.  Whether a step raises it is decided by

.. math::
    \mathrm{sign}(R^{(\tau)} - R^{(\tau-1)})
    = \mathrm{sign}\Big((1-\alpha)\, b_j b_k \Big(\frac{A_j}{A_k} - 1\Big)
    - \alpha \Big(b_j - b_k \frac{A_j}{A_k}\Big)\Big), \qquad b = b^{(\tau-1)},\; \alpha = \alpha^{(\tau)}.

Sources: [borup2021]_ for the ratios at constant weight; the sign rule is derived here.

.. [borup2021] K. Borup, L. N. Andersen, "Even your teacher needs guidance: ground-truth targets dampen regularization
   imposed by self-distillation", NeurIPS 2021, arXiv:2102.13088.
"""

from __future__ import annotations

from typing import Any

from theorylab import arrays, validation
from theorylab.self_distillation.theory._arguments import check_falling
from theorylab.self_distillation.theory.filters import distillation_filters

__all__ = ["eigen_ratio", "eigen_ratio_limit", "eigen_ratio_trend"]


def eigen_ratio(filters: Any) -> Any:
    r"""Ratios of the filters of neighbouring components, :math:`b_k/b_{k+1}`.

    Parameters
    ----------
    filters : array_like, shape (..., n)
        Filters > 0 in the order of falling eigenvalues, for example those of :func:`distillation_filters`.

    Returns
    -------
    array, shape (..., n - 1)
        >= 1 for filters of self-distillation, float64.

    Notes
    -----
    Source: [borup2021]_.

    Examples
    --------
    >>> eigen_ratio([[0.5, 0.25, 0.25]]).tolist()
    [[2.0, 1.0]]
    """
    filters = validation.check_array("filters", filters, exclusive_minimum=0.0)
    if filters.ndim == 0 or filters.shape[-1] < 2:
        raise ValueError(f"filters must have at least two components; got shape {tuple(filters.shape)}.")
    _, (filters,) = arrays.promote(filters)
    return filters[..., :-1] / filters[..., 1:]


def eigen_ratio_limit(eigenvalues: Any, regularization: Any, weight: Any) -> Any:
    r"""Ratios of neighbouring components after infinitely many steps with a constant weight.

    .. math:: R^\infty = \frac{d_j (\alpha d_k + \lambda)}{d_k (\alpha d_j + \lambda)}

    Parameters
    ----------
    eigenvalues : array_like, shape (n,)
        Of the Gram matrix, > 0, falling.
    regularization : array_like, shape (...)
        Ridge :math:`\lambda > 0`.
    weight : array_like, shape (...)
        Ground-truth weight in [0, 1]; the two broadcast.

    Returns
    -------
    array, shape (..., n - 1)
        float64; at weight 0 infinite where the eigenvalues differ and 1 where they are equal.

    Notes
    -----
    Source: [borup2021]_.

    Examples
    --------
    >>> eigen_ratio_limit([2.0, 1.0], 1.0, [0.0, 1.0])[:, 0].tolist()
    [inf, 1.3333333333333333]
    """
    values = check_falling(eigenvalues)
    ridge = validation.check_array("regularization", regularization, exclusive_minimum=0.0)
    alpha = validation.check_array("weight", weight, minimum=0.0, maximum=1.0)
    xp, (values, ridge, alpha) = arrays.promote(values, ridge, alpha)
    ridge, alpha = ridge[..., None], alpha[..., None]
    large, small = values[:-1], values[1:]
    ratio = large * (alpha * small + ridge) / (small * (alpha * large + ridge))
    return xp.where((alpha == 0.0) & (large > small), xp.full_like(ratio, xp.inf), ratio)


def eigen_ratio_trend(eigenvalues: Any, regularization: Any, weights: Any) -> Any:
    r"""Whether each step raises (1), keeps (0) or lowers (-1) the ratio of neighbouring components.

    .. math::
        \mathrm{sign}\Big((1-\alpha)\, b_j b_k \Big(\frac{A_j}{A_k} - 1\Big)
        - \alpha \Big(b_j - b_k \frac{A_j}{A_k}\Big)\Big)

    Parameters
    ----------
    eigenvalues : array_like, shape (n,)
        Of the Gram matrix, > 0, falling.
    regularization : array_like, shape (...)
        Ridge :math:`\lambda > 0`.
    weights : array_like, shape (..., T - 1)
        Ground-truth weights in [0, 1].

    Returns
    -------
    array, shape (..., T - 1, n - 1)
        Signs of the change from step :math:`\tau - 1` to :math:`\tau`, for :math:`\tau = 2, \dots, T`, float64.

    Notes
    -----
    Source: derived here.  The second step never lowers a ratio.  A change within rounding has a random sign.

    Examples
    --------
    >>> eigen_ratio_trend([2.0, 1.0], 1.0, [0.0, 1.0, 1.0])[:, 0].tolist()
    [1.0, -1.0, 0.0]
    """
    values = check_falling(eigenvalues)
    filters = distillation_filters(values, regularization, weights)[..., :-1, :]
    xp, (values, ridge, weights) = arrays.promote(values, regularization, weights)
    smoother = values / (values + ridge[..., None])
    gain = (smoother[..., :-1] / smoother[..., 1:])[..., None, :]
    large, small, alpha = filters[..., :-1], filters[..., 1:], weights[..., None]
    return xp.sign((1.0 - alpha) * large * small * (gain - 1.0) - alpha * (large - small * gain))
