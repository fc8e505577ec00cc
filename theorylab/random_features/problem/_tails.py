r"""Infinitely many modes beyond the explicit ones, summed analytically.

A sum over modes :math:`i > M` of a smooth f is :math:`\int_X^\infty f\,dx + f'(X)/24` with :math:`X = M + 1/2`, up to
:math:`7 f'''(X)/5760` (midpoint rule).  For :math:`\lambda_i = i^{-\alpha}`, :math:`v_i^2 = i^{-\beta}` the integrals
are incomplete beta functions: with :math:`u = 1/(1+\gamma X^\alpha)` and :math:`s = (\beta-1)/\alpha`,

.. math::
    z &: \tfrac1\alpha\gamma^{-1/\alpha} B(u; 1-\tfrac1\alpha, \tfrac1\alpha), &
    c &: \tfrac1\alpha\gamma^{-1/\alpha} B(u; 1-\tfrac1\alpha, 1+\tfrac1\alpha), \\
    b &: \tfrac1\alpha\gamma^{s} B(u; s, 2-s), &
    x &: \tfrac1\alpha\gamma^{s} B(u; s+1, 1-s),

by substitution of :math:`u = 1/(1+\gamma x^\alpha)`; derived here.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Protocol

import numpy as np

from theorylab import arrays
from theorylab.random_features.problem._spectral_sums import SpectralSums

__all__ = ["DistantTail", "PowerLawTail", "Tail"]

#: The predictions for a power law are meant for up to this many samples or features.
_LEARNABLE = 1e8
#: Terms of a binomial series at 1/2, for double precision.
_BINOMIAL_TERMS = 50


class Tail(Protocol):
    """Modes that are not listed one by one."""

    @property
    def trace(self) -> float:
        """Sum of their eigenvalues."""

    @property
    def power(self) -> float:
        """Power of the target on them."""

    @property
    def smallest_eigenvalue(self) -> float:
        """Order of magnitude below which no effective ridge is expected."""

    def spectral_sums(self, gamma: Any, *, power: bool = True) -> SpectralSums:
        """Their share of the four functions.

        Parameters
        ----------
        gamma : array, shape (B,)
            Effective ridges > 0.
        power : bool
            Whether the sums of the target are wanted; they are zero otherwise.

        Returns
        -------
        SpectralSums
            Arrays of shape (B,), in the namespace of `gamma`.
        """

    def df2(self, gamma: Any) -> Any:
        r"""Their share of :math:`\sum_i s_i^2`.

        Parameters
        ----------
        gamma : array, shape (B,)
            Effective ridges > 0.

        Returns
        -------
        array, shape (B,)
            In the namespace of `gamma`.
        """

    def smallest_gamma(self, df1: Any) -> Any:
        """Lower bound of the effective ridge at which a number of modes is learned.

        Parameters
        ----------
        df1 : array, shape (B,)
            Learned number of modes, those before the tail included.

        Returns
        -------
        array, shape (B,)
            Positive.
        """


@dataclasses.dataclass(frozen=True)
class DistantTail:
    """Modes far below any effective ridge: each adds to the ridge, and its power to the noise.

    Parameters
    ----------
    trace : float
        Sum of their eigenvalues, > 0.
    power : float
        Power of the target on them.
    """

    trace: float
    power: float

    @property
    def smallest_eigenvalue(self) -> float:
        """An effective ridge this small would let a million samples learn nothing but the tail."""
        return 1e-6 * self.trace

    def spectral_sums(self, gamma: Any, *, power: bool = True) -> SpectralSums:
        r"""First order in :math:`\lambda/\gamma`.

        Parameters
        ----------
        gamma : array, shape (B,)
            Effective ridges > 0.
        power : bool
            Whether the sums of the target are wanted; they are zero otherwise.

        Returns
        -------
        SpectralSums
            Arrays of shape (B,).
        """
        xp = arrays.namespace(gamma)
        df1 = self.trace / gamma
        return SpectralSums(df1, df1, xp.full_like(gamma, self.power if power else 0.0), xp.zeros_like(gamma))

    def df2(self, gamma: Any) -> Any:
        """Second order in what is small: zero.

        Parameters
        ----------
        gamma : array, shape (B,)
            Effective ridges > 0.

        Returns
        -------
        array, shape (B,)
            Zeros.
        """
        return arrays.namespace(gamma).zeros_like(gamma)

    def smallest_gamma(self, df1: Any) -> Any:
        """Where the tail alone would learn so much.

        Parameters
        ----------
        df1 : array, shape (B,)
            Learned number of modes.

        Returns
        -------
        array, shape (B,)
            Lower bound.
        """
        return self.trace / df1


@dataclasses.dataclass(frozen=True)
class PowerLawTail:
    r"""Modes :math:`i > M` of the power law :math:`\lambda_i = i^{-\alpha}`, :math:`v_i^2 = i^{-\beta}`.

    Computed on the host, by SciPy's incomplete beta function.

    Parameters
    ----------
    alpha, beta : float
        Exponents, :math:`\alpha > 1` and :math:`1 < \beta < 2\alpha + 1`.
    head : int
        Number M >= 1 of modes before the tail.  The midpoint rule is exact to about :math:`M^{-4}` of the tail.
    """

    alpha: float
    beta: float
    head: int

    @property
    def trace(self) -> float:
        """Hurwitz zeta function."""
        return self._zeta(self.alpha)

    @property
    def power(self) -> float:
        """Hurwitz zeta function."""
        return self._zeta(self.beta)

    @property
    def smallest_eigenvalue(self) -> float:
        """That of mode number 1e8."""
        return float(_LEARNABLE**-self.alpha)

    def spectral_sums(self, gamma: Any, *, power: bool = True) -> SpectralSums:
        """Integrals and midpoint corrections, for any effective ridge.

        Parameters
        ----------
        gamma : array, shape (B,)
            Effective ridges > 0.
        power : bool
            Whether the sums of the target are wanted; they are zero otherwise.

        Returns
        -------
        SpectralSums
            Arrays of shape (B,), in the namespace of `gamma`.
        """
        g, learned, lost = self._edge(gamma)
        a, x, both = self.alpha, self.head + 0.5, learned * lost
        scale, correction = g ** (-1.0 / a) / a, a * both / (24.0 * x)
        df1 = scale * _incomplete_beta(learned, lost, 1.0 - 1.0 / a, 1.0 / a) - correction
        variance = scale * _incomplete_beta(learned, lost, 1.0 - 1.0 / a, 1.0 + 1.0 / a)
        variance += correction * (learned - lost)
        bias, mixed = self._power_sums(g, learned, lost) if power else (np.zeros_like(g), np.zeros_like(g))
        return SpectralSums(*arrays.promote(df1, variance, bias, mixed, like=gamma)[1])

    def _power_sums(self, g: np.ndarray, learned: np.ndarray, lost: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        a, b, x = self.alpha, self.beta, self.head + 0.5
        s, both = (b - 1.0) / a, learned * lost
        slope = x ** (-b - 1.0) / 24.0
        bias = g**s / a * _incomplete_beta(learned, lost, s, 2.0 - s) + slope * lost * (2.0 * a * both - b * lost)
        mixed = g**s / a * _half_learned_beta(learned, lost, s) + slope * both * (a * (learned - lost) - b)
        return bias, mixed

    def df2(self, gamma: Any) -> Any:
        r"""The same for :math:`\sum_i s_i^2`.

        Parameters
        ----------
        gamma : array, shape (B,)
            Effective ridges > 0.

        Returns
        -------
        array, shape (B,)
            In the namespace of `gamma`.
        """
        g, learned, lost = self._edge(gamma)
        a, x = self.alpha, self.head + 0.5
        integral = g ** (-1.0 / a) / a * _incomplete_beta(learned, lost, 2.0 - 1.0 / a, 1.0 / a)
        return arrays.promote(integral - a * learned**2 * lost / (12.0 * x), like=gamma)[1][0]

    def smallest_gamma(self, df1: Any) -> Any:
        """From the modes up to the first that is above twice the number, each of which is learned no less than it.

        Parameters
        ----------
        df1 : array, shape (B,)
            Learned number of modes, those of the head included.

        Returns
        -------
        array, shape (B,)
            Lower bound.
        """
        xp = arrays.namespace(df1)
        last = xp.maximum(xp.ceil(2.0 * df1), xp.full_like(df1, self.head + 1.0))
        return last**-self.alpha * (last / df1 - 1.0)

    def _zeta(self, exponent: float) -> float:
        from scipy.special import zeta

        return float(zeta(exponent, self.head + 1.0))

    def _edge(self, gamma: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Effective ridges on the host, and how much of a mode at the edge of the tail is learned and lost."""
        g = arrays.to_numpy(gamma)
        y = g * (self.head + 0.5) ** self.alpha
        return g, 1.0 / (1.0 + y), y / (1.0 + y)


