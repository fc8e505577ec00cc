"""Checked eigendecomposition of a kernel matrix, with the targets in its eigenbasis."""

from __future__ import annotations

from typing import Any

from theorylab import arrays, numerics, validation

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
        From the largest down; those within N machine epsilons of the largest are zero.
    coefficients : array, shape (N, C)
        Inner products of eigenvectors and targets.

    Raises
    ------
    ValueError
        If `K` is not square, not symmetric to 1e-8 of its largest entry, not positive semi-definite to 1e-8 of its
        largest eigenvalue, or `y` has other rows.
    """
    K = validation.check_square("K", K)
    y = validation.check_array("y", y, ndim=(1, 2))
    if y.shape[0] != K.shape[0]:
        raise ValueError(f"y must have one row for each of the {K.shape[0]} points of K; got shape {tuple(y.shape)}.")
    _, (K, y) = arrays.promote(K, y)
    values, vectors = numerics.decompose_gram(K)
    return values, numerics.matmul(vectors.T, y if y.ndim == 2 else y[:, None])
