r"""A spectrum's four functions of the effective ridge, tabulated.

As functions of :math:`\log\gamma` the logarithms of the four sums are analytic in the strip
:math:`|\mathrm{Im}\log\gamma| < \pi/2`, whatever the spectrum: the terms have their poles at
:math:`\gamma = -\lambda_i`, and for :math:`|\arg\gamma| = \theta` all of them lie in a sector of opening
:math:`2\theta`, so that no sum of them vanishes before :math:`\theta = \pi/2`.  A spline of degree five with nodes h
apart then errs by at most about :math:`10^{-2}(2h/\pi)^6`, and by 1/64 of that for one level alone; derived here.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from theorylab import arrays, validation
from theorylab.random_features.problem._spectral_sums import SpectralSums, replace_where

if TYPE_CHECKING:
    from theorylab.random_features.problem.spectrum import KernelSpectrum

__all__ = ["TabulatedSpectrum"]

_DEGREE = 5
#: Makes the logarithm of a vanishing effective ridge finite, and changes no other.
_TINY = 1e-300
#: By how much the default range of the table exceeds that of the eigenvalues, below and above: what the search for the
#: optimal ridge needs.
_BELOW, _ABOVE = 1e-2, math.exp(15.5)


class TabulatedSpectrum:
    """Splines of the spectral functions in the logarithm of the effective ridge; taken wherever a spectrum is.

    Inside the range of the table the cost does not depend on the number of modes.  Outside, the sums are computed from
    the spectrum, never extrapolated.

    Parameters
    ----------
    spectrum : KernelSpectrum
        What to tabulate; kept for effective ridges outside the table.
    step : float
        Spacing of the nodes in the logarithm of the effective ridge, at most.
    gamma_min, gamma_max : float, optional
        Range of the table; by default from below the smallest eigenvalue to far above the largest.

    Attributes
    ----------
    spectrum : KernelSpectrum
        As given.
    gamma_min, gamma_max : float
        Range of the table.
    n_nodes : int
        Number of nodes.

    Raises
    ------
    ValueError
        If the range is empty, or the step is not positive.

    Examples
    --------
    >>> from theorylab.random_features.problem import KernelSpectrum
    >>> KernelSpectrum([1.0], [1.0], [300]).tabulate(gamma_min=0.1, gamma_max=10.0).n_nodes
    94
    """

    def __init__(
        self,
        spectrum: KernelSpectrum,
        step: float = 0.05,
        gamma_min: float | None = None,
        gamma_max: float | None = None,
    ) -> None:
        step = validation.check_number("step", step, exclusive_minimum=0.0)
        smallest, largest = spectrum.eigenvalue_range
        low = validation.check_number(
            "gamma_min", _BELOW * smallest if gamma_min is None else gamma_min, exclusive_minimum=0.0
        )
        high = validation.check_number(
            "gamma_max", _ABOVE * largest if gamma_max is None else gamma_max, exclusive_minimum=low
        )
        width = math.log(high / low)
        n_nodes = max(_DEGREE + 1, math.ceil(width / step) + 1)
        nodes = math.log(low) + np.linspace(0.0, width, n_nodes)
        xp, (gamma,) = arrays.promote(np.exp(nodes), like=spectrum.like)
        sums = spectrum.spectral_sums(gamma)
        self.spectrum, self.gamma_min, self.gamma_max, self.n_nodes = spectrum, low, high, n_nodes
        self._start, self._step = float(nodes[0]), width / (n_nodes - 1)
        self._gamma, self._log_df1 = gamma, xp.log(sums.df1)
        self._spectral = _Splines(nodes, sums.df1, sums.variance)
        self._target = _Splines(nodes, sums.bias, sums.mixed)

    @property
    def like(self) -> Any:
        """An array of the namespace and on the device of the spectrum."""
        return self.spectrum.like

    @property
    def population_size(self) -> float:
        """That of the spectrum."""
        return self.spectrum.population_size

    @property
    def trace(self) -> float:
        """That of the spectrum."""
        return self.spectrum.trace

    @property
    def n_modes(self) -> float:
        """That of the spectrum."""
        return self.spectrum.n_modes

    @property
    def eigenvalue_range(self) -> tuple[float, float]:
        """That of the spectrum."""
        return self.spectrum.eigenvalue_range

    def spectral_sums(self, gamma: Any, *, power: bool = True) -> SpectralSums:
        """Sums at effective ridges, from the table where it reaches and from the spectrum elsewhere.

        Parameters
        ----------
        gamma : array, shape (B,)
            Effective ridges >= 0.
        power : bool
            Whether the sums of the target are wanted; they are zero otherwise.

        Returns
        -------
        SpectralSums
            Arrays of shape (B,).
        """
        xp = arrays.namespace(gamma)
        place = (xp.log(gamma + _TINY) - self._start) / self._step
        outside = (place < 0.0) | (place >= self.n_nodes - 1.0)
        place = xp.where(outside, xp.zeros_like(place), place)
        interval = xp.astype(place, xp.int64)
        position = place - xp.astype(interval, xp.float64)
        columns = self._spectral(xp, interval, position)
        if power:
            columns = xp.concat([columns, self._target(xp, interval, position)], axis=1)

        def exactly(index: Any) -> Any:
            sums = self.spectrum.spectral_sums(xp.take(gamma, index, axis=0), power=power)
            return xp.stack([sums.df1, sums.variance, sums.bias, sums.mixed][: columns.shape[1]], axis=1)

        df1, variance, *of_power = xp.unstack(replace_where(xp, outside, columns, exactly), axis=1)
        bias, mixed = of_power or (xp.zeros_like(gamma), xp.zeros_like(gamma))
        return SpectralSums(df1, variance, bias, mixed)

    def smallest_gamma(self, df1: Any) -> Any:
        """Node of the table below the effective ridge where so many modes are learned.

        Parameters
        ----------
        df1 : array, shape (B,)
            Learned number of modes.

        Returns
        -------
        array, shape (B,)
            The node, or the bound of the spectrum where the table does not reach.
        """
        xp = arrays.namespace(df1)
        node = xp.searchsorted(-self._log_df1, -xp.log(df1), side="right") - 1
        bound = xp.take(self._gamma, xp.maximum(node, xp.zeros_like(node)), axis=0)
        return replace_where(
            xp, node < 0, bound, lambda index: self.spectrum.smallest_gamma(xp.take(df1, index, axis=0))
        )

    def __repr__(self) -> str:
        reach = f"{self.n_nodes} nodes from {self.gamma_min:.3g} to {self.gamma_max:.3g}"
        return f"TabulatedSpectrum({self.spectrum!r}, {reach})"


class _Splines:
    """Positive functions on uniform nodes, interpolated in the logarithm; a function may also vanish everywhere."""

    def __init__(self, nodes: np.ndarray, *functions: Any) -> None:
        from scipy.interpolate import make_interp_spline

        values = np.stack([arrays.to_numpy(function) for function in functions], axis=1)
        vanishes = np.all(values == 0.0, axis=0)
        spline = make_interp_spline(nodes, np.log(np.where(vanishes, 1.0, values)), k=_DEGREE)
        # Taylor coefficients of each interval at its left node, in units of the step, the highest first
        step = nodes[1] - nodes[0]
        taylor = [spline(nodes[:-1], nu=j) * step**j / math.factorial(j) for j in range(_DEGREE, -1, -1)]
        rows = np.stack(taylor, axis=1).reshape(nodes.size - 1, -1)
        _, (self._rows, self._present) = arrays.promote(rows, 1.0 - vanishes, like=functions[0])
        self._n = len(functions)

    def __call__(self, xp: Any, interval: Any, position: Any) -> Any:
        rows, x = xp.take(self._rows, interval, axis=0), position[:, None]
        value = rows[:, : self._n]
        for j in range(1, _DEGREE + 1):
            value = value * x + rows[:, j * self._n : (j + 1) * self._n]
        return self._present * xp.exp(value)
