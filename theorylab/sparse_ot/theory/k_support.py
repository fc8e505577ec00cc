r"""The squared k-support norm, which is what the dual problems make of the sparsity constraint."""

from __future__ import annotations

from typing import Any

from theorylab import arrays, validation
from theorylab.sparse_ot.theory._arguments import check_axis, check_max_nz

__all__ = ["ksupport_norm_sq"]


def ksupport_norm_sq(t: Any, k: int, axis: int = 0) -> Any:
    r"""Square of the k-support norm, the convex envelope of the squared Euclidean norm on k-sparse vectors.

    .. math::
        (\|t\|_k^{sp})^2 = \min_\lambda \Big\{\sum_i \frac{t_i^2}{\lambda_i} : 0 < \lambda_i \le 1,\;
        \sum_i \lambda_i \le k\Big\}
        = \sum_{i \le p} t_{(i)}^2 + \frac{1}{k-p}\Big(\sum_{i > p} t_{(i)}\Big)^2,

    with the magnitudes :math:`t_{(1)} \ge t_{(2)} \ge \dots` and p the number of :math:`\lambda_i` that are 1.  k = 1
    is the squared sum of magnitudes, k >= len(t) the squared Euclidean norm; a vector of at most k entries has its
    Euclidean norm.

    Parameters
    ----------
    t : array_like, any shape with at least one axis
        Vectors along `axis`.
    k : int
        Number of entries, >= 1.
    axis : int
        Axis of the vectors; the columns of a plan by default.

    Returns
    -------
    array
        float64, the shape of `t` without `axis`.

    Raises
    ------
    TypeError, ValueError
        If `t` is not made of finite numbers, k is not a whole number >= 1, or there is no such axis.

    References
    ----------
    .. [argyriou2012] A. Argyriou, R. Foygel and N. Srebro, "Sparse prediction with the k-support norm", NeurIPS 2012,
       Proposition 2.1.

    Examples
    --------
    >>> float(ksupport_norm_sq([3.0, 4.0], k=1)), float(ksupport_norm_sq([3.0, 4.0], k=2))
    (49.0, 25.0)
    """
    k = check_max_nz("k", k)
    t = validation.check_array("t", t)
    axis = check_axis("axis", axis, t.ndim)
    xp, (t,) = arrays.promote(t)
    t = xp.moveaxis(t, axis, -1)
    length = t.shape[-1]
    k = min(k, length)
    ordered = xp.sort(xp.abs(t), axis=-1, descending=True)
    zero = xp.zeros_like(ordered[..., :1])
    # sums of the entries behind each place, from the smallest up, so that none is a difference of large ones
    behind = xp.flip(xp.cumulative_sum(xp.flip(ordered, axis=-1), axis=-1), axis=-1)
    places = xp.arange(1, k, dtype=t.dtype, device=arrays.device(t))
    # entry i has share 1 when it is above the share that is left for those behind it
    full = ordered[..., : k - 1] * (k - places) > behind[..., 1:k]
    p = xp.sum(xp.astype(full, xp.int64), axis=-1, keepdims=True)
    squares = xp.concat([zero, xp.cumulative_sum(ordered**2, axis=-1)], axis=-1)
    head = xp.take_along_axis(squares, p, axis=-1)
    tail = xp.take_along_axis(behind, p, axis=-1)
    return (head + tail**2 / (k - xp.astype(p, t.dtype)))[..., 0]
