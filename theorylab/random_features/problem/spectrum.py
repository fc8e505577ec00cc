"""Eigenvalues of a kernel with the target's power on their eigenspaces."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from theorylab import arrays, validation
from theorylab.random_features.problem.sphere import sphere_levels

__all__ = ["KernelSpectrum"]

#: Eigenvalues down to this fraction below zero are rounding errors of a Gram matrix and count as zero.
_NEGATIVE_TOLERANCE = 1e-10


class KernelSpectrum:
    r"""Eigenvalues of a kernel and the target's power on each eigenspace, sorted from the largest down; immutable.

    Parameters
    ----------
    eigenvalues : array_like, shape (L,)
        :math:`\lambda_l \ge 0`, in any order, at least one positive.
    coefficients_sq : array_like, shape (L,) or (L, C), optional
        Power :math:`P_l = \sum v_i^2` of the target on the whole level, for each output; outputs are summed.  Zero
        when left out.  Power on levels with eigenvalue zero cannot be learned and acts as noise.
    multiplicities : array_like, shape (L,), optional
        Number of modes of each level, > 0; one when left out.
    tail_trace : float
        Sum of the eigenvalues of infinitely many further modes, each far below any effective ridge.
    tail_power : float
        Power of the target on those modes.
    population_size : float
        Number of points when the spectrum is that of a Gram matrix on a finite population; ``inf`` otherwise.

    Attributes
    ----------
    eigenvalues, coefficients_sq, multiplicities : array, shape (L,)
        float64, in the namespace and on the device of `eigenvalues`.
    tail_trace, tail_power, population_size : float
        As given.

    Raises
    ------
    ValueError
        If an array is not finite, has the wrong shape, or has a wrong sign.

    Examples
    --------
    >>> spectrum = KernelSpectrum([0.25, 1.0], [0.1, 2.0])
    >>> [float(x) for x in spectrum.eigenvalues], spectrum.trace
    ([1.0, 0.25], 1.25)
    """

    eigenvalues: Any
    coefficients_sq: Any
    multiplicities: Any
    tail_trace: float
    tail_power: float
    population_size: float

    def __init__(
        self,
        eigenvalues: Any,
        coefficients_sq: Any = None,
        multiplicities: Any = None,
        *,
        tail_trace: float = 0.0,
        tail_power: float = 0.0,
        population_size: float = math.inf,
    ) -> None:
        eigenvalues = validation.check_array("eigenvalues", eigenvalues, ndim=1)
        n_levels = eigenvalues.shape[0]
        if coefficients_sq is not None:
            coefficients_sq = validation.check_array("coefficients_sq", coefficients_sq, ndim=(1, 2), minimum=0.0)
            _require_rows("coefficients_sq", coefficients_sq, n_levels)
        if multiplicities is not None:
            multiplicities = validation.check_array("multiplicities", multiplicities, ndim=1, exclusive_minimum=0.0)
            _require_rows("multiplicities", multiplicities, n_levels)
        xp, (values, power, counts) = arrays.promote(eigenvalues, coefficients_sq, multiplicities)
        values = _without_rounding(xp, values)
        power = xp.zeros_like(values) if power is None else power
        power = xp.sum(power, axis=1) if power.ndim == 2 else power
        counts = xp.ones_like(values) if counts is None else counts
        order = xp.argsort(values, descending=True, stable=True)
        vars(self).update(
            eigenvalues=xp.take(values, order, axis=0),
            coefficients_sq=xp.take(power, order, axis=0),
            multiplicities=xp.take(counts, order, axis=0),
            tail_trace=validation.check_number("tail_trace", tail_trace, minimum=0.0),
            tail_power=validation.check_number("tail_power", tail_power, minimum=0.0),
            population_size=validation.check_number(
                "population_size", population_size, minimum=1.0, allow_infinite=True
            ),
        )

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"KernelSpectrum is immutable; got a value for {name}. Make a new one.")

    @classmethod
    def power_law(cls, alpha: float, beta: float, n_modes: int) -> KernelSpectrum:
        r"""Spectrum :math:`\lambda_i = i^{-\alpha}` with coefficients :math:`v_i^2 = i^{-\beta}`, :math:`i = 1..M`.

        Parameters
        ----------
        alpha : float
            Decay of the eigenvalues, > 0.
        beta : float
            Decay of the target's power, > 0.
        n_modes : int
            Number of modes :math:`M`.

        Returns
        -------
        KernelSpectrum
            NumPy arrays of shape (M,).
        """
        alpha = validation.check_number("alpha", alpha, exclusive_minimum=0.0)
        beta = validation.check_number("beta", beta, exclusive_minimum=0.0)
        xp = arrays.backend("numpy").xp
        index = xp.arange(1, int(validation.check_count("n_modes", n_modes)) + 1, dtype=xp.float64)
        return cls(index**-alpha, index**-beta)

    @classmethod
    def from_gram(cls, K: Any, y: Any) -> KernelSpectrum:
        r"""Spectrum of a kernel under the uniform measure on a finite population of points.

        With :math:`K = U \,\mathrm{diag}(\mu)\, U^T` on :math:`N` points the eigenvalues are :math:`\mu/N` and the
        coefficients :math:`v = U^T y/\sqrt N`.

        Parameters
        ----------
        K : array, shape (N, N)
            Symmetric positive semi-definite kernel matrix.
        y : array, shape (N,) or (N, C)
            Target values on the same points.

        Returns
        -------
        KernelSpectrum
            N levels, `population_size` N; eigenvalues within N machine epsilons of the largest count as zero.

        Raises
        ------
        ValueError
            If `K` is not square, not symmetric to 1e-8 of its largest entry, or has a negative eigenvalue.
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
        coefficients = vectors.T @ (y if y.ndim == 2 else y[:, None])
        return cls(values / n_points, coefficients**2 / n_points, population_size=float(n_points))

    @classmethod
    def from_dot_product_kernel(
        cls, kernel: Callable[[Any], Any], dim: int, n_levels: int, level_power: Any = ()
    ) -> KernelSpectrum:
        r"""Spectrum of a dot-product kernel :math:`K(t)`, t the cosine of two points uniform on a sphere.

        Level l holds the spherical harmonics of degree l; higher degrees become the tail, with the remaining trace
        :math:`K(1) - \sum_l N_l \lambda_l`.  Take enough levels for the tail's eigenvalues to be far below any
        effective ridge.

        Parameters
        ----------
        kernel : callable
            ``kernel(t)`` for a NumPy array of cosines, elementwise; smooth in the angle.  The radius of the sphere
            and the scale of the weights are its own affair.
        dim : int
            Dimension d >= 2 of the space around the sphere.
        n_levels : int
            Number of degrees, from 0 on.
        level_power : array_like, shape (at most n_levels,) or (at most n_levels, C), optional
            Power of the target on each degree; none on the degrees that are left out.

        Returns
        -------
        KernelSpectrum
            NumPy arrays, sorted by eigenvalue and not by degree.

        Raises
        ------
        NotConverged
            If the kernel is not smooth in the angle.

        Notes
        -----
        Eigenvalues that the quadrature cannot tell from zero (even degrees of an odd kernel, very high degrees) are
        zero.  Source: theorem of Funk and Hecke, see :mod:`theorylab.random_features.problem.sphere`.

        Examples
        --------
        >>> linear = KernelSpectrum.from_dot_product_kernel(lambda t: t, dim=5, n_levels=4, level_power=[0.0, 1.0])
        >>> [round(float(x), 12) for x in linear.eigenvalues], linear.n_modes
        ([0.2, 0.0, 0.0, 0.0], 5.0)
        """
        levels = sphere_levels(kernel, dim, n_levels)
        power = arrays.to_numpy(
            validation.check_array("level_power", level_power, ndim=(1, 2), minimum=0.0, allow_empty=True)
        )
        missing = levels.eigenvalues.size - power.shape[0]
        if missing < 0:
            raise ValueError(
                f"level_power must have at most n_levels = {n_levels} rows; got {power.shape[0]}. Ask for more levels."
            )
        power = np.concatenate([power, np.zeros((missing, *power.shape[1:]))])
        return cls(levels.eigenvalues, power, levels.multiplicities, tail_trace=levels.remainder)

    @property
    def trace(self) -> float:
        """Sum of all eigenvalues, the tail included."""
        xp = arrays.namespace(self.eigenvalues)
        return float(xp.sum(self.eigenvalues * self.multiplicities)) + self.tail_trace

    @property
    def n_modes(self) -> float:
        """Number of modes with a positive eigenvalue; ``inf`` with a tail."""
        if self.tail_trace > 0.0:
            return math.inf
        xp = arrays.namespace(self.eigenvalues)
        return float(xp.sum(xp.where(self.eigenvalues > 0.0, self.multiplicities, xp.zeros_like(self.multiplicities))))

    def degrees_of_freedom(self, gamma: Any) -> tuple[Any, Any]:
        r"""Sums :math:`\sum_i s_i` and :math:`\sum_i s_i^2` of :math:`s_i = \lambda_i/(\lambda_i + \gamma)`.

        Parameters
        ----------
        gamma : array_like, any shape
            Effective ridge, > 0.

        Returns
        -------
        df1, df2 : array
            Shape of `gamma`.
        """
        gamma = validation.check_array("gamma", gamma, exclusive_minimum=0.0)
        xp, (gamma,) = arrays.promote(gamma, like=self.eigenvalues)
        learned = self.eigenvalues / (self.eigenvalues + gamma[..., None])
        df1 = xp.sum(learned * self.multiplicities, axis=-1) + self.tail_trace / gamma
        return df1, xp.sum(learned**2 * self.multiplicities, axis=-1)

    def __repr__(self) -> str:
        return (
            f"KernelSpectrum({self.eigenvalues.shape[0]} levels, {self.n_modes:g} modes, trace {self.trace:.6g}, "
            f"population_size={self.population_size:g})"
        )


def _without_rounding(xp: Any, values: Any) -> Any:
    largest, smallest = float(xp.max(values)), float(xp.min(values))
    if largest <= 0.0:
        raise ValueError(f"eigenvalues must hold at least one positive value; got a largest of {largest:.6g}.")
    if smallest < -_NEGATIVE_TOLERANCE * largest:
        raise ValueError(
            f"eigenvalues must be >= 0; got {smallest:.6g} beside a largest of {largest:.6g}. "
            "A kernel is positive semi-definite: check the matrix that they come from."
        )
    return xp.maximum(values, xp.zeros_like(values))


def _require_rows(name: str, values: Any, n_levels: int) -> None:
    if values.shape[0] != n_levels:
        raise ValueError(
            f"{name} must have one row for each of the {n_levels} eigenvalues; got shape {tuple(values.shape)}. "
            "Give eigenvalues, coefficients and multiplicities level by level."
        )
