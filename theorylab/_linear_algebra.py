"""Decomposition of kernel matrices and products of large ones, on arrays of any library.

Where NumPy and SciPy come as wheels, each brings a BLAS with threads of its own, and those of one still wait for work,
busily, when the other begins: on two cores a product by NumPy takes several times as long after a decomposition by
SciPy as before it.  Here both are SciPy's.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from theorylab import arrays, validation

__all__ = ["decompose_gram", "matmul"]


def decompose_gram(K: Any, *, tolerance: float = 1e-8) -> tuple[Any, Any]:
    r"""Eigendecomposition :math:`K = U \mathrm{diag}(\lambda) U^T` of a kernel matrix, which is checked to be one.

    Parameters
    ----------
    K : array_like, shape (n, n)
        Symmetric positive semi-definite.
    tolerance : float
        What `K` may lack of symmetry, as a share of its largest entry, and of definiteness, as a share of its largest
        eigenvalue: 1e-6 admits what was computed in single precision.

    Returns
    -------
    eigenvalues : array, shape (n,)
        Float64, from the largest down; what is negative or within n machine epsilons of the largest is zero.
    eigenvectors : array, shape (n, n)
        Columns in the same order.

    Raises
    ------
    ValueError
        If `K` is not square, not symmetric or not positive semi-definite to the tolerance.

    Examples
    --------
    >>> eigenvalues, _ = decompose_gram([[2.0, 1.0], [1.0, 2.0]])
    >>> [round(float(value), 12) for value in eigenvalues]
    [3.0, 1.0]
    """
    xp, (K,) = arrays.promote(validation.check_square("K", K))
    asymmetry = float(xp.max(xp.abs(K - K.T)))
    if asymmetry > tolerance * float(xp.max(xp.abs(K))):
        raise ValueError(f"K must be symmetric; got entries that differ by {asymmetry:.3g}. Pass (K + K.T) / 2.")
    values, vectors = _eigh(xp, -K)  # which is falling without a copy
    largest, smallest = -float(values[0]), -float(values[-1])
    if smallest < -tolerance * max(largest, 0.0):
        raise ValueError(
            f"K must be positive semi-definite; got an eigenvalue of {smallest:.6g} beside a largest of "
            f"{largest:.6g}. Use a kernel that is an inner product of features."
        )
    # What rounding makes of a zero eigenvalue may be positive.
    rounding = values.shape[0] * float(xp.finfo(values.dtype).eps) * largest
    return xp.where(values < -rounding, -values, xp.zeros_like(values)), vectors


def _eigh(xp: Any, matrix: Any) -> tuple[Any, Any]:
    """Eigenvalues from the smallest up and eigenvectors of a symmetric matrix, which may be overwritten."""
    if xp is not arrays.namespace():
        return xp.linalg.eigh(matrix)
    import scipy.linalg

    # The transpose is what Fortran wants: a tenth faster than numpy.linalg.eigh, which copies.
    return scipy.linalg.eigh(matrix.T, driver="evd", overwrite_a=True, check_finite=False)


def matmul(first: Any, second: Any, *, out: Any = None) -> Any:
    """Product of two matrices, by the library that :func:`decompose_gram` uses.

    Parameters
    ----------
    first : array, shape (p, q)
        Of any library.
    second : array, shape (q, r)
        Of the same library.
    out : array, shape (p, r), optional
        NumPy's, in the order of C: where to write the product, with what was there lost.  Only for NumPy.

    Returns
    -------
    array, shape (p, r)
        `out` if it was given.

    Raises
    ------
    ValueError
        If the matrices do not fit, or `out` is not as required.

    Examples
    --------
    >>> matmul(np.array([[1.0, 2.0]]), np.array([[3.0], [4.0]])).tolist()
    [[11.0]]
    """
    if not (_is_host_matrix(first) and _is_host_matrix(second) and first.shape[1] == second.shape[0]):
        return first @ second if out is None else np.matmul(first, second, out=out)
    from scipy.linalg import blas

    shape = first.shape[0], second.shape[1]
    out = np.empty(shape) if out is None else out
    if out.shape != shape or out.dtype != np.float64 or not out.flags.c_contiguous:
        raise ValueError(
            f"out must be a float64 array in the order of C, of shape {shape}; got {out.dtype}, shape {out.shape}, "
            f"strides {out.strides}. Pass np.empty({shape})."
        )
    # Fortran sees transposed what is in the order of C: out.T = second.T @ first.T
    left, right = ((matrix.T, 0) if matrix.flags.c_contiguous else (matrix, 1) for matrix in (second, first))
    blas.dgemm(1.0, left[0], right[0], trans_a=left[1], trans_b=right[1], c=out.T, overwrite_c=1)
    return out


def _is_host_matrix(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.ndim == 2 and value.dtype == np.float64 and value.size > 0
