"""The self-consistent equation: batches of problems, and the root."""

from __future__ import annotations

import dataclasses
import functools
import math
from typing import Any

from theorylab import arrays, numerics, validation
from theorylab.random_features.problem import SpectralFunctions, SpectralSums

__all__ = [
    "Problems",
    "finite",
    "gaps",
    "kappa_of",
    "problems_of",
    "quotient",
    "share",
    "smaller_gap",
    "solve",
]

#: By how much the bracket of log(gamma) reaches beyond its bounds, for rounding.
_ROOM = 1e-6


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

    @functools.cached_property
    def relative_distance(self) -> Any:
        """|n - k| / k: 1 for infinitely many features."""
        xp, finite_k = self.xp, finite(self.xp, self.k)
        return xp.where(xp.isinf(self.k), xp.ones_like(finite_k), xp.abs(self.n - finite_k) / finite_k)

    @functools.cached_property
    def interpolation(self) -> Any:
        """min(n, k), which df1 reaches without ridge."""
        return self.xp.minimum(self.n, self.k)

    @functools.cached_property
    def gapless(self) -> Any:
        """1 at n = k without ridge, where both gaps are zero, else 0."""
        return self.xp.astype((self.relative_distance == 0.0) & (self.ridge == 0.0), self.xp.float64)

    def unflatten(self, values: Any) -> Any:
        return self.xp.reshape(values, self.shape)


def problems_of(
    spectrum: SpectralFunctions, n: Any, k: Any, ridge: Any, noise: Any, population: float | None = None
) -> Problems:
    """Check the arguments of the public functions and broadcast them to one flat batch."""
    if not hasattr(spectrum, "spectral_sums"):
        raise TypeError(
            f"spectrum must be a KernelSpectrum or a TabulatedSpectrum; got {type(spectrum).__name__}. "
            "Make one with KernelSpectrum(eigenvalues, coefficients_sq)."
        )
    n = validation.check_array("n_samples", n, exclusive_minimum=0.0, allow_infinite=True)
    k = validation.check_array("n_features", k, exclusive_minimum=0.0, allow_infinite=True)
    ridge = validation.check_array("ridge", ridge, minimum=0.0)
    noise = validation.check_array("noise_variance", noise, minimum=0.0)
    size = spectrum.population_size if population is None else population
    size = validation.check_number("population_size", size, minimum=1.0, allow_infinite=True)
    xp, values = arrays.promote(n, k, ridge, noise, like=spectrum.like)
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


def _check_population(spectrum: SpectralFunctions, size: float, noise: float) -> None:
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


def solve(spectrum: SpectralFunctions, problems: Problems) -> tuple[Any, int]:
    """Effective ridge gamma: the root in log(gamma) of log((z + s) / m), which is monotone, inside a sure bracket."""
    xp = problems.xp
    # Without ridge, or with infinitely many samples, all of no more modes than min(n, k) are learned: gamma is zero.
    no_ridge = (problems.ridge == 0.0) | xp.isinf(problems.n)
    learned_all = no_ridge & (spectrum.n_modes <= problems.interpolation)
    if bool(xp.all(learned_all)):
        return xp.zeros_like(problems.ridge), 0
    solvable = dataclasses.replace(
        problems,
        n=xp.where(learned_all, problems.interpolation, problems.n),
        ridge=xp.where(learned_all, xp.ones_like(problems.ridge), problems.ridge),
    )
    lower, guess, upper = (xp.log(bound) for bound in _bounds(spectrum, solvable))

    def equation(log_gamma: Any) -> tuple[Any, Any]:
        gamma = xp.exp(log_gamma)
        sums = spectrum.spectral_sums(gamma, power=False)
        gap, slope = _gap_and_slope(solvable, gamma, sums)
        total = sums.df1 + gap
        return xp.log(total / solvable.interpolation), (slope - sums.variance) / total

    # The bracket is a little wider than the bounds, for rounding where they meet.
    found = numerics.find_root(equation, lower - _ROOM, upper + _ROOM, derivative=True, start=guess)
    return xp.where(learned_all, xp.zeros_like(lower), xp.exp(found.root)), found.n_iterations


def _bounds(spectrum: SpectralFunctions, problems: Problems) -> tuple[Any, Any, Any]:
    """Bounds of gamma, and a guess between them that is right for large ridge and for none.

    From below z <= min(n, k) and n - z <= n, from above z <= trace / gamma and z <= number of modes.
    """
    xp, n, k = problems.xp, problems.n, problems.k
    ridgeless, overridged = spectrum.smallest_gamma(problems.interpolation), problems.ridge / n
    lower = xp.maximum(ridgeless, overridged)
    upper = spectrum.trace / n + spectrum.trace / k + overridged
    guess = xp.maximum(ridgeless, xp.zeros_like(ridgeless)) + overridged
    if math.isfinite(spectrum.n_modes):
        fewer_modes = problems.interpolation > spectrum.n_modes
        spare = (1.0 - spectrum.n_modes / n) * (1.0 - spectrum.n_modes / k)
        all_learned = overridged / xp.where(fewer_modes, spare, xp.ones_like(spare))
        upper = xp.where(fewer_modes, xp.minimum(upper, all_learned), upper)
        guess = xp.where(fewer_modes, upper, guess)
    return lower, guess, xp.maximum(upper, lower)


def _gap_and_slope(problems: Problems, gamma: Any, sums: SpectralSums) -> tuple[Any, Any]:
    """Smaller of n - z and k - z that the equation asks for at gamma > 0, and its derivative by log(gamma).

    Both gaps together satisfy (n - z)(k - z) = k * pull with pull = ridge (1 - z/N) / gamma.  Divided by k, so that
    k = inf (gap = pull) and n = inf (gap = 0) are no special cases.
    """
    per_mode = problems.ridge / gamma
    pull = per_mode * (1.0 - sums.df1 / problems.population)
    distance, gapless = problems.relative_distance, problems.gapless
    root = problems.xp.sqrt(distance * distance + 4.0 / problems.k * pull) + gapless  # so that 0 / 0 is 0
    gap = 2.0 * pull / (distance + root)
    return gap, (per_mode * sums.variance / problems.population - pull) / root


def smaller_gap(problems: Problems, gamma: Any, sums: SpectralSums) -> Any:
    """Smaller of n - z and k - z at a solution; never a difference of large numbers."""
    xp = problems.xp
    positive = gamma > 0.0
    gap, _ = _gap_and_slope(problems, xp.where(positive, gamma, xp.ones_like(gamma)), sums)
    # With gamma = 0 (no ridge, fewer modes than min(n, k)) the equation says 0 = 0 and the gap is what is left.
    return xp.where(positive, gap, problems.interpolation - sums.df1)


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
