"""The symmetric systems of the second stage: what is left in the rows after the columns are eliminated."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

__all__ = ["RowLaplacian"]

Array = NDArray[np.float64]

#: Relative growth of the diagonal, tried in turn until the factorisation succeeds.
_SHIFTS = (1e-13, 1e-11, 1e-9, 1e-7)


class RowLaplacian:
    r"""Matrices :math:`D + \mathrm{diag}(d) - \sum_{j,h} v_{jh} v_{jh}^T` of rank-one terms with few entries each.

    D is diagonal and such that the rows of the matrix sum to d: without d it is the Laplacian of a graph.  Its diagonal
    is computed from the other entries, which keeps the constant vector in its kernel exactly.

    Parameters
    ----------
    rows : numpy.ndarray of int, shape (n, K)
        Where the entries of each term stand.
    n_rows : int
        Size of the matrix, m.
    """

    def __init__(self, rows: NDArray[np.intp], n_rows: int) -> None:
        self._n_rows = n_rows
        self._places = (rows[:, :, None] * n_rows + rows[:, None, :]).ravel()

    def factorise(self, terms: Iterable[Array], diagonal: Array | float) -> Callable[[Array], Array]:
        """Solver of systems with the matrix; ``numpy.linalg.LinAlgError`` where it is numerically indefinite.

        Each array of `terms`, of shape (n, K), holds a term for each column.
        """
        # scipy's own front ends to these two take as long as the work on a hundred rows
        from scipy.linalg.lapack import dpotrf, dpotrs

        stacked = np.stack(list(terms), axis=-1)
        blocks = stacked @ np.swapaxes(stacked, 1, 2)
        m = self._n_rows
        matrix = np.bincount(self._places, np.ravel(blocks), minlength=m * m).reshape(m, m)
        np.negative(matrix, out=matrix)
        np.fill_diagonal(matrix, 0.0)
        total = diagonal - matrix.sum(axis=1)
        for shift in _SHIFTS:
            np.fill_diagonal(matrix, total * (1.0 + shift))
            # the transpose, so that LAPACK finds columns contiguous; it works on a copy
            factor, failure = dpotrf(matrix.T, lower=1, clean=0)
            if failure == 0:
                break
        else:
            raise np.linalg.LinAlgError("the Laplacian is numerically indefinite")
        return lambda right: np.asarray(dpotrs(factor, right, lower=1)[0])
