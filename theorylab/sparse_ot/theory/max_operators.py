r"""Maximum operators of k-sparse columns: conjugates of the constrained quadratic, and where they are attained.

With scores s of one column, sorted :math:`s_{(1)} \ge s_{(2)} \ge \dots`, both operators keep the k largest scores:
raising a kept score raises the value, so that exchanging a kept score for a larger one never loses (derived here).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from theorylab import arrays, validation
from theorylab.sparse_ot.theory._arguments import check_axis, check_max_nz, check_reg

__all__ = ["OrthantMax", "SimplexMax", "orthant_max_topk", "simplex_max_topk"]


class OrthantMax(NamedTuple):
    """Maximum over k-sparse columns of any mass.

    Parameters
    ----------
    value : array
        The maximum, of the shape of the scores without the axis.
    argmax : array
        Where it is attained, of the shape of the scores: the gradient of the value.
    """

    value: Any
    argmax: Any


class SimplexMax(NamedTuple):
    """Maximum over k-sparse columns of given mass.

    Parameters
    ----------
    value : array
        The maximum, of the shape of the scores without the axis.
    argmax : array
        Where it is attained, of the shape of the scores: the gradient of the value.
    tau : array
        Threshold that a score must exceed to get mass; minus the potential of the column.
    """

    value: Any
    argmax: Any
    tau: Any


def orthant_max_topk(X: Any, reg: float, k: int, axis: int = 0) -> OrthantMax:
    r"""Largest regularised score over non-negative columns with at most k entries.

    .. math::
        \Omega_+^*(s) = \max_{t \ge 0,\, \|t\|_0 \le k} \langle s, t\rangle - \frac\gamma2 \|t\|^2
        = \frac{1}{2\gamma} \sum_{i \le k} [s_{(i)}]_+^2

    Parameters
    ----------
    X : array_like, any shape with at least one axis
        Scores, :math:`\alpha_i + \beta_j - M_{ij}` in the dual of transport.
    reg : float
        :math:`\gamma > 0`, in units of score per mass.
    k : int
        Number of entries, >= 1; as many as there are scores, or more, is no constraint.
    axis : int
        Axis of the columns' entries.

    Returns
    -------
    OrthantMax
        Value and maximiser, float64.

    Raises
    ------
    TypeError, ValueError
        If `X` is not finite, `reg` not positive, `k` no integer >= 1, or there is no such axis.

    Notes
    -----
    The value is differentiable, with gradient `argmax`, where no score equals the k-th without being kept, or the k-th
    is not positive.  At such a tie the maximiser is not unique; the lowest index is kept here.

    References
    ----------
    .. [liu2023] T. Liu, J. Puigcerver and M. Blondel, "Sparsity-constrained optimal transport", ICLR 2023.  The closed
       form is also derived here.

    Examples
    --------
    >>> value, argmax = orthant_max_topk([3.0, 1.0, 2.0, -1.0], reg=1.0, k=2)
    >>> float(value), argmax
    (6.5, array([3., 0., 2., 0.]))
    """
    xp, scores, reg, k = _scores(X, reg, k, axis)
    kept = _largest(xp, scores, k)[0]
    positive = xp.where(kept & (scores > 0.0), scores, xp.zeros_like(scores))
    value = xp.sum(positive**2, axis=-1) / (2.0 * reg)
    return OrthantMax(value, xp.moveaxis(positive / reg, -1, axis))


def simplex_max_topk(X: Any, b: Any, reg: float, k: int, axis: int = 0) -> SimplexMax:
    r"""Largest regularised score over non-negative columns of mass b with at most k entries.

    .. math::
        \Omega_b^*(s) = \max_{t \ge 0,\, 1^T t = b,\, \|t\|_0 \le k} \langle s, t\rangle - \frac\gamma2 \|t\|^2
        = \tau b + \frac{1}{2\gamma} \sum_{i \le k} [s_{(i)} - \tau]_+^2, \qquad
        \sum_{i \le k} [s_{(i)} - \tau]_+ = \gamma b

    Parameters
    ----------
    X : array_like, any shape with at least one axis
        Scores, :math:`\alpha_i - M_{ij}` in the semi-dual of transport.
    b : array_like, >= 0
        Mass of each column: a number, or of the shape of `X` without `axis`.  A column without mass has value 0.
    reg : float
        :math:`\gamma > 0`, in units of score per mass.
    k : int
        Number of entries, >= 1; as many as there are scores, or more, is no constraint.
    axis : int
        Axis of the columns' entries.

    Returns
    -------
    SimplexMax
        Value, maximiser and threshold, float64.  The maximiser sums to `b` to rounding.

    Raises
    ------
    TypeError, ValueError
        If `X` is not finite, `b` negative or of another shape, `reg` not positive, `k` no integer >= 1, or there is no
        such axis.

    Notes
    -----
    The value is differentiable, with gradient `argmax`, where no score equals the k-th without being kept, or the k-th
    is at most the threshold.  The gradient's jump at a tie is at most :math:`\sqrt2 b/k` (derived here).  At a tie the
    lowest index is kept.

    References
    ----------
    .. [liu2023] T. Liu, J. Puigcerver and M. Blondel, "Sparsity-constrained optimal transport", ICLR 2023.  The closed
       form is also derived here.

    Examples
    --------
    >>> value, argmax, tau = simplex_max_topk([3.0, 1.0, 2.5, -1.0], b=1.0, reg=1.0, k=2)
    >>> argmax, float(tau)
    (array([0.75, 0.  , 0.25, 0.  ]), 2.25)
    """
    b = validation.check_array("b", b, minimum=0.0)
    xp, scores, reg, k = _scores(X, reg, k, axis)
    _, (b,) = arrays.promote(b, like=scores)
    if b.ndim and tuple(b.shape) != tuple(scores.shape[:-1]):
        raise ValueError(
            f"b must be a number or of the shape of X without the axis, {tuple(scores.shape[:-1])}; got shape "
            f"{tuple(b.shape)}. Give each column its mass."
        )
    b = xp.broadcast_to(b, scores.shape[:-1])
    # relative to the largest score, so that a small mass is not lost beside large scores
    largest = xp.max(scores, axis=-1, keepdims=True)
    scores = scores - largest
    kept, ordered = _largest(xp, scores, k)
    places = xp.arange(1, k + 1, dtype=scores.dtype, device=arrays.device(scores))
    excess = xp.cumulative_sum(ordered, axis=-1) - reg * b[..., None]
    count = xp.sum(xp.astype(places * ordered > excess, xp.int64), axis=-1, keepdims=True)
    count = xp.where(count == 0, xp.ones_like(count), count)  # b = 0
    tau = xp.take_along_axis(excess, count - 1, axis=-1) / xp.astype(count, scores.dtype)
    mass = xp.where(kept & (scores > tau), (scores - tau) / reg, xp.zeros_like(scores))
    value = largest[..., 0] * b + xp.sum(mass * (scores - 0.5 * reg * mass), axis=-1)
    return SimplexMax(value, xp.moveaxis(mass, -1, axis), (largest + tau)[..., 0])


def _scores(X: Any, reg: float, k: int, axis: int) -> tuple[Any, Any, float, int]:
    """Namespace, scores along the last axis, and the checked parameters, k at most the number of scores."""
    X = validation.check_array("X", X)
    if X.ndim == 0:
        raise ValueError(f"X must have at least one axis; got shape {tuple(X.shape)}. Pass the scores of a column.")
    reg, k = check_reg(reg), check_max_nz("k", k)
    axis = check_axis("axis", axis, X.ndim)
    xp, (X,) = arrays.promote(X)
    scores = xp.moveaxis(X, axis, -1)
    return xp, scores, reg, min(k, scores.shape[-1])


def _largest(xp: Any, scores: Any, k: int) -> tuple[Any, Any]:
    """Which k scores of each column are kept, and those scores in falling order.

    The array-API standard has no top-k.  Comparing with the k-th score alone would keep all scores that equal it.
    """
    ordered = xp.sort(scores, axis=-1, descending=True)[..., :k]
    last = ordered[..., k - 1 :]
    above, level = scores > last, scores == last
    n_above = xp.sum(xp.astype(above, xp.int64), axis=-1, keepdims=True)
    rank = xp.cumulative_sum(xp.astype(level, xp.int64), axis=-1)
    return above | (level & (rank <= k - n_above)), ordered
