"""Checked eigendecomposition of a kernel matrix, with the targets in its eigenbasis."""

from __future__ import annotations

from typing import Any

from theorylab import arrays, validation

__all__ = ["decompose_gram"]


def decompose_gram(K: Any, y: Any) -> tuple[Any, Any]:
    """Eigenvalues of a kernel matrix and the coefficients of the targets on its eigenvectors.

    Parameters
    ----------
    K : array_like, shape (N, N)
        Symmetric positive semi-definite kernel matrix.
    y : array_like, shape (N,) or (N, C)
        Targets on the same points.

    Returns
    -------
    values : array, shape (N,)
        Increasing; those within N machine epsilons of the largest are zero.
    coefficients : array, shape (N, C)
        Inner products of eigenvectors and targets.

    Raises
    ------
    ValueError
        If `K` is not square or not symmetric to 1e-8 of its largest entry, or `y` has other rows.
    """
    K = validation.check_array("K", K, ndim=2)
    if K.shape[0] != K.shape[1]:
        raise ValueError(f"K must be square; got shape {tuple(K.shape)}. Pass the kernel matrix of all points.")
    n_points = K.shape[0]
    y = validation.check_array("y", y, ndim=(1, 2))
    if y.shape[0] != n_points:
        raise ValueError(f"y must have one row for each of the {n_points} points of K; got shape {tuple(y.shape)}.")
    xp, (K, y) = arrays.promote(K, y)
    asymmetry = float(xp.max(xp.abs(K - K.T)))
    if asymmetry > 1e-8 * float(xp.max(xp.abs(K))):
        raise ValueError(f"K must be symmetric; got entries that differ by {asymmetry:.3g}. Pass (K + K.T) / 2.")
    values, vectors = xp.linalg.eigh(K)
    rounding = n_points * xp.finfo(values.dtype).eps * xp.max(xp.abs(values))
    values = xp.where(xp.abs(values) <= rounding, xp.zeros_like(values), values)
    return values, vectors.T @ (y if y.ndim == 2 else y[:, None])
