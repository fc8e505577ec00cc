"""The self-consistent equation: batches of problems, the spectrum's four sums, and the root."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

from theorylab import arrays, numerics, validation
from theorylab.random_features.problem import KernelSpectrum

__all__ = [
    "Problems",
    "Sums",
    "finite",
    "gaps",
    "kappa_of",
    "positive_levels",
    "problems_of",
    "quotient",
    "share",
    "smaller_gap",
    "solve",
    "spectral_sums",
]

#: By how much the bracket of log(gamma) reaches beyond the bounds.
_ROOM = 5.0
#: Entries of one (problems x levels) block: what stays in a core's cache, four times as fast as blocks of 16 MB, and
#: 16 MB where a device wants large ones.
_BLOCK_SIZE, _DEVICE_BLOCK_SIZE = 8_192, 2_000_000


@dataclasses.dataclass(frozen=True)
class Sums:
    """The four functions of gamma through which everything depends on the spectrum."""

    df1: Any  # z = sum s
    variance: Any  # c = sum s (1 - s)
    bias: Any  # sum (1 - s)^2 v^2
    mixed: Any  # sum s (1 - s) v^2


@dataclasses.dataclass(frozen=True)
class Problems:
    """A flat batch of problems: arrays of shape (B,), one of n and k may be infinite."""

    xp: Any
    n: Any
    k: Any
    ridge: Any
    noise: Any
    population: float
    shape: tuple[int, ...]

    @property
    def relative_distance(self) -> Any:
        """|n - k| / k: 1 for infinitely many features."""
        xp, finite_k = self.xp, finite(self.xp, self.k)
        return xp.where(xp.isinf(self.k), xp.ones_like(finite_k), xp.abs(self.n - finite_k) / finite_k)

    @property
    def interpolation(self) -> Any:
        """min(n, k), which df1 reaches without ridge."""
        return self.xp.minimum(self.n, self.k)

    def unflatten(self, values: Any) -> Any:
        return self.xp.reshape(values, self.shape)


def problems_of(
    spectrum: KernelSpectrum, n: Any, k: Any, ridge: Any, noise: Any, population: float | None = None
) -> Problems:
    """Check the arguments of the public functions and broadcast them to one flat batch."""
    n = validation.check_array("n_samples", n, exclusive_minimum=0.0, allow_infinite=True)
    k = validation.check_array("n_features", k, exclusive_minimum=0.0, allow_infinite=True)
    ridge = validation.check_array("ridge", ridge, minimum=0.0)
    noise = validation.check_array("noise_variance", noise, minimum=0.0)
    size = spectrum.population_size if population is None else population
    size = validation.check_number("population_size", size, minimum=1.0, allow_infinite=True)
    xp, values = arrays.promote(n, k, ridge, noise, like=spectrum.eigenvalues)
    n, k, ridge, noise = xp.broadcast_arrays(*values)
    if bool(xp.any(xp.isinf(n) & xp.isinf(k))):
        raise ValueError(
            "n_features must be finite where n_samples is infinite; got inf for both. Nothing is left to predict."
        )
    if bool(xp.any(n > size)):
        raise ValueError(f"n_samples must be at most population_size = {size:g}; got {float(xp.max(n)):g}.")
    if math.isfinite(size):
        _check_population(spectrum, size, float(xp.max(noise)))
    shape = tuple(n.shape)
    n, k, ridge, noise = (xp.reshape(values, (-1,)) for values in (n, k, ridge, noise))
    return Problems(xp, n, k, ridge, noise, size, shape)


def _check_population(spectrum: KernelSpectrum, size: float, noise: float) -> None:
    if spectrum.n_modes > size:
        raise ValueError(
            f"population_size must be at least the number of modes, {spectrum.n_modes:g}; got {size:g}. "
            "Points of a finite population span no more modes than there are points."
        )
    if noise > 0.0:
        raise ValueError(
            f"noise_variance must be 0 for a finite population; got {noise:g}. Its targets are values on its points: "
            "add the noise to them before KernelSpectrum.from_gram, or pass population_size=inf."
        )


def solve(spectrum: KernelSpectrum, problems: Problems) -> tuple[Any, int]:
    """Effective ridge gamma: the root in log(gamma) of log((z + s) / m), which is monotone, inside a sure bracket."""
    xp = problems.xp
    # Without ridge and with no more modes than min(n, k), every mode is learned and gamma is zero.
    learned_all = (problems.ridge == 0.0) & (spectrum.n_modes <= problems.interpolation)
    if bool(xp.all(learned_all)):
        return xp.zeros_like(problems.ridge), 0
    solvable = dataclasses.replace(problems, ridge=xp.where(learned_all, xp.ones_like(problems.ridge), problems.ridge))
    lower, upper = (xp.log(bound) for bound in _bounds(spectrum, solvable))

    def equation(log_gamma: Any) -> tuple[Any, Any]:
        gamma = xp.exp(log_gamma)
        sums = spectral_sums(spectrum, gamma, power=False)
        gap, slope = smaller_gap(solvable, gamma, sums)
        total = sums.df1 + gap
        return xp.log(total / solvable.interpolation), (slope - sums.variance) / total

    # The bounds are sharp, so the search starts between them; its bracket is wider, for rounding where they meet.
    start = 0.5 * (lower + upper)
    found = numerics.find_root(equation, lower - _ROOM, upper + _ROOM, derivative=True, start=start)
    return xp.where(learned_all, xp.zeros_like(lower), xp.exp(found.root)), found.n_iterations


def _bounds(spectrum: KernelSpectrum, problems: Problems) -> tuple[Any, Any]:
    """Bounds of gamma: z <= m and each level's share of it from below, z <= trace / gamma from above."""
    xp, m = problems.xp, problems.interpolation
    levels = positive_levels(spectrum)
    values, counts = spectrum.eigenvalues[:levels], spectrum.multiplicities[:levels]
    cumulated = values * xp.cumulative_sum(counts)

    def best_level(part: slice) -> Any:
        return xp.max(cumulated / m[part, None] - values, axis=1)

    by_level = _in_blocks(xp, best_level, m.shape[0], levels)
    lower = xp.maximum(problems.ridge / problems.n, xp.maximum(by_level, spectrum.tail_trace / m))
    upper = spectrum.trace / problems.n + spectrum.trace / problems.k + problems.ridge / problems.n
    return lower, xp.maximum(upper, lower)