def _incomplete_beta(u: np.ndarray, rest: np.ndarray, p: float, r: float) -> np.ndarray:
    """B(u; p, r), not regularised, for p, r > 0 and with rest = 1 - u."""
    from scipy.special import beta, betainc, betaincc

    # the smaller of the two arguments has all its digits
    return beta(p, r) * np.where(u < rest, betainc(p, r, u), betaincc(r, p, rest))


def _half_learned_beta(u: np.ndarray, rest: np.ndarray, s: float) -> np.ndarray:
    r"""B(u; s + 1, 1 - s) for 0 < s < 2, infinite at u = 1 where s >= 1.

    It is :math:`\int_{1-u}^1 (1-w)^s w^{-s} dw`.  Below w = 1/2 the binomial series is integrated term by term.
    """
    from scipy.special import binom, exprel, hyp2f1

    half = np.minimum(u, 0.5)
    above = half ** (s + 1.0) / (s + 1.0) * hyp2f1(s, s + 1.0, s + 2.0, half)
    length = np.log(np.maximum(0.5 / rest, 1.0))  # from 1 - u to 1/2 on a logarithmic scale
    below = np.zeros_like(u)
    for j in range(_BINOMIAL_TERMS):
        q = j + 1.0 - s
        below += (-1.0) ** j * binom(s, j) * 0.5**q * length * exprel(-q * length)
    return above + below
