"""Eigenvalues of a kernel with the target's power on their eigenspaces."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from theorylab import arrays, validation
from theorylab.random_features.problem._spectral_sums import SpectralSums, level_sums, sum_in_blocks
from theorylab.random_features.problem._tails import DistantTail, PowerLawTail, Tail
from theorylab.random_features.problem.gram import decompose_gram
from theorylab.random_features.problem.sphere import sphere_levels

if TYPE_CHECKING:
    from theorylab.random_features.problem.table import TabulatedSpectrum

__all__ = ["KernelSpectrum"]

#: Eigenvalues down to this fraction below zero are rounding errors of a Gram matrix and count as zero.
_NEGATIVE_TOLERANCE = 1e-10
#: A bound of the effective ridge looks at the levels where the number of modes exceeds this many times df1.
_BOUND_FACTORS = (1.0, 1.1, 1.5, 3.0, math.inf)


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
        As given; for an infinite power law, the sums over its tail.

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
    _tail: Tail | None
    _unlearnable_power: float
    _n_positive: int

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
        tail_trace = validation.check_number("tail_trace", tail_trace, minimum=0.0)
        tail_power = validation.check_number("tail_power", tail_power, minimum=0.0)
        size = validation.check_number("population_size", population_size, minimum=1.0, allow_infinite=True)
        power = xp.take(power, order, axis=0)
        n_positive = int(xp.count_nonzero(values))
        vars(self).update(
            eigenvalues=xp.take(values, order, axis=0),
            coefficients_sq=power,
            multiplicities=xp.take(counts, order, axis=0),
            tail_trace=tail_trace,
            tail_power=tail_power,
            population_size=size,
            _tail=DistantTail(tail_trace, tail_power) if tail_trace > 0.0 else None,
            _unlearnable_power=float(xp.sum(power[n_positive:])) + (0.0 if tail_trace > 0.0 else tail_power),
            _n_positive=n_positive,
        )

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"KernelSpectrum is immutable; got a value for {name}. Make a new one.")

    @classmethod
    def power_law(
        cls, alpha: float, beta: float, n_modes: float = math.inf, *, head: int = 2000, like: Any = None
    ) -> KernelSpectrum:
        r"""Spectrum :math:`\lambda_i = i^{-\alpha}` with coefficients :math:`v_i^2 = i^{-\beta}`, :math:`i = 1..M`.

        Parameters
        ----------
        alpha : float
            Decay of the eigenvalues, > 0; > 1 for infinitely many.
        beta : float
            Decay of the target's power, > 0; in (1, 2 alpha + 1) for infinitely many, where the target's power is
            finite and the error without ridge falls as :math:`n^{-(\beta-1)}`.
        n_modes : int or inf
            Number of modes :math:`M`.
        head : int
            Modes that are listed one by one when there are infinitely many; the others are summed analytically, to
            about :math:`0.1/\mathrm{head}^4` of their sum, for any effective ridge.
        like : array, optional
            Array whose namespace and device the result takes; NumPy when left out.  The tail is summed on the host.

        Returns
        -------
        KernelSpectrum
            Arrays of shape (M,), or (head,) with a tail.

        Raises
        ------
        ValueError
            If an exponent is out of range, or a number of modes is not whole.

        Examples
        --------
        >>> infinite = KernelSpectrum.power_law(2.0, 1.5)
        >>> round(infinite.trace * 6 / math.pi**2, 12), infinite.n_modes
        (1.0, inf)
        """
        alpha = validation.check_number("alpha", alpha, exclusive_minimum=0.0)
        beta = validation.check_number("beta", beta, exclusive_minimum=0.0)
        n_modes = validation.check_count("n_modes", n_modes, allow_infinite=True)
        head = int(validation.check_count("head", head))
        infinite = math.isinf(n_modes)
        if infinite:
            alpha = validation.check_number("alpha", alpha, exclusive_minimum=1.0)
            beta = validation.check_number("beta", beta, exclusive_minimum=1.0, exclusive_maximum=2.0 * alpha + 1.0)
        _, (index,) = arrays.promote(np.arange(1.0, (head if infinite else n_modes) + 1.0), like=like)
        if not infinite:
            return cls(index**-alpha, index**-beta)
        tail = PowerLawTail(alpha, beta, head)
        spectrum = cls(index**-alpha, index**-beta, tail_trace=tail.trace, tail_power=tail.power)
        vars(spectrum).update(_tail=tail)
        return spectrum

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
        values, coefficients = decompose_gram(K, y)
        n_points = values.shape[0]
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
    def like(self) -> Any:
        """An array of the namespace and on the device of the spectrum."""
        return self.eigenvalues

    @property
    def trace(self) -> float:
        """Sum of all eigenvalues, the tail included."""
        xp = arrays.namespace(self.eigenvalues)
        return float(xp.sum(self.eigenvalues * self.multiplicities)) + self.tail_trace

    @property
    def n_modes(self) -> float:
        """Number of modes with a positive eigenvalue; ``inf`` with a tail."""
        if self._tail is not None:
            return math.inf
        xp = arrays.namespace(self.eigenvalues)
        return float(xp.sum(self.multiplicities[: self._n_positive]))

    @property
    def eigenvalue_range(self) -> tuple[float, float]:
        """Smallest positive eigenvalue, or the scale of the tail where there is one, and the largest."""
        smallest = float(self.eigenvalues[self._n_positive - 1])
        if self._tail is not None:
            smallest = min(smallest, self._tail.smallest_eigenvalue)
        return smallest, float(self.eigenvalues[0])

    def spectral_sums(self, gamma: Any, *, power: bool = True) -> SpectralSums:
        r"""Sums of :math:`s_i`, :math:`s_i(1-s_i)`, and the target's power on :math:`(1-s_i)^2` and :math:`s_i(1-s_i)`.

        Parameters
        ----------
        gamma : array, shape (B,)
            Effective ridges >= 0, zero only without a tail; in the namespace of the spectrum.
        power : bool
            Whether the sums of the target are wanted; they are zero otherwise.

        Returns
        -------
        SpectralSums
            Arrays of shape (B,), each sum free of cancellation.

        Examples
        --------
        >>> sums = KernelSpectrum([1.0], [0.5], [300]).spectral_sums(np.array([2.0]))
        >>> round(float(sums.df1[0]), 12), round(float(sums.mixed[0]), 12)
        (100.0, 0.111111111111)
        """
        levels = slice(None, self._n_positive)
        sums = level_sums(
            gamma, self.eigenvalues[levels], self.multiplicities[levels], self.coefficients_sq[levels], power=power
        )
        if self._tail is not None:
            sums = sums + self._tail.spectral_sums(gamma, power=power)
        # Power on modes with eigenvalue zero is never learned.
        return dataclasses.replace(sums, bias=sums.bias + self._unlearnable_power) if power else sums

    def smallest_gamma(self, df1: Any) -> Any:
        r"""Lower bound of the effective ridge where so many modes are learned.

        The modes down to level j are each learned at least as well as it: :math:`z \ge m_j s_j` with their number
        :math:`m_j`, so :math:`\gamma \ge \lambda_j (m_j/z - 1)`.  The best of a few levels is taken.

        Parameters
        ----------
        df1 : array, shape (B,)
            Learned number of modes; the bound is positive where it is below the number of modes.

        Returns
        -------
        array, shape (B,)
            In the namespace of the spectrum.
        """
        xp = arrays.namespace(self.eigenvalues)
        values = self.eigenvalues[: self._n_positive]
        counts = xp.cumulative_sum(self.multiplicities[: self._n_positive])
        bound = xp.zeros_like(df1) if self._tail is None else self._tail.smallest_gamma(df1)
        for factor in _BOUND_FACTORS:
            level = xp.searchsorted(counts, factor * df1, side="right")
            level = xp.minimum(level, xp.full_like(level, self._n_positive - 1))
            here = xp.take(values, level, axis=0) * (xp.take(counts, level, axis=0) / df1 - 1.0)
            bound = xp.maximum(bound, here)
        return bound

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
        flat = xp.reshape(gamma, (-1,))

        def squares(column: Any, levels: slice) -> list[Any]:
            learned = self.eigenvalues[levels] / (self.eigenvalues[levels] + column)
            return [learned**2 @ self.multiplicities[levels]]

        (df2,) = sum_in_blocks(xp, squares, flat, self.eigenvalues.shape[0])
        if self._tail is not None:
            df2 = df2 + self._tail.df2(flat)
        df1 = self.spectral_sums(flat, power=False).df1
        return xp.reshape(df1, gamma.shape), xp.reshape(df2, gamma.shape)

    def tabulate(
        self, step: float = 0.05, gamma_min: float | None = None, gamma_max: float | None = None
    ) -> TabulatedSpectrum:
        """Table of the four functions of the effective ridge, for predictions that no longer depend on the modes.

        Parameters
        ----------
        step : float
            Spacing of the nodes in the logarithm of the effective ridge; the error of the table falls as its sixth
            power, from about 1e-11 at 0.05.
        gamma_min, gamma_max : float, optional
            Range of the table; by default from far below the smallest eigenvalue to far above the largest.

        Returns
        -------
        TabulatedSpectrum
            Taken wherever a spectrum is.  Outside its range it computes the sums from the spectrum.

        Raises
        ------
        ValueError
            If the range is empty, or the step is not positive.

        Examples
        --------
        >>> spectrum = KernelSpectrum.power_law(1.5, 1.5)
        >>> table = spectrum.tabulate()
        >>> gamma = np.array([1e-4])
        >>> bool(abs(table.spectral_sums(gamma).df1 / spectrum.spectral_sums(gamma).df1 - 1.0)[0] < 1e-11)
        True
        """
        from theorylab.random_features.problem.table import TabulatedSpectrum

        return TabulatedSpectrum(self, step, gamma_min, gamma_max)

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