def spectral_sums(spectrum: KernelSpectrum, gamma: Any, *, power: bool = True) -> Sums:
    """The sums at each gamma, shape (B,); without those of the power if the equation alone is to be solved.

    gamma = 0 is allowed where there is no tail.
    """
    xp = arrays.namespace(gamma)
    levels = positive_levels(spectrum)
    values, counts = spectrum.eigenvalues[:levels], spectrum.multiplicities[:levels]
    coefficients = spectrum.coefficients_sq[:levels]

    def sums(part: slice) -> Any:
        column = gamma[part, None]
        total = values + column
        learned, lost = values / total, column / total
        both = learned * lost
        spectral = [learned @ counts, both @ counts]
        return xp.stack([*spectral, lost**2 @ coefficients, both @ coefficients] if power else spectral)

    df1, variance, *of_power = xp.unstack(_in_blocks(xp, sums, gamma.shape[0], levels, axis=1))
    if spectrum.tail_trace > 0.0:
        df1, variance = df1 + spectrum.tail_trace / gamma, variance + spectrum.tail_trace / gamma
    if not power:
        return Sums(df1, variance, xp.zeros_like(df1), xp.zeros_like(df1))
    bias, mixed = of_power
    # Power on modes with eigenvalue zero and on the tail is never learned.
    bias = bias + float(xp.sum(spectrum.coefficients_sq[levels:])) + spectrum.tail_power
    return Sums(df1, variance, bias, mixed)


def smaller_gap(problems: Problems, gamma: Any, sums: Sums) -> tuple[Any, Any]:
    """Smaller of n - z and k - z that the equation asks for, and its derivative by log(gamma).

    Both gaps together satisfy (n - z)(k - z) = k * pull with pull = ridge (1 - z/N) / gamma.  Divided by k, so that
    k = inf (gap = pull) and n = inf (gap = 0) are no special cases.
    """
    xp = problems.xp
    pull = quotient(xp, problems.ridge * (1.0 - sums.df1 / problems.population), gamma)
    distance = problems.relative_distance
    root = xp.sqrt(distance**2 + 4.0 * pull / problems.k)
    gap = quotient(xp, 2.0 * pull, distance + root)
    # With gamma = 0 (no ridge, fewer modes than min(n, k)) the equation says 0 = 0 and the gap is what is left.
    gap = xp.where(gamma > 0.0, gap, problems.interpolation - sums.df1)
    pull_slope = quotient(xp, problems.ridge * sums.variance, gamma) / problems.population - pull
    return gap, quotient(xp, pull_slope, root)


def gaps(problems: Problems, smaller: Any) -> tuple[Any, Any]:
    """Both gaps n - z and k - z from the smaller one."""
    xp = problems.xp
    larger = smaller + xp.abs(finite(xp, problems.n) - finite(xp, problems.k))
    larger = xp.where(xp.isinf(problems.n) | xp.isinf(problems.k), xp.full_like(larger, math.inf), larger)
    fewer_samples = problems.n <= problems.k
    return xp.where(fewer_samples, smaller, larger), xp.where(fewer_samples, larger, smaller)


def kappa_of(problems: Problems, gamma: Any, feature_gap: Any) -> Any:
    """Effective ridge of the empirical kernel, gamma (1 - z/k)."""
    return gamma * share(problems.xp, feature_gap, problems.k)


def positive_levels(spectrum: KernelSpectrum) -> int:
    """Number of levels with a positive eigenvalue; they come first."""
    xp = arrays.namespace(spectrum.eigenvalues)
    return int(xp.count_nonzero(spectrum.eigenvalues))


def _in_blocks(xp: Any, function: Callable[[slice], Any], n_problems: int, n_levels: int, axis: int = 0) -> Any:
    """Concatenate `function` over slices of the batch; no (problems x levels) block outgrows cache or memory."""
    entries = _BLOCK_SIZE if xp is arrays.backend("numpy").xp else _DEVICE_BLOCK_SIZE
    size = max(1, entries // n_levels)
    parts = [function(slice(start, min(start + size, n_problems))) for start in range(0, n_problems, size)]
    return parts[0] if len(parts) == 1 else xp.concat(parts, axis=axis)


def finite(xp: Any, values: Any) -> Any:
    """Replace infinities by one, for branches that `where` discards."""
    return xp.where(xp.isinf(values), xp.ones_like(values), values)


def share(xp: Any, part: Any, whole: Any) -> Any:
    """part / whole, where inf / inf means all of it."""
    of_infinity = xp.where(xp.isinf(part), xp.ones_like(part), xp.zeros_like(part))
    return xp.where(xp.isinf(whole), of_infinity, finite(xp, part) / finite(xp, whole))


def quotient(xp: Any, numerator: Any, denominator: Any) -> Any:
    """numerator / denominator with 0 / 0 = 0 and x / 0 = inf, both arguments >= 0."""
    zero = denominator == 0.0
    safe = numerator / xp.where(zero, xp.ones_like(denominator), denominator)
    return xp.where(zero & (numerator > 0.0), xp.full_like(safe, math.inf), safe)
