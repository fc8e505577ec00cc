"""Eigenvalues and eigenvectors of a Gram matrix: computed once, they carry every ridge, weight and step."""

from __future__ import annotations

import dataclasses
from typing import Any

from theorylab import arrays, numerics, validation

__all__ = ["KernelEigensystem"]

#: Share of the largest entry or eigenvalue that passes for rounding: Gram matrices are often computed in float32.
_ROUNDING = 1e-6


@dataclasses.dataclass(frozen=True)
class KernelEigensystem:
    r"""Eigendecomposition :math:`K = V \mathrm{diag}(d) V^T`, largest eigenvalue first; make it with `from_gram`.

    Parameters
    ----------
    eigenvalues : array, shape (n,)
        :math:`d_1 \ge \dots \ge d_n \ge 0`.
    eigenvectors : array, shape (n, n)
        :math:`V`, one eigenvector in each column.  Signs, and rotations within an eigenspace, are arbitrary.

    Notes
    -----
    Source: derived here.  Nothing in this chapter needs an inverse of K, so a singular K is as good as any.

    Examples
    --------
    >>> system = KernelEigensystem.from_gram([[2.0, 1.0], [1.0, 2.0]])
    >>> [round(float(d), 12) for d in system.eigenvalues]
    [3.0, 1.0]
    """

    eigenvalues: Any
    eigenvectors: Any

    @classmethod
    def from_gram(cls, K: Any) -> KernelEigensystem:
        """Decompose a Gram matrix.

        Parameters
        ----------
        K : array_like, shape (n, n)
            Symmetric positive semi-definite kernel matrix of the training inputs, to 1e-6 of its largest entry and
            eigenvalue: it may have been computed in float32, but is decomposed in float64.

        Returns
        -------
        KernelEigensystem
            In the namespace and on the device of `K`; eigenvalues that rounding made negative are zero.

        Raises
        ------
        ValueError
            If `K` is not square, not symmetric, or has a negative eigenvalue beyond rounding.
        """
        return cls(*numerics.decompose_gram(K, tolerance=_ROUNDING))

    def coefficients(self, y: Any) -> Any:
        r"""Coefficients :math:`V^T y` of values at the training inputs.

        Parameters
        ----------
        y : array_like, shape (n,) or (n, c)
            Values at the training inputs.

        Returns
        -------
        array, shape (n,) or (n, c)
            One row for each eigenvalue.
        """
        y = validation.check_array("y", y, ndim=(1, 2))
        if y.shape[0] != self.eigenvalues.shape[0]:
            raise ValueError(
                f"y must have one row for each of the {self.eigenvalues.shape[0]} rows of K; "
                f"got shape {tuple(y.shape)}. Give one row per sample."
            )
        _, (y,) = arrays.promote(y, like=self.eigenvalues)
        return numerics.matmul(self.eigenvectors.T, y)

    def apply(self, filters: Any, y: Any) -> Any:
        r"""Apply filters to values at the training inputs, :math:`V \mathrm{diag}(b) V^T y`.

        With :func:`distillation_filters` the result are the training predictions of each step, with
        :func:`dual_filters` its dual coefficients :math:`\gamma`: the prediction at x is :math:`k(x, X) \gamma`.

        Parameters
        ----------
        filters : array_like, shape (..., n)
            Factor of each eigencomponent.
        y : array_like, shape (n,) or (n, c)
            Values at the training inputs.

        Returns
        -------
        array, shape (..., n) or (..., n, c)
            Filtered values.
        """
        coefficients = self.coefficients(y)
        filters = validation.check_array("filters", filters, allow_empty=True)
        if filters.ndim == 0 or filters.shape[-1] != self.eigenvalues.shape[0]:
            raise ValueError(
                f"filters must have {self.eigenvalues.shape[0]} entries along the last axis, one for each eigenvalue; "
                f"got shape {tuple(filters.shape)}."
            )
        _, (filters,) = arrays.promote(filters, like=self.eigenvalues)
        if coefficients.ndim == 1:
            return numerics.matmul(filters * coefficients, self.eigenvectors.T)
        return self.eigenvectors @ (filters[..., None] * coefficients)
