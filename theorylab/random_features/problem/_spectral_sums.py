r"""The four functions of the effective ridge through which every prediction depends on a spectrum.

With :math:`s_i = \lambda_i/(\lambda_i+\gamma)` and :math:`\ell_i = 1 - s_i = \gamma/(\lambda_i+\gamma)` they are

.. math::
    z = \sum_i s_i, \qquad c = \sum_i s_i \ell_i, \qquad
    b = \sum_i \ell_i^2 v_i^2, \qquad x = \sum_i s_i \ell_i v_i^2 .

Whatever gives them, a list of eigenvalues (:class:`KernelSpectrum`) or a table (:class:`TabulatedSpectrum`), satisfies
:class:`SpectralFunctions` and can be handed to the predictions.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, Protocol

from theorylab import arrays

__all__ = ["SpectralFunctions", "SpectralSums", "level_sums", "replace_where", "sum_in_blocks"]

#: Entries of one (ridges x levels) block, and levels in it.  Just below 128 KiB: larger temporaries are new pages each
#: time, up to five times as slow.  A device wants large ones.
_BLOCK, _BLOCK_LEVELS = 16_000, 4_000
_DEVICE_BLOCK = 2_000_000


@dataclasses.dataclass(frozen=True)
class SpectralSums:
    r"""The four functions at given effective ridges; all are >= 0, and each is computed without cancellation.

    Parameters
    ----------
    df1 : array
        Degrees of freedom :math:`z`.
    variance : array
        :math:`c = z - q`, also the slope :math:`-dz/d\log\gamma`.
    bias, mixed : array
        :math:`b` and :math:`x`, the target's power on what is not learned, and on what is half learned.
    """

    df1: Any
    variance: Any
    bias: Any
    mixed: Any

    def __add__(self, other: SpectralSums) -> SpectralSums:
        return SpectralSums(
            self.df1 + other.df1, self.variance + other.variance, self.bias + other.bias, self.mixed + other.mixed
        )


class SpectralFunctions(Protocol):
    """What predictions ask of a spectrum."""

    @property
    def like(self) -> Any:
        """Some array of the namespace and on the device that results shall have."""

    @property
    def population_size(self) -> float:
        """Number of points when the spectrum is that of a finite population; ``inf`` otherwise."""

    @property
    def trace(self) -> float:
        """Sum of all eigenvalues."""

    @property
    def n_modes(self) -> float:
        """Number of modes with a positive eigenvalue."""

    @property
    def eigenvalue_range(self) -> tuple[float, float]:
        """Smallest positive eigenvalue that is worth learning, and the largest one."""

    def spectral_sums(self, gamma: Any, *, power: bool = True) -> SpectralSums:
        """Sums at effective ridges >= 0, shape (B,); those of the target are zero unless `power`.

        Parameters
        ----------
        gamma : array, shape (B,)
            Zero is allowed where the number of modes is finite.
        power : bool
            Whether the sums of the target are wanted.

        Returns
        -------
        SpectralSums
            Arrays of shape (B,).
        """

    def smallest_gamma(self, df1: Any) -> Any:
        """Positive lower bound of the effective ridge at which a number of modes is learned.

        Parameters
        ----------
        df1 : array, shape (B,)
            Learned number of modes, > 0 and below the number of modes there are.

        Returns
        -------
        array, shape (B,)
            The closer to the effective ridge, the fewer iterations it takes to find it.
        """


def level_sums(gamma: Any, eigenvalues: Any, multiplicities: Any, coefficients_sq: Any, *, power: bool) -> SpectralSums:
    """Sums over explicit levels.

    Parameters
    ----------
    gamma : array, shape (B,)
        Effective ridges >= 0.
    eigenvalues, multiplicities, coefficients_sq : array, shape (L,)
        Positive eigenvalues, modes of each level, power of the target on each level.
    power : bool
        Whether the sums of the target are wanted.

    Returns
    -------
    SpectralSums
        Arrays of shape (B,).
    """
    xp = arrays.namespace(gamma)
    traces, mixed_power = multiplicities * eigenvalues, coefficients_sq * eigenvalues

    def sums(column: Any, levels: slice) -> list[Any]:
        inverse = 1.0 / (eigenvalues[levels] + column)
        lost = column * inverse
        both = inverse * lost  # s (1 - s) / eigenvalue
        spectral = [inverse @ traces[levels], both @ traces[levels]]
        return [*spectral, (lost * lost) @ coefficients_sq[levels], both @ mixed_power[levels]] if power else spectral

    df1, variance, *of_power = sum_in_blocks(xp, sums, gamma, eigenvalues.shape[0])
    bias, mixed = of_power or (xp.zeros_like(gamma), xp.zeros_like(gamma))
    return SpectralSums(df1, variance, bias, mixed)


def sum_in_blocks(xp: Any, function: Callable[[Any, slice], list[Any]], gamma: Any, n_levels: int) -> Any:
    """Sums over levels for each effective ridge, block by block.

    Parameters
    ----------
    xp : namespace
        That of `gamma`.
    function : callable
        ``function(column, levels)``: sums over a slice of the levels for a column of effective ridges.
    gamma : array, shape (B,)
        Effective ridges.
    n_levels : int
        Number of levels.

    Returns
    -------
    tuple of array, shape (B,)
        One for each sum.
    """
    on_host = xp is arrays.backend("numpy").xp
    width = min(n_levels, _BLOCK_LEVELS if on_host else _DEVICE_BLOCK)
    height = max(1, (_BLOCK if on_host else _DEVICE_BLOCK) // width)
    rows = []
    for start in range(0, gamma.shape[0], height):
        column = gamma[start : min(start + height, gamma.shape[0]), None]
        total: Any = 0.0
        for left in range(0, n_levels, width):
            total = total + xp.stack(function(column, slice(left, min(left + width, n_levels))))
        rows.append(total)
    return xp.unstack(rows[0] if len(rows) == 1 else xp.concat(rows, axis=1))


def replace_where(xp: Any, chosen: Any, values: Any, function: Callable[[Any], Any]) -> Any:
    """Values with those of a costly function put in where they are wanted.

    Parameters
    ----------
    xp : namespace
        That of the arrays.
    chosen : array of bool, shape (B,)
        Entries to replace.
    values : array, shape (B,) or (B, C)
        What the other entries keep.
    function : callable
        ``function(index)``: the values, shape (m,) or (m, C), for m entries given by their indices; not called
        without any.

    Returns
    -------
    array
        Shape of `values`.
    """
    if not bool(xp.any(chosen)):
        return values
    (index,) = xp.nonzero(chosen)
    replacement = function(index)
    rank = xp.cumulative_sum(xp.astype(chosen, xp.int64)) - 1
    spread = xp.take(replacement, xp.where(chosen, rank, xp.zeros_like(rank)), axis=0)
    return xp.where(chosen if values.ndim == 1 else chosen[:, None], spread, values)
